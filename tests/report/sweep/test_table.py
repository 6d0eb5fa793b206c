from __future__ import annotations

import numpy as np

from dynalign.report import pairwise_matrix
from dynalign.report.sweep.table import Learned, highest_floors, latest, learned, learning_rows


def test_pairwise_matrix_is_symmetric_and_holds_every_number(study):
    table = study()["table"]
    names, matrix = pairwise_matrix(table, "DSA")
    assert names == ["rnn noise=0 seed=0", "rnn noise=0.1 seed=0", "mamba noise=0 seed=0", "mamba noise=0.1 seed=0"]
    assert np.array_equal(matrix, matrix.T)
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == "DSA")]
    for row in rows.to_dict("records"):
        assert matrix[names.index(row["run"]), names.index(row["reference"])] == row["dissimilarity"]


def test_pairwise_matrix_leaves_unknown_pairs_unknown(study):
    table = study()["table"]
    pair = (table["run"] == "rnn noise=0 seed=0") & (table["reference"] == "mamba noise=0 seed=0")
    names, matrix = pairwise_matrix(table[~pair], "DSA")
    assert np.isnan(matrix[0, names.index("mamba noise=0 seed=0")])
    assert np.isnan(matrix).sum() == 2


def test_pairwise_matrix_of_an_unknown_metric_is_empty(study):
    names, matrix = pairwise_matrix(study()["table"], "nothing")
    assert names == []
    assert matrix.shape == (0, 0)


def test_the_latest_numbers_of_all_runs_stand_together(study):
    data = study()
    (group,) = latest(data["runs"], data["table"])
    assert group.columns == learned(data["table"]) == [Learned("DSA", "initial"), Learned("CKA", "initial")]
    assert list(group.runs["run"]) == list(data["runs"]["run"])
    assert group.values["mamba noise=0 seed=0", Learned("CKA", "initial")] == 0.1 * 4 + 0.003 * 2


def test_runs_that_lack_a_metric_stand_apart_from_those_that_have_it(study):
    data = study()
    table = data["table"][(data["table"]["metric"] != "CKA") | (data["table"]["model"] == "mamba")]
    rnn, mamba = latest(data["runs"], table)
    assert [each.metric for each in rnn.columns] == ["DSA"]
    assert [each.metric for each in mamba.columns] == ["DSA", "CKA"]
    assert list(mamba.runs["model"]) == ["mamba", "mamba"]
    assert list(mamba.runs.index) == [2, 3]


def test_references_are_columns_of_their_own(study):
    data = study(metrics=("DSA",))
    learning = data["table"][data["table"]["comparison"] == "learning"]
    other = learning.assign(reference="previous", dissimilarity=0.5)
    (group,) = latest(data["runs"], data["table"].merge(other, how="outer"))
    assert {each.reference for each in group.columns} == {"initial", "previous"}
    assert group.values["rnn noise=0 seed=0", Learned("DSA", "previous")] == 0.5
    assert group.values["rnn noise=0 seed=0", Learned("DSA", "initial")] == 0.4


def test_a_number_that_is_lost_is_unknown_and_keeps_its_column(study):
    data = study(models=("rnn",), metrics=("DSA",))
    data["table"].loc[data["table"]["run"] == "rnn noise=0 seed=0", "dissimilarity"] = np.nan
    (group,) = latest(data["runs"], data["table"])
    assert np.isnan(group.values["rnn noise=0 seed=0", Learned("DSA", "initial")])
    assert group.values["rnn noise=0.1 seed=0", Learned("DSA", "initial")] == 0.403


def test_without_runs_there_are_no_groups(study):
    data = study()
    assert latest(data["runs"].iloc[:0], data["table"].iloc[:0]) == []


def test_floors_stand_beside_their_numbers(study):
    data = study()
    (group,) = latest(data["runs"], data["table"])
    dsa, cka = group.columns
    assert not group.has_floor(dsa)  # in tables of earlier versions there are none
    table = data["table"]
    table = table.assign(floor=np.where(table["metric"] == "DSA", 0.01 * table["epoch"], np.nan))
    (group,) = latest(data["runs"], table)
    assert group.floors["rnn noise=0 seed=0", dsa] == 0.04
    assert group.has_floor(dsa)
    assert not group.has_floor(cka)
    _, floors = pairwise_matrix(table, "DSA", "floor")
    assert (floors == 0.04).all()


def test_the_highest_floor_at_each_epoch(study):
    table = study()["table"]
    rows = learning_rows(table, Learned("DSA", "initial"))
    assert not len(highest_floors(rows))
    known = rows.assign(floor=rows["dissimilarity"].where(rows["epoch"] != 2))
    assert highest_floors(known).to_dict() == {
        epoch: rows.loc[rows["epoch"] == epoch, "dissimilarity"].max() for epoch in (0, 1, 3, 4)
    }
