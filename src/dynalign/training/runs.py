"""A run: one trained network with its history, from the store or trained now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from dynalign.errors import DynalignError
from dynalign.models import SequenceModel
from dynalign.perturbations import Perturbation
from dynalign.representations import Representation, States
from dynalign.store import RunStore, discard, key_of, read_json, write_atomically, write_json
from dynalign.tasks import Task, Trials
from dynalign.training.callbacks import DissimilarityCallback
from dynalign.training.curriculum import Curriculum
from dynalign.training.fit import Training, fit
from dynalign.training.module import TaskModule

Status = Literal["trained", "resumed", "from store"]


@dataclass(frozen=True)
class RunSpec:
    """Everything that determines a trained network.

    ``config`` is the same in plain numbers, text, lists and mappings; its hash is the run's key.
    ``build_model`` makes the untrained network.
    """

    task: Task
    build_model: Callable[[], SequenceModel]
    perturbation: Perturbation
    curriculum: Curriculum
    training: Training
    target: str
    seed: int
    config: Mapping[str, Any] = field(hash=False)

    @property
    def key(self) -> str:
        """The run's name in the store."""
        return key_of(self.config)

    def check(self, model: SequenceModel, model_name: str) -> None:
        """Refuse combinations that have no meaning, before anything trains."""
        self.curriculum.check(self.task)
        if self.target not in self.task.rules:
            raise DynalignError(
                f"representation.rule={self.target} is no rule of task={self.task.name}; "
                f"its rules are {', '.join(self.task.rules)}."
            )
        self.perturbation.check(model=model_name, accepts_state_noise=model.accepts_state_noise)


@dataclass(frozen=True)
class Run:
    """A finished run.

    ``history`` has one row per checkpoint: epoch, step, phase, train_loss, val_loss, accuracy, chance_accuracy.
    """

    spec: RunSpec
    folder: Path
    history: pd.DataFrame
    seconds: float
    status: Status

    @property
    def epochs(self) -> list[int]:
        """The epochs of which there are checkpoints; 0 is the untrained network."""
        return [int(epoch) for epoch in self.history["epoch"]]

    def states(self, epoch: int, representation: Representation) -> States:
        """Return the states (trials, time, units) at a checkpoint, as the representation cuts and perturbs them."""
        model = self.spec.build_model()
        model.load_state_dict(torch.load(self.folder / "weights" / f"epoch-{epoch:04d}.pt", weights_only=True))
        module = TaskModule(model, self.spec.perturbation, learning_rate=1.0, weight_decay=0.0)
        module.eval()
        probe = representation.probe(self.spec.task)
        return recorded(module, probe, representation, self.spec, epoch)


def recorded(module: TaskModule, probe: Trials, representation: Representation, spec: RunSpec, epoch: int) -> States:
    """Return the network's states (trials, time, units) on the probe, cut and perturbed but not yet reduced.

    Noise on the representation is drawn anew for every run and checkpoint, and the same at every call.
    """
    states = representation.cut(module.record(torch.from_numpy(probe.inputs)).cpu().numpy(), probe)
    return spec.perturbation.on_representation(states, np.random.default_rng((int(spec.key, 16), epoch)))


def obtain(
    spec: RunSpec,
    store: RunStore,
    *,
    dissimilarity: Callable[[Callable[..., States], Trials], DissimilarityCallback],
    representation: Representation,
    callbacks: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
    on_start: Callable[[DissimilarityCallback], Sequence[pl.Callback]] = lambda _: (),
) -> tuple[Run, DissimilarityCallback | None]:
    """Return the run of this spec: from the store, or trained now (then with what its callback recorded).

    Parameters
    ----------
    dissimilarity : callable
        Makes the checkpoint callback, given the function that records states and the probe trials.
    on_start : callable
        Makes further callbacks, given that one.
    """
    start = time.perf_counter()
    with store.writing(spec.key) as folder:
        if folder is None:
            return load(spec, store), None
        resumed = (folder / "weights").exists()
        model = spec.build_model()
        probe = representation.probe(spec.task)

        def states(module: TaskModule, _inputs: torch.Tensor, epoch: int) -> States:
            return recorded(module, probe, representation, spec, epoch)

        callback = dissimilarity(states, probe)
        try:
            rows = fit(
                model,
                task=spec.task,
                curriculum=spec.curriculum,
                perturbation=spec.perturbation,
                training=spec.training,
                target=spec.target,
                seed=spec.seed,
                folder=folder,
                callbacks=[callback, *on_start(callback), *callbacks],
                loggers=loggers,
            )
        except DynalignError:
            if not (folder / "weights").exists():
                discard(folder)  # nothing was trained, so there is nothing to go on with
            raise
        history = pd.DataFrame(rows)
        write_atomically(folder / "history.csv", lambda path: history.to_csv(path, index=False))
        write_json(folder / "config.json", dict(spec.config))
        seconds = time.perf_counter() - start
        write_json(folder / "run.json", {"seconds": seconds})
    return Run(spec, store.root / spec.key, history, seconds, "resumed" if resumed else "trained"), callback


def load(spec: RunSpec, store: RunStore) -> Run:
    """Return a finished run from the store."""
    folder = store.root / spec.key
    facts = read_json(folder / "run.json")
    if facts is None or not (folder / "history.csv").exists():
        raise DynalignError(f"The stored run {folder} is damaged; delete that folder and it is computed again.")
    history = pd.read_csv(folder / "history.csv")
    return Run(spec, folder, history, facts["seconds"], "from store")
