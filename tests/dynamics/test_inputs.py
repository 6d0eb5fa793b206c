"""Inputs of a period are those that the task's definition says, but for what noise its average leaves."""

from __future__ import annotations

import numpy as np
import pytest

from dynalign.dynamics import inputs_of_period
from dynalign.errors import DynalignError
from dynalign.tasks import GoNogo, PerceptualDecision


def test_go_nogo() -> None:
    found = inputs_of_period(GoNogo(), "anti", "stimulus", n=20)
    assert {key: value.tolist() for key, value in found.items()} == {
        (0.0,): [1, 0, 1, 0, 1, 0, 0],
        (1.0,): [1, 1, 0, 0, 1, 0, 0],
    }


def test_each_coherence_of_a_noisy_stimulus() -> None:
    task = PerceptualDecision(cohs=(0, 6.4, 51.2))
    found = inputs_of_period(task, "delay", "stimulus", by=("answer", "coherence"), n=600)
    assert list(found) == [(1.0, 6.4), (1.0, 51.2), (2.0, 6.4), (2.0, 51.2)]  # 0 has no answer
    left = task.sigma / np.sqrt(task.dt) / np.sqrt(100 * 100)  # 100 trials of 100 steps
    for (answer, coherence), inputs in found.items():
        sign = 1 if answer == 1 else -1
        levels = [1, 0.5 + sign * coherence / 200, 0.5 - sign * coherence / 200, 0, 0, 1, 0]
        np.testing.assert_allclose(inputs, levels, atol=6 * left)


def test_a_delay_is_the_same_for_all() -> None:
    found = inputs_of_period(PerceptualDecision(), "delay", "delay", n=40)
    assert [value.tolist() for value in found.values()] == [[1, 0, 0, 0, 0, 1, 0]] * 2


def test_bad_input() -> None:
    with pytest.raises(DynalignError, match="with the rule basic has an answer and the period delay"):
        inputs_of_period(GoNogo(), "basic", "delay")
    with pytest.raises(DynalignError, match="no condition 'coherense'; did you mean coherence"):
        inputs_of_period(GoNogo(), "basic", "stimulus", by=("coherense",))
    with pytest.raises(DynalignError, match="no period 'stimulis'; did you mean stimulus"):
        inputs_of_period(GoNogo(), "basic", "stimulis")
