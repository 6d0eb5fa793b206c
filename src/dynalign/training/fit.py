"""Train one network through its curriculum, so that a killed training can go on where its last checkpoint stands."""

from __future__ import annotations

import copy
import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import Logger

from dynalign.errors import DynalignError
from dynalign.models import SequenceModel
from dynalign.perturbations import Perturbation
from dynalign.store import discard, weights_file, write_atomically
from dynalign.tasks import Task
from dynalign.training.checkpoints import CheckpointCallback, History, WeightsHistory
from dynalign.training.curriculum import Curriculum, Phase
from dynalign.training.data import TaskData
from dynalign.training.module import TaskModule

FINISHED = "finished.pt"  # what a phase left, which need not be trained again


@dataclass(frozen=True)
class Training:
    """How a network is trained, in every phase of its curriculum.

    Parameters
    ----------
    epochs : int
        Epochs of each phase.
    batches_per_epoch, batch_size : int
    learning_rate : float
        Of Adam, at the start of each phase.
    schedule : {"cosine", "constant"}
        Whether the learning rate falls to 0 along a cosine over each phase, so that the trained network does not
        jump about its optimum, or stays (the study's choice).
    weight_decay : float
        Factor of the sum of squared weights in the loss.
    decision_weight : float, optional
        Share of the loss that belongs to the decision period of the trials that have an answer; None weights every
        time step alike (the study's choice).
    gradient_clip : float
        Largest norm of the gradient.
    validation_trials, validation_seed : int
        The fixed set on which accuracy is measured, the same for every run.
    checkpoint_every : int
        Epochs between two checkpoints.
    accelerator : str
        Where Lightning trains: ``"cpu"``, ``"gpu"`` or ``"auto"``.
    """

    epochs: int = 10
    batches_per_epoch: int = 50
    batch_size: int = 64
    learning_rate: float = 0.005
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = 1e-5
    decision_weight: float | None = 0.5
    gradient_clip: float = 1.0
    validation_trials: int = 500
    validation_seed: int = 24100
    checkpoint_every: int = 1
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"

    def __post_init__(self) -> None:
        whole = ("epochs", "batches_per_epoch", "batch_size", "validation_trials", "checkpoint_every")
        for name in whole:
            if getattr(self, name) < 1:
                raise DynalignError(f"{name}={getattr(self, name)} must be at least 1.")
        for name in ("learning_rate", "gradient_clip"):
            if getattr(self, name) <= 0:
                raise DynalignError(f"{name}={getattr(self, name):g} must be greater than 0.")
        if self.weight_decay < 0:
            raise DynalignError(f"weight_decay={self.weight_decay:g} must be 0 or greater.")
        if self.decision_weight is not None and not 0 < self.decision_weight < 1:
            raise DynalignError(
                f"decision_weight={self.decision_weight:g} must lie between 0 and 1, or be None, which weights "
                "every time step alike."
            )


