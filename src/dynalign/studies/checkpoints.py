"""How far has a network moved? Every checkpoint of a run against a reference, from the store where possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dynalign.metrics import Distance, Metric
from dynalign.representations import Representation, floor_of_pair
from dynalign.results import NUMBERS
from dynalign.store import Run, RunStore
from dynalign.studies.measuring import Recordings, Seen, floors_seen, measure_seen, recorded


def checkpoints(run: Run, every: int = 1) -> list[int]:
    """Return the epochs that are multiples of ``every`` in their phase of a run, its first, and each phase's last."""
    chosen, start = [], 0
    for _, rows in run.history.groupby("phase", sort=False):
        epochs = [int(epoch) for epoch in rows["epoch"]]
        chosen += [e for e in epochs if e == 0 or (e - start) % every == 0 or e == epochs[-1]]
        start = epochs[-1]
    return chosen


def learning_pairs(epochs: Sequence[int], reference: str | Run) -> list[tuple[Any, Any]]:
    """Return which checkpoints are compared: pairs of a checkpoint and its reference, each an epoch, or "elsewhere"."""
    if reference == "initial":
        return [(epoch, epochs[0]) for epoch in epochs]
    if reference == "previous":
        return list(zip(epochs[1:], epochs[:-1], strict=True))
    if reference == "final":
        return [(epoch, epochs[-1]) for epoch in epochs]
    return [(epoch, "elsewhere") for epoch in epochs]


def seen_over_learning(
    run: Run, epochs: Sequence[int], reference: str | Run, representation: Representation, classes: Sequence[type] = ()
) -> dict[Any, Seen]:
    """Return what is seen of the checkpoints of a run, and of a reference that is another run, "elsewhere"."""
    seen: dict[Any, Seen] = {epoch: Seen(run, epoch, representation, tuple(classes)) for epoch in epochs}
    if isinstance(reference, Run):
        seen["elsewhere"] = Seen(reference, reference.epochs[-1], representation, tuple(classes))
    return seen


def measure_over_learning(
    run: Run,
    metrics: Sequence[Metric],
    *,
    reference: str | Run,
    representation: Representation,
    store: RunStore,
    every: int = 1,
    known: Mapping[str, Mapping[int, Distance]] | None = None,
    floor_splits: int = 0,
    known_floors: Mapping[str, Mapping[int, Distance]] | None = None,
    classes: Sequence[type] = (),
) -> pd.DataFrame:
    """Return how far each checkpoint is from its reference, a row per checkpoint and metric, with ``NUMBERS``.

    Parameters
    ----------
    reference : {"initial", "previous", "final"} or Run
        The first checkpoint, the one before, the last one, or another run's last.
    every : int
        Only every so-manieth epoch of each phase is measured.
    known : mapping of metric label to epoch to Distance, optional
        What was measured while the network trained.
    floor_splits : int
        How often the trials of a checkpoint are halved for its floor; 0 for no floors.
    known_floors : mapping of metric label to epoch to Distance, optional
        Floors of checkpoints that were measured while the network trained.
    classes : sequence of type
        See ``Representation.of``.
    """
    epochs = checkpoints(run, every)
    seen = recorded(seen_over_learning(run, epochs, reference, representation, classes), Recordings())
    pairs = learning_pairs(epochs, reference)
    accuracy = dict(zip(run.epochs, run.history["accuracy"], strict=True))
    name = reference.key if isinstance(reference, Run) else reference
    rows: list[dict[str, Any]] = []
    for metric in metrics:
        mine = (known or {}).get(metric.label, {})
        found = measure_seen(
            metric,
            seen,
            pairs,
            store,
            known={pair: mine[pair[0]] for pair in pairs if pair[0] in mine},
            alone=True,  # as while a network trains: a kill between both must not show in the last digit
        )
        floors = floors_seen(
            metric,
            seen,
            store,
            splits=dict.fromkeys(seen, floor_splits),
            known={name: each for name, each in (known_floors or {}).get(metric.label, {}).items() if name in seen},
        )
        for (epoch, other), distance in zip(pairs, found, strict=True):
            rows.append(
                {
                    "comparison": "learning",
                    "epoch": epoch,
                    "accuracy": accuracy[epoch],
                    "metric": metric.label,
                    "unit": metric.unit,
                    "reference": name,
                    "dissimilarity": distance.value,
                    "floor": floor_of_pair(floors.get(epoch), floors.get(other)),
                    "seconds": distance.seconds,
                    "reason": distance.reason,
                }
            )
    table = pd.DataFrame(rows, columns=list(NUMBERS))
    table["floor"] = table["floor"].astype(float)  # None, where there is no floor, would make objects of all
    return table.sort_values("epoch", kind="stable", ignore_index=True)
