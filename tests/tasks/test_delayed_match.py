from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dynalign.errors import DynalignError
from dynalign.tasks import RULES, DelayedMatch

SHORT = {"fixation": 20, "stimulus": [40, 100], "delay": 40, "comparison": [20, 60], "decision": 20}
TIMING = {"train": SHORT, "test": {**SHORT, "stimulus": 60, "comparison": 60}}


def test_anti_shows_the_same_and_asks_for_the_opposite() -> None:
    task = DelayedMatch()
    plain, anti = (task.trials(50, rule, np.random.default_rng(0)) for rule in ("delay", "delay_anti"))
    np.testing.assert_array_equal(plain.inputs[:, :, :3], anti.inputs[:, :, :3])
    np.testing.assert_array_equal(plain.answer + anti.answer, 3)
    np.testing.assert_array_equal(plain.answer == 1, plain.conditions["match"])


def test_only_the_delay_rules_have_a_delay() -> None:
    trials = DelayedMatch().trials(40, RULES, np.random.default_rng(0), balanced=True)
    np.testing.assert_array_equal(trials.in_period("delay").any(axis=1), trials.rules >= RULES.index("delay"))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("split", "sigma", "extra"), [("train", 1.0, 0.0), ("test", 1.0, 0.5), ("test", 0.0, 0.7)])
def test_closed_form_is_the_accuracy_of_naming_both(rule: str, split: str, sigma: float, extra: float) -> None:
    task = DelayedMatch(timing=TIMING, sigma=4 * sigma)
    trials = task.trials(6000, rule, np.random.default_rng(1), split=split)
    noise = extra * np.random.default_rng(2).standard_normal(trials.inputs.shape)
    difference = (trials.inputs + noise)[:, :, 1] - (trials.inputs + noise)[:, :, 2]
    first, second = ((difference * trials.in_period(name)).sum(axis=1) > 0 for name in ("stimulus", "comparison"))
    right = 1 + ((first != second) ^ rule.endswith("anti")) == trials.answer
    expected = task.ideal_accuracy(rule, split, extra)
    assert 0.55 < expected < 0.99
    assert abs(right.mean() - expected) < stats.norm.isf(1e-4) * np.sqrt(expected * (1 - expected) / len(right))


def test_ideal_accuracy_elsewhere() -> None:
    assert DelayedMatch(sigma=0).ideal_accuracy("delay") == 1
    assert DelayedMatch(sigma=0, dim_ring=8).ideal_accuracy("delay") == 1
    assert math.isnan(DelayedMatch(dim_ring=8).ideal_accuracy("delay"))
    assert DelayedMatch().ideal_accuracy("delay_anti", extra_noise=0.1) > 0.99


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim_ring": 1}, "dim_ring=1 has one direction alone"),
        ({"dim_ring": 2.5}, "dim_ring, the number of directions, must be a whole number"),
        ({"sigma": float("nan")}, "sigma is a standard deviation, finite and not negative, not nan"),
    ],
)
def test_bad_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        DelayedMatch(**arguments)
