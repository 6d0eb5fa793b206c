"""The closed form of the ideal observer against one that integrates generated trials."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dynalign.errors import DynalignError
from dynalign.tasks import RULES, GoNogo, PerceptualDecision, Task


def integrator_accuracy(task: Task, rule: str, split: str, extra_noise: float) -> tuple[float, int]:
    """Choose by the sign of the integrated difference of channels; return accuracy and sample size."""
    rng = np.random.default_rng(5)
    trials = task.trials(6000, rule, rng, split=split)
    inputs = trials.inputs + extra_noise * rng.standard_normal(trials.inputs.shape, dtype=np.float32)
    difference = (inputs[:, :, 2] - inputs[:, :, 1]) * trials.in_period("stimulus")
    second = (difference.sum(axis=1) > 0) ^ rule.endswith("anti")
    first_action = task.n_actions - 2
    right = (first_action + second == trials.answer)[trials.has_answer]
    return float(right.mean()), len(right)


SHORT = {"fixation": 40, "stimulus": [100, 200, 400], "delay": 40, "decision": 40}
TIMING = {"train": SHORT, "test": {**SHORT, "stimulus": 300}}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("task", "split", "extra_noise"),
    [
        (PerceptualDecision(timing=TIMING), "train", 0.0),
        (PerceptualDecision(timing=TIMING), "test", 0.3),
        (PerceptualDecision(timing=TIMING, sigma=0), "test", 0.5),
        (PerceptualDecision(timing=TIMING, sigma=0), "test", 0.0),
        (GoNogo(timing=TIMING), "train", 2.0),
        (GoNogo(timing=TIMING), "test", 4.0),
        (GoNogo(timing=TIMING), "test", 0.0),
    ],
)
def test_closed_form_is_the_integrators_accuracy(task: Task, rule: str, split: str, extra_noise: float) -> None:
    expected = task.ideal_accuracy(rule, split, extra_noise)
    accuracy, n = integrator_accuracy(task, rule, split, extra_noise)
    if expected == 1:
        assert accuracy == 1
    else:
        assert 0.55 < expected < 0.99  # neither end would test much
        assert abs(accuracy - expected) < stats.norm.isf(1e-4) * np.sqrt(expected * (1 - expected) / n)


def test_longer_stimuli_of_the_delay_rules_count() -> None:
    task = PerceptualDecision(timing=TIMING, timing_delay_rules={"test": {"stimulus": 1200}})
    assert task.ideal_accuracy("delay") > task.ideal_accuracy("basic") == task.ideal_accuracy("anti")


def test_value_worked_out_by_hand() -> None:
    # 100 steps of difference 0.064 with variance 2 * 1 / 20: d' = 6.4 / sqrt(10) = 2.0239.
    task = PerceptualDecision(cohs=[0, 6.4])
    assert task.ideal_accuracy("basic") == pytest.approx(stats.norm.cdf(6.4 / np.sqrt(10)), abs=1e-12)


def test_default_task_can_be_learned() -> None:
    for rule in RULES:
        assert PerceptualDecision().ideal_accuracy(rule) > 0.99
        assert PerceptualDecision().ideal_accuracy(rule, extra_noise=0.1) > 0.98
        assert GoNogo().ideal_accuracy(rule) == 1.0


def test_no_right_answer_no_accuracy() -> None:
    with pytest.raises(DynalignError, match="its coherences are all 0"):
        PerceptualDecision(cohs=[0]).ideal_accuracy("basic")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "antidelay"}, "has no rule 'antidelay'"),
        ({"rule": "anti", "split": "trian"}, "split=trian is unknown; did you mean train"),
        ({"rule": "anti", "extra_noise": -1}, "extra_noise is a standard deviation"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        GoNogo().ideal_accuracy(**arguments)  # type: ignore[arg-type]
