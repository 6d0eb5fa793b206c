"""Lightning callbacks that act at checkpoints of training: when a checkpoint is due, the history, and the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from dynalign.errors import DynalignError
from dynalign.store import weights_file, write_atomically
from dynalign.training.module import TaskModule


class CheckpointCallback(pl.Callback):
    """Acts on the untrained network, at the end of every ``every_n_epochs``-th epoch, and on the last state.

    The last state counts whatever ended training: the epochs, the steps, the time, or another callback. An epoch that
    was begun counts as one. ``first_epoch`` and ``first_step`` are what was trained before this fit, in an earlier
    phase; epochs and steps count from the untrained network (0).
    """

    def __init__(self, every_n_epochs: int = 1) -> None:
        if every_n_epochs < 1:
            raise DynalignError(f"every_n_epochs={every_n_epochs} must be at least 1.")
        self.every_n_epochs = every_n_epochs
        self.first_epoch = 0
        self.first_step = 0
        self._acted: tuple[int, int] | None = None
        """Epoch and step of the last checkpoint."""
        self._done = (0, 0)
        """Epochs of this fit that have ended, and the step at which the last of them did."""

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Do what is to be done at a checkpoint; ``epoch`` and ``step`` count from the untrained network."""
        raise NotImplementedError

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002
        """Begin anew, unless this fit goes on with what was trained before."""
        if stage == "fit" and self.first_epoch == 0 and trainer.current_epoch == 0:
            self.begin()

    def begin(self) -> None:
        """Forget an earlier fit; Lightning loads the state of a training that goes on after this."""
        self._acted, self._done = None, (0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the untrained network, unless this is a resumed or a later fit."""
        self._done = (trainer.current_epoch, trainer.global_step)
        if self.first_epoch == 0 and self._done == (0, 0):
            self._act(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act where a checkpoint is due."""
        self._done = (trainer.current_epoch + 1, trainer.global_step)
        last = self._done[0] == trainer.max_epochs or trainer.should_stop
        if last or self._done[0] % self.every_n_epochs == 0:
            self._act(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the last state, if that was no checkpoint."""
        self._act(trainer, pl_module)

    def _act(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Act on the network as it is now, once."""
        epochs, step = self._done
        begun = trainer.global_step > step
        now = (self.first_epoch + epochs + begun, self.first_step + trainer.global_step)
        if now != self._acted:
            self._acted = now
            self.at_checkpoint(trainer, module, *now)


class History(CheckpointCallback):
    """One row per checkpoint: losses and accuracies, logged and kept."""

    def __init__(self, phase: str, every_n_epochs: int = 1) -> None:
        super().__init__(every_n_epochs)
        self.phase = phase
        self.rows: list[dict[str, Any]] = []
        self._validated = -1  # step

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Note what the trainer's numbers are of."""
        self._validated = trainer.global_step

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Add a row."""
        assert isinstance(module, TaskModule)
        known = {name: value.item() for name, value in trainer.callback_metrics.items()}
        if self._validated != trainer.global_step or epoch == 0:  # an epoch that was cut short was not validated
            score = module.score(module.transfer_batch_to_device(trainer.datamodule.validation, module.device, 0))  # type: ignore[attr-defined]
            known |= {"val_loss": score.loss, "accuracy": score.accuracy, "chance_accuracy": score.chance_accuracy}
        values = {name: known[name] for name in ("val_loss", "accuracy", "chance_accuracy")}
        loss = known.get("train_loss", float("nan")) if epoch > 0 else float("nan")
        self.rows.append({"epoch": epoch, "step": step, "phase": self.phase, "train_loss": loss, **values})
        for logger in trainer.loggers:
            logger.log_metrics(loggable(self.rows[-1]), step=step)

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows = state_dict["rows"]


def loggable(row: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a history row that exist."""
    numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if name != "step" and value == value}


class WeightsHistory(CheckpointCallback):
    """Saves the model's weights at every checkpoint of a run; a file is there whole or not at all."""

    def __init__(self, folder: Path, every_n_epochs: int = 1) -> None:
        super().__init__(every_n_epochs)
        self.folder = folder

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:  # noqa: ARG002
        """Save the weights."""
        assert isinstance(module, TaskModule)
        state = {name: tensor.detach().cpu() for name, tensor in module.model.state_dict().items()}
        write_atomically(weights_file(self.folder, epoch), lambda path: torch.save(state, path))
