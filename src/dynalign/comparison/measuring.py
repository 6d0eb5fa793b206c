"""All that one metric measures of recordings: distances, intervals, floors, correspondence, fits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dynalign.comparison.correspondence import (
    Correspondence,
    correspondence_of_rows,
    correspondence_of_systems,
)
from dynalign.comparison.keeping import Measurer, Shown, content_of
from dynalign.comparison.result import Fit, Pair
from dynalign.comparison.views import ALIGNED, Size, View, why_unmatched
from dynalign.data import Recording
from dynalign.errors import DamagedError, DynalignError
from dynalign.identity import text_of
from dynalign.metrics import Distance, Metric
from dynalign.metrics.operators import OperatorMetric
from dynalign.metrics.pairwise import reason_of

if TYPE_CHECKING:
    from dynalign.store import RunStore

_SPREAD = (2.5, 97.5)
_TELLING = 20  # assignments below which no p can be 0.05
_EXPLAINED = 28  # pairs up to which each alignment is looked at in full

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Effort:
    """How often things are drawn.

    Parameters
    ----------
    bootstrap : int
        Samples of trials, for the intervals; 0 for none.
    splits : int
        Halvings, for the floors; 0 for none.
    permutations : int
        Assignments of conditions that are tried where they are too many for all.
    seed : int
        Of all draws.

    Raises
    ------
    DynalignError
        For a negative number.
    """

    bootstrap: int = 200
    splits: int = 40
    permutations: int = 999
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("bootstrap", "splits", "permutations", "seed"):
            if getattr(self, name) < 0:
                raise DynalignError(f"{name}={getattr(self, name)} must be a whole number >= 0.")


class Work:
    """All that one metric measures."""

    def __init__(
        self,
        metric: Metric,
        view: View,
        recordings: Sequence[Recording],
        effort: Effort,
        progress: Progress | None,
        store: RunStore | None = None,
    ) -> None:
        self.metric, self.view, self.effort = metric, view, effort
        self._measure = Measurer(metric, store)
        self._contents = {each.name: content_of(each.trials) for each in recordings}
        self.recordings = {each.name: each for each in recordings}
        self.report = progress
        self.notes: list[str] = []
        self.fitted: dict[str, Fit] = {name: Fit(name, metric.label) for name in self.recordings}

    def pairs(self) -> list[Pair]:
        """Return every pair with all that is known of it."""
        every = list(combinations(self.recordings, 2))
        unmatched = {pair: self._unmatched(pair) for pair in every}
        able = [pair for pair in every if not unmatched[pair]]
        found = dict(zip(able, self._distances(able), strict=True))
        measured = [pair for pair in able if not found[pair].reason]
        draws = self._bootstrap(measured)
        floors = self._floors(measured)
        result = []
        for pair in every:
            distance = found.get(pair) or Distance(math.nan, 0.0, unmatched[pair])
            made = Pair(
                *pair,
                self.metric.label,
                self.metric.unit,
                distance.value,
                seconds=distance.seconds,
                reason=distance.reason,
            )
            if pair in draws:
                made = replace(made, **_interval(distance.value, draws[pair]))
            made = replace(made, **floors.get(pair, {}))
            if not distance.reason:
                made = replace(made, **self._corresponding(pair))
                if len(measured) <= _EXPLAINED:
                    made = replace(made, **self._explained(pair))
            result.append(made)
        return result

    def fits(self) -> list[Fit]:
        """Return what is known of each recording by itself; asked after the pairs."""
        return list(self.fitted.values())

    def _unmatched(self, pair: tuple[str, str]) -> str:
        if not self.view.matched:
            return ""
        return why_unmatched(self.metric, *(self.recordings[name] for name in pair))

    def _distances(self, pairs: Sequence[tuple[str, str]]) -> list[Distance]:
        systems = {name: self._shown(name) for name in self.recordings}
        ready = {}
        for name in dict.fromkeys(name for pair in pairs for name in pair):
            with warnings.catch_warnings(record=True) as caught, suppress(Exception):  # which it is told of below
                warnings.simplefilter("always")
                ready[name] = self.metric.prepare(systems[name].make(), where=name)
            text = " ".join(dict.fromkeys(str(each.message) for each in caught))
            self.fitted[name] = replace(self.fitted[name], warnings=text)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = self._measure(systems, pairs, prepared=ready, progress=self._progress("distances"))
            own = self._measure(systems, [(name, name) for name in ready], prepared=ready)
        for name, distance in zip(ready, own, strict=True):
            self.fitted[name] = replace(self.fitted[name], itself=distance.value)
        self.notes += [f"{self.metric.label}: {each.message}" for each in caught]
        return found

    def _shown(self, name: str, places: npt.NDArray[np.intp] | None = None) -> Shown:
        recording = self.recordings[name]
        about = {"trials": self._contents[name], "places": None if places is None else places.tolist()}
        if self.view.means is not None:
            labels = list(recording.conditions or ())
            about |= {"means": list(self.view.means.labels), "steps": self.view.means.steps, "conditions": labels}
        return Shown(text_of(about), lambda: self.view.system(recording, places))

    def _bootstrap(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], npt.NDArray[np.float64]]:
        """Return distances of trials drawn with replacement, by pair."""
        alone = [name for name, each in self.recordings.items() if len(each.trials) < 2]
        if alone and self.effort.bootstrap:
            self.notes.append(f"No interval: {', '.join(alone)} holds one trial, and intervals come of drawing trials.")
        pairs = [pair for pair in pairs if not set(pair) & set(alone)]
        if not self.effort.bootstrap or not pairs:
            return {}
        systems, asked = {}, []
        for draw in range(self.effort.bootstrap):
            for name in dict.fromkeys(name for pair in pairs for name in pair):
                places = self.view.drawn(self.recordings[name], [self.effort.seed, 1, draw])
                systems[name, draw] = self._shown(name, places)
            asked += [((first, draw), (second, draw)) for first, second in pairs]
        values = self._values(systems, asked, "intervals").reshape(self.effort.bootstrap, len(pairs))
        lost = int(np.isnan(values).sum())
        if lost:
            self.notes.append(
                f"{self.metric.label} could not measure {lost} of {values.size} samples of trials, which its intervals "
                "leave out."
            )
        return {pair: values[:, place] for place, pair in enumerate(pairs)}

    def _floors(self, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        """Return what halves say of each pair, and note the floor of each recording."""
        if not self.view.has_halves:
            self.notes.append(
                f"{self.metric.label} has no floor here: it compares trial by trial, and two halves of one recording "
                f"hold different trials. align={ALIGNED} gives it one."
            )
            return {}
        if not self.effort.splits:
            return {}
        sizes = {names: self._size(names) for names in [*((name,) for name in self.recordings), *pairs]}
        systems: dict[Any, Any] = {}
        within: dict[tuple[Any, ...], None] = {}
        across: list[tuple[Any, ...]] = []
        for names, size in sizes.items():
            if size is None:
                continue
            for split in range(self.effort.splits):
                for name in names:
                    if (name, size, split, 0) not in systems:
                        halves = self.view.halves(self.recordings[name], size, [self.effort.seed, 2, split])
                        systems |= {
                            (name, size, split, side): self._shown(name, half) for side, half in enumerate(halves)
                        }
                    within[(name, size, split, 0), (name, size, split, 1)] = None
                if len(names) == 2:
                    across.append(((names[0], size, split, 0), (names[1], size, split, 0)))
        asked = sorted([*within, *across], key=lambda each: each[0][2])
        found = dict(zip(asked, self._values(systems, asked, "floors"), strict=True))
        own: dict[Any, list[float]] = {}
        between: dict[Any, list[float]] = {}
        for ((first, size, _, _), (second, _, _, _)), value in found.items():
            if first == second:
                own.setdefault((first, size), []).append(value)
            else:
                between.setdefault((first, second, size), []).append(value)
        for name in self.recordings:
            if sizes[name,] is not None:
                self.fitted[name] = replace(self.fitted[name], **_floor_of(own[name, sizes[name,]]))
        result = {}
        for first, second in pairs:
            size = sizes[first, second]
            if size is not None:
                both = [own[name, size] for name in (first, second)]
                result[first, second] = {
                    "halves": _floor_of(between[first, second, size])["floor"],
                    "floor": _floor_of([*both[0], *both[1]])["floor"],
                    "floor_high": max(_floor_of(each)["floor_high"] for each in both),
                }
        return result

    def _size(self, names: tuple[str, ...]) -> Size | None:
        try:
            return self.view.half_size([self.recordings[name] for name in names])
        except DynalignError as error:
            if len(names) == 1:
                self.fitted[names[0]] = replace(self.fitted[names[0]], reason=str(error))
                self.notes.append(str(error))
            return None

    def _values(self, systems: Any, pairs: Any, what: str) -> npt.NDArray[np.float64]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to say of samples is said of the whole
            found = self._measure(systems, pairs, progress=self._progress(what))
        return np.array([each.value for each in found])

    def _progress(self, what: str) -> Callable[[int, int], None] | None:
        if self.report is None:
            return None
        report = self.report
        return lambda done, total: report(f"{self.metric.label}: {what}", done, total)

    def _corresponding(self, pair: tuple[str, str]) -> dict[str, Any]:
        """Return the p of the conditions' correspondence, where both recordings have conditions."""
        both = [self.recordings[name] for name in pair]
        if any(each.conditions is None for each in both) or not self.effort.permutations or self.view.matched:
            return {}
        labels = [label for label in sorted(set(both[0].conditions or ())) if label in set(both[1].conditions or ())]
        if math.factorial(len(labels)) < _TELLING:
            self.notes.append(
                "No p of the correspondence of conditions where two recordings share fewer than four: with "
                f"{len(labels)} "
                f"it cannot be below 1/{math.factorial(len(labels))}."
            )
            return {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self._tested(both, labels)
        except DamagedError:
            raise
        except Exception as error:  # whatever a metric of someone else may raise
            self.notes.append(f"{self.metric.label} cannot tell whether conditions correspond: {reason_of(error)}")
            return {}
        return {"p": found.p, "p_least": found.least}

    def _tested(self, both: Sequence[Recording], labels: Sequence[str]) -> Correspondence:
        count, seed = self.effort.permutations, self.effort.seed
        means = self.view.means
        if means is not None and self.metric.needs_matched_trials:
            x, y = (self.view.system(each) for each in both)
            return correspondence_of_rows(self._measure, x, y, count=count, seed=seed)
        if means is not None:
            parts = [[each.means([label], means.steps) for label in labels if label in means.labels] for each in both]
        else:
            parts = [[each.system(each.of_condition(label)) for label in labels] for each in both]
        return correspondence_of_systems(self._measure, parts[0], parts[1], count=count, seed=seed)

    def _explained(self, pair: tuple[str, str]) -> dict[str, Any]:
        """Return what the metric says of its alignment, and note what it says of its fits, if it says anything."""
        if not isinstance(self.metric, OperatorMetric):
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self.metric.explain(*(self.view.system(self.recordings[name]) for name in pair))
        for name, fit in zip(pair, (found.x, found.y), strict=True):
            self.fitted[name] = replace(
                self.fitted[name],
                rank=float(fit.kept_rank),
                variance=fit.explained_variance,
                error=fit.prediction_error,
                span=fit.span,
            )
        return {"starts": float(found.starts), "at_best": float(found.at_best), "gap": float(found.gap)}


def _floor_of(values: Sequence[float]) -> dict[str, Any]:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return {"floor": math.nan, "floor_low": math.nan, "floor_high": math.nan}
    low, high = np.percentile(known, _SPREAD)
    return {"floor": float(np.mean(known)), "floor_low": float(low), "floor_high": float(high)}


def _interval(value: float, draws: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the ends of the 95 % interval: as far from the distance as draws lie from their median.

    Samples hold some trials several times, so that their distances lie elsewhere than those of as many other trials
    would: farther where noise passes for distance, nearer where a repeated trial passes for signal. How far they spread
    suffers less.
    """
    known = draws[~np.isnan(draws)]
    if not known.size:
        return {}
    low, middle, high = np.percentile(known, [_SPREAD[0], 50, _SPREAD[1]])
    return {"low": max(0.0, float(value - (middle - low))), "high": float(value + (high - middle))}
