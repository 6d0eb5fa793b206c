"""What comparing networks will take: which numbers the store knows, and what those that it lacks will cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations_with_replacement
from statistics import fmean
from typing import Any, NamedTuple

from dynalign.metrics import Metric
from dynalign.representations import Representation
from dynalign.store import Run, RunStore
from dynalign.studies.blocks import Block
from dynalign.studies.checkpoints import checkpoints, learning_pairs, seen_over_learning
from dynalign.studies.measuring import Seen, count_stored, measured_before
from dynalign.studies.pairwise import Trained, comparable


class Planned(NamedTuple):
    """Numbers that are wanted of a metric.

    Attributes
    ----------
    metric : Metric
    wanted, known : int
        How many there are, and how many the store has.
    """

    metric: Metric
    wanted: int
    known: int

    @property
    def missing(self) -> int:
        """How many are to be measured."""
        return self.wanted - self.known


def plan_pairs(networks: Iterable[Trained], finished: Collection[str], store: RunStore) -> list[Planned]:
    """Return how many pairs of networks there are to compare, each with itself included, by metric.

    Parameters
    ----------
    networks : iterable of Trained
        Of those that are not trained yet, nothing but the key is asked.
    finished : collection of str
        Keys of those that are.
    """
    plans = []
    for metric, members in comparable(networks):
        seen = {
            str(place): Seen(each.run, each.run.epochs[-1], each.representation, each.classes)
            for place, each in enumerate(members)
            if each.run.key in finished
        }
        known = count_stored(metric, seen, list(combinations_with_replacement(seen, 2)), store)
        plans.append(Planned(metric, len(members) * (len(members) + 1) // 2, known))
    return plans


def plan_blocks(blocks: Iterable[Block[Any]], store: RunStore) -> list[Planned]:
    """Return how many dissimilarities there are in blocks of pairs, by metric."""
    plans = []
    for block in blocks:
        names = {name for pair in block.pairs for name in pair}  # a way may have been made for others, too
        for way in block.ways.values():
            seen = {name: way.seen[name] for name in names}
            plans.append(Planned(way.metric, len(block.pairs), count_stored(way.metric, seen, block.pairs, store)))
    return summed(plans)


def summed(plans: Iterable[Planned]) -> list[Planned]:
    """Return one plan for each metric."""
    found: dict[str, Planned] = {}
    for each in plans:
        known = found.get(each.metric.label)
        found[each.metric.label] = (
            each if known is None else known._replace(wanted=known.wanted + each.wanted, known=known.known + each.known)
        )
    return list(found.values())


def plan_learning(
    run: Run,
    metrics: Sequence[Metric],
    *,
    reference: str | Run,
    representation: Representation,
    store: RunStore,
    every: int = 1,
    classes: Sequence[type] = (),
) -> list[Planned]:
    """Return how many dissimilarities of a trained network's checkpoints to its reference there are, by metric."""
    epochs = checkpoints(run, every)
    seen = seen_over_learning(run, epochs, reference, representation, classes)
    pairs = learning_pairs(epochs, reference)
    return [Planned(metric, len(pairs), count_stored(metric, seen, pairs, store)) for metric in metrics]


def seconds_each(metric: Metric, store: RunStore) -> float | None:
    """Return what a number of this metric has taken in the store on average; None where there is none."""
    seconds = measured_before(metric, store)
    return fmean(seconds) if seconds else None
