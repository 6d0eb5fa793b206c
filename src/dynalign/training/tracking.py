"""Dissimilarity of a network's states to a reference, checkpoint by checkpoint."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics import Distance, Metric, measure
from dynalign.metrics.pairwise import attempt
from dynalign.representations import States, check_components, measure_reduced, reduce_units

Basis = Literal["own", "common"]
REFERENCES = ("initial", "previous", "final")


class DissimilarityWarning(UserWarning):
    """A dissimilarity could not be computed at one checkpoint; training goes on."""


@dataclass(frozen=True)
class Record:
    """One number: how far one checkpoint's states are from the reference, by one metric.

    ``dissimilarity`` is NaN where the metric refused the states, and ``reason`` then says why.
    """

    epoch: int
    metric: str
    dissimilarity: float
    seconds: float
    reason: str = ""


class DissimilarityTracker:
    """Takes states, checkpoint after checkpoint, and compares them with a reference.

    Parameters
    ----------
    metrics : sequence of Metric
    reference : {"initial", "previous", "final"} or array of shape (trials, time, units)
        The first checkpoint, the one before, the last one, or states from elsewhere.
    components, basis
        How units are reduced before a metric sees them; see ``dynalign.representations.Representation``.

    Raises
    ------
    DynalignError
        If the reference is unknown, no metric is given, two metrics have the same name, or one looks at single units
        while ``components`` are kept.
    """

    def __init__(
        self,
        metrics: Sequence[Metric],
        *,
        reference: str | States = "initial",
        components: int | None = 20,
        basis: Basis = "own",
    ) -> None:
        names = [metric.key for metric in metrics]
        if not names or len(set(names)) < len(names):
            raise DynalignError(f"Give at least one metric, and each once; got {names}.")
        if isinstance(reference, str) and reference not in REFERENCES:
            raise DynalignError(
                f"reference={reference} is unknown; use one of {', '.join(REFERENCES)}, or an array of states."
            )
        check_components(metrics, components)
        self.metrics = list(metrics)
        self.reference = reference if isinstance(reference, str) else "elsewhere"
        self.components, self.basis = components, basis
        self._elsewhere = None if isinstance(reference, str) else self._reduced(np.asarray(reference))
        self.begin()

    def begin(self) -> None:
        """Forget what was tracked."""
        self.records: list[Record] = []
        self.started = False
        """Whether the first checkpoint was accepted."""
        self._states = self._elsewhere
        """Of the reference."""
        self._prepared: dict[str, tuple[Any, str]] = {}
        """The reference as each metric needs it, or why there is none, by label."""
        self._checkpoints: list[tuple[int, States]] = []  # kept only where the reference comes last

    def add(self, epoch: int, states: npt.ArrayLike) -> dict[str, float]:
        """Take the states (trials, time, units) of a checkpoint; return what is known of them, by metric label.

        Nothing is known yet for ``reference="final"``, and of the first checkpoint for ``"previous"``. States that
        cannot be compared become a ``DissimilarityWarning`` and a NaN record with the reason.

        Raises
        ------
        DynalignError
            If a metric refuses the states of the first checkpoint although they are finite and change: its settings
            and their shape do not go together, which is wrong before anything trained.
        """
        current = self._reduced(np.asarray(states))
        if not self.started:
            self._check(current)
            self.started = True
        if self.reference == "final":
            self._checkpoints.append((epoch, current))
            return {}
        if self.reference == "initial" and self._states is None:
            self._states = current
        new = []
        if self._states is not None:
            new = [self._record(epoch, metric, self._against_reference(metric, current)) for metric in self.metrics]
        if self.reference == "previous":
            self._states, self._prepared = current, {}
        self.records += new
        return {record.metric: record.dissimilarity for record in new}

    def miss(self, epoch: int, reason: str) -> dict[str, float]:
        """Note a checkpoint whose states could not be had; return NaN by metric label."""
        new = [self._record(epoch, metric, Distance(math.nan, 0.0, reason)) for metric in self.metrics]
        self.records += new
        return {record.metric: record.dissimilarity for record in new}

    def finish(self) -> list[Record]:
        """Return all records; this is when those with ``reference="final"`` are made."""
        if self.reference == "final" and self._checkpoints:
            missed = [record for record in self.records if record.epoch not in dict(self._checkpoints)]
            systems = dict(self._checkpoints)
            last = self._checkpoints[-1][0]
            pairs = [(epoch, last) for epoch in systems]
            found = {metric.label: self._measured(metric, systems, pairs) for metric in self.metrics}
            self.records = [
                *missed,
                *(
                    self._record(epoch, metric, found[metric.label][place])
                    for place, epoch in enumerate(systems)
                    for metric in self.metrics
                ),
            ]
        return self.records

    def warn(self, message: str) -> None:
        """Say what was lost; training goes on."""
        warnings.warn(message, DissimilarityWarning, stacklevel=2)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed tracker needs, in plain containers and tensors."""
        return {
            "records": [asdict(record) for record in self.records],
            "started": self.started,
            "reference": None if self._states is None else _tensor(self._states),
            "checkpoints": [(epoch, _tensor(states)) for epoch, states in self._checkpoints],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.records = [Record(**record) for record in state["records"]]
        self.started = state["started"]
        self._states, self._prepared = None if state["reference"] is None else state["reference"].numpy(), {}
        self._checkpoints = [(epoch, tensor.numpy()) for epoch, tensor in state["checkpoints"]]

    def _check(self, states: States) -> None:
        if not np.isfinite(states).all() or np.ptp(states) == 0:
            return  # no fault of the settings
        if self.basis == "common":
            states = reduce_units([states, states], components=self.components, basis="common")[0]
        for metric in self.metrics:
            metric.prepare(states)

    def _reduced(self, states: States) -> States:
        """Reduce at once where that needs no other system; what is not finite is left for metrics to refuse."""
        if self.basis == "common" or not np.isfinite(states).all():
            return states
        return reduce_units([states], components=self.components)[0]

    def _against_reference(self, metric: Metric, current: States) -> Distance:
        assert self._states is not None
        if self.basis == "common":
            return self._measured(metric, {0: current, 1: self._states}, [(0, 1)])[0]
        if metric.label not in self._prepared:
            states = self._states
            self._prepared[metric.label] = attempt(lambda: metric.prepare(states, where="the reference"))
        ready, refused = self._prepared[metric.label]
        if refused:
            return Distance(math.nan, 0.0, refused)
        return measure(metric, {"x": current}, [("x", "reference")], prepared={"reference": ready})[0]

    def _measured(self, metric: Metric, systems: Mapping[int, States], pairs: list[tuple[int, int]]) -> list[Distance]:
        return measure_reduced(metric, systems, pairs, components=self.components, basis=self.basis)

    def _record(self, epoch: int, metric: Metric, distance: Distance) -> Record:
        if distance.reason:
            self.warn(f"No {metric.label} at epoch {epoch}: {distance.reason}")
        return Record(epoch, metric.label, *distance)


def _tensor(states: States) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(states))
