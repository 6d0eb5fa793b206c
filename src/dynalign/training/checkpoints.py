"""Lightning callbacks that act on a network's checkpoints: what a checkpoint is, the history, the weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch

from dynalign.errors import DynalignError
from dynalign.soundness import digest
from dynalign.store import weights_file, write_tensors
from dynalign.training.module import TaskModule
from dynalign.training.observing import observing


class CheckpointCallback(pl.Callback):
    """Acts on the untrained network, at the end of every ``every_n_epochs``-th epoch, and on the last state.

    The last state is that at the end of a fit, whatever ended it: the number of epochs or steps, the time, a stop in
    the middle of an epoch, an exception, Ctrl-C. No state is acted on twice. Epochs count from the untrained network
    (0), and an epoch that has begun counts as done when training ends within it.

    ``first_epoch`` and ``first_step`` are what was trained before this fit, in an earlier phase.
    """

    def __init__(self, every_n_epochs: int = 1) -> None:
        if every_n_epochs < 1:
            raise DynalignError(f"every_n_epochs={every_n_epochs} must be at least 1.")
        self.every_n_epochs = every_n_epochs
        self.first_epoch = 0
        self.first_step = 0
        self._training = False
        self._begun = 0  # epochs of this fit that have begun
        self._step = 0  # at which the last state was acted on
        self._moved = False  # whether a batch has ended since then

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Do what is to be done at a checkpoint; ``epoch`` and ``step`` count from the untrained network."""
        raise NotImplementedError

    def begin(self) -> None:
        """Forget an earlier training; resuming one loads its state after this."""

    def retell(self, trainer: pl.Trainer) -> None:
        """Log what was logged of this fit before it was resumed, for loggers that begin anew."""

    def end(self) -> None:
        """Do what needs the last checkpoint."""

    def has_begun(self, trainer: pl.Trainer) -> bool:
        """Whether the state in which this fit starts is a checkpoint of before."""
        return self.first_epoch > 0 or trainer.global_step > 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002
        """Begin anew, unless this is a later phase."""
        if stage == "fit" and self.first_epoch == 0:
            self.begin()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the network as it is before training."""
        self._begun = trainer.current_epoch
        if self.has_begun(trainer):
            self._step, self._moved = self.first_step + trainer.global_step, False
        else:
            self._act(trainer, pl_module)
        self._training = True

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:
        """Note that an epoch has begun."""
        self._begun = trainer.current_epoch + 1

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:  # noqa: ARG002
        """Note that the state is a new one."""
        self._moved = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the network after this epoch, if it is one of those."""
        self._begun = trainer.current_epoch + 1
        if is_checkpoint(self._begun, self.every_n_epochs, trainer.max_epochs):
            self._act(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the last state."""
        self._training = False
        if self._is_new(trainer):
            self._act(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Do what needs the last checkpoint."""
        self.end()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Act on the last state, and leave the exception to whom it concerns."""
        if not self._training:
            return
        self._training = False
        try:
            if self._is_new(trainer):
                self._act(trainer, pl_module)
            self.end()
        except Exception as error:
            # Raised here it would hide what ended training.
            message = f"{type(self).__name__} could not act on the last state, after {exception!r}: {error}"
            warnings.warn(message, stacklevel=2)

    def _is_new(self, trainer: pl.Trainer) -> bool:
        return self._moved or self.first_step + trainer.global_step != self._step

    def _act(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        step = self.first_step + trainer.global_step
        self.at_checkpoint(trainer, module, self.first_epoch + self._begun, step)
        self._step, self._moved = step, False


_VALIDATED = ("val_loss", "phase_accuracy", "accuracy", "chance_accuracy")


def _in_order(name: str) -> tuple[bool, int]:
    """Sort what is always there before the accuracies of single rules, which keep their order."""
    return "/" in name, 0 if "/" in name else _VALIDATED.index(name)


class History(CheckpointCallback):
    """One row per checkpoint: losses and accuracies, logged and kept."""

    def __init__(self, phase: str, every_n_epochs: int = 1) -> None:
        super().__init__(every_n_epochs)
        self.phase = phase
        self.rows: list[dict[str, Any]] = []
        self._validated = -1  # the step of the last validation

    def begin(self) -> None:
        """Forget the rows of an earlier training."""
        self.rows = []

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Note of which state the trainer knows the accuracy."""
        self._validated = self.first_step + trainer.global_step

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Add a row."""
        assert isinstance(module, TaskModule)
        known = trainer.callback_metrics
        if epoch > 0 and self._validated == step:
            values = {name: value.item() for name, value in known.items() if name.startswith(_VALIDATED)}
        else:
            data: Any = trainer.datamodule  # type: ignore[attr-defined]
            with observing(module):
                scores = [module.score(module.transfer_batch_to_device(b, module.device, 0)) for b in data.validation]
            values = mean_scores(scores)
        # Of an epoch that was broken off Lightning knows no mean.
        train_loss = known["train_loss"].item() if epoch > 0 and "train_loss" in known else math.nan
        self.rows.append(history_row(epoch, step, self.phase, train_loss, values))
        self._log(trainer, self.rows[-1])

    def retell(self, trainer: pl.Trainer) -> None:
        """Log the rows so far."""
        for row in self.rows:
            self._log(trainer, row)

    def _log(self, trainer: pl.Trainer, row: dict[str, Any]) -> None:
        for logger in trainer.loggers:
            logger.log_metrics(loggable(row), step=row["step"])

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows = state_dict["rows"]


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return what several rules have in common, as its mean, and what each has for itself."""
    return {str(name): float(value) for name, value in pd.DataFrame(scores).mean().items()}


def history_row(epoch: int, step: int, phase: str, train_loss: float, values: Mapping[str, float]) -> dict[str, Any]:
    """Return the row of a checkpoint; see ``fit``."""
    ordered = {name: values[name] for name in sorted(values, key=_in_order)}
    return {"epoch": epoch, "step": step, "phase": phase, "train_loss": train_loss, **ordered}


def is_checkpoint(epoch: int, every_n_epochs: int, most_epochs: int | None) -> bool:
    """Return whether the state after so many epochs of a phase is a checkpoint, if training goes on."""
    return epoch % every_n_epochs == 0 or epoch == most_epochs


def save_weights(folder: Path, epoch: int, weights: Mapping[str, torch.Tensor]) -> None:
    """Save the weights of a checkpoint of a run; the file is there whole or not at all."""
    state = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    write_tensors(weights_file(folder, epoch), state)


def loggable(row: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a history row that exist."""
    numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if name != "step" and value == value}


class WeightsHistory(CheckpointCallback):
    """Saves the model's weights at every checkpoint of a run; a file is there whole or not at all.

    What it has saved it knows by checksum, so that a resumed training can tell whether it is still there.
    """

    def __init__(self, folder: Path, every_n_epochs: int = 1) -> None:
        super().__init__(every_n_epochs)
        self.folder = folder
        self.saved: dict[int, str] = {}

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:  # noqa: ARG002
        """Save the weights."""
        assert isinstance(module, TaskModule)
        save_weights(self.folder, epoch, module.model.state_dict())
        self.saved[epoch] = digest(weights_file(self.folder, epoch))

    def state_dict(self) -> dict[str, Any]:
        """Return the checksums so far."""
        return {"saved": self.saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.saved = dict(state_dict["saved"])
