"""The loss: what it weights, and how much."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from dynalign.tasks import IGNORE, PerceptualDecision
from dynalign.training.data import Batch, to_batch
from dynalign.training.module import task_loss


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
