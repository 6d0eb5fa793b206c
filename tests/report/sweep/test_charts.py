"""What the page's script is given to draw."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dynalign.report import pairwise_matrix, run_styles
from dynalign.report.sweep import charts
from dynalign.report.sweep.groups import groups, mean
from dynalign.report.sweep.table import Learned


def looks(data):
    found = groups(data["runs"], data["factors"])
    tags = {run: dict(group.levels) for group in found for run in group.runs}
    return {"found": found, "styles": run_styles(data["runs"], data["factors"]), "tags": tags}


def test_a_matrix_holds_every_number_and_its_floor(study):
    data = study()
    table = data["table"].assign(floor=0.0321)
    tags = looks(data)["tags"]
    chart = charts.matrix_chart(table, "DSA", runs=data["runs"], factors=data["factors"], tags=tags)
    names, matrix = pairwise_matrix(table, "DSA")
    assert chart["names"] == names
    np.testing.assert_allclose(chart["z"], matrix, rtol=1e-4)
    assert set(np.ravel(chart["floor"])) == {0.0321}
    assert chart["of"][0] == {"model": "rnn", "noise": "0"}
    assert chart["unit"] == "angle / (π/2)"


def test_rows_can_stand_by_factor(study):
    data = study(models=("rnn", "mamba"))
    names, matrix = pairwise_matrix(data["table"], "DSA")
    found = charts.orders(data["runs"], data["factors"], names, matrix)
    assert [each["name"] for each in found] == ["as computed", "by model", "by noise", "clustered"]
    assert [names[place].split()[0] for place in found[1]["order"]] == ["mamba", "mamba", "rnn", "rnn"]
    assert [names[place].split()[1] for place in found[2]["order"]] == ["noise=0"] * 2 + ["noise=0.1"] * 2


def test_means_over_seeds_stand_before_faint_networks(study):
    data = study(seeds=3)
    chart = charts.learning_chart(data["table"], Learned("DSA", "initial"), **looks(data))
    faint = [each for each in chart["series"] if each.get("faint")]
    means = [each for each in chart["series"] if "low" in each]
    assert len(faint) == 12
    assert [each["legend"] for each in means] == [group.name for group in groups(data["runs"], data["factors"])]
    rows = data["table"].query(
        "comparison == 'learning' and metric == 'DSA' and epoch == 3 and model == 'rnn' and noise == 0"
    )
    told = mean(rows["dissimilarity"])
    assert (means[0]["y"][3], means[0]["low"][3], means[0]["high"][3]) == pytest.approx(tuple(told), rel=1e-4)
    (level,) = chart["levels"]
    assert "seeds" in level["text"]


def test_without_seeds_networks_are_not_faint(study):
    data = study()
    chart = charts.learning_chart(data["table"], Learned("DSA", "initial"), **looks(data))
    assert not any(each["faint"] for each in chart["series"])
    assert "levels" not in chart
    assert charts.strips_chart(data["table"], data["runs"], looks(data)["found"], looks(data)["styles"]) is None


def test_the_floor_is_a_band_and_the_reference_final_is_a_curve(study):
    data = study()
    table = data["table"].assign(floor=0.05)
    learning = table["comparison"] == "learning"
    table.loc[learning, "dissimilarity"] = 0.4 - table.loc[learning, "dissimilarity"].clip(upper=0.4)
    table.loc[learning, "reference"] = "final"
    chart = charts.learning_chart(table, Learned("DSA", "final"), **looks(data))
    assert chart["band"]["y"] == [0.05] * 5
    assert chart["series"][0]["y"] == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0])
    assert chart["ytitle"] == "dissimilarity to the final state"


def test_strips_tell_of_the_first_checkpoint_where_the_last_is_the_reference(study):
    data = study(seeds=2)
    table = data["table"]
    table.loc[(table["comparison"] == "learning") & (table["epoch"] == 4), "dissimilarity"] = 0.0
    table.loc[table["comparison"] == "learning", "reference"] = "final"
    chart = charts.strips_chart(table, data["runs"], looks(data)["found"], looks(data)["styles"])
    names = [each["name"] for each in chart["choices"]]
    assert names == ["DSA to final", "CKA to final", "DSA between seeds", "CKA between seeds", "accuracy"]
    assert chart["choices"][0]["groups"][1]["values"] == pytest.approx([0.006, 0.009])
    _, matrix = pairwise_matrix(table, "DSA")
    assert chart["choices"][2]["groups"][0]["values"] == pytest.approx([matrix[0, 1]], rel=1e-4)


def test_only_factors_of_few_levels_filter(study):
    data = study(noises=tuple(np.arange(15) / 100), seeds=2)
    found = looks(data)["found"]
    assert charts.filters(data["runs"], found) == {"model": ["mamba", "rnn"]}
    assert charts.filters(data["runs"].iloc[:0], []) == {}


def test_whatever_is_unknown_can_be_written_as_json(study):
    data = study(seeds=2)
    data["table"].loc[:, "dissimilarity"] = np.nan
    data["table"].loc[0, "dissimilarity"] = np.inf
    known = looks(data)
    made = [
        charts.matrix_chart(data["table"], "DSA", runs=data["runs"], factors=data["factors"], tags=known["tags"]),
        charts.map_chart(data["table"], "DSA", styles=known["styles"], tags=known["tags"]),
        charts.group_chart(data["table"], "DSA", known["found"]),
        charts.learning_chart(data["table"], Learned("DSA", "initial"), **known),
        charts.history_charts(data["histories"], runs=data["runs"], **known),
        charts.strips_chart(data["table"], data["runs"], known["found"], known["styles"]),
    ]
    assert made[1] is None
    assert "NaN" not in json.dumps(made, allow_nan=False)
