"""Obtain a run: found in the store, or trained now, phase by phase."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from dynalign.errors import DynalignError
from dynalign.store import Run, RunStore, discard, last_weights, write_atomically, write_json
from dynalign.training.callbacks import DissimilarityCallback
from dynalign.training.checkpoints import CheckpointCallback
from dynalign.training.curriculum import UNTRAINED
from dynalign.training.fitting import Stage, fit, replay
from dynalign.training.runs import RunSpec

Status = Literal["trained", "resumed", "from store"]


def obtain(
    spec: RunSpec,
    store: RunStore,
    *,
    dissimilarity: DissimilarityCallback | None = None,
    observers: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
) -> tuple[Run, Status]:
    """Return the run of this spec: from the store, or trained now, from the last of its phases that is stored.

    What trains is a copy of the spec's network, which stays as it was made.

    Parameters
    ----------
    dissimilarity : DissimilarityCallback, optional
        Measures at every checkpoint, if the network is trained now.
    observers : sequence of Lightning callbacks
        Those that have no say in training, such as a progress bar.
    """
    if store.find(spec.key) is not None:
        return store.open(spec.key), "from store"
    spec = replace(spec, network=replace(spec.network, model=copy.deepcopy(spec.network.model)))
    watching = [*([] if dissimilarity is None else [dissimilarity]), *observers]
    before: Run | None = None
    status: Status = "trained"
    earlier = spec.before
    if earlier is not None:
        before, status = obtain(earlier, store, dissimilarity=dissimilarity, observers=observers, loggers=loggers)
    start = time.perf_counter()
    with store.writing(spec.key) as folder:
        if folder is None:  # another process has trained it meanwhile
            return store.open(spec.key), "from store"
        if before is not None:
            if status == "from store":
                kept = [callback for callback in watching if isinstance(callback, CheckpointCallback)]
                replay(spec.network, before, callbacks=kept, loggers=loggers)
            start_from(before, spec)
        resumed = status == "resumed" or (folder / "weights").exists()
        try:
            history = pd.DataFrame(_fit(spec, before, folder, watching, loggers))
        except DynalignError:
            if not (folder / "weights").exists():
                discard(folder)  # nothing was trained, so there is nothing to go on with
            raise
        write_run(folder, spec, before, history, time.perf_counter() - start)
    return store.open(spec.key), "resumed" if resumed else "trained"


def start_from(before: Run, spec: RunSpec) -> None:
    """Give a network the weights with which an earlier run ended."""
    before.restore(spec.network.model, before.epochs[-1])


def write_run(folder: Path, spec: RunSpec, before: Run | None, history: pd.DataFrame, seconds: float) -> None:
    """Write what a finished run has beside its weights."""
    write_atomically(folder / "history.csv", lambda path: history.to_csv(path, index=False))
    write_json(folder / "config.json", dict(spec.config))
    began = {} if before is None else {"began": last_weights(before.folder)}
    write_json(folder / "run.json", {"seconds": seconds, "before": None if before is None else before.key, **began})


def stage_of(spec: RunSpec, before: Run | None) -> Stage:
    """Return where in its curriculum a network stands in the last of its phases, given the run of those before."""
    return Stage(
        phase=spec.phases[-1] if spec.phases else UNTRAINED,
        number=max(0, len(spec.phases) - 1),
        epoch=0 if before is None else before.epochs[-1],
        step=0 if before is None else int(before.history["step"].iloc[-1]),
        asked=spec.asked,
        target=spec.target,
    )


def _fit(
    spec: RunSpec, before: Run | None, folder: Path, watching: Sequence[pl.Callback], loggers: Sequence[Logger]
) -> list[dict[str, Any]]:
    return fit(
        spec.network,
        stage_of(spec, before),
        training=spec.training,
        seed=spec.seed,
        folder=folder,
        callbacks=[*watching, *spec.callbacks],
        loggers=loggers,
    )
