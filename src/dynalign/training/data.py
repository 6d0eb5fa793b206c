"""Trials for Lightning: fresh batches in training, one fixed set in validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from dynalign.tasks import Task, Trials


class Batch(NamedTuple):
    """The tensors of a batch of trials that training needs; ``decision`` marks where the answer is due."""

    inputs: Tensor
    targets: Tensor
    decision: Tensor
    answer: Tensor
    has_answer: Tensor
    number: int
    rule: str = ""
    """Of all its trials, in validation."""
    tolerance: float | None = None
    """Of the values that the task asks for; None where it asks for actions."""


def to_batch(trials: Trials, number: int = 0, rule: str = "") -> Batch:
    """Turn trials into tensors; ``number`` counts within the epoch, ``rule`` is that of all trials, if it is one."""
    return Batch(
        inputs=torch.from_numpy(trials.inputs),
        targets=torch.from_numpy(trials.targets),
        decision=torch.from_numpy(trials.when_due),
        answer=torch.from_numpy(trials.answer),
        has_answer=torch.from_numpy(trials.has_answer),
        number=number,
        rule=rule,
        tolerance=trials.task.tolerance if trials.task.asks == "values" else None,
    )


class _Fresh(IterableDataset[Batch]):
    """One epoch of batches that were never seen before.

    Every batch has a seed of its own, made of (seed, phase, epoch, batch): a run that was killed and goes on from
    its last checkpoint sees exactly the trials that it would have seen.
    """

    def __init__(self, task: Task, rules: tuple[str, ...], size: int, count: int, seed: tuple[int, ...]) -> None:
        self.task, self.rules, self.size, self.count, self.seed = task, rules, size, count, seed

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Batch]:
        for index in range(self.count):
            rng = np.random.default_rng((*self.seed, index))
            yield to_batch(self.task.trials(self.size, self.rules, rng, split="train"), index)


class TaskData(pl.LightningDataModule):
    """The data of one phase.

    Parameters
    ----------
    task : Task
    rules : tuple of str
        Rules of the phase, interleaved trial by trial.
    asked : sequence of str
        Rules on which validation asks, those of the whole curriculum.
    batch_size, batches_per_epoch : int
    validation_trials : int
        Of each rule.
    seed : int
        Seed of the training trials; together with ``phase``, which tells the phases of a run apart.
    validation_seed : int
        Seed of the validation trials, which are the same for every run.
    """

    def __init__(
        self,
        task: Task,
        rules: tuple[str, ...],
        asked: Sequence[str],
        *,
        batch_size: int,
        batches_per_epoch: int,
        validation_trials: int,
        seed: int,
        phase: int,
        validation_seed: int,
    ) -> None:
        super().__init__()
        self.task, self.rules = task, rules
        self.batch_size, self.batches_per_epoch = batch_size, batches_per_epoch
        self.seed, self.phase = seed, phase
        self.validation = []
        for rule in asked:
            rng = np.random.default_rng(validation_seed)
            trials = task.trials(validation_trials, rule, rng, split="test", balanced=True)
            self.validation.append(to_batch(trials, rule=rule))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the current epoch; Lightning asks anew every epoch."""
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        return DataLoader(self.batches(epoch), batch_size=None)

    def batches(self, epoch: int) -> IterableDataset[Batch]:
        """Return the batches of one epoch of the phase."""
        seed = (self.seed, self.phase, epoch)
        return _Fresh(self.task, self.rules, self.batch_size, self.batches_per_epoch, seed)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the fixed validation set, a batch per rule."""
        return DataLoader(self.validation, batch_size=None)  # type: ignore[arg-type]
