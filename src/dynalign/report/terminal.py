"""What the terminal shows when a run or sweep has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dynalign.report.failure import Failure
from dynalign.report.figures import pairwise_matrix

_FEW = 6  # runs up to which the comparisons fit in the terminal


def print_summary(
    console: Console,
    *,
    runs: pd.DataFrame,
    table: pd.DataFrame,
    failures: Sequence[Failure],
    paths: Mapping[str, Path],
) -> None:
    """Print a table of runs, the comparisons if they are few, failures with their reasons, and the paths."""
    if len(runs):
        console.print(_runs_table(runs, table))
    pairs = table[table["comparison"] == "pairwise"] if len(table) else table
    if 1 < len(runs) <= _FEW and len(pairs):
        console.print(_pairs_table(pairs))
    for failure in failures:
        console.print(
            f"[red]failed[/] {escape(' '.join(failure.overrides) or '(defaults)')}\n       {escape(failure.reason)}",
            soft_wrap=True,
        )
    if failures:
        console.print("The same command again computes only what is missing.")
    for name, path in paths.items():
        console.print(f"[bold]{name:<8}[/] {escape(str(path))}", soft_wrap=True)


def _runs_table(runs: pd.DataFrame, table: pd.DataFrame) -> Table:
    learning = table[table["comparison"] == "learning"] if len(table) else table
    references = ", ".join(dict.fromkeys(learning["reference"])) if len(learning) else ""
    metrics = list(dict.fromkeys(learning["metric"])) if len(learning) else []
    shown = Table(
        title=f"Dissimilarity of the trained network to its reference ({references}); accuracy / ideal observer's",
        title_justify="left", box=SIMPLE_HEAD, title_style="",
    )  # fmt: skip
    shown.add_column("run", overflow="fold", min_width=20)
    for name in ("accuracy", "epochs", *metrics):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("status")
    shown.add_column("seconds", justify="right")
    for run in runs.to_dict("records"):
        mine = learning[(learning["run"] == run["run"]) & (learning["epoch"] == run["epochs"])] if metrics else learning
        values = dict(zip(mine["metric"], mine["dissimilarity"], strict=True)) if len(mine) else {}
        shown.add_row(
            escape(run["run"]),
            f"{run['accuracy']:.3f} / {run['ideal_accuracy']:.3f}",
            str(run["epochs"]),
            *(_value(values.get(metric)) for metric in metrics),
            run["status"],
            f"{run['seconds']:.1f}",
        )
    return shown


def _pairs_table(pairs: pd.DataFrame) -> Table:
    metrics = list(dict.fromkeys(pairs["metric"]))
    shown = Table(title="Trained networks against each other", title_justify="left", box=SIMPLE_HEAD, title_style="")
    shown.add_column("pair", overflow="fold")
    for metric in metrics:
        shown.add_column(metric, justify="right")
    matrices = {metric: pairwise_matrix(pairs, metric) for metric in metrics}
    for first, second in dict.fromkeys(zip(pairs["run"], pairs["reference"], strict=True)):
        if first == second:
            continue
        cells = []
        for names, matrix in matrices.values():
            known = first in names and second in names
            cells.append(_value(matrix[names.index(first), names.index(second)] if known else None))
        shown.add_row(escape(f"{first} – {second}"), *cells)
    return shown


def _value(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"
