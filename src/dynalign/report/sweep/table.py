"""What the report of a sweep reads off the tidy table of dissimilarities."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from dynalign.report.parts.matrix import Matrix, symmetric
from dynalign.report.parts.metrics import NO_UNIT


class Learned(NamedTuple):
    """What was measured over learning: by which metric, to which reference."""

    metric: str
    reference: str


def learned(table: pd.DataFrame) -> list[Learned]:
    """Return the metrics and references of the tidy table's comparisons over learning."""
    rows = table[table["comparison"] == "learning"].drop_duplicates(["metric", "reference"])
    return [Learned(str(metric), str(name)) for metric, name in zip(rows["metric"], rows["reference"], strict=True)]


def learning_rows(table: pd.DataFrame, which: Learned) -> pd.DataFrame:
    """Return the rows of one of the comparisons over learning, by epoch."""
    mine = (table["comparison"] == "learning") & (table["metric"] == which.metric)
    return table[mine & (table["reference"] == which.reference)].sort_values("epoch", kind="stable")


def floors(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the floor beside each number of a table; NaN where there is none, as in all tables of older results."""
    return _column(rows, "floor")


def _column(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    if name not in rows:
        return pd.Series(np.nan, rows.index, dtype=float)
    return rows[name].astype(float)


def highest_floors(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the highest floor at each epoch of a comparison over learning, by epoch; of those that have one."""
    known = floors(rows).dropna()
    return known.groupby(rows.loc[known.index, "epoch"]).max()


def pairwise_metrics(table: pd.DataFrame) -> list[str]:
    """Return the labels of the metrics that compared trained networks with each other."""
    return [str(metric) for metric in table.loc[table["comparison"] == "pairwise", "metric"].unique()]


def unit_of(table: pd.DataFrame, metric: str) -> str:
    """Return the unit of a metric's numbers in the tidy table."""
    units = table.loc[table["metric"] == metric, "unit"]
    return str(units.iloc[0]) if len(units) else NO_UNIT


def pairwise_matrix(table: pd.DataFrame, metric: str, column: str = "dissimilarity") -> tuple[list[str], Matrix]:
    """Return the names of all runs compared by a metric, and their dissimilarities.

    Parameters
    ----------
    table : DataFrame
        The tidy table; its pairwise rows hold each unordered pair once.
    metric : str
        Its label.
    column : {"dissimilarity", "floor", "low", "high"}
        Which of its numbers; all are NaN where the table has no such column.

    Returns
    -------
    names : list of str
        In the order in which the table names them.
    matrix : ndarray (runs, runs)
        Symmetric; NaN where a pair was not, or could not be, compared.
    """
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == metric)]
    names = [str(name) for name in dict.fromkeys([*rows["run"], *rows["reference"]])]
    values = _column(rows, column)
    return names, symmetric(names, zip(rows["run"], rows["reference"], values, strict=True))


def mappable(matrix: Matrix) -> bool:
    """Whether networks can be placed in a plane: there are at least three, and every dissimilarity is known."""
    return len(matrix) >= 3 and bool(np.isfinite(matrix).all())


class Latest(NamedTuple):
    """Networks for which the same was measured over learning, and their last dissimilarities.

    Attributes
    ----------
    runs : DataFrame
        Their rows of the table of runs, with its index.
    columns : list of Learned
    values : mapping of (run, Learned) to float
    floors : mapping of (run, Learned) to float
        The floors beside them; NaN where there is none.
    """

    runs: pd.DataFrame
    columns: list[Learned]
    values: dict[tuple[str, Learned], float]
    floors: dict[tuple[str, Learned], float]

    def has_floor(self, column: Learned) -> bool:
        """Whether a floor stands beside a number in a column."""
        return any(not math.isnan(self.floors[str(run), column]) for run in self.runs["run"])


def latest(runs: pd.DataFrame, table: pd.DataFrame) -> list[Latest]:
    """Return the last dissimilarities over learning of all runs, grouped so that no table has a column of gaps.

    To the last checkpoint itself, which is at 0 from itself, the first one's is told.
    """
    rows = {
        (str(run), which): mine.iloc[[0 if which.reference == "final" else -1]]
        for which in learned(table)
        for run, mine in learning_rows(table, which).groupby("run")
    }
    values = {key: float(row["dissimilarity"].iloc[0]) for key, row in rows.items()}
    beside = {key: float(floors(row).iloc[0]) for key, row in rows.items()}
    sets = {str(run): tuple(which for name, which in values if name == run) for run in runs["run"]} if len(runs) else {}
    return [
        Latest(runs[runs["run"].map(lambda run: sets[str(run)] == columns)], list(columns), values, beside)  # noqa: B023
        for columns in dict.fromkeys(sets.values())
    ]
