"""The loss: what it weights, and how much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from dynalign.models import LeakyGRU, LeakyRNN
from dynalign.networks import Network
from dynalign.perturbations import InputNoise
from dynalign.tasks import IGNORE, FlipFlop, PerceptualDecision
from dynalign.training import Phase, Stage, Training
from dynalign.training.data import Batch, to_batch
from dynalign.training.fitting import fit
from dynalign.training.module import TaskModule, right_answers, task_loss


def batch_of(cohs: tuple[float, ...]) -> Batch:
    return to_batch(PerceptualDecision(cohs=cohs).trials(40, "delay_anti", np.random.default_rng(0)))


@pytest.fixture
def batch() -> Batch:
    """Trials of several lengths, some of which have no answer."""
    found = batch_of((0, 51.2))
    assert (found.targets == IGNORE).any()
    assert 0 < found.has_answer.sum() < len(found.answer)
    return found


def losses(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and the loss of every step."""
    logits = torch.randn(*batch.targets.shape, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return logits, functional.cross_entropy(logits.transpose(1, 2), batch.targets, reduction="none")


@pytest.mark.parametrize("weight", [0.2, 0.5, 0.9])
def test_share_of_the_answers(batch: Batch, weight: float) -> None:
    logits, each = losses(batch)
    answering = batch.decision & batch.has_answer[:, None]
    others = (batch.targets != IGNORE) & ~answering
    expected = weight * each[answering].mean() + (1 - weight) * each[others].mean()
    torch.testing.assert_close(task_loss(logits, batch, weight), expected)


def test_without_a_weight_every_step_counts_alike_and_padding_not_at_all(batch: Batch) -> None:
    logits, each = losses(batch)
    torch.testing.assert_close(task_loss(logits, batch, None), each[batch.targets != IGNORE].mean())


def test_trials_without_an_answer_alone_are_weighted_alike() -> None:
    batch = batch_of((0,))
    logits, each = losses(batch)
    torch.testing.assert_close(task_loss(logits, batch, 0.5), each[batch.targets != IGNORE].mean())


def test_padding_gets_no_gradient(batch: Batch) -> None:
    logits = losses(batch)[0].requires_grad_()
    task_loss(logits, batch, 0.5).backward()
    assert logits.grad is not None
    padded = batch.targets == IGNORE
    assert (logits.grad[padded] == 0).all()
    assert (logits.grad[~padded] != 0).any(dim=-1).all()


@pytest.fixture
def values() -> Batch:
    """Trials of a task that asks for values, at some of the time steps."""
    found = to_batch(FlipFlop().trials(20, "two_bits", np.random.default_rng(0)), rule="two_bits")
    assert found.tolerance == 1
    assert 0 < found.decision.double().mean() < 1
    return found


def test_loss_of_values_is_the_squared_error_where_they_are_due(values: Batch) -> None:
    outputs = torch.randn(values.targets.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    squared = (outputs.detach() - values.targets).square()
    for weight in (None, 0.5):
        torch.testing.assert_close(task_loss(outputs, values, weight).detach(), squared[values.decision].mean())
    task_loss(outputs, values, 0.5).backward()
    assert outputs.grad is not None
    np.testing.assert_array_equal((outputs.grad != 0).any(dim=-1), values.decision)


def test_a_step_is_right_if_all_values_are_near_enough(values: Batch) -> None:
    assert right_answers(values.targets, values).all()
    assert right_answers(values.targets * 0.01, values).all()
    assert not right_answers(-values.targets, values).any()
    one_wrong = values.targets.clone()
    one_wrong[::2, :, 2] = 1.5  # the channel that is silent
    right = torch.ones_like(values.decision)
    right[::2] = False
    np.testing.assert_array_equal(right_answers(one_wrong, values), right[values.decision])


def test_accuracy_of_values_is_the_share_of_right_steps(values: Batch) -> None:
    model = LeakyRNN(n_inputs=6, n_actions=3, hidden=4)
    module = TaskModule(model, InputNoise(), learning_rate=0.01, weight_decay=0, target="two_bits")
    outputs = torch.randn(values.targets.shape, generator=torch.Generator().manual_seed(0)) + values.targets
    module._logits = lambda *_: outputs  # type: ignore[method-assign]
    found = module.score(values)
    expected = ((outputs - values.targets).abs() < 1).all(dim=-1)[values.decision].double().mean()
    assert found["accuracy"] == found["accuracy/two_bits"] == pytest.approx(expected.item())
    assert 0.1 < found["accuracy"] < 0.9
    assert np.isnan(found["chance_accuracy"])
    assert found["val_loss"] == task_loss(outputs, values, None).item()


@pytest.mark.slow
def test_flip_flop_can_be_learned(tmp_path: Path) -> None:
    task = FlipFlop(timing={split: {"stimulus": 800} for split in ("train", "test")})
    torch.manual_seed(0)
    model = LeakyGRU(n_inputs=task.n_inputs, n_actions=task.n_actions, hidden=32)
    history = fit(
        Network("0" * 16, task, model, InputNoise()),
        Stage(Phase("train", ("one_bit",)), number=0, epoch=0, step=0, asked=("one_bit",), target="one_bit"),
        training=Training(epochs=3, batches_per_epoch=40, batch_size=32, learning_rate=0.02, validation_trials=100),
        seed=0, folder=tmp_path,
    )  # fmt: skip
    assert history[-1]["accuracy"] > 0.95 > history[0]["accuracy"]
