"""Dissimilarity of a network's states to a reference, checkpoint by checkpoint."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.representations import States, check_components, reduce_units

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
        self.records: list[Record] = []
        self._started = False
        self._reference: States | None = None
        self._checkpoints: list[tuple[int, States]] = []  # kept only where the reference comes last
        if not isinstance(reference, str):
            self._reference = self._reduced(np.asarray(reference))

    def add(self, epoch: int, states: npt.ArrayLike) -> dict[str, float]:
        """Take the states (trials, time, units) of a checkpoint; return what is known of them, by metric name.

        Nothing is known yet for ``reference="final"``, and of the first checkpoint for ``"previous"``.

        Raises
        ------
        DynalignError
            If a metric refuses the states of the first checkpoint: that is wrong before anything trained. At
            later checkpoints it becomes a ``DissimilarityWarning`` and a NaN record with the reason.
        """
        current = self._reduced(np.asarray(states))
        if not self._started:
            for metric in self.metrics:
                metric.prepare(self._pair(current, current)[0])
            self._started = True
        if self.reference == "final":
            self._checkpoints.append((epoch, current))
            return {}
        if self.reference == "initial" and self._reference is None:
            self._reference = current
        new = []
        if self._reference is not None:
            new = [self._record(metric, epoch, current, self._reference) for metric in self.metrics]
        if self.reference == "previous":
            self._reference = current
        self.records += new
        return {record.metric: record.dissimilarity for record in new}

    def finish(self) -> list[Record]:
        """Return all records; this is when those with ``reference="final"`` are made."""
        if self.reference == "final" and self._checkpoints:
            last = self._checkpoints[-1][1]
            self.records = [
                self._record(metric, epoch, states, last)
                for epoch, states in self._checkpoints
                for metric in self.metrics
            ]
        return self.records

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed tracker needs, in plain containers and tensors."""
        reference = None if self._reference is None else _tensor(self._reference)
        return {
            "records": [asdict(record) for record in self.records],
            "started": self._started,
            "reference": reference,
            "checkpoints": [(epoch, _tensor(states)) for epoch, states in self._checkpoints],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.records = [Record(**record) for record in state["records"]]
        self._started = state["started"]
        self._reference = None if state["reference"] is None else state["reference"].numpy()
        self._checkpoints = [(epoch, tensor.numpy()) for epoch, tensor in state["checkpoints"]]

    def _reduced(self, states: States) -> States:
        """Reduce at once where that needs no other system."""
        if self.basis == "common":
            return states
        return reduce_units([states], components=self.components)[0]

    def _pair(self, x: States, y: States) -> list[States]:
        if self.basis == "own":
            return [x, y]
        return reduce_units([x, y], components=self.components, basis="common")

    def _record(self, metric: Metric, epoch: int, current: States, reference: States) -> Record:
        start = time.perf_counter()
        reason, value = "", math.nan
        try:
            value = metric(*self._pair(current, reference))
        except (DynalignError, RuntimeError, np.linalg.LinAlgError) as error:
            reason = str(error)
            warnings.warn(f"No {metric.label} at epoch {epoch}: {reason}", DissimilarityWarning, stacklevel=4)
        return Record(epoch, metric.label, value, time.perf_counter() - start, reason)


def _tensor(states: States) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(states))
