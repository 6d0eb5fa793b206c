from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.tasks import FlipFlop, Trials


@pytest.fixture(scope="module")
def trials() -> Trials:
    return FlipFlop(rate=3.0).trials(200, FlipFlop.rules, np.random.default_rng(0))


def test_outputs_hold_the_sign_of_the_last_pulse(trials: Trials) -> None:
    for inputs, targets, rule in zip(trials.inputs, trials.targets, trials.rules, strict=True):
        state = np.zeros(3)
        for shown, asked in zip(inputs[:, :3], targets, strict=True):
            state = np.where(shown != 0, shown, state)
            np.testing.assert_array_equal(asked, state)
        assert (state[: rule + 1] != 0).all()
        assert not inputs[:, rule + 1 : 3].any()


def test_pulses_last_as_told_and_come_as_often(trials: Trials) -> None:
    pulses = trials.inputs[trials.rules == 2][:, 1:, :3] != 0
    # Of a step, the chance that a pulse began in it or in the one before is 1 - (1 - p)^2.
    p = 3.0 * 20 / 1000
    expected = 1 - (1 - p) ** 2
    n = pulses[:, 1::2].size
    assert abs(pulses[:, 1:].mean() - expected) < 4 * math.sqrt(expected * (1 - expected) / n)
    assert (trials.inputs[:, :2, 0] != 0).all()
    quiet = FlipFlop(rate=0, pulse=60).trials(8, "three_bits", np.random.default_rng(0))
    np.testing.assert_array_equal((quiet.inputs[:, :, :3] != 0).sum(axis=1), 3)


def test_steps_after_a_pulse_do_not_count(trials: Trials) -> None:
    for inputs, due in zip(trials.inputs, trials.when_due, strict=True):
        pulsed = (inputs[:, :3] != 0).any(axis=1)
        assert not due[:5].any()
        assert not (due & pulsed).any()
        # 100 ms are the pulse's two steps and three further ones.
        np.testing.assert_array_equal(due[5:], ~np.any([pulsed[5:], *(pulsed[5 - k : -k] for k in (1, 2, 3))], axis=0))


def test_targets_are_right_and_signs_alone_matter(trials: Trials) -> None:
    assert trials.task.asks == "values"
    assert trials.task.tolerance == 1
    assert trials.targets.dtype == np.float32
    assert trials.targets.shape == (*trials.periods.shape, 3)


def test_balanced_trials_begin_in_all_states() -> None:
    trials = FlipFlop().trials(16, "three_bits", np.random.default_rng(0), balanced=True)
    np.testing.assert_array_equal(np.bincount(trials.conditions["start"]), [2] * 8)
    np.testing.assert_array_equal((trials.targets[:, 0] > 0) @ [1, 2, 4], trials.conditions["start"])


def test_ideal_accuracy_is_known_without_noise() -> None:
    assert FlipFlop().ideal_accuracy("two_bits") == 1
    assert math.isnan(FlipFlop().ideal_accuracy("two_bits", extra_noise=0.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": -1}, "rate must be a number of pulses per second, from 0 to one per time step of 20 ms, not -1"),
        ({"rate": 51}, "not 51"),
        ({"rate": float("nan")}, "not nan"),
        ({"pulse": 10}, "pulse has the duration 10 ms, less than one time step"),
        ({"pulse": "short"}, "pulse must be a number of ms, not 'short'"),
        ({"settle": -1}, "settle has the duration -1 ms"),
        ({"settle": 2000}, "ends within the 2000 ms of settle, so that no step of it counts"),
    ],
)
def test_bad_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        FlipFlop(**arguments)
