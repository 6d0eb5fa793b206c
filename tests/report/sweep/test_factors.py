from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dynalign.report import run_styles
from dynalign.report.sweep.factors import levels, shared, spelt


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (0.0, "0"),
        (8.0, "8"),
        (0.1, "0.1"),
        (0.1234561, "0.1234561"),
        (1e-12, "1e-12"),
        (np.float64(0.5), "0.5"),
        (np.int64(12), "12"),
        (True, "true"),
        (np.bool_(False), "false"),
        ("rnn", "rnn"),
        ([1, 23], "[1,23]"),
        ((12, 3.0), "[12,3]"),
        (np.array([0.5, 1.0]), "[0.5,1]"),
        ([], "[]"),
        ({"a": [1, None]}, "{a:[1,–]}"),
        (None, "–"),
        (np.nan, "–"),
        (pd.NA, "–"),
    ],
)
def test_levels_are_spelt_as_they_are_typed(level, text):
    assert spelt(level) == text


@pytest.mark.parametrize("other", [0.1234564, 0.1234561 + 1e-16, 1234561])
def test_different_numbers_are_spelt_differently(other):
    assert (spelt(other) == spelt(0.1234561)) == (other == 0.1234561)


def test_levels_of_all_kinds_are_sorted():
    runs = pd.DataFrame({"x": pd.Series(["b", None, 10, 9.5, [2], "a", np.nan, True, 9.5, [1]], dtype=object)})
    assert levels(runs, "x") == ["9.5", "10", "a", "b", "[1]", "[2]", "true", "–"]


def make(**factors):
    count = len(next(iter(factors.values())))
    return pd.DataFrame({"run": [f"run{i}" for i in range(count)], **factors})


def looks(runs, *factors):
    return list(run_styles(runs, factors).values())


def test_whatever_varies_sets_the_colour():
    for factor, some in (("seed", [0, 1, 2]), ("curriculum", ["full", "master", "none"]), ("task.cohs", [[1], [2], 3])):
        styles = looks(make(**{factor: some}), factor)
        assert len({style.colour for style in styles}) == 3
    assert [style.group for style in looks(make(curriculum=["full", "none"]), "curriculum")] == ["full", "none"]
    assert [style.group for style in looks(make(**{"model.hidden": [8, None]}), "model.hidden")] == [
        "model.hidden=8",
        "model.hidden=–",
    ]


def test_words_set_the_colour_and_other_factors_the_line():
    runs = make(seed=[0, 1, 0, 1], noise=[0.0, 0.0, 0.1, 0.1], model=["rnn", "mamba"] * 2)
    first, second, third, _ = looks(runs, "seed", "noise", "model")
    assert first.marker == third.marker != second.marker
    assert first.line == second.line != third.line
    assert first.group == "rnn noise=0"
    assert third.group == "rnn noise=0.1"


def test_without_factors_all_runs_look_alike():
    (style,) = set(looks(make(model=["rnn", "rnn"])))
    assert style.group == "all runs"


def test_more_levels_than_colours_all_look_different():
    styles = looks(make(seed=list(range(20))), "seed")
    assert len({(style.colour, str(style.line)) for style in styles}) == 20


def test_what_runs_share_is_said_once(study):
    data = study()
    assert shared(data["runs"], data["factors"]) == [
        ("task", "delay_anti"),
        ("curriculum", "full"),
        ("perturbation", "input"),
        ("seed", "0"),
    ]
    assert shared(data["runs"].iloc[:0], []) == []
