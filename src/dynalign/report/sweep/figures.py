"""Figures of a sweep: dissimilarities of all pairs and over learning, and training curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynalign.metrics.base import Description
from dynalign.report.parts.axes import FLOOR, LISTED, legend, owner, panels, tidy, titled
from dynalign.report.parts.matrix import matrix_figure
from dynalign.report.parts.metrics import heading, with_unit
from dynalign.report.parts.numbers import number
from dynalign.report.parts.problems import Problem, drawn
from dynalign.report.parts.style import Style, plain
from dynalign.report.sweep.factors import levels, run_styles, spelt
from dynalign.report.sweep.groups import Group, group_matrix, groups, mean, seeded
from dynalign.report.sweep.map import embedding_figure
from dynalign.report.sweep.table import (
    highest_floors,
    learned,
    learning_rows,
    mappable,
    pairwise_matrix,
    pairwise_metrics,
    unit_of,
)

_IDEALS = 6  # ideal observers up to which each has its number at its line
_FLOOR = "floor: halves of a network's own trials"
_UNDESCRIBED: Mapping[str, Description] = MappingProxyType({})


def learning_figure(
    table: pd.DataFrame,
    *,
    styles: Mapping[str, Style],
    metrics: Mapping[str, Description] = _UNDESCRIBED,
    columns: int | None = None,
    found: Sequence[Group] = (),
) -> Figure:
    """Draw dissimilarities over epochs: a panel per metric and reference, a line per run, one legend.

    Where groups have several seeds, thick lines are their means, with Student's intervals of 95 % from three seeds on,
    and runs are faint behind them. Where floors are known, a band reaches from 0 to the highest of them at each epoch.

    Parameters
    ----------
    table : DataFrame
        The tidy table; its rows of the comparison "learning" are drawn.
    styles : mapping of run to Style
        From ``run_styles``.
    metrics : mapping of label to Description, optional
        What metrics compare, for the titles.
    columns : int, optional
        Panels side by side; by default at most 3, so that no row is nearly empty.
    found : sequence of Group, optional
        From ``groups``: which runs differ in their seeds alone.
    """
    means = seeded(found)
    shown = learned(table)
    grid = panels(len(shown), columns or {0: 1, 1: 1, 2: 2, 4: 2}.get(len(shown), 3))
    crowded = len(styles) > LISTED or means
    bands: list[Artist] = []
    for axes, which in zip(grid, shown, strict=False):
        rows = learning_rows(table, which)
        floor = highest_floors(rows)
        if len(floor):
            bands.append(_band(axes, floor))
        for run, part in rows.groupby("run", sort=False):
            style = styles.get(str(run), Style())
            axes.plot(
                part["epoch"],
                part["dissimilarity"],
                marker=None if crowded and len(part) > 1 else style.marker,
                markersize=3.5,
                **{**_line(style, crowded=crowded), **({"alpha": 0.35, "linewidth": 0.8} if means else {})},
            )
        for group in found if means else ():
            _draw_mean(axes, rows[rows["run"].isin(group.runs)], styles.get(group.runs[0], Style()))
        axes.set_xlabel("epoch")
        whom = f"dissimilarity to {_whom(which.reference)}"
        unit = unit_of(table, which.metric)
        axes.set_ylabel(with_unit(whom, plain(unit), "\n"))
        axes.set_ylim(0, _above(pd.concat([rows["dissimilarity"], floor])))
        tidy(axes)
        titled(axes, heading(which.metric, metrics))
    runs = table.loc[table["comparison"] == "learning", "run"].unique()
    entries = {str(run): styles.get(str(run), Style()) for run in runs}
    if means:
        entries = {group.name: styles.get(group.runs[0], Style()) for group in found}
    legend(grid[0], entries, bands[:1])
    return owner(grid[0])


def history_figure(
    histories: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    *,
    factors: Sequence[str],
    styles: Mapping[str, Style],
    columns: int = 2,
) -> Figure:
    """Draw loss and accuracy over epochs; dotted lines are the ideal observers' accuracies.

    Parameters
    ----------
    histories : mapping of run to DataFrame
        Columns epoch, train_loss (thin lines), val_loss and accuracy.
    runs : DataFrame
        One row per run, with ideal_accuracy and a column per factor.
    factors : sequence of str
        Those that vary.
    styles : mapping of run to Style
        From ``run_styles``.
    columns : int
        1 puts the panels under each other.
    """
    loss, accuracy = panels(2, columns)
    crowded = len(histories) > LISTED
    smallest = np.inf
    for run, history in histories.items():
        style = styles.get(run, Style())
        look = _line(style, crowded=crowded) | {"marker": style.marker if len(history) == 1 else None, "markersize": 4}
        if not crowded:
            loss.plot(history["epoch"], history["train_loss"], **{**look, "linewidth": 0.8, "alpha": 0.6})
        loss.plot(history["epoch"], history["val_loss"], **look)
        accuracy.plot(history["epoch"], history["accuracy"], **look)
        smallest = min(smallest, float(history[["train_loss", "val_loss"]].min().min()))
    _draw_ideals(accuracy, _ideals(runs, factors))
    loss.set_ylabel("cross-entropy (nats per step)")
    accuracy.set_ylabel("fraction of right decisions")
    if np.isfinite(smallest) and smallest > 0:
        loss.set_yscale("log")
    accuracy.set_ylim(0, 1.06)
    for axes in (loss, accuracy):
        axes.set_xlabel("epoch")
        tidy(axes)
    titled(loss, "Loss, held out" + ("" if crowded else " (thin: training)"))
    titled(accuracy, "Accuracy, held out")
    legend(loss, {run: styles.get(run, Style()) for run in histories})
    return owner(loss)


def sweep_figures(
    *,
    table: pd.DataFrame,
    runs: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame],
    metrics: Mapping[str, Description],
    factors: Sequence[str],
) -> dict[str, Figure | Problem]:
    """Return the figures of a sweep by name: those of the report, in the light, each or why it cannot be drawn.

    The arguments are those of ``write_report``; the names are ``learning``, ``training``, and ``matrix/``, ``map/``
    and, where there are seeds to take means over, ``groups/`` before a metric's label.
    """
    found = groups(runs, factors) if len(runs) else []
    styles = run_styles(runs, factors)
    draws: dict[str, Callable[[], Figure]] = {}
    for metric in pairwise_metrics(table):
        names, matrix = pairwise_matrix(table, metric)
        title, unit = heading(metric, metrics), unit_of(table, metric)
        if len(names) > 1:
            draws[f"matrix/{metric}"] = partial(matrix_figure, names, matrix, title, unit=unit)
        if mappable(matrix):
            draws[f"map/{metric}"] = partial(embedding_figure, names, matrix, title, unit=unit, styles=styles)
        means = group_matrix(table, metric, found)
        if seeded(found) and len(means.names) > 1:
            draws[f"groups/{metric}"] = partial(
                matrix_figure, means.names, means.values, f"{title}: means over seeds", unit=unit, of="group"
            )
    if learned(table):
        draws["learning"] = partial(learning_figure, table, styles=styles, metrics=metrics, found=found)
    if histories:
        draws["training"] = partial(history_figure, histories, runs, factors=factors, styles=styles)
    return drawn(draws)


def _line(style: Style, *, crowded: bool) -> dict[str, Any]:
    """Return how a line is drawn, thinner among many."""
    return {
        "color": style.colour,
        "linestyle": style.line,
        "linewidth": 1.1 if crowded else 1.8,
        "alpha": 0.8 if crowded else 1.0,
    }


def _draw_mean(axes: Axes, rows: pd.DataFrame, style: Style) -> None:
    """Draw the mean over runs at the epochs that all of them have reached, and its interval."""
    wide = rows.pivot_table(index="epoch", columns="run", values="dissimilarity").dropna()
    told = [mean(row) for row in wide.to_numpy()]
    axes.plot(
        wide.index, [each.value for each in told], marker=style.marker, markersize=3.5, **_line(style, crowded=False)
    )
    low, high = [each.low for each in told], [each.high for each in told]
    axes.fill_between(wide.index, low, high, color=style.colour, alpha=0.13, linewidth=0)


def _band(axes: Axes, floor: pd.Series[float]) -> Artist:
    """Shade what lies below the floor, by epoch; a single epoch gets a band that can be seen."""
    epochs, heights = floor.index.astype(float).tolist(), floor.tolist()
    if len(epochs) == 1:
        epochs, heights = [epochs[0] - 0.05, epochs[0] + 0.05], heights * 2
    ink = matplotlib.rcParams["text.color"]
    return axes.fill_between(epochs, 0, heights, color=ink, alpha=0.16, linewidth=0, zorder=0.5, label=_FLOOR)


def _whom(reference: str) -> str:
    states = {"initial": "the initial state", "previous": "the previous checkpoint", "final": "the final state"}
    return states.get(reference, plain(reference))


def _above(values: pd.Series[float]) -> float:
    """Return a limit just above the values, for an axis that starts at 0."""
    highest = values.max()
    return max(float(highest) * 1.08, FLOOR) if np.isfinite(highest) else 1.0


def _draw_ideals(axes: Axes, ideals: Sequence[tuple[float, str]]) -> None:
    ink = matplotlib.rcParams["text.color"]
    for ideal, _ in ideals:
        axes.axhline(ideal, color=ink, linestyle=(0, (1, 2)), linewidth=1.1, alpha=0.75)
    if len(ideals) <= _IDEALS:
        for height, (ideal, whose) in zip(_apart([ideal for ideal, _ in ideals], 0.11), ideals, strict=True):
            text = f"ideal {number(ideal)}{whose}"
            place = (1.015, height)
            axes.annotate(text, place, xycoords=axes.get_yaxis_transform(), va="center", fontsize=7)


def _ideals(runs: pd.DataFrame, factors: Sequence[str]) -> list[tuple[float, str]]:
    """Return the different ideal observers' accuracies, each with the levels it stands for if there are several."""
    if "ideal_accuracy" not in runs or not len(runs):
        return []
    known = runs.dropna(subset=["ideal_accuracy"])
    ideals = known["ideal_accuracy"].astype(float).round(3)
    decides = next((name for name in factors if len(ideals) and _decides(known[name].map(spelt), ideals)), None)
    found = sorted(ideals.unique().tolist())
    if decides is None or len(found) == 1:
        return [(ideal, "") for ideal in found]
    return [(ideal, plain(f"\n{decides} {', '.join(levels(known[ideals == ideal], decides))}")) for ideal in found]


def _decides(level: pd.Series[str], ideals: pd.Series[float]) -> bool:
    """Whether runs of the same level have the same ideal observer."""
    return bool((ideals.groupby(level).nunique() == 1).all())


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Move rising heights down, from the highest on, until neighbours are at least ``gap`` apart."""
    moved: list[float] = []
    for height in reversed(heights):
        moved.append(height if not moved else min(height, moved[-1] - gap))
    return moved[::-1]
