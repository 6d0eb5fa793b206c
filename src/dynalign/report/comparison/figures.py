"""Figures of recordings beside each other: matrices, maps, and distances beside their floors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dynalign.metrics.base import Description
from dynalign.report.parts.axes import new_figure, tidy, titled
from dynalign.report.parts.matrix import matrix_figure
from dynalign.report.parts.metrics import heading, with_unit
from dynalign.report.parts.problems import Problem, drawn
from dynalign.report.parts.style import COLOURS, shortened
from dynalign.report.sweep.map import embedding_figure
from dynalign.report.sweep.table import mappable, pairwise_matrix, unit_of

_ROWS = 40  # pairs up to which each has a row


def comparison_figures(
    table: pd.DataFrame, fits: pd.DataFrame, metrics: Mapping[str, Description]
) -> dict[str, Figure | Problem]:
    """Return every figure of a comparison by its name; see ``write_comparison`` for the arguments."""
    draws: dict[str, Callable[[], Figure]] = {}
    for label in metrics:
        for kind, draw in comparison_draws(table, fits, label, metrics).items():
            draws[f"{kind} {label}"] = draw
    return drawn(draws)


def comparison_draws(
    table: pd.DataFrame, fits: pd.DataFrame, label: str, metrics: Mapping[str, Description]
) -> dict[str, Callable[[], Figure]]:
    """Return what draws the figures of one metric: its pairs, its matrix, and its map if there can be one."""
    names, matrix = pairwise_matrix(table, label)
    own = fits[fits["metric"] == label].set_index("recording")["itself"]
    np.fill_diagonal(matrix, own.reindex(names).to_numpy(dtype=float))
    title, unit = heading(label, metrics), unit_of(table, label)
    draws: dict[str, Callable[[], Figure]] = {
        "pairs": partial(pairs_figure, table[table["metric"] == label], title, unit=unit),
        "matrix": partial(matrix_figure, names, matrix, title, unit=unit, of="recording"),
    }
    if mappable(matrix):
        draws["map"] = partial(embedding_figure, names, matrix, title, unit=unit)
    return draws


def pairs_figure(rows: pd.DataFrame, title: str, *, unit: str) -> Figure:
    """Draw every pair in a row: its distance with the interval, that of halves, and the floor beneath it."""
    rows = rows[rows["reason"] == ""].iloc[:_ROWS]
    figure = new_figure(6.4, 1.6 + 0.42 * max(1, len(rows)))
    axes = figure.subplots()
    names = shortened([f"{run} – {other}" for run, other in zip(rows["run"], rows["reference"], strict=True)])
    for place, row in enumerate(rows.to_dict("records")):
        axes.barh(place, row["floor_high"], height=0.62, color=COLOURS[4], alpha=0.35, linewidth=0)
        axes.plot([row["floor"]] * 2, [place - 0.31, place + 0.31], color=COLOURS[4], linewidth=2)
        axes.plot([row["low"], row["high"]], [place] * 2, color=COLOURS[0], linewidth=2)
        axes.plot(row["dissimilarity"], place, "o", color=COLOURS[0], markersize=7)
        axes.plot(row["halves"], place, "D", color=COLOURS[1], markersize=5)
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel(with_unit("dissimilarity", unit))
    tidy(axes, whole=False)
    axes.grid(axis="y", visible=False)
    titled(axes, title)
    known = rows["floor"].notna().any()
    entries: list[Artist] = [axes.plot([], [], "o-", color=COLOURS[0], label="all trials, 95 % interval")[0]]
    if known:
        entries += [
            axes.plot([], [], "D", color=COLOURS[1], label="half of one, half of the other")[0],
            Patch(color=COLOURS[4], alpha=0.35, label="floor: halves of one recording"),
        ]
    figure.legend(handles=entries, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure
