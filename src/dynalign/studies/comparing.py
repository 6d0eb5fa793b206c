"""What studies compare, and the table that comes of it: networks two by two, by every column of a protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dynalign.dynamics import initial_recurrence, no_recurrence, shuffled_recurrence
from dynalign.errors import DynalignError
from dynalign.identity import key_of
from dynalign.metrics import Metric
from dynalign.networks import build_network
from dynalign.representations import Representation
from dynalign.store import Run, RunStore, Weights
from dynalign.studies.blocks import Block, Way, cut, measure_blocks
from dynalign.studies.measuring import Seen
from dynalign.studies.population import POOL, Look, Population

TRAINED, SPLIT, CONTROL = "trained", "split half", "control"
"""Parts of a comparison: trained networks with each other; masters with themselves on other trials; controls."""
CONTROLS = ("no recurrence", "shuffled recurrence", "initial recurrence")
_MOST = 1000
"""Pairs in a block: states are in memory for one block at a time, and recorded anew in the next."""


@dataclass(frozen=True)
class Column:
    """One way to measure: a metric, and what it is shown of a network.

    Attributes
    ----------
    name : str
        In tables and files.
    title : str
        Above a column.
    metric : Metric
    representation : Representation
    """

    name: str
    title: str
    metric: Metric
    representation: Representation


class Pair(NamedTuple):
    """Two networks to compare, the part of a study that asks for it, and where on its axis they stand."""

    first: Look
    second: Look
    part: str
    x: float = 0.0


@dataclass(frozen=True)
class Controlled(Run):
    """A trained run whose recurrence is taken away or put back; see ``dynalign.dynamics``."""

    control: str = ""

    @classmethod
    def of(cls, run: Run, control: str) -> Controlled:
        """Return a run with one of ``CONTROLS``; its key tells it apart from the run itself."""
        key = key_of({"run": run.key, "control": control})
        return cls(key, run.folder, run.config, run.history, run.seconds, run.before, control)

    def weights(self, epoch: int) -> Weights:
        """Return the changed weights at a checkpoint."""
        trained = super().weights(epoch)
        recurrent = build_network(self.config, self.key).model.recurrent_parameters()
        if self.control == "no recurrence":
            return no_recurrence(trained, recurrent)
        if self.control == "shuffled recurrence":
            return shuffled_recurrence(trained, recurrent, np.random.default_rng(int(self.key, 16)))
        if self.control == "initial recurrence":
            return initial_recurrence(trained, recurrent, super().weights(self.epochs[0]))
        raise DynalignError(f"control={self.control} is unknown; use one of {', '.join(CONTROLS)}.")


def compare(
    pairs: Iterable[Pair],
    columns: Sequence[Column],
    population: Population,
    store: RunStore,
    *,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Return how far networks are apart: a row per pair and column, each pair measured once and kept in the store.

    Parameters
    ----------
    workers : int, optional
        Processes that measure many pairs side by side; as many as there are cores, if not given.
    progress : callable, optional
        Called with (a column's title and the models, pairs done, pairs in all) while something is measured.

    Returns
    -------
    DataFrame
        ``column``, ``part``, ``x``; ``model``, ``group``, ``seed``, ``epoch``, ``control`` and ``accuracy`` of the
        first network, and the same of the second with ``other_`` before them; ``dissimilarity``, and the ``reason``
        where it is NaN.
    """
    asked = list(dict.fromkeys(pairs))
    if not asked:
        return pd.DataFrame(columns=_COLUMNS)
    labels = {look: _labels(look, population) for pair in asked for look in (pair.first, pair.second)}
    found = measure_blocks(blocks_of_study(asked, columns, population), store, workers=workers, progress=progress)
    rows = [
        {
            "column": column.name,
            "part": pair.part,
            "x": pair.x,
            **labels[pair.first],
            **{f"other_{name}": value for name, value in labels[pair.second].items()},
            "dissimilarity": found[column.name][pair.first, pair.second].value,
            "reason": found[column.name][pair.first, pair.second].reason,
        }
        for column in columns
        for pair in asked
    ]
    return pd.DataFrame(rows)


