"""A task needs neither four rules nor four periods: one of another kind, as somebody else might write it."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
import pytest
import torch

from dynalign.errors import DynalignError
from dynalign.models import LeakyRNN
from dynalign.perturbations import InputNoise
from dynalign.representations import Representation
from dynalign.tasks import IGNORE, Task, Trials
from dynalign.training import Curriculum, TaskModule
from dynalign.training.data import to_batch


class Match(Task):
    """Two cues in a row, of which the second is the same as the first or not."""

    name = "match"
    rules = ("same", "different")
    periods = ("first", "second", "reply")
    response = "reply"
    observation_space = MappingProxyType({"cue": (0, 1, 2)})
    action_space = MappingProxyType({"wait": 0, "yes": 1, "no": 2})
    dt = 10

    def trials(self, n, rules, rng, split="train", balanced=False):
        rule = self.rule_indices(rules)[np.zeros(n, dtype=int)]
        cues = np.stack([np.arange(n) % 3, np.arange(n) // 3 % 3], axis=1) if balanced else rng.integers(3, size=(n, 2))
        periods = np.tile(np.repeat(np.arange(3, dtype=np.int8), [2, 2, 1]), (n, 1))
        inputs = np.zeros((n, 5, self.n_inputs), dtype=np.float32)
        for period in (0, 1):
            inputs[np.arange(n), 2 * period : 2 * period + 2, cues[:, period]] = 1
        inputs[np.arange(n), :, 3 + rule] = 1
        answer = 1 + ((cues[:, 0] == cues[:, 1]) ^ (rule == 0))
        targets = np.where(periods == 2, answer[:, None], 0)
        return Trials(
            inputs, targets, periods, rule, answer, np.ones(n, dtype=bool), self, conditions={"first": cues[:, 0]}
        )


TASK = Match()


def test_sizes_follow_from_names() -> None:
    assert (TASK.n_observations, TASK.n_inputs, TASK.n_actions) == (3, 5, 3)
    assert math.isnan(TASK.ideal_accuracy("same"))


def test_periods_and_rules_are_the_tasks_own() -> None:
    see = Representation(trials=9, rule="same", period="second", components=None)
    see.check(TASK)
    probe = see.probe(TASK)
    assert see.cut(probe.inputs, probe).shape == (9, 2, 5)
    assert probe.when_due.sum() == 9
    with pytest.raises(DynalignError, match="rule=delay_anti is no rule of match; there is different, same"):
        Representation(rule="delay_anti").check(TASK)
    with pytest.raises(DynalignError, match="match has no rule 'sam'; did you mean same"):
        TASK.trials(3, "sam", np.random.default_rng(0))
    assert Curriculum("x", train=["same"]).asks(TASK) == "same"
    assert Curriculum("x", train=[]).asks(TASK) == "different"
    with pytest.raises(DynalignError, match="train has the rule delay_anti, which match does not have"):
        Curriculum("x", train=["delay_anti"]).check(TASK)


def test_what_is_not_said_is_the_last_rule() -> None:
    assert TASK.target == "different"
    assert [phase.rules for phase in Curriculum("master").phases(TASK)] == [("different",)]
    assert Curriculum("master").asks(TASK) == "different"
    see = Representation(trials=9, period="second", components=None)
    see.check(TASK)
    np.testing.assert_array_equal(see.probe(TASK).rules, 1)


def test_accuracy_is_that_of_the_period_in_which_the_answer_is_due() -> None:
    batch = to_batch(TASK.trials(9, "same", np.random.default_rng(0), balanced=True), rule="same")
    model = LeakyRNN(n_inputs=5, n_actions=3, hidden=4)
    module = TaskModule(model, InputNoise(), learning_rate=0.01, weight_decay=0, target="same")

    def score(logits: torch.Tensor) -> float:
        module._logits = lambda *_: logits
        return module.score(batch)["accuracy"]

    right = torch.nn.functional.one_hot(batch.targets.clamp(min=0), 3) * 9.0
    assert score(right) == 1
    wrong_before = right.clone()
    wrong_before[:, :4] = torch.tensor([0.0, 0.0, 9.0])
    assert score(wrong_before) == 1
    assert score(right.roll(1, -1)) == 0
    assert (batch.targets != IGNORE).all()
