"""Measure networks at checkpoints, two by two; what the store knows is not measured again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np

from dynalign.identity import code_key, describe, key_of, key_of_text, target_of, text_of
from dynalign.metrics import Distance, Driven, Metric
from dynalign.representations import Representation, System, measure_floor, measure_reduced
from dynalign.store import Run, RunStore

Name = TypeVar("Name", bound=Hashable)
_ROOMS = ("models", "networks", "perturbations", "representations", "tasks")  # whose code decides what a metric sees


@dataclass(frozen=True)
class Seen:
    """A network at a checkpoint, as a metric sees it; ``classes`` are those that are not of this package."""

    run: Run
    epoch: int
    representation: Representation
    classes: tuple[type, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the states, but the code."""
        return {
            "run": self.run.key,
            "epoch": self.epoch,
            "representation": {"kind": target_of(type(self.representation)), **asdict(self.representation)},
        }

    def shown(self, metric: Metric) -> System:
        """Return what the metric is given: the states (trials, time, components), or all units for a common basis.

        With the inputs that drove them, if the metric needs those.
        """
        make = self.representation.driven if metric.needs_inputs else self.representation.of
        return make(self.run, self.epoch, classes=self.classes)


class Recordings:
    """States that are kept for whoever looks at a network alike; up to ``limit`` bytes, beyond which none is added."""

    def __init__(self, limit: float = 256e6) -> None:
        self._limit, self._bytes = limit, 0
        self._kept: dict[Any, System] = {}

    def of(self, key: Hashable, make: Callable[[], System]) -> System:
        """Return what is kept under a key, or else what is made, which is kept from then on."""
        if key in self._kept:
            return self._kept[key]
        system = make()
        parts = [system.states, system.inputs] if isinstance(system, Driven) else [system]
        self._bytes += sum(np.asarray(each).nbytes for each in parts)
        if self._bytes <= self._limit:
            self._kept[key] = system
        return system


@dataclass(frozen=True)
class _Recorded(Seen):
    recordings: Recordings = field(default_factory=Recordings, compare=False, repr=False)

    def shown(self, metric: Metric) -> System:
        key = (key_of(self.identity), metric.needs_inputs)
        return self.recordings.of(key, partial(super().shown, metric))


def recorded(seen: Mapping[Name, Seen], recordings: Recordings) -> dict[Name, Seen]:
    """Return the same networks so that each is recorded once for all metrics that look at it alike."""
    return {
        name: _Recorded(each.run, each.epoch, each.representation, each.classes, recordings)
        for name, each in seen.items()
    }


def measure_seen(
    metric: Metric,
    seen: Mapping[Name, Seen],
    pairs: Sequence[tuple[Name, Name]],
    store: RunStore,
    *,
    known: Mapping[tuple[Name, Name], Distance] | None = None,
    progress: Callable[[int, int], None] | None = None,
    alone: bool = False,
) -> list[Distance]:
    """Return the dissimilarity of each pair, from the store where it is known there, and keep the new ones.

    Parameters
    ----------
    seen : mapping of name to Seen
        All with the same representation, save for noise on it.
    known : mapping of pair to Distance, optional
        What has been measured just now; numbers among them go into the store.
    progress : callable, optional
        Called with (pairs done, pairs in all) while something is measured.
    alone : bool
        Whether each pair is measured by itself, which takes some metrics several times as long: then the last digits do
        not depend on what else is missing.
    """
    group, keys = _group(metric), _keys(seen, pairs)
    stored = store.measured(group)
    results: dict[int, Distance] = {}
    for place, (pair, key) in enumerate(zip(pairs, keys, strict=True)):
        if known is not None and pair in known:
            results[place] = known[pair]
        elif key in stored:
            results[place] = Distance(*stored[key])
    missing = [place for place in range(len(pairs)) if place not in results]
    if missing:
        see = next(iter(seen.values())).representation
        new = measure_reduced(
            cast(Metric, _Alone(metric)) if alone else metric,
            {name: partial(each.shown, metric) for name, each in seen.items()},
            [pairs[place] for place in missing],
            components=see.components,
            basis=see.basis,
            progress=progress,
        )
        results |= dict(zip(missing, new, strict=True))
    store.add_measured(group, {key: results[place][:2] for place, key in enumerate(keys)})
    return [results[place] for place in range(len(pairs))]


class _Alone:
    """A metric that is given many pairs at once, and measures each by itself."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def __getattr__(self, name: str) -> Any:
        return getattr(self._metric, name)

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> list[float]:
        return [float(self._metric.distances([pair])[0]) for pair in pairs]


def floors_seen(
    metric: Metric,
    seen: Mapping[Name, Seen],
    store: RunStore,
    *,
    splits: Mapping[Name, int],
    known: Mapping[Name, Distance] | None = None,
) -> dict[Name, Distance]:
    """Return how far each network is from itself, by random halves of its trials, where that can be told.

    What the store knows is not measured again, and what is new is kept there.

    Parameters
    ----------
    splits : mapping of name to int
        How often the trials are halved; 0 for no floor.
    known : mapping of name to Distance, optional
        What has been measured just now.
    """
    group, found, keys = _group(metric), {}, {}
    stored = store.measured(group)
    for name, each in seen.items():
        keys[name] = key_of({"halves": each.identity, "splits": splits[name]})
        if known is not None and name in known:
            found[name] = known[name]
        elif keys[name] in stored:
            found[name] = Distance(*stored[keys[name]])
        else:
            see = each.representation
            new = measure_floor(
                metric,
                partial(each.shown, metric),
                splits=splits[name],
                components=see.components,
                basis=see.basis,
            )
            if new is not None:
                found[name] = new
    store.add_measured(group, {keys[name]: each[:2] for name, each in found.items()})
    return found


def stored_seen(
    metric: Metric, seen: Mapping[Name, Seen], pairs: Sequence[tuple[Name, Name]], store: RunStore
) -> list[Distance] | None:
    """Return what ``measure_seen`` would, if the store knows all of it; or else None."""
    stored, keys = store.measured(_group(metric)), _keys(seen, pairs)
    return [Distance(*stored[key]) for key in keys] if stored.keys() >= set(keys) else None


def seen_key(representation: Representation, metrics: Sequence[Metric]) -> str:
    """Return a hash of how networks are looked at: two of one key see the same of any network, by the same code."""
    about = {"kind": target_of(type(representation)), **asdict(representation)}
    return key_of({"representation": about, "code": code_key(*metrics, rooms=_ROOMS)})


def count_stored(metric: Metric, seen: Mapping[Name, Seen], pairs: Sequence[tuple[Name, Name]], store: RunStore) -> int:
    """Return of how many pairs the store knows the dissimilarity."""
    stored = store.measured(_group(metric))
    return sum(key in stored for key in _keys(seen, pairs))


def measured_before(metric: Metric, store: RunStore) -> list[float]:
    """Return the seconds that everything took which this metric has measured in the store."""
    return [seconds for _, seconds in store.measured(_group(metric)).values()]


def _group(metric: Metric) -> dict[str, Any]:
    return {"metric": describe(metric, metric.settings), "code": code_key(metric, rooms=_ROOMS)}


def _keys(seen: Mapping[Name, Seen], pairs: Sequence[tuple[Name, Name]]) -> list[str]:
    identities = {name: text_of(each.identity) for name, each in seen.items()}  # once, for pairs are many
    return [key_of_text(f'{{"first": {identities[a]}, "second": {identities[b]}}}') for a, b in pairs]
