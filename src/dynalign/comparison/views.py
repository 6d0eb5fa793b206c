"""What a metric is shown of recordings: their trials or the means of conditions; drawn again, or halved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynalign.data.recording import Places, Recording, cut_to_common_time
from dynalign.errors import DynalignError
from dynalign.metrics import Metric

ALIGNED = "condition_mean"
Size = tuple[int, ...]


@dataclass(frozen=True)
class Means:
    """Means over the trials of each condition.

    Attributes
    ----------
    labels : sequence of str
        Conditions that all recordings have, in the order of the rows.
    steps : int
        Time steps that all trials have.
    """

    labels: Sequence[str]
    steps: int


@dataclass(frozen=True)
class View:
    """How a metric is shown recordings.

    Attributes
    ----------
    matched : bool
        Whether trial k of one recording is trial k of another, so that they are drawn together.
    means : Means, optional
        If means of conditions are shown, and not trials.
    """

    matched: bool
    means: Means | None = None

    def system(self, recording: Recording, places: Places | None = None) -> Any:
        """Return what the metric is given of some trials; of all of them by default."""
        if self.means is not None:
            return recording.means(self.means.labels, self.means.steps, places)
        return recording.system(places)

    def drawn(self, recording: Recording, seed: Sequence[int]) -> Places:
        """Return as many trials as there are, drawn with replacement; within conditions where these are known.

        Trials that match are drawn alike in all recordings.
        """
        if self.matched:
            return np.random.default_rng(seed).integers(len(recording.trials), size=len(recording.trials))
        rng = np.random.default_rng([*seed, *recording.name.encode()])
        return np.concatenate([rng.choice(part, size=len(part)) for part in self._strata(recording)])

    @property
    def has_halves(self) -> bool:
        """Whether two halves of one recording can be compared."""
        return not self.matched

    def half_size(self, recordings: Sequence[Recording]) -> Size:
        """Return how many trials halves of each of these recordings can have; of each condition, where means are shown.

        Raises
        ------
        DynalignError
            If there are fewer than two trials to halve.
        """
        sizes = []
        for place, label in enumerate(self.means.labels if self.means is not None else [""]):
            counts = {each.name: len(self._parts(each)[place]) for each in recordings}
            name = min(counts, key=lambda name: counts[name])
            if counts[name] < 2:
                of = f" of condition {label}" if label else ""
                raise DynalignError(f"{name} has {counts[name]} trial{of}, and a floor needs two, rather twenty.")
            sizes.append(counts[name] // 2)
        return tuple(sizes)

    def halves(self, recording: Recording, size: Size, seed: Sequence[int]) -> tuple[Places, Places]:
        """Return two random disjoint sets of trials, of that size each."""
        rng = np.random.default_rng([*seed, *recording.name.encode()])
        orders = [rng.permutation(part) for part in self._parts(recording)]
        first = [order[:count] for order, count in zip(orders, size, strict=True)]
        second = [order[count : 2 * count] for order, count in zip(orders, size, strict=True)]
        return np.concatenate(first), np.concatenate(second)

    def _parts(self, recording: Recording) -> list[Places]:
        """Return the places of the trials that are halved together."""
        if self.means is not None:
            return [recording.of_condition(label) for label in self.means.labels]
        return [np.arange(len(recording.trials))]

    def _strata(self, recording: Recording) -> list[Places]:
        if self.means is not None:
            return self._parts(recording)
        if recording.conditions is None:
            return [np.arange(len(recording.trials))]
        return [recording.of_condition(label) for label in dict.fromkeys(recording.conditions)]


def view_of(metric: Metric, means: Means | None) -> View:
    """Return how a metric is shown recordings.

    Raises
    ------
    DynalignError
        If it needs inputs, which recordings come without.
    """
    if metric.needs_inputs:
        raise DynalignError(
            f"{metric.label} needs the inputs that drove a system, and recordings come without; use DSA (metric=dsa)."
        )
    return View(metric.needs_matched_trials and means is None, means)


def common_means(recordings: Sequence[Recording]) -> tuple[Means, list[str]]:
    """Return the conditions and time steps that all recordings share, and sentences about what is left out.

    Raises
    ------
    DynalignError
        If a recording has no conditions, they have none in common, or no time.
    """
    for each in recordings:
        if each.conditions is None:
            raise DynalignError(
                f"align={ALIGNED} needs the condition of each trial, and {each.name} has none; say with condition "
                "where they are."
            )
    sets = [dict.fromkeys(each.conditions or ()) for each in recordings]
    labels = sorted(label for label in sets[0] if all(label in other for other in sets[1:]))
    notes = []
    if not labels:
        told = "; ".join(f"{each.name}: {_few(list(names))}" for each, names in zip(recordings, sets, strict=True))
        raise DynalignError(f"The recordings have no condition in common ({told}).")
    for each, names in zip(recordings, sets, strict=True):
        lacking = [label for label in names if label not in labels]
        if lacking:
            notes.append(f"Left out of {each.name}, since others lack them: conditions {_few(lacking)}.")
    steps = cut_to_common_time(recordings)
    longest = max(max(each.lengths) for each in recordings)
    if longest > steps:
        notes.append(f"Condition means are cut to {steps} time steps, the shortest trial (the longest has {longest}).")
    return Means(labels, steps), notes


def why_unmatched(metric: Metric, x: Recording, y: Recording) -> str:
    """Say why a metric that compares trial by trial cannot compare two recordings; nothing if it can."""
    so = (
        f"but {metric.label} compares trial by trial, time step by time step; align=condition_mean compares means over "
        "the trials of each condition, and DSA (metric=dsa) needs no matching trials."
    )
    for each in (x, y):
        if each.gaps:
            return f"{each.name} has gaps in {each.gaps} of its {len(each.trials)} trials, {so}"
        if len(set(each.lengths)) > 1:
            return f"{each.name} has trials of {min(each.lengths)} to {max(each.lengths)} time steps, {so}"
    shapes = [(len(each.trials), each.lengths[0]) for each in (x, y)]
    if shapes[0] != shapes[1]:
        return f"{x.name} has (trials, time) = {shapes[0]} and {y.name} has {shapes[1]}, {so}"
    for place, labels in enumerate(zip(x.conditions or (), y.conditions or (), strict=False)):
        if labels[0] != labels[1]:
            return f"Trial {place} is of condition {labels[0]} in {x.name} and {labels[1]} in {y.name}, {so}"
    return ""


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
