"""The study's own way of looking at networks, defects included, so that it can be set beside a corrected one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dynalign.metrics import Driven
from dynalign.networks import Network, build_network
from dynalign.representations import Representation, Stored
from dynalign.tasks import Task, Trials

States = npt.NDArray[np.floating]


@dataclass(frozen=True)
class PublishedRepresentation(Representation):
    """What metrics saw in arXiv 2410.24070: see ``Representation``, and what is otherwise here.

    Each network is asked trials of its own, in random conditions: trial k of one has nothing to do with trial k of
    another. The window has the length of the period, but begins with the trial. Of the array, metrics take time steps
    for trials and trials for time: delays run over trials. (Defects D2, D5 and D1 of its protocol.)
    """

    trials: int = 200
    components: int | None = None

    def seen(self, network: Network, epoch: int, probe: Trials | None = None) -> States:
        """Return what a metric sees of a network, shape (time, trials, units)."""
        own = self._own_trials(network) if probe is None else probe
        return super().seen(network, epoch, own)

    def inputs(self, network: Network, probe: Trials | None = None) -> States:
        """Return the inputs that led to those states, shape (time, trials, channels)."""
        own = self._own_trials(network) if probe is None else probe
        return super().inputs(network, own)

    def driven(self, run: Stored, epoch: int, *, classes: Iterable[type] = ()) -> Driven:
        """Return the states as ``of`` does, on the network's own trials, with the inputs that drove them."""
        network = build_network(run.config, run.key, classes=classes)
        return Driven(self.of(run, epoch, classes=classes), self.inputs(network))

    def probe(self, task: Task) -> Trials:
        """Return trials in random conditions, such as each network is asked."""
        return self.drawn(task, np.random.default_rng(self.seed), balanced=False)

    def cut(self, states: States, trials: Trials) -> States:
        """Keep as many time steps as the period has, from the trial's beginning on, shape (time, trials, units)."""
        return states[:, : super().cut(states, trials).shape[1]].swapaxes(0, 1)

    def _own_trials(self, network: Network) -> Trials:
        rng = np.random.default_rng((int(network.key, 16), self.seed))
        return self.drawn(network.task, rng, balanced=False)
