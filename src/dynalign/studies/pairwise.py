"""How alike are networks after learning? The trained networks of a sweep, all against all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from dynalign.metrics import Metric
from dynalign.representations import Representation, floor_of_pair
from dynalign.results import NUMBERS
from dynalign.store import Run, RunStore
from dynalign.studies.measuring import Seen, floors_seen, measure_seen


@dataclass(frozen=True)
class Trained:
    """A trained network in a comparison: its name, and by which metrics it is to be compared.

    ``floor_splits`` is how often its trials are halved to tell how far it is from itself; 0 if that is not to be told.
    """

    name: str
    run: Run
    representation: Representation
    metrics: Sequence[Metric]
    classes: tuple[type, ...] = ()
    floor_splits: int = 0


def comparable(networks: Iterable[Trained]) -> list[tuple[Metric, list[Trained]]]:
    """Return which networks can be compared, by which metric: those that the same metric sees in the same way.

    Noise on what it sees makes no difference to that: it is a factor like others. One network under several names,
    which differ in what is measured of it, stands there once.
    """
    groups: dict[tuple[str, str], tuple[Metric, list[Trained]]] = {}
    for network in networks:
        for metric in network.metrics:
            way = repr(replace(network.representation, noise=0.0))
            _, members = groups.setdefault((metric.label, way), (metric, []))
            seen = {(member.run.key, member.representation.noise) for member in members}
            if (network.run.key, network.representation.noise) not in seen:
                members.append(network)
    return list(groups.values())


def compare_trained(
    networks: Iterable[Trained], store: RunStore, *, progress: Callable[[str, int, int], None] | None = None
) -> pd.DataFrame:
    """Return how far trained networks are apart: a row per metric and unordered pair, each with itself included.

    Parameters
    ----------
    progress : callable, optional
        Called with (metric, pairs done, pairs in all) while something is measured.

    Returns
    -------
    DataFrame
        A column ``run``, and ``NUMBERS``; epoch and accuracy are the first network's last, ``reference`` is the second.
    """
    rows: list[dict[str, Any]] = []
    for metric, members in comparable(networks):
        seen = {each.name: Seen(each.run, each.run.epochs[-1], each.representation, each.classes) for each in members}
        last = {each.name: float(each.run.history["accuracy"].iloc[-1]) for each in members}
        names = list(seen)
        pairs = [(first, second) for place, first in enumerate(names) for second in names[place:]]
        floors = floors_seen(metric, seen, store, splits={each.name: each.floor_splits for each in members})
        report = None if progress is None else _for(progress, metric.label)
        for (first, second), distance in zip(
            pairs, measure_seen(metric, seen, pairs, store, progress=report), strict=True
        ):
            rows.append(
                {
                    "run": first,
                    "comparison": "pairwise",
                    "epoch": seen[first].epoch,
                    "accuracy": last[first],
                    "metric": metric.label,
                    "unit": metric.unit,
                    "reference": second,
                    "dissimilarity": distance.value,
                    "floor": floor_of_pair(floors.get(first), floors.get(second)),
                    "seconds": distance.seconds,
                    "reason": distance.reason,
                }
            )
    table = pd.DataFrame(rows, columns=["run", *NUMBERS])
    table["floor"] = table["floor"].astype(float)  # None, where there is no floor, would make objects of all
    return table


def _for(progress: Callable[[str, int, int], None], label: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(label, done, total)
