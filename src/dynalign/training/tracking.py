"""Dissimilarity of a network's states to a reference, checkpoint by checkpoint."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DynalignError
from dynalign.metrics import Distance, Driven, Metric
from dynalign.metrics.pairwise import measure, reason_of
from dynalign.representations import (
    States,
    check_components,
    floor_of_pair,
    measure_floor,
    reduce_units,
    shown,
    states_of_shape,
)

Basis = Literal["own", "common"]
REFERENCES = ("initial", "previous", "final")
FLOOR_SPLITS = 2
"""How often the trials of a checkpoint are halved for a floor, unless something else is asked for.

A distance has the floors of two checkpoints, and so the mean of twice as many."""
_PAIR = ("the checkpoint", "the reference")


class DissimilarityWarning(UserWarning):
    """A dissimilarity could not be computed at one checkpoint; training goes on."""


@dataclass(frozen=True)
class Record:
    """One number: how far one checkpoint's states are from the reference, by one metric.

    ``metric`` is the metric's label. ``dissimilarity`` is NaN where there is no number, and ``reason`` then says why.
    ``floor`` is how far the two are from themselves: the mean distance of random halves of their trials. None where
    there is none, as for metrics that compare trial by trial.
    """

    epoch: int
    metric: str
    dissimilarity: float
    seconds: float
    reason: str = ""
    step: int | None = None
    floor: float | None = None


@dataclass
class _Checkpoint:
    """States that were recorded and reduced, or why there are none; and what metrics have prepared of them.

    The inputs are the same at every checkpoint of a training, whose tracker has them: they are no part of its state.
    """

    epoch: int
    step: int | None = None
    states: States | None = None
    reason: str = ""
    inputs: States | None = None
    prepared: dict[str, Any] = field(default_factory=dict)

    def prepare(self, metric: Metric, where: str) -> Any:
        """Return what the metric prepares of the states, once; raise what it raises."""
        if metric.key not in self.prepared:
            if self.states is None:
                raise DynalignError(self.reason)
            self.prepared[metric.key] = metric.prepare(shown(metric, self.states, self.inputs), where=where)
        return self.prepared[metric.key]

    def state_dict(self) -> dict[str, Any]:
        """Return it in plain containers and tensors."""
        states = None if self.states is None else torch.from_numpy(np.ascontiguousarray(self.states))
        return {"epoch": self.epoch, "step": self.step, "states": states, "reason": self.reason}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], inputs: States | None) -> _Checkpoint:
        """Return the checkpoint that ``state_dict`` described."""
        states = None if state["states"] is None else state["states"].numpy()
        return cls(**{**state, "states": states}, inputs=inputs)


class DissimilarityTracker:
    """Takes states, checkpoint after checkpoint, and compares them with a reference.

    Parameters
    ----------
    metrics : sequence of Metric
    reference : {"initial", "previous", "final"}, array of shape (trials, time, units), or Driven
        The first checkpoint, the one before, the last one, or states from elsewhere; with their inputs, if a metric
        needs those.
    control : array of shape (trials, time, channels), optional
        What drove the states of the checkpoints, for metrics that need inputs; see ``dynalign.metrics.Driven``.
    components, basis
        How units are reduced before a metric sees them; see ``dynalign.representations.Representation``.
    floor_splits : int
        How often the trials of every checkpoint are halved at random, to tell how far it is from itself; 0 for no
        floors. It takes about as long as so many distances.

    Raises
    ------
    DynalignError
        If the reference is unknown, no metric is given, a metric is given twice, one looks at single units while
        ``components`` are kept, one needs inputs that there are not, or ``floor_splits`` is below 0.
    """

    def __init__(
        self,
        metrics: Sequence[Metric],
        *,
        reference: str | States | Driven = "initial",
        control: States | None = None,
        components: int | None = 20,
        basis: Basis = "own",
        floor_splits: int = FLOOR_SPLITS,
    ) -> None:
        keys = [metric.key for metric in metrics]
        if not keys or len(set(keys)) < len(keys):
            raise DynalignError(f"Give at least one metric, and each once; got {keys}.")
        if isinstance(reference, str) and reference not in REFERENCES:
            raise DynalignError(
                f"reference={reference} is unknown; use one of {', '.join(REFERENCES)}, or an array of states."
            )
        if floor_splits < 0:
            raise DynalignError(f"floor_splits={floor_splits} must be a whole number >= 0; 0 measures no floors.")
        check_components(metrics, components)
        for metric in metrics:
            if metric.needs_inputs and control is None:
                raise DynalignError(
                    f"{metric.label} needs what drove the states; give control=..., the inputs as (trials, time, "
                    "channels), over the time steps of the states."
                )
        self.metrics = list(metrics)
        self.components, self.basis, self.control = components, basis, control
        self.floor_splits = floor_splits
        self.reference = reference if isinstance(reference, str) else "elsewhere"
        self._elsewhere: _Checkpoint | None = None
        if isinstance(reference, Driven):
            states, inputs = np.asarray(reference.states), np.asarray(reference.inputs)
            self._elsewhere = _Checkpoint(-1, states=self._reduced(states), inputs=inputs)
        elif not isinstance(reference, str):
            self._elsewhere = _Checkpoint(-1, states=self._reduced(np.asarray(reference)))
        self.begin()

    def begin(self) -> None:
        """Forget all checkpoints."""
        self.records: list[Record] = []
        self.floors: dict[str, dict[int, Distance]] = {}
        self.started = False
        self._reference = self._elsewhere
        self._checkpoints: list[_Checkpoint] = []  # kept only where the reference comes last

    def add(self, epoch: int, states: npt.ArrayLike, *, step: int | None = None) -> dict[str, float]:
        """Take the states (trials, time, units) of a checkpoint; return what is known of them, by metric label.

        Nothing is known yet for ``reference="final"``, and of the first checkpoint for ``"previous"``. What
        cannot be compared is NaN, with a ``DissimilarityWarning`` and the reason in its record.

        Raises
        ------
        DynalignError
            At the first checkpoint, if a metric can never compare states of this shape.
        """
        recorded = np.asarray(states)
        try:
            current = _Checkpoint(epoch, step, self._reduced(recorded), inputs=self.control)
        except Exception as error:
            current = _Checkpoint(epoch, step, reason=reason_of(error))
        if not self.started:
            self._check(current, recorded)
        return self._add(current)

    def add_failure(self, epoch: int, reason: str, *, step: int | None = None) -> dict[str, float]:
        """Take note of a checkpoint whose states could not be recorded, and why."""
        return self._add(_Checkpoint(epoch, step, reason=reason))

    def _add(self, current: _Checkpoint) -> dict[str, float]:
        self.started = True
        if self.reference == "final":
            self._checkpoints.append(current)
            return {}
        if self.reference == "initial" and self._reference is None:
            self._reference = current
        new = []
        if self._reference is not None:
            new = [self._record(metric, current, self._reference) for metric in self.metrics]
        if self.reference == "previous":
            self._reference = current
        self.records += new
        return {record.metric: record.dissimilarity for record in new}

    def finish(self) -> list[Record]:
        """Return all records; this is when those with ``reference="final"`` are made."""
        if self._checkpoints:
            last = self._checkpoints[-1]
            self.records = [
                self._record(metric, checkpoint, last) for checkpoint in self._checkpoints for metric in self.metrics
            ]
        return self.records

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed tracker needs, in plain containers and tensors."""
        return {
            "records": [asdict(record) for record in self.records],
            "floors": {
                label: {epoch: tuple(each) for epoch, each in mine.items()} for label, mine in self.floors.items()
            },
            "started": self.started,
            "reference": None if self._reference is None else self._reference.state_dict(),
            "checkpoints": [checkpoint.state_dict() for checkpoint in self._checkpoints],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.records = [Record(**record) for record in state["records"]]
        floors = state.get("floors", {})  # checkpoints of earlier versions have none
        self.floors = {
            label: {epoch: Distance(*each) for epoch, each in mine.items()} for label, mine in floors.items()
        }
        self.started = state["started"]
        made = state["reference"]
        inputs = self.control if self._elsewhere is None else self._elsewhere.inputs
        self._reference = None if made is None else _Checkpoint.from_state_dict(made, inputs)
        self._checkpoints = [_Checkpoint.from_state_dict(each, self.control) for each in state["checkpoints"]]

    def _check(self, current: _Checkpoint, recorded: States) -> None:
        """Raise if a metric could compare no states of this shape; leave states that are only bad ones to be noted.

        Whether it is the states or the settings is told by others, which have nothing wrong but their shape.
        """
        good = _Checkpoint(current.epoch, inputs=self.control)
        for metric in self.metrics:
            if not self._refusal(metric, current):
                continue
            if good.states is None:
                good.states = self._reduced(_of_shape(recorded.shape))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what these states are like
                reason = self._refusal(metric, good)
            if reason:
                raise DynalignError(reason)

    def _refusal(self, metric: Metric, current: _Checkpoint) -> str:
        """Return why a metric cannot compare a first checkpoint, as far as can be told without measuring it twice."""
        if self._elsewhere is not None:
            return self._compare(metric, current, self._elsewhere).reason
        try:
            self._prepare(metric, current, current)
        except Exception as error:
            return reason_of(error)
        return ""

    def _reduced(self, states: States) -> States:
        """Reduce at once where that needs no other system."""
        if self.basis == "common" or states.ndim != 3:  # a metric says what is wrong with other shapes
            return states
        return reduce_units([states], components=self.components)[0]

    def _prepare(self, metric: Metric, current: _Checkpoint, reference: _Checkpoint) -> dict[str, Any]:
        if self.basis == "own":
            return {where: x.prepare(metric, where) for where, x in zip(_PAIR, (current, reference), strict=True)}
        if current.states is None or reference.states is None:
            raise DynalignError(current.reason or reference.reason)
        both = reduce_units([current.states, reference.states], components=self.components, basis="common")
        given = [shown(metric, x, each.inputs) for x, each in zip(both, (current, reference), strict=True)]
        return {where: metric.prepare(x, where=where) for where, x in zip(_PAIR, given, strict=True)}

    def _compare(self, metric: Metric, current: _Checkpoint, reference: _Checkpoint) -> Distance:
        """Measure one pair; the reference is prepared once, unless each pair has a basis of its own."""
        start = time.perf_counter()
        try:
            ready = self._prepare(metric, current, reference)
        except Exception as error:
            return Distance(math.nan, time.perf_counter() - start, reason_of(error))
        found = measure(metric, {}, [_PAIR], prepared=ready)[0]
        return found._replace(seconds=time.perf_counter() - start)

    def _record(self, metric: Metric, current: _Checkpoint, reference: _Checkpoint) -> Record:
        found = self._compare(metric, current, reference)
        if found.reason:
            message = f"No {metric.label} at epoch {current.epoch}: {found.reason}"
            warnings.warn(message, DissimilarityWarning, stacklevel=4)
        floor = None if found.reason else self._floor(metric, current, reference)
        return Record(current.epoch, metric.label, found.value, found.seconds, found.reason, current.step, floor)

    def _floor(self, metric: Metric, *pair: _Checkpoint) -> float | None:
        """Return the mean of how far both of a pair are from themselves, each measured once."""
        known = self.floors.setdefault(metric.label, {})
        for each in pair:
            if each.epoch in known or each.states is None:
                continue
            found = measure_floor(
                metric,
                shown(metric, each.states, each.inputs),
                splits=self.floor_splits,
                components=self.components,
                basis=self.basis,
            )
            if found is None:
                return None
            if found.reason and not any(other.reason for other in known.values()):
                warnings.warn(f"No floor of {metric.label}: {found.reason}", DissimilarityWarning, stacklevel=5)
            known[each.epoch] = found
        return floor_of_pair(*(known.get(each.epoch) for each in pair))


def _of_shape(shape: tuple[int, ...]) -> States:
    """Return good states of a shape, which is itself what is wrong where it has not three axes."""
    return states_of_shape(shape) if len(shape) == 3 else np.zeros(shape)
