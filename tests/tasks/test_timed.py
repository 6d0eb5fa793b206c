"""What holds for every timed task, on those that are no two-choice decisions."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.tasks import IGNORE, DelayedMatch, FlipFlop, SineWave, TimedTask, Trials, Yang19

TASKS = [DelayedMatch, FlipFlop, SineWave, Yang19]


def draw(task: TimedTask, n: int = 60, rules: object = None, seed: int = 0, **options: Any) -> Trials:
    return task.trials(n, task.rules if rules is None else rules, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("cls", TASKS)
@pytest.mark.parametrize("balanced", [False, True])
def test_same_seed_same_trials(cls: type[TimedTask], balanced: bool) -> None:
    first, again, other = (draw(cls(), seed=seed, balanced=balanced) for seed in (0, 0, 1))
    for name in ("inputs", "targets", "periods", "rules", "answer", "has_answer"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    for name in first.conditions:
        np.testing.assert_array_equal(first.conditions[name], again.conditions[name])
        if balanced:
            np.testing.assert_array_equal(first.conditions[name], other.conditions[name])
    if not (balanced and cls is SineWave):  # in which nothing is noisy
        assert first.inputs.shape != other.inputs.shape or (first.inputs != other.inputs).any()


@pytest.mark.parametrize("cls", TASKS)
def test_rule_input_padding_and_rules(cls: type[TimedTask]) -> None:
    task = cls()
    trials = draw(task, 200)
    real = trials.periods >= 0
    one_hot = trials.inputs[:, :, task.n_observations :]
    np.testing.assert_array_equal(one_hot, real[:, :, None] * np.eye(len(task.rules))[trials.rules][:, None])
    assert not trials.inputs[~real].any()
    assert (trials.targets[~real] == (IGNORE if task.asks == "actions" else 0)).all()
    assert not trials.when_due[~real].any()
    assert trials.when_due.any(axis=1).all()
    assert "stimulus" in task.periods
    assert task.target == task.rules[-1]


@pytest.mark.parametrize("cls", TASKS)
def test_balanced_trials_need_no_padding_and_repeat_no_condition_early(cls: type[TimedTask]) -> None:
    task = cls()
    for rule, size in zip(task.rules, task._n_conditions, strict=True):
        trials = draw(task, 100, rule, split="test", balanced=True)
        assert (trials.periods >= 0).all()
        assert (trials.rules == task.rules.index(rule)).all()
        seen = np.stack([*trials.conditions.values(), trials.answer], axis=1)
        assert len(np.unique(seen, axis=0)) >= min(100, size) / 2  # a tie's two sides may look alike


@pytest.mark.parametrize("cls", TASKS)
def test_pickled_and_compared(cls: type[TimedTask]) -> None:
    task = cls(dt=10)
    assert pickle.loads(pickle.dumps(task)) == task != cls()
    assert draw(pickle.loads(pickle.dumps(task))).inputs.shape == draw(task).inputs.shape


@pytest.mark.parametrize("cls", TASKS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n, the number of trials, must be a whole number"),
        ({"rules": "basik"}, "has no rule 'basik'"),
        ({"rules": []}, "At least one rule"),
        ({"split": "validation"}, "split=validation is unknown"),
        ({"rng": 3}, "rng must be a numpy.random.Generator"),
    ],
)
def test_bad_requests_are_refused(cls: type[TimedTask], arguments: dict[str, Any], message: str) -> None:
    task = cls()
    request = {"n": 4, "rules": task.rules[0], "rng": np.random.default_rng(0), **arguments}
    with pytest.raises(DynalignError, match=message):
        task.trials(**request)
    with pytest.raises(DynalignError, match="has no rule"):
        task.ideal_accuracy("basik")
    with pytest.raises(DynalignError, match="extra_noise is a standard deviation"):
        task.ideal_accuracy(task.rules[0], extra_noise=float("nan"))


@pytest.mark.parametrize("cls", TASKS)
@pytest.mark.parametrize("ms", [0, 5, -20, float("nan"), float("inf"), "long", True])
def test_bad_timing_is_refused(cls: type[TimedTask], ms: object) -> None:
    whole = {split: dict(periods) for split, periods in cls().timing.items()}
    whole["test"]["stimulus"] = ms
    with pytest.raises(DynalignError, match=r"timing\['test'\]\['stimulus'\]"):
        cls(timing=whole)
    with pytest.raises(DynalignError, match="timing lacks the split 'test'"):
        cls(timing={"train": whole["train"]})
    with pytest.raises(DynalignError, match="dt, the time step in ms, must be a whole number"):
        cls(dt=0)


@pytest.mark.parametrize("cls", TASKS)
def test_lasting(cls: type[TimedTask]) -> None:
    task = cls()
    longer = task.lasting({"stimulus": 3000})
    assert longer.timing["test"]["stimulus"] == 3000
    assert longer.timing["train"] == task.timing["train"]
    assert task.timing["test"]["stimulus"] != 3000  # left alone
    with pytest.raises(DynalignError, match="has no period 'sleep'"):
        task.lasting({"sleep": 100})
