from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.tasks import Trials, Yang19

RULES = Yang19.rules


def draw(n: int, rules: object = RULES, **options: Any) -> Trials:
    return Yang19().trials(n, rules, np.random.default_rng(0), **options)  # type: ignore[arg-type]


def test_rules_of_a_batch_are_mixed_as_if_each_were_drawn_alone() -> None:
    mixed = Yang19(sigma=0).trials(2000, RULES, np.random.default_rng(0), split="test", balanced=True)
    for index, rule in enumerate(RULES):
        alone = Yang19(sigma=0).trials(100, rule, np.random.default_rng(0), split="test", balanced=True)
        rows, steps = mixed.rules == index, alone.periods.shape[1]
        np.testing.assert_array_equal(mixed.inputs[rows, :steps], alone.inputs)
        np.testing.assert_array_equal(mixed.targets[rows, :steps], alone.targets)
        assert not mixed.inputs[rows, steps:].any()


@pytest.mark.parametrize(
    ("rules", "rings"),
    [(("dm1", "dlydm1"), (True, False)), (("dm2", "dlydm2"), (False, True)), (("ctxdm1", "multidlydm"), (True, True))],
)
def test_stimuli_are_on_the_rings_that_show_them(rules: tuple[str, ...], rings: tuple[bool, bool]) -> None:
    trials = draw(50, rules)
    for mod, shown in enumerate(rings, start=1):
        for place in ("first", "second"):
            assert ((trials.conditions[f"{place}_mod{mod}"] > 0) == shown).all()


def test_context_decides_which_ring_counts() -> None:
    one, two, both = (
        Yang19(sigma=0).trials(3000, rule, np.random.default_rng(0), "test", balanced=rule == "multidm")
        for rule in ("ctxdm1", "ctxdm2", "multidm")
    )
    np.testing.assert_array_equal(one.inputs[:, :, :33], two.inputs[:, :, :33])
    for trials, weights in ((one, (1, 0)), (two, (0, 1)), (both, (1, 1))):
        seen = {name: values.astype(float) for name, values in trials.conditions.items()}
        evidence = sum(
            weight * (seen[f"first_mod{mod}"] - seen[f"second_mod{mod}"])
            for mod, weight in zip((1, 2), weights, strict=True)
        )
        np.testing.assert_array_equal(trials.has_answer, np.abs(evidence) > 1e-6)
        expected = 1 + np.where(evidence > 0, trials.conditions["first"], trials.conditions["second"])
        np.testing.assert_array_equal(trials.answer[trials.has_answer], expected[trials.has_answer])
    tossed = (both.answer == 1 + both.conditions["first"])[~both.has_answer]
    assert abs(tossed.mean() - 0.5) < 0.1


def test_a_balanced_set_cut_short_is_balanced_in_every_condition() -> None:
    for rule in RULES:
        trials = draw(100, rule, split="test", balanced=True)
        for name, values in trials.conditions.items():
            counts = np.unique(values, return_counts=True)[1]
            if name not in ("first", "second"):  # with 16 directions, some come late
                assert np.ptp(counts) <= 8
        assert len(np.unique(trials.conditions["first"])) >= 14


def test_conditions_each_once_in_a_whole_balanced_set() -> None:
    task = Yang19(dim_ring=4, sigma=0)
    for rule, size in zip(RULES, task._n_conditions, strict=True):
        trials = task.trials(2 * int(size), rule, np.random.default_rng(0), split="test", balanced=True)
        counts = np.unique(np.stack([*trials.conditions.values()], axis=1), axis=0, return_counts=True)[1]
        assert (counts == (4 if "multi" in rule else 2)).all()  # where there can be ties, either side of each


def test_reaction_time_rules_show_the_stimulus_when_they_ask() -> None:
    trials = draw(20, "rtanti", split="test")
    assert set(np.unique(trials.periods)) == {0, 4}
    assert trials.inputs[trials.in_period("decision")][:, 1:33].sum(axis=1).min() > 1
    np.testing.assert_array_equal(trials.answer - 1, (trials.conditions["first"] + 8) % 16)


def test_ideal_accuracy_is_known_without_noise() -> None:
    task = Yang19()
    assert [task.ideal_accuracy(rule) for rule in ("go", "rtgo", "dlyanti")] == [1, 1, 1]
    assert math.isnan(task.ideal_accuracy("dm1"))
    assert math.isnan(task.ideal_accuracy("go", extra_noise=0.1))
    assert Yang19(sigma=0).ideal_accuracy("multidlydm") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim_ring": 5}, "dim_ring=5 has directions without an opposite; use an even number"),
        ({"dim_ring": 0}, "dim_ring, the number of directions, must be a whole number"),
        ({"sigma": -1}, "sigma is a standard deviation"),
        ({"cohs": []}, r"cohs must list at least 1 of the strengths of stimuli, not be \[\]"),
        ({"cohs": [0.1, float("nan")]}, "cohs has nan; strengths are numbers above 0 and at most 1"),
        ({"cohs": [0]}, "cohs has 0; strengths"),
        ({"cohs_delayed": [0.5]}, "cohs_delayed must list at least 2"),
        ({"cohs_delayed": [0.5, 0.5]}, "cohs_delayed lists a strength twice"),
        ({"timing_rules": {"goo": {}}}, "timing_rules has no rule 'goo'; did you mean go"),
        ({"timing_rules": 3}, "timing_rules must map rules to timings, not be 3"),
        ({"timing_rules": {"go": {"train": {"delay": 100}}}}, r"timing_rules\['go'\]\['train'\] has no period 'delay'"),
        ({"timing_rules": {"go": {"train": {"stimulus": 5}}}}, r"timing_rules\['go'\]\['train'\]\['stimulus'\] has"),
    ],
)
def test_bad_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        Yang19(**arguments)
