"""A run: one trained network, found in the store or trained now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from dynalign.errors import DynalignError
from dynalign.identity import key_of
from dynalign.networks import Network
from dynalign.store import Run, RunStore, discard, write_atomically, write_json
from dynalign.training.callbacks import DissimilarityCallback
from dynalign.training.curriculum import Curriculum
from dynalign.training.fit import Training, fit

Status = Literal["trained", "resumed", "from store"]


@dataclass(frozen=True)
class RunSpec:
    """Everything that determines a trained network.

    Attributes
    ----------
    network : Network
        Untrained.
    curriculum : Curriculum
    training : Training
    seed : int
    config : mapping
        The same in plain numbers, text, lists and mappings; its hash is the run's key.
    callbacks : sequence of Lightning callbacks
        Those that have a say in training, such as early stopping.
    """

    network: Network
    curriculum: Curriculum
    training: Training
    seed: int
    config: Mapping[str, Any] = field(hash=False)
    callbacks: Sequence[pl.Callback] = ()

    def __post_init__(self) -> None:
        if self.network.key != key_of(self.config):
            raise DynalignError("A run's network has another key than its config.")

    @property
    def key(self) -> str:
        """The run's name in the store."""
        return self.network.key

    @property
    def target(self) -> str:
        """The rule on which accuracy is measured."""
        return self.curriculum.asks(self.network.task)

    @property
    def ideal_accuracy(self) -> float:
        """The accuracy of the ideal observer, who sees the inputs with their noise."""
        noise = self.network.perturbation
        extra = noise.std if noise.name == "input" else 0.0
        return float(self.network.task.ideal_accuracy(self.target, extra_noise=extra))

    def check(self) -> None:
        """Refuse combinations that have no meaning, before anything trains.

        Raises
        ------
        DynalignError
            For a rule that the task does not have, or noise that cannot act on the model.
        """
        model = self.network.model
        self.curriculum.check(self.network.task)
        self.network.perturbation.check(model=type(model).__name__, accepts_state_noise=model.accepts_state_noise)


def obtain(
    spec: RunSpec,
    store: RunStore,
    *,
    dissimilarity: DissimilarityCallback | None = None,
    observers: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
) -> tuple[Run, Status]:
    """Return the run of this spec: from the store, or trained now.

    Parameters
    ----------
    dissimilarity : DissimilarityCallback, optional
        Measures at every checkpoint, if the network is trained now.
    observers : sequence of Lightning callbacks
        Those that have no say in training, such as a progress bar.
    """
    start = time.perf_counter()
    with store.writing(spec.key) as folder:
        if folder is None:
            return store.open(spec.key), "from store"
        resumed = (folder / "weights").exists()
        measuring = [] if dissimilarity is None else [dissimilarity]
        try:
            history = pd.DataFrame(_fit(spec, folder, [*measuring, *observers, *spec.callbacks], loggers))
        except DynalignError:
            if not (folder / "weights").exists():
                discard(folder)  # nothing was trained, so there is nothing to go on with
            raise
        write_atomically(folder / "history.csv", lambda path: history.to_csv(path, index=False))
        write_json(folder / "config.json", dict(spec.config))
        seconds = time.perf_counter() - start
        write_json(folder / "run.json", {"seconds": seconds})
    return Run(spec.key, store.root / spec.key, spec.config, history, seconds), "resumed" if resumed else "trained"


def _fit(
    spec: RunSpec, folder: Path, callbacks: Sequence[pl.Callback], loggers: Sequence[Logger]
) -> list[dict[str, Any]]:
    network = spec.network
    return fit(
        network.model,
        task=network.task,
        curriculum=spec.curriculum,
        perturbation=network.perturbation,
        training=spec.training,
        target=spec.target,
        seed=spec.seed,
        folder=folder,
        callbacks=callbacks,
        loggers=loggers,
    )
