"""A run: everything that determines one trained network, phase by phase."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dynalign.errors import DynalignError
from dynalign.identity import key_of
from dynalign.networks import Network
from dynalign.training.curriculum import Phase
from dynalign.training.settings import Training

if TYPE_CHECKING:
    import pytorch_lightning as pl


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
