"""Train a network through one phase of its curriculum; a killed training goes on where its last checkpoint stands."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.loggers import Logger

from dynalign.networks import Network
from dynalign.store import Run, discard, weights_file
from dynalign.training.allocator import keep_freed_memory
from dynalign.training.checkpoints import CheckpointCallback, History, WeightsHistory, loggable
from dynalign.training.curriculum import Phase
from dynalign.training.data import TaskData
from dynalign.training.module import TaskModule
from dynalign.training.resuming import Resumable, WholeFiles, checkpoint_in, with_states
from dynalign.training.settings import Training
from dynalign.training.stopping import PhaseEnd

_RESUMING = "resuming"  # holds what resuming needs while a network trains


@dataclass(frozen=True)
class Stage:
    """Where in its curriculum a network is trained.

    Attributes
    ----------
    phase : Phase
    number : int
        Of the phase; with the run's seed it seeds the trials.
    epoch, step : int
        Those at which the phase begins, counted from the untrained network.
    asked : tuple of str
        Rules on which accuracy is measured at every checkpoint.
    target : str
        The one of them that stands for the whole curriculum.
    """

    phase: Phase
    number: int
    epoch: int
    step: int
    asked: tuple[str, ...]
    target: str


def fit(
    network: Network,
    stage: Stage,
    *,
    training: Training,
    seed: int,
    folder: Path,
    callbacks: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
) -> list[dict[str, Any]]:
    """Train a network's model in place and return its history, one row per checkpoint.

    Parameters
    ----------
    folder : Path
        Gets ``weights/epoch-0001.pt`` and so on, and that of epoch 0 where the phase begins with the untrained network;
        holds what resuming needs while training.
    callbacks : sequence of Lightning callbacks
        Those that are ``CheckpointCallback`` are told what was trained before this phase.

    Returns
    -------
    list of dict
        Keys epoch, step, phase, train_loss, val_loss (on the rules of the phase), accuracy and chance_accuracy (on the
        target), and ``accuracy/<rule>`` of every rule that is asked.
    """
    keep_freed_memory()
    phase = stage.phase
    history = History(phase.name, training.checkpoint_every)
    watching = [
        *(callback for callback in callbacks if isinstance(callback, CheckpointCallback)),
        history,
        WeightsHistory(folder, training.checkpoint_every),
    ]
    for callback in watching:
        callback.first_epoch, callback.first_step = stage.epoch, stage.step
    module, data, end = made_for(network, stage, training, seed)
    if phase.rules:
        others = [callback for callback in callbacks if not isinstance(callback, CheckpointCallback)]
        _train(module, data, training, network.key, folder, [end, *others, *watching], loggers)
    else:
        _look(module, data, watching, loggers)
    discard(folder / _RESUMING)
    keep_weights_of(history.rows, folder)
    return history.rows


def made_for(network: Network, stage: Stage, training: Training, seed: int) -> tuple[TaskModule, TaskData, PhaseEnd]:
    """Return what a network is trained with in one phase: losses and scores, trials, and the rule that ends it."""
    phase = stage.phase
    module = TaskModule(
        network.model,
        network.perturbation,
        learning_rate=training.rate(phase),
        weight_decay=training.weight_decay,
        decision_weight=training.decision_weight,
        scoring=training.scoring,
        annealing_epochs=training.epochs if training.schedule == "cosine" else None,
        frozen=phase.frozen,
        rules=phase.rules,
        target=stage.target,
        seed=(seed, stage.number),
    )
    data = TaskData(
        network.task,
        phase.rules,
        stage.asked,
        batch_size=training.batch_size,
        batches_per_epoch=training.batches(phase),
        validation_trials=training.validation_trials,
        seed=seed,
        phase=stage.number,
        validation_seed=training.validation_seed,
    )
    ideal = {rule: network.ideal_accuracy(rule) for rule in phase.rules}
    return module, data, PhaseEnd(ideal, epochs=training.epochs, learned=training.learned, gate=training.gate)


def keep_weights_of(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Delete weights of no checkpoint: those of the last state before an interruption, after which training went on."""
    known = {weights_file(folder, row["epoch"]) for row in rows}
    for path in set((folder / "weights").iterdir()) - known:
        path.unlink()


def can_resume(folder: Path) -> bool:
    """Return whether a killed training left in a run's folder what going on needs."""
    return (folder / _RESUMING).exists()


def replay(
    network: Network,
    run: Run,
    *,
    callbacks: Sequence[CheckpointCallback],
    loggers: Sequence[Logger] = (),
) -> None:
    """Show callbacks and loggers the checkpoints of a stored run, as if it trained now; leaves its last weights."""
    module = TaskModule(network.model, network.perturbation, learning_rate=1.0, weight_decay=0.0)
    trainer = _idle_trainer(loggers)
    for callback in callbacks:
        callback.first_epoch = callback.first_step = 0
        callback.setup(trainer, module, "fit")
    for row in run.history.to_dict("records"):
        epoch, step = int(row["epoch"]), int(row["step"])
        run.restore(network.model, epoch)
        for logger in loggers:
            logger.log_metrics(loggable({str(name): value for name, value in row.items()}), step=step)
        for callback in callbacks:
            callback.at_checkpoint(trainer, module, epoch, step)


class _Retelling(pl.Callback):
    """Logs what a training that is resumed had logged before, since loggers begin anew with every command."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Log it, when the state of all callbacks has been loaded."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, CheckpointCallback):
                callback.retell(trainer)


def _train(
    module: TaskModule,
    data: TaskData,
    training: Training,
    run: str,
    folder: Path,
    callbacks: list[pl.Callback],
    loggers: Sequence[Logger],
) -> None:
    kept = folder / _RESUMING
    if kept.is_symlink() or not kept.is_dir():
        discard(kept)
    found = checkpoint_in(kept, run, module, folder)
    if found is None:
        discard(folder / "weights")  # of a training that cannot go on
    else:
        callbacks = [_Retelling(), *with_states(callbacks, found[1])]
    with _quiet():
        trainer = pl.Trainer(
            max_epochs=training.most_epochs,
            callbacks=[*callbacks, Resumable(kept, run)],
            plugins=[WholeFiles(), LightningEnvironment()],  # alone, where SLURM's variables speak of other tasks
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
        with _interruptible(trainer):
            trainer.fit(module, data, ckpt_path=None if found is None else found[0], weights_only=True)


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


def _look(
    module: TaskModule, data: TaskData, callbacks: Sequence[CheckpointCallback], loggers: Sequence[Logger]
) -> None:
    """Record the network as it is: every callback's checkpoint, and no training."""
    trainer = _idle_trainer(loggers)
    trainer.datamodule = data  # type: ignore[attr-defined]
    for callback in callbacks:
        callback.setup(trainer, module, "fit")
        callback.on_train_start(trainer, module)
        callback.on_train_end(trainer, module)
        callback.on_fit_end(trainer, module)


def _idle_trainer(loggers: Sequence[Logger]) -> pl.Trainer:
    """Return a trainer for callbacks to ask, which trains nothing."""
    with _quiet():
        return pl.Trainer(
            plugins=[LightningEnvironment()],
            logger=list(loggers),
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )


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