def fit(
    model: SequenceModel,
    *,
    task: Task,
    curriculum: Curriculum,
    perturbation: Perturbation,
    training: Training,
    target: str,
    seed: int,
    folder: Path,
    callbacks: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
) -> list[dict[str, Any]]:
    """Train ``model`` in place and return its history, one row per checkpoint.

    Parameters
    ----------
    target : str
        Rule on which accuracy is measured.
    folder : Path
        Gets ``weights/epoch-0000.pt`` (untrained) and so on; holds what resuming needs while training.
    callbacks : sequence of Lightning callbacks
        Those that are ``CheckpointCallback`` go on from phase to phase and are told what earlier ones trained; all
        others, such as early stopping, start each phase as they were given.

    Returns
    -------
    list of dict
        Keys epoch, step, phase, train_loss, val_loss (on the rules of the phase), accuracy and chance_accuracy (on the
        target), and ``accuracy/<rule>`` of every rule that the curriculum trains or ends on.
    """
    phases = curriculum.phases(task)
    asked = list(dict.fromkeys([*(rule for phase in phases for rule in phase.rules), target]))
    history = History(phases[0].name if phases else "untrained", training.checkpoint_every)
    weights = WeightsHistory(folder, training.checkpoint_every)
    kept = [*(callback for callback in callbacks if isinstance(callback, CheckpointCallback)), history, weights]
    fresh = [callback for callback in callbacks if not isinstance(callback, CheckpointCallback)]
    given = [_copied(callback) for callback in fresh] if len(phases) > 1 else []

    def parts(number: int, phase: Phase) -> tuple[TaskModule, TaskData]:
        module = TaskModule(
            model,
            perturbation,
            learning_rate=training.learning_rate,
            weight_decay=training.weight_decay,
            decision_weight=training.decision_weight,
            annealing_epochs=training.epochs if training.schedule == "cosine" else None,
            frozen=phase.frozen,
            rules=phase.rules,
            target=target,
            seed=(seed, number),
        )
        data = TaskData(
            task,
            phase.rules,
            asked,
            batch_size=training.batch_size,
            batches_per_epoch=training.batches_per_epoch,
            validation_trials=training.validation_trials,
            seed=seed,
            phase=number,
            validation_seed=training.validation_seed,
        )
        return module, data

    epoch = step = 0
    for number, phase in enumerate(phases):
        history.phase = phase.name
        for callback in kept:
            callback.first_epoch, callback.first_step = epoch, step
        for other, state in zip(fresh, given, strict=False):  # nothing is given where one phase is all
            vars(other).clear()
            vars(other).update(copy.deepcopy(state))
        stage = folder / f"phase-{number}"
        module, data = parts(number, phase)
        if (stage / FINISHED).exists():
            left = torch.load(stage / FINISHED, weights_only=True)
            module.load_state_dict(left["state_dict"])
            for callback in kept:
                if callback.state_key in left["callbacks"]:
                    callback.load_state_dict(left["callbacks"][callback.state_key])
        else:
            _fit_phase(module, data, training, stage, [*fresh, *kept], loggers)
            # Not the last checkpoint: what stops a phase early can do so after that was written.
            left = {"state_dict": module.state_dict(), "callbacks": {c.state_key: c.state_dict() for c in kept}}
            write_atomically(stage / FINISHED, partial(torch.save, left))
        epoch, step = history.rows[-1]["epoch"], history.rows[-1]["step"]
    if not phases:
        _look_at_untrained(*parts(0, Phase("untrained", (target,), frozen=False)), kept, loggers)
    for number in range(len(phases)):
        discard(folder / f"phase-{number}")
    known = {weights_file(folder, row["epoch"]) for row in history.rows}
    for path in set((folder / "weights").iterdir()) - known:
        path.unlink()  # the last state before an interruption, after which training went on
    return history.rows


class _Resumable(ModelCheckpoint):
    """Keeps what resuming needs, unless training stops here: resumed from there it would not know, and go on."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.should_stop:
            super().on_train_epoch_end(trainer, pl_module)


def _copied(callback: pl.Callback) -> dict[str, Any]:
    try:
        return copy.deepcopy(vars(callback))
    except Exception as error:
        raise DynalignError(
            f"{type(callback).__name__} cannot be copied ({error}), so it cannot start each phase afresh; make it a "
            "CheckpointCallback if it should go on from phase to phase."
        ) from error


def _fit_phase(
    module: TaskModule,
    data: TaskData,
    training: Training,
    stage: Path,
    callbacks: list[pl.Callback],
    loggers: Sequence[Logger],
) -> None:
    resumable = _Resumable(
        stage, filename="last", every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False
    )
    with _quiet():
        trainer = pl.Trainer(
            max_epochs=training.epochs,
            callbacks=[*callbacks, resumable],
            logger=list(loggers),
            gradient_clip_val=training.gradient_clip,
            reload_dataloaders_every_n_epochs=1,
            accelerator=training.accelerator,
            devices=1,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        last = stage / "last.ckpt"
        with _interruptible(trainer):
            trainer.fit(module, data, ckpt_path=last if last.exists() else None, weights_only=True)


@contextmanager
def _interruptible(trainer: pl.Trainer) -> Iterator[None]:
    """Let Ctrl-C be a ``KeyboardInterrupt``: Lightning makes it an exit of the program, and ignores further ones."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


def _look_at_untrained(
    module: TaskModule, data: TaskData, callbacks: Sequence[CheckpointCallback], loggers: Sequence[Logger]
) -> None:
    """Record the untrained network: every callback's checkpoint, and no training."""
    with _quiet():
        trainer = pl.Trainer(
            logger=list(loggers),
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
    trainer.datamodule = data  # type: ignore[attr-defined]
    for callback in callbacks:
        callback.setup(trainer, module, "fit")
        callback.on_train_start(trainer, module)
        callback.on_train_end(trainer, module)
        callback.on_fit_end(trainer, module)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning from announcing its devices, and from advice that does not fit data made on the fly."""
    names = ("pytorch_lightning.utilities.rank_zero", "pytorch_lightning.accelerators.cuda")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in (
                ".*does not have many workers.*",
                ".*Checkpoint directory .* exists and is not empty.*",
                ".*GPU available but not used.*",
                ".*has `__len__` defined.*",  # right for loading without worker processes, as here
                ".*callbacks used to create the checkpoint need to be provided.*",  # another observer may look on
                ".*treespec, LeafSpec.*",  # between Lightning and torch; nothing that a user can change
            ):
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
