"""How alike are networks after learning? The final representations of many runs, all against all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.representations import Representation, States, reduce_units
from dynalign.store import RunStore, read_json, write_json


@dataclass(frozen=True)
class Final:
    """A trained network in a comparison: its name, what determines its states, and the states when asked for."""

    name: str
    identity: Mapping[str, Any]
    states: Callable[[], States]


class Pair(NamedTuple):
    """How far two networks are apart; ``dissimilarity`` is NaN, with a reason, where the metric refused them."""

    first: str
    second: str
    dissimilarity: float
    seconds: float
    reason: str = ""


def final_dissimilarities(
    systems: Sequence[Final],
    metric: Metric,
    *,
    metric_config: Mapping[str, Any],
    representation: Representation,
    store: RunStore,
    progress: Callable[[int, int], None] | None = None,
) -> list[Pair]:
    """Return every unordered pair, each system with itself included; what the store holds is not measured again.

    Every system is reduced and prepared once, unless the basis is common to each pair.

    Parameters
    ----------
    metric_config : mapping
        What determines the metric; part of a pair's name in the store.
    progress : callable, optional
        Called with (pairs done, pairs in all).
    """
    states: dict[int, States] = {}
    prepared: dict[int, Any] = {}

    def raw(index: int) -> States:
        if index not in states:
            states[index] = systems[index].states()
        return states[index]

    def features(index: int) -> Any:
        if index not in prepared:
            (reduced,) = reduce_units([raw(index)], components=representation.components)
            prepared[index] = metric.prepare(reduced)
        return prepared[index]

    def measure(i: int, j: int) -> float:
        if representation.basis == "own":
            return float(metric.distances([(features(i), features(j))])[0])
        return metric(*reduce_units([raw(i), raw(j)], components=representation.components, basis="common"))

    pairs = [(i, j) for i in range(len(systems)) for j in range(i, len(systems))]
    results = []
    for done, (i, j) in enumerate(pairs):
        name = {
            "kind": "pairwise",
            "metric": dict(metric_config),
            "systems": [dict(systems[i].identity), dict(systems[j].identity)],
        }
        path = store.measurement(name)
        content = read_json(path)
        if content is None:
            start = time.perf_counter()
            try:
                content = {"dissimilarity": measure(i, j), "seconds": time.perf_counter() - start}
                write_json(path, content)
            except (DynalignError, RuntimeError, np.linalg.LinAlgError) as error:
                content = {"dissimilarity": float("nan"), "seconds": time.perf_counter() - start}
                content["reason"] = str(error)
        results.append(Pair(systems[i].name, systems[j].name, **content))
        if progress is not None:
            progress(done + 1, len(pairs))
    return results