_OF_EACH = ("model", "group", "seed", "epoch", "control", "accuracy")
_COLUMNS = [
    "column", "part", "x", *_OF_EACH, *(f"other_{name}" for name in _OF_EACH), "dissimilarity", "reason",
]  # fmt: skip


def blocks_of_study(pairs: Iterable[Pair], columns: Sequence[Column], population: Population) -> list[Block[Look]]:
    """Return what is to be measured for pairs, each once, as blocks."""
    measured = list(dict.fromkeys((pair.first, pair.second) for pair in pairs))
    return blocks_of(columns, measured, {look: _run_of(look, population) for pair in measured for look in pair})


def blocks_of(
    columns: Sequence[Column], pairs: Sequence[tuple[Look, Look]], runs: Mapping[Look, Run]
) -> list[Block[Look]]:
    """Return pairs as blocks, each of networks of one model or two."""
    blocks = []
    for models, some in _by_models(pairs).items():
        looks = dict.fromkeys(look for pair in some for look in pair)
        ways = {
            column.name: Way(
                f"{column.title}, {models}",
                column.metric,
                {look: Seen(runs[look], look.epoch, _on_probe(column.representation, look)) for look in looks},
            )
            for column in columns
        }
        blocks += [Block(part, ways) for part in cut(some, _MOST)]
    return blocks


def _on_probe(representation: Representation, look: Look) -> Representation:
    return replace(representation, seed=representation.seed + look.probe)


def _by_models(pairs: Sequence[tuple[Look, Look]]) -> dict[str, list[tuple[Look, Look]]]:
    """Return pairs by their models."""
    found: dict[str, list[tuple[Look, Look]]] = {}
    for first, second in pairs:
        found.setdefault(" and ".join(sorted({first.member.model, second.member.model})), []).append((first, second))
    return found


def _labels(look: Look, population: Population) -> dict[str, Any]:
    member = look.member
    return {
        "model": member.model,
        "group": member.group,
        "seed": member.seed,
        "epoch": look.epoch,
        "control": look.control,
        "accuracy": population.accuracy(look),
    }


def _run_of(look: Look, population: Population) -> Run:
    run = population.runs[look.member]
    return Controlled.of(run, look.control) if look.control else run


class MissingError(DynalignError):
    """A number that cannot be had, with the reason."""


def require_numbers(rows: pd.DataFrame, otherwise: str) -> None:
    """Raise a MissingError where there are no rows, with ``otherwise``, or one lacks its number, with its reason."""
    if not len(rows):
        raise MissingError(otherwise)
    bad = rows[rows["dissimilarity"].isna()]
    if len(bad):
        raise MissingError(str(bad["reason"].iloc[0]).rstrip("."))


def to_pool(rows: pd.DataFrame, column: str, model: str, group: str, *, part: str, x: float | None = None) -> Table:
    """Return the dissimilarities of a group's networks to the pool: a table of seeds x pool.

    Raises
    ------
    MissingError
        If the group or the pool is empty, or a number is missing, with its reason.
    """
    here = rows[(rows["column"] == column) & (rows["part"] == part) & (rows["model"] == model)]
    here = here[(here["group"] == group) & (here["other_group"] == POOL) & (here["other_model"] == model)]
    if x is not None:
        here = here[np.isclose(here["x"], x)]
    require_numbers(here, f"no networks of the group {group} of {model} were compared with the pool")
    wide = here.pivot_table(index="seed", columns="other_seed", values="dissimilarity", aggfunc="first")
    if wide.isna().any().any():
        raise MissingError(f"not every network of {group} was compared with the whole pool")
    return Table(list(wide.index), wide.to_numpy(dtype=np.float64))


class Table(NamedTuple):
    """Dissimilarities (seeds, pool), and the seeds."""

    seeds: list[int]
    values: np.typing.NDArray[np.float64]
