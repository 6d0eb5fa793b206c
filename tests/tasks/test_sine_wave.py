from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.tasks import SineWave


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_input_sets_the_frequency_of_the_target(split: str) -> None:
    task = SineWave()
    trials = task.trials(60, task.rules, np.random.default_rng(0), split=split)
    for i, frequency in enumerate(trials.conditions["frequency"].astype(float)):
        on = trials.in_period("stimulus")[i]
        seconds = 0.02 * np.arange(on.sum())
        np.testing.assert_allclose(trials.targets[i, on, 0], np.sin(2 * np.pi * frequency * seconds), atol=1e-5)
        np.testing.assert_allclose(trials.inputs[i, on, 0], 0.25 + (frequency - 0.5) / 2, atol=1e-6)
        assert not trials.inputs[i, ~on, 0].any()
        assert not trials.targets[i, ~on].any()
    np.testing.assert_array_equal(trials.when_due, trials.in_period("stimulus"))


@pytest.mark.parametrize("n", [4, 5])
def test_slow_and_fast_share_the_frequencies(n: int) -> None:
    task = SineWave(n_frequencies=n, slowest=1, fastest=2)
    slow, fast, both = (
        np.unique(task.trials(40, rule, np.random.default_rng(0), balanced=True).conditions["frequency"])
        for rule in task.rules
    )
    np.testing.assert_allclose(np.concatenate([slow, fast]), both)
    np.testing.assert_allclose(both, np.linspace(1, 2, n))


def test_an_output_of_nothing_is_right_for_a_sixth_of_the_time() -> None:
    trials = SineWave().trials(40, "all", np.random.default_rng(0), balanced=True)
    right = np.abs(trials.targets[trials.when_due]) < trials.task.tolerance
    assert 0.1 < right.mean() < 0.25


def test_ideal_accuracy_is_known_without_noise() -> None:
    assert SineWave().ideal_accuracy("all") == 1
    assert math.isnan(SineWave().ideal_accuracy("all", extra_noise=0.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"slowest": 0}, "slowest must be a frequency in Hz, above 0 and with at least four time steps of 20 ms"),
        ({"fastest": 13}, "fastest must be a frequency in Hz"),
        ({"fastest": float("nan")}, "not nan"),
        ({"slowest": 3}, "slowest=3 must be a lower frequency than fastest=2.5"),
        ({"n_frequencies": 1}, "n_frequencies=1 has no slower and no faster half"),
    ],
)
def test_bad_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        SineWave(**arguments)
