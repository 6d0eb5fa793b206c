"""What the terminal shows when a run or sweep has ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dynalign.metrics.base import Description
from dynalign.report.parts.failure import Failure, print_ending
from dynalign.report.parts.fitting import fitting_tables
from dynalign.report.parts.matrix import Matrix
from dynalign.report.parts.metrics import NO_UNIT
from dynalign.report.parts.numbers import duration, number
from dynalign.report.sweep.factors import levels
from dynalign.report.sweep.table import (
    Latest,
    Learned,
    floors,
    latest,
    learned,
    pairwise_matrix,
    pairwise_metrics,
    unit_of,
)

_FEW = 6  # runs up to which the comparisons fit in the terminal
_NAME, _FOLDED = 28, 16  # letters of a run's name that stand in one line; at the least, where there is no room
_BLOCK = 8  # pairs side by side
_MANY = 30  # runs beyond which the rest is left to the report
_LEVELS = 6  # levels of a factor up to which all are named


def print_summary(
    console: Console,
    *,
    runs: pd.DataFrame,
    table: pd.DataFrame,
    failures: Sequence[Failure],
    paths: Mapping[str, Path],
    factors: Sequence[str],
    metrics: Mapping[str, Description],
) -> None:
    """Print a table of runs, the comparisons if they are few, failures with their reasons, and the paths.

    Parameters
    ----------
    console : Console
        Where to; 80 columns are enough for names of 16 letters, and longer ones are folded.
    runs : DataFrame
        One row per finished run.
    table : DataFrame
        The tidy table of dissimilarities.
    failures : sequence of Failure
        Jobs that did not succeed.
    paths : mapping
        What was written, by what it is.
    factors : sequence of str
        Keys of the config that vary among the runs.
    metrics : mapping of label to Description
        What there is to say of every metric in the table.
    """
    names = [str(run) for run in runs["run"]] if len(runs) else []
    if names:
        if factors:
            _say(console, f"varied: {'; '.join(_varied(runs, factor) for factor in factors)}")
        heads = _heads(table)
        _say(console, _legend(table, metrics, heads))
        places = {name: place for place, name in enumerate(names, start=1)}
        for group in latest(runs.iloc[:_MANY], table):
            for block in _runs_tables(console, group, places, heads, ideal=bool(runs["ideal_accuracy"].notna().any())):
                console.print(block)
        if len(names) > _MANY:
            console.print(f"... and {len(names) - _MANY} more runs, which the report shows.")
    if 1 < len(names) <= _FEW:
        apart = table[(table["comparison"] == "pairwise") & (table["run"] != table["reference"])]
        if apart["dissimilarity"].notna().any():
            _say(console, "trained networks against each other, by their #")
            for block in _pairs_tables(table, names, heads):
                console.print(block)
        else:
            _say(console, "no two of them are different networks of which one metric sees the same")
    print_ending(console, failures=failures, paths=paths)


def _say(console: Console, text: str) -> None:
    console.print(text, style="dim", highlight=False, markup=False)


def _varied(runs: pd.DataFrame, factor: str) -> str:
    found = levels(runs, factor)
    return f"{factor} {', '.join(found)}" if len(found) <= _LEVELS else f"{factor} ({len(found)} levels)"


def _heads(table: pd.DataFrame) -> dict[str, str]:
    """Return what stands above the numbers of each metric: its label without settings, numbered where that is shared.

    The legend tells the whole label.
    """
    labels = [str(label) for label in table["metric"].unique()]
    short = [label.partition("(")[0].strip() or label for label in labels]
    heads = {}
    for place, (label, name) in enumerate(zip(labels, short, strict=True)):
        heads[label] = f"{name} {short[: place + 1].count(name)}" if short.count(name) > 1 else name
    return heads


def _legend(table: pd.DataFrame, metrics: Mapping[str, Description], heads: Mapping[str, str]) -> str:
    """Say what the numbers of the table of runs are."""
    shown = learned(table)
    whats = []
    for label in dict.fromkeys(which.metric for which in shown):
        unit = unit_of(table, label)
        facts = [*([metrics[label].compares] if label in metrics else []), *([unit] if unit != NO_UNIT else [])]
        name = label if heads[label] == label else f"{heads[label]} = {label}"
        whats.append(f"{name} ({', '.join(facts)})" if facts else name)
    references = ", ".join(dict.fromkeys(which.reference for which in shown))
    of = " (of the first checkpoint to the final one)" if "final" in references else ""
    about = f"; {', '.join(whats)}: dissimilarity to {references}{of} (0 is the same)" if whats else ""
    floor = "; in brackets the floor: of halves of a network's own trials" if floors(table).notna().any() else ""
    return f"accuracy/the ideal observer's{about}{floor}"


def _runs_tables(
    console: Console, group: Latest, places: Mapping[str, int], heads: Mapping[str, str], *, ideal: bool
) -> list[Table]:
    """Return a row per run: what it is, and its last dissimilarities; further tables where one has no room for all."""
    longest = max(map(len, map(str, group.runs["run"])), default=0)

    def make(columns: Sequence[Learned], whole: bool) -> Table:
        return _runs_table(group, places, columns, heads, ideal=ideal, whole=whole)

    return fitting_tables(console, group.columns, make, foldable=max(0, longest - _NAME))


def _runs_table(
    group: Latest,
    places: Mapping[str, int],
    columns: Sequence[Learned],
    heads: Mapping[str, str],
    *,
    ideal: bool,
    whole: bool,
) -> Table:
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    shown.add_column("#", justify="right", style="dim", no_wrap=True)
    shown.add_column("run", overflow="fold", min_width=_FOLDED)
    several = len({column.reference for column in group.columns}) > 1
    for name in ("accuracy", "epochs") if whole else ():
        shown.add_column(name, justify="right", no_wrap=True)
    for column in columns:
        head = f"{heads[column.metric]} to {column.reference}" if several else heads[column.metric]
        head += " (floor)" if group.has_floor(column) else ""
        shown.add_column(Text(head), justify="right", no_wrap=True)
    for name in ("status", "time") if whole else ():
        shown.add_column(name, justify="right" if name == "time" else "left", no_wrap=True)
    for run in group.runs.to_dict("records"):
        accuracy = number(run["accuracy"]) + (f"/{number(run['ideal_accuracy'])}" if ideal else "")
        shown.add_row(
            str(places[str(run["run"])]),
            Text(str(run["run"])),
            *((accuracy, str(run["epochs"])) if whole else ()),
            *(_with_floor(group, str(run["run"]), column) for column in columns),
            *((Text(str(run["status"])), duration(run["seconds"])) if whole else ()),
        )
    return shown


def _with_floor(group: Latest, run: str, column: Learned) -> str:
    value, floor = group.values[run, column], group.floors[run, column]
    return number(value) if math.isnan(floor) else f"{number(value)} ({number(floor)})"


def _pairs_tables(table: pd.DataFrame, names: Sequence[str], heads: Mapping[str, str]) -> list[Table]:
    """Return the dissimilarities of all pairs, a row per metric and a column per pair of places in ``names``.

    Metrics that compared the same networks stand together; floors, where there are some, below their metric.
    """
    together: dict[tuple[int, ...], dict[str, Matrix]] = {}
    for metric in pairwise_metrics(table):
        known, matrix = pairwise_matrix(table, metric)
        _, floor = pairwise_matrix(table, metric, "floor")
        places = tuple(place for place, name in enumerate(names) if name in known)
        order = np.array([known.index(names[place]) for place in places], dtype=int)
        block = together.setdefault(places, {})
        block[heads[metric]] = matrix[np.ix_(order, order)]
        if np.isfinite(floor).any():
            block[f"{heads[metric]} floor"] = floor[np.ix_(order, order)]
    blocks = []
    for places, matrices in together.items():
        couples = list(combinations(range(len(places)), 2))
        for start in range(0, len(couples), _BLOCK):
            shown = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
            shown.add_column("metric", overflow="fold", max_width=24)
            for i, j in couples[start : start + _BLOCK]:
                shown.add_column(f"{places[i] + 1}–{places[j] + 1}", justify="right", no_wrap=True)
            for metric, matrix in matrices.items():
                shown.add_row(Text(metric), *(number(matrix[couple]) for couple in couples[start : start + _BLOCK]))
            blocks.append(shown)
    return blocks
