"""How alike are networks after learning? The trained networks of a sweep, all against all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from dynalign.errors import DynalignError
from dynalign.identity import text_of
from dynalign.metrics import Distance, Metric
from dynalign.networks import build_network
from dynalign.representations import Representation, floor_of_pair
from dynalign.results import NUMBERS
from dynalign.store import Run, RunStore
from dynalign.studies.blocks import Block, Found, Way, measure_blocks, tiles
from dynalign.studies.measuring import Seen, floors_seen

_SPLIT = 8  # parts that many networks are cut into, so that blocks are enough for many processes
_LEAST, _MOST = 8, 64  # networks in a part
_MEMORY = 2**29  # bytes of states in a block, as good as it can be foreseen
_BYTES = 12  # of a number of the states: as recorded, and as a metric prepares it


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
    groups: dict[tuple[str, str], tuple[Metric, dict[tuple[str, float], Trained]]] = {}
    for network in networks:
        for metric in network.metrics:
            way = repr(replace(network.representation, noise=0.0))
            _, members = groups.setdefault((metric.label, way), (metric, {}))
            members.setdefault((network.run.key, network.representation.noise), network)
    return [(metric, list(members.values())) for metric, members in groups.values()]


def blocks_of_trained(networks: Iterable[Trained]) -> list[Block[str]]:
    """Return all pairs of networks that can be compared, each with itself included, as blocks of some networks each.

    They follow from the networks alone, so that every process that is given the same networks has the same blocks. The
    ways of a block are called after metrics and their place among what ``comparable`` returns.
    """
    together: dict[tuple[tuple[str, str], ...], tuple[list[Trained], dict[str, Way[str]]]] = {}
    for place, (metric, members) in enumerate(comparable(networks)):
        alike = tuple((each.name, repr(each.representation)) for each in members)
        _, known = together.setdefault(alike, (members, {}))
        seen = next(iter(known.values())).seen if known else _seen(members)
        known[_way(place, metric)] = Way(metric.label, metric, seen)
    return [
        Block(pairs, ways)
        for members, ways in together.values()
        for pairs in tiles([each.name for each in members], _part(members))
    ]


def compare_trained(
    networks: Iterable[Trained],
    store: RunStore,
    *,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Return how far trained networks are apart: a row per metric and unordered pair, each with itself included.

    Parameters
    ----------
    workers : int, optional
        Processes that measure many pairs side by side; as many as there are cores, if not given.
    progress : callable, optional
        Called with (metric, pairs done, pairs in all) while something is measured.

    Returns
    -------
    DataFrame
        A column ``run``, and ``NUMBERS``; epoch and accuracy are the first network's last, ``reference`` is the second.
    """
    networks = list(networks)
    found = measure_blocks(blocks_of_trained(networks), store, workers=workers, progress=progress)
    parts = [
        _rows(metric, members, _floors(metric, members, store), found, _way(place, metric))
        for place, (metric, members) in enumerate(comparable(networks))
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", *NUMBERS])


def _rows(
    metric: Metric, members: Sequence[Trained], floors: Mapping[str, Distance], found: Found[str], way: str
) -> pd.DataFrame:
    """Return the table of one metric, column by column, for its rows may be a hundred thousand."""
    last = {each.name: each.run.history[["epoch", "accuracy"]].iloc[-1] for each in members}
    names = list(last)
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place:]]
    distances = [found[way][pair] for pair in pairs]
    columns = {
        "run": [first for first, _ in pairs],
        "comparison": "pairwise",
        "epoch": [int(last[first]["epoch"]) for first, _ in pairs],
        "accuracy": [float(last[first]["accuracy"]) for first, _ in pairs],
        "metric": metric.label,
        "unit": metric.unit,
        "reference": [second for _, second in pairs],
        "dissimilarity": [distance.value for distance in distances],
        "floor": [floor_of_pair(floors.get(first), floors.get(second)) for first, second in pairs],
        "seconds": [distance.seconds for distance in distances],
        "reason": [distance.reason for distance in distances],
    }
    # None, where there is no floor, would make objects of all.
    return pd.DataFrame(columns)[["run", *NUMBERS]].astype({"floor": float})


def _way(place: int, metric: Metric) -> str:
    return f"{place} {metric.label}"


def _seen(members: Sequence[Trained]) -> dict[str, Seen]:
    return {each.name: Seen(each.run, each.run.epochs[-1], each.representation, each.classes) for each in members}


def _floors(metric: Metric, members: Sequence[Trained], store: RunStore) -> dict[str, Distance]:
    """Return the floors of networks, some at a time, so that whoever is interrupted loses few."""
    found: dict[str, Distance] = {}
    for begin in range(0, len(members), _MOST):
        some = members[begin : begin + _MOST]
        splits = {each.name: each.floor_splits for each in some}
        found |= floors_seen(metric, _seen(some), store, splits=splits)
    return found


def _part(members: Sequence[Trained]) -> int:
    """Return how many networks a block takes of each side: few enough for its memory, and for many blocks."""
    wanted = min(max(_LEAST, math.ceil(len(members) / _SPLIT)), _MOST)
    if len(members) <= wanted:
        return wanted
    shapes = {text_of({name: each.run.config.get(name) for name in ("task", "model")}): each for each in members}
    largest = max(map(_size, shapes.values()))
    return max(1, min(wanted, _MEMORY // max(1, 2 * _BYTES * largest)))


def _size(network: Trained) -> int:
    """Return how many numbers a metric is shown of a network; 0 where it will be told that there is nothing to show."""
    see = network.representation
    try:
        built = build_network(network.run.config, network.run.key, classes=network.classes)
        probe = see.probe(built.task)
        trials, steps = see.cut(probe.inputs, probe).shape[:2]
    except DynalignError:
        return 0
    units = built.model.n_states
    return int(trials * steps * (units if see.basis == "common" else min(units, see.components or units)))
