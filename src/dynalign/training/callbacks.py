"""Lightning callbacks: dissimilarity at every checkpoint (for anybody's project), history, weights, progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.representations import States
from dynalign.store import write_atomically
from dynalign.training.module import TaskModule
from dynalign.training.tracking import Basis, DissimilarityTracker, Record

StatesFunction = Callable[[pl.LightningModule, Tensor, int], Any]


class CheckpointCallback(pl.Callback):
    """Acts on the untrained network and at the end of every ``every_n_epochs``-th epoch.

    ``first_epoch`` and ``first_step`` are what was trained before this fit, in an earlier phase; epochs count
    from the untrained network (0).
    """

    def __init__(self, every_n_epochs: int = 1) -> None:
        if every_n_epochs < 1:
            raise DynalignError(f"every_n_epochs={every_n_epochs} must be at least 1.")
        self.every_n_epochs = every_n_epochs
        self.first_epoch = 0
        self.first_step = 0

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Do what is to be done at a checkpoint; ``epoch`` and ``step`` count from the untrained network."""
        raise NotImplementedError

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the untrained network, unless this is a resumed or a later fit."""
        if self.first_epoch == 0 and trainer.current_epoch == 0:
            self.at_checkpoint(trainer, pl_module, 0, 0)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the network after this epoch; the last epoch of a fit always counts."""
        done = trainer.current_epoch + 1
        if done % self.every_n_epochs == 0 or done == trainer.max_epochs or trainer.should_stop:
            step = self.first_step + trainer.global_step
            self.at_checkpoint(trainer, pl_module, self.first_epoch + done, step)


class DissimilarityCallback(CheckpointCallback):
    """Records a network's states on fixed inputs and logs how far they are from a reference.

    Logs ``dissimilarity/<metric>`` to every logger of the trainer, and to ``trainer.callback_metrics``, so that
    ``EarlyStopping`` and ``ModelCheckpoint`` can monitor it. What was recorded survives in Lightning's
    checkpoints, so that a resumed training goes on with the same reference.

    Parameters
    ----------
    inputs : Tensor
        A fixed batch that the network is run on.
    states : str or callable
        Name of the submodule whose output are the states, batch first, such as ``"rnn"``; or a function of
        (module, inputs, epoch) that returns them. Shape (trials, time, units).
    metrics : sequence of Metric
    reference, components, basis
        See ``DissimilarityTracker``.
    every_n_epochs : int

    Raises
    ------
    DynalignError
        Before anything trains, if the submodule does not exist or a metric refuses the states.
    """

    def __init__(
        self,
        inputs: Tensor,
        states: str | StatesFunction,
        metrics: Sequence[Metric],
        *,
        reference: str | States = "initial",
        components: int | None = 20,
        basis: Basis = "own",
        every_n_epochs: int = 1,
    ) -> None:
        super().__init__(every_n_epochs)
        self.inputs = inputs
        self.states = states
        self.tracker = DissimilarityTracker(metrics, reference=reference, components=components, basis=basis)

    @property
    def records(self) -> list[Record]:
        """Everything measured so far."""
        return self.tracker.records

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Record the states and compare them."""
        values = self.tracker.add(epoch, self._record(module, epoch))
        names = log_names(self.tracker.metrics)
        named = {f"dissimilarity/{names[label]}": value for label, value in values.items()}
        for name, value in named.items():
            trainer.callback_metrics[name] = torch.tensor(value)
        if named:
            for logger in trainer.loggers:
                logger.log_metrics({**named, "epoch": epoch}, step=step)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Make the records that need the last checkpoint."""
        self.tracker.finish()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        return self.tracker.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.tracker.load_state_dict(state_dict)

    @torch.no_grad()
    def _record(self, module: pl.LightningModule, epoch: int) -> States:
        training = module.training
        module.eval()
        try:
            if isinstance(self.states, str):
                states = _output_of(module, self.states, self.inputs.to(module.device))
            else:
                states = self.states(module, self.inputs.to(module.device), epoch)
        finally:
            module.train(training)
        array: States = states.detach().cpu().numpy() if isinstance(states, Tensor) else states
        return array


def log_names(metrics: Sequence[Metric]) -> dict[str, str]:
    """Return what metrics are called in logs, by label: their names, or where a name is not enough, their keys."""
    names = [metric.name for metric in metrics]
    return {metric.label: metric.name if names.count(metric.name) == 1 else metric.key for metric in metrics}


def _output_of(module: nn.Module, name: str, inputs: Tensor) -> Tensor:
    """Run ``module`` and return what its submodule ``name`` put out."""
    modules = dict(module.named_modules())
    if name not in modules:
        known = ", ".join(sorted(key for key in modules if key))
        raise DynalignError(f"states={name!r} is no submodule of {type(module).__name__}; it has {known}.")
    seen: list[Any] = []
    hook = modules[name].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        module(inputs)
    finally:
        hook.remove()
    if not seen:
        raise DynalignError(f"Submodule {name!r} did not run in the forward pass of {type(module).__name__}.")
    output = seen[-1][0] if isinstance(seen[-1], tuple) else seen[-1]
    if not isinstance(output, Tensor):
        raise DynalignError(
            f"Submodule {name!r} puts out {type(output).__name__}, not a tensor (trials, time, units); "
            "give a function of (module, inputs, epoch) instead."
        )
    return output


class History(CheckpointCallback):
    """One row per checkpoint: losses and accuracies, logged and kept."""

    def __init__(self, phase: str, every_n_epochs: int = 1) -> None:
        super().__init__(every_n_epochs)
        self.phase = phase
        self.rows: list[dict[str, Any]] = []

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Add a row."""
        assert isinstance(module, TaskModule)
        if epoch == 0:
            score = module.score(module.transfer_batch_to_device(trainer.datamodule.validation, module.device, 0))  # type: ignore[attr-defined]
            values = dict(score._asdict(), train_loss=float("nan"))
            values["val_loss"] = values.pop("loss")
        else:
            names = ("train_loss", "val_loss", "accuracy", "chance_accuracy")
            values = {name: trainer.callback_metrics[name].item() for name in names}
        self.rows.append({"epoch": epoch, "step": step, "phase": self.phase, **values})
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
    """Saves the model's weights at every checkpoint, as ``epoch-0007.pt``; a file is there whole or not at all."""

    def __init__(self, folder: Path, every_n_epochs: int = 1) -> None:
        super().__init__(every_n_epochs)
        self.folder = folder

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:  # noqa: ARG002
        """Save the weights."""
        assert isinstance(module, TaskModule)
        state = {name: tensor.detach().cpu() for name, tensor in module.model.state_dict().items()}
        write_atomically(self.folder / f"epoch-{epoch:04d}.pt", lambda path: torch.save(state, path))
