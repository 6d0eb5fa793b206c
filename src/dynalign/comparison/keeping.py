"""What was measured of recordings is kept, and found again by all that determines it: typed twice, it is measured once.

The numbers go into the store of networks and their dissimilarities, every few seconds, so that a comparison that was
stopped goes on where it was. What determines one is the content of both arrays, the metric with its settings, and code.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dynalign.identity import code_key, describe, key_of_text, text_of
from dynalign.metrics import Distance, Metric, measure

if TYPE_CHECKING:
    from dynalign.store import RunStore

Name = TypeVar("Name", bound=Hashable)
_ROOMS = ("comparison/views", "data/recording")  # whose code makes, of a recording, what a metric is shown
_BLOCK = 64  # pairs that are measured together, at least
_OFTEN = 5.0  # seconds of work that may be lost


@dataclass(frozen=True)
class Shown:
    """What a metric is shown: what makes it, and a text that determines its content."""

    identity: str
    make: Callable[[], Any]


def content_of(system: Any) -> str:
    """Return a text that determines the content of an array, or of a sequence of arrays."""
    digest = hashlib.sha256()
    for each in [system] if isinstance(system, np.ndarray) else system:
        array = np.ascontiguousarray(each)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def as_shown(system: Any) -> Shown:
    """Return an array, or a list of them, as what a metric is shown."""
    return Shown(text_of({"content": content_of(system)}), lambda: system)


class Measurer:
    """Lets a metric measure pairs; with a store, what is known there is not measured again.

    Parameters
    ----------
    metric : Metric
    store : RunStore, optional
    """

    def __init__(self, metric: Metric, store: RunStore | None = None) -> None:
        self.metric, self.store = metric, store
        self._group = {
            "kind": "comparison",
            "metric": describe(metric, metric.settings),
            "code": code_key(metric, rooms=_ROOMS),
        }

    def __call__(
        self,
        systems: Mapping[Name, Shown],
        pairs: Sequence[tuple[Name, Name]],
        *,
        prepared: Mapping[Name, Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
        strict: bool = False,
    ) -> list[Distance]:
        """Return the dissimilarity of each pair; see ``dynalign.metrics.measure``."""
        keys = [key_of_text(f'{{"first": {systems[a].identity}, "second": {systems[b].identity}}}') for a, b in pairs]
        known = {} if self.store is None else self.store.measured(self._group)
        found = {place: Distance(*known[key]) for place, key in enumerate(keys) if key in known}
        missing = [place for place in range(len(pairs)) if place not in found]
        made = {name: each.make for name, each in systems.items()}
        kept, since = len(found), time.monotonic()
        try:
            for block in _blocks([pairs[place] for place in missing], prepared or {}):
                places = [missing[at] for at in block]
                new = measure(
                    self.metric,
                    made,
                    [pairs[place] for place in places],
                    prepared=prepared,
                    strict=strict,
                    progress=_further(progress, len(found), len(pairs)),
                )
                found |= dict(zip(places, new, strict=True))
                if time.monotonic() - since > _OFTEN:
                    self._keep(keys, found)
                    kept, since = len(found), time.monotonic()
        finally:
            if len(found) > kept:
                self._keep(keys, found)
        if progress is not None and not missing and pairs:
            progress(len(pairs), len(pairs))
        return [found[place] for place in range(len(pairs))]

    def _keep(self, keys: Sequence[str], found: Mapping[int, Distance]) -> None:
        if self.store is not None:
            self.store.add_measured(self._group, {keys[place]: each[:2] for place, each in found.items()})


def _further(progress: Callable[[int, int], None] | None, before: int, total: int) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _blocks(pairs: Sequence[tuple[Name, Name]], prepared: Collection[Name]) -> Iterator[range]:
    """Cut pairs into stretches; no system that must be prepared is in two of them, for it would be prepared twice."""
    last = {name: place for place, pair in enumerate(pairs) for name in pair if name not in prepared}
    start, needed = 0, -1
    for place, pair in enumerate(pairs):
        needed = max(needed, *(last.get(name, -1) for name in pair))
        if needed <= place and place + 1 - start >= _BLOCK:
            yield range(start, place + 1)
            start = place + 1
    if start < len(pairs):
        yield range(start, len(pairs))
