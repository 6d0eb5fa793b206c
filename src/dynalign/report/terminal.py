"""What the terminal shows when a run or sweep has ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dynalign.report.failure import Failure
from dynalign.report.figures import pairwise_matrix

_FEW = 6  # runs up to which the comparisons fit in the terminal
_BLOCK = 10  # pairs side by side
_BESIDE = 4  # metrics beside what else there is to say of a run
_MANY = 30  # runs beyond which the rest is left to the report


def print_summary(
    console: Console,
    *,
    runs: pd.DataFrame,
    table: pd.DataFrame,
    failures: Sequence[Failure],
    paths: Mapping[str, Path],
) -> None:
    """Print a table of runs, the comparisons if they are few, failures with their reasons, and the paths.

    Parameters
    ----------
    console : Console
        Where to; 100 columns are enough.
    runs : DataFrame
        One row per finished run.
    table : DataFrame
        The tidy table of dissimilarities.
    failures : sequence of Failure
        Jobs that did not succeed.
    paths : mapping
        What was written, by what it is.
    """
    names = [str(run) for run in runs["run"]] if len(runs) else []
    if names:
        console.print(_legend(table), style="dim", highlight=False, markup=False)
        for block in _runs_tables(runs.iloc[:_MANY], table):
            console.print(block)
        if len(names) > _MANY:
            console.print(f"... and {len(names) - _MANY} more runs, which the report shows.")
    pairs = table[table["comparison"] == "pairwise"]
    if 1 < len(names) <= _FEW and len(pairs):
        console.print("trained networks against each other, by their #", style="dim", highlight=False)
        for block in _pairs_tables(pairs, names):
            console.print(block)
    print_ending(console, failures=failures, paths=paths)


def print_ending(console: Console, *, failures: Sequence[Failure], paths: Mapping[str, Path]) -> None:
    """Print what every last screen ends with: failures with their reasons, and the paths of what was written."""
    for failure in failures:
        overrides = escape(" ".join(failure.overrides) or "(defaults)")
        console.print(f"[bold red]failed[/] {overrides}", soft_wrap=True, highlight=False)
        console.print(f"       {escape(failure.reason)}", soft_wrap=True, highlight=False)
    if failures:
        console.print("The same command again computes only what is missing.")
    width = max((len(name) for name in paths), default=0)
    for name, path in paths.items():
        console.print(f"[bold]{escape(name):<{width}}[/] {escape(str(path))}", soft_wrap=True, highlight=False)


def _legend(table: pd.DataFrame) -> str:
    """Say what the numbers of the table of runs are."""
    learning = table[table["comparison"] == "learning"]
    metrics = ", ".join(str(metric) for metric in learning["metric"].unique())
    references = ", ".join(str(name) for name in learning["reference"].unique())
    about = f"; {metrics}: dissimilarity to {references} (0 is the same)" if metrics else ""
    return f"accuracy/the ideal observer's{about}"


def _runs_tables(runs: pd.DataFrame, table: pd.DataFrame) -> list[Table]:
    """Return a row per run: what it is, and its last dissimilarities; a second table where those are many."""
    learning = table[table["comparison"] == "learning"]
    metrics = [str(metric) for metric in learning["metric"].unique()]
    first = _runs_table(runs, learning, metrics[:_BESIDE], whole=True)
    return [first, _runs_table(runs, learning, metrics[_BESIDE:], whole=False)] if metrics[_BESIDE:] else [first]


def _runs_table(runs: pd.DataFrame, learning: pd.DataFrame, metrics: Sequence[str], *, whole: bool) -> Table:
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    shown.add_column("#", justify="right", style="dim", no_wrap=True)
    shown.add_column("run", overflow="fold", min_width=16)
    for name in (*(("accuracy", "epochs") if whole else ()), *metrics):
        shown.add_column(name, justify="right", no_wrap=name not in metrics, overflow="fold")
    if whole:
        shown.add_column("status", no_wrap=True)
        shown.add_column("time", justify="right", no_wrap=True)
    for place, run in enumerate(runs.to_dict("records"), start=1):
        mine = learning[learning["run"] == run["run"]].sort_values("epoch", kind="stable")
        last = dict(zip(mine["metric"], mine["dissimilarity"], strict=True))
        accuracy = f"{_value(run['accuracy'])}/{_value(run['ideal_accuracy'])}"
        seconds = f"{run['seconds']:.{1 if run['seconds'] < 100 else 0}f} s"
        shown.add_row(
            str(place),
            Text(str(run["run"])),
            *((accuracy, str(run["epochs"])) if whole else ()),
            *(_value(last.get(metric)) for metric in metrics),
            *((Text(str(run["status"])), seconds) if whole else ()),
        )
    return shown


def _pairs_tables(pairs: pd.DataFrame, names: Sequence[str]) -> list[Table]:
    """Return the dissimilarities of all pairs, a row per metric and a column per pair of places in ``names``."""
    couples = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    matrices = {str(metric): pairwise_matrix(pairs, metric) for metric in pairs["metric"].unique()}
    blocks = []
    for start in range(0, len(couples), _BLOCK):
        shown = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        shown.add_column("metric", overflow="fold", max_width=13)
        for i, j in couples[start : start + _BLOCK]:
            shown.add_column(f"{i + 1}–{j + 1}", justify="right", no_wrap=True)
        for metric, (known, matrix) in matrices.items():
            cells = []
            for i, j in couples[start : start + _BLOCK]:
                both = names[i] in known and names[j] in known
                cells.append(_value(matrix[known.index(names[i]), known.index(names[j])] if both else None))
            shown.add_row(Text(metric), *cells)
        blocks.append(shown)
    return blocks


def _value(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"
