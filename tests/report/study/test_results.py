from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import members, row, to_pool

from dynalign.report.study import results
from dynalign.studies import POOL, Member

NETWORKS = members(["full"], seeds=3, pool=2)


def far(column, member, other):
    return 0.1 * member.seed + 0.01 * (other.seed - 1000)


@pytest.fixture
def rows():
    return pd.DataFrame(to_pool(NETWORKS, far))


def test_groups_stand_in_the_order_of_the_study_and_others_after_them(usual):
    assert usual.models == ["rnn", "mamba"]
    assert usual.groups("rnn") == ["untrained", "master_frozen", "master", "basic", "full"]
    more = pd.concat([usual.networks, usual.networks.iloc[-1:].assign(model="rnn", group="aardvark")])
    assert replace(usual, networks=more).groups("rnn")[-1] == "aardvark"


def test_names_as_a_person_reads_them():
    assert [results.title_of(name) for name in ("master_frozen", "mine")] == ["master & frozen", "mine"]
    assert [results.model_of(name) for name in ("rnn", "mine")] == ["RNN", "mine"]


def test_a_network_is_as_far_as_its_mean_over_the_pool(rows):
    means = results.to_pool(rows, "dsa", "rnn")
    assert list(means["seed"]) == [0, 1, 2]
    np.testing.assert_allclose(means["dissimilarity"], [0.005, 0.105, 0.205])


def test_a_groups_mean_has_an_interval_around_it(rows):
    value, low, high = results.mean_to_pool(rows, "dsa", "rnn", "full")
    assert value == pytest.approx(0.105)
    assert low < value < high


def test_a_group_with_too_little_to_resample_has_no_interval(rows):
    value, low, high = results.mean_to_pool(rows[rows["seed"] == 1], "dsa", "rnn", "full")
    assert value == pytest.approx(0.105)
    assert np.isnan([low, high]).all()
    assert np.isnan(results.mean_to_pool(rows, "dsa", "rnn", "basic")).all()


def test_floors_and_controls():
    master, one, two = Member("rnn", "master", 0), Member("rnn", POOL, 1000), Member("rnn", POOL, 1001)
    table = pd.DataFrame(
        [
            row("dsa", one, two, 0.3),
            row("dsa", master, two, 0.7),
            row("dsa", one, one, 0.1, part="split half"),
            row("dsa", master, one, 0.9, part="control", control="no recurrence"),
            row("dsa", master, two, 0.7, part="control", control="no recurrence"),
            row("cka", master, two, 5.0, part="control", control="no recurrence"),
        ]
    )
    assert results.floors(table, "dsa", "rnn") == pytest.approx(
        {"itself, other trials": 0.1, "other masters": 0.3, "no recurrence": 0.8}
    )


def test_a_matrix_of_groups_is_symmetric_and_unknown_where_nothing_was_compared():
    a, b, c = (Member("rnn", "full", seed) for seed in range(3))
    other = Member("rnn", "basic", 0)
    table = pd.DataFrame(
        [row("dsa", a, b, 0.1), row("dsa", a, c, 0.3), row("dsa", a, other, 0.5), row("dsa", other, b, 0.7)]
    )
    matrix = results.group_matrix(table, "dsa", "rnn", ["full", "basic", "delay"])
    np.testing.assert_allclose(matrix, [[0.2, 0.6, np.nan], [0.6, np.nan, np.nan], [np.nan] * 3])


def test_counts_of_networks(usual):
    counts = {(count.model, count.group): count for count in results.network_counts(usual.networks)}
    full, basic = counts["rnn", "full"], counts["rnn", "basic"]
    assert (full.networks, full.learned, full.median, full.least) == (6, 5, 0.9, 0.6)
    assert (basic.networks, basic.learned, basic.usual_epochs) == (7, 6, "6")  # one of them is missing
    assert counts["rnn", "untrained"].learned == 6
    assert results.learned(usual) == (3 + 4 * 6 - 1 + 3 + 3, 3 + 4 * 6 + 1 + 3 + 3)


def test_epochs_of_networks_that_are_all_missing_are_unknown(bare):
    assert {count.usual_epochs for count in results.network_counts(bare.networks)} == {"–"}


def test_counts_of_fixed_points(usual):
    full, pool = results.point_counts(usual.points)
    assert full[:6] == ("rnn", "full", 3, 1, 1, 1)
    assert full.time_constant == 250
    assert pool[:6] == ("rnn", POOL, 1, 1, 0, 0)
    lost = usual.points.assign(reason="it has none")
    assert results.point_counts(lost) == []


def test_verdicts_are_found_by_claim_column_and_networks(usual):
    assert usual.verdict(4)["column"] == "dsa"
    assert usual.verdict(4, networks="networks that learned their task")["networks"] != usual.verdict(4)["networks"]
    assert usual.verdict(4, column="cka") is None
    assert usual.verdict(1) is None
