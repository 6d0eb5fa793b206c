"""A run: one trained network, found in the store or trained now, phase by phase."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
from dynalign.training.checkpoints import CheckpointCallback
from dynalign.training.curriculum import UNTRAINED, Phase
from dynalign.training.fit import Stage, fit, replay
from dynalign.training.settings import Training

Status = Literal["trained", "resumed", "from store"]


@dataclass(frozen=True)
class RunSpec:
    """Everything that determines a trained network.

    The run of a curriculum of several phases goes on from that of all but its last, which is a run of its own: others
    that begin in the same way share it.

    Attributes
    ----------
    network : Network
        Untrained.
    phases : tuple of Phase
        None for a network that is left as it is.
    target : str
        The rule on which accuracy is measured.
    training : Training
    seed : int
    config : mapping
        The same in plain numbers, text, lists and mappings; its hash is the run's key.
    callbacks : sequence of Lightning callbacks
        Those that have a say in training, such as early stopping.
    """

    network: Network
    phases: tuple[Phase, ...]
    target: str
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
    def before(self) -> RunSpec | None:
        """What determines the run that this one goes on from; None where it begins with the untrained network."""
        if len(self.phases) < 2:
            return None
        phases = self.phases[:-1]
        config = {**self.config, "phases": plain_phases(phases)}
        # Each phase has callbacks of its own, as they were given: they may remember, as early stopping does.
        own = _copies(self.callbacks)
        network = replace(self.network, key=key_of(config))
        return replace(self, network=network, phases=phases, config=config, callbacks=own)

    @property
    def chain(self) -> list[RunSpec]:
        """All that is to be trained one after the other, from the first phase to this."""
        earlier = self.before
        return [*([] if earlier is None else earlier.chain), self]

    @property
    def ideal_accuracy(self) -> float:
        """The accuracy of the ideal observer, who sees the inputs with their noise."""
        return self.network.ideal_accuracy(self.target)

    @property
    def asked(self) -> tuple[str, ...]:
        """The rules on which accuracy is measured: all that were trained so far, and the target."""
        return tuple(dict.fromkeys([*(rule for phase in self.phases for rule in phase.rules), self.target]))

    def check(self) -> None:
        """Refuse combinations that have no meaning, before anything trains.

        Raises
        ------
        DynalignError
            For noise that cannot act on the model, or callbacks that cannot start every phase as they are.
        """
        model = self.network.model
        self.network.perturbation.check(model=type(model).__name__, accepts_state_noise=model.accepts_state_noise)
        if len(self.phases) > 1:
            _copies(self.callbacks)


def plain_phases(phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """Return phases as they stand in the config of a run."""
    return [{**asdict(phase), "rules": list(phase.rules)} for phase in phases]


def obtain(
    spec: RunSpec,
    store: RunStore,
    *,
    dissimilarity: DissimilarityCallback | None = None,
    observers: Sequence[pl.Callback] = (),
    loggers: Sequence[Logger] = (),
) -> tuple[Run, Status]:
    """Return the run of this spec: from the store, or trained now, from the last of its phases that is stored.

    Parameters
    ----------
    dissimilarity : DissimilarityCallback, optional
        Measures at every checkpoint, if the network is trained now.
    observers : sequence of Lightning callbacks
        Those that have no say in training, such as a progress bar.
    """
    if store.find(spec.key) is not None:
        return store.open(spec.key), "from store"
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
    spec.network.model.load_state_dict(before.weights(before.epochs[-1]))


def write_run(folder: Path, spec: RunSpec, before: Run | None, history: pd.DataFrame, seconds: float) -> None:
    """Write what a finished run has beside its weights."""
    write_atomically(folder / "history.csv", lambda path: history.to_csv(path, index=False))
    write_json(folder / "config.json", dict(spec.config))
    write_json(folder / "run.json", {"seconds": seconds, "before": None if before is None else before.key})


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


def _copies(callbacks: Sequence[pl.Callback]) -> list[pl.Callback]:
    return [_copy(callback) for callback in callbacks]


def _copy(callback: pl.Callback) -> pl.Callback:
    try:
        return copy.deepcopy(callback)
    except Exception as error:
        raise DynalignError(
            f"{type(callback).__name__} cannot be copied ({error}), so it cannot start each phase afresh; leave it "
            "out, or train in one phase."
        ) from error
