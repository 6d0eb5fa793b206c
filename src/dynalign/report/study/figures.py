"""Figures of studies: every network's distance to the masters, matrices of groups, curves over and within learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynalign.report.parts.axes import FLOOR, new_figure, owner, panels, tidy, titled
from dynalign.report.parts.matrix import Matrix, colour_bar, heat_map, readable
from dynalign.report.parts.metrics import with_unit
from dynalign.report.parts.numbers import number
from dynalign.report.parts.problems import Problem, drawn
from dynalign.report.parts.style import COLOURS
from dynalign.report.study.charts import Charts, across_charts, groups_charts, to_masters_charts, within_charts
from dynalign.report.study.matrices import across_groups, across_matrix, published_matrix, within_matrix
from dynalign.report.study.results import (
    Studied,
    floors,
    group_matrix,
    mean_to_pool,
    model_of,
    title_of,
    to_pool,
)
from dynalign.studies.comparing import TRAINED
from dynalign.studies.over_learning import FRACTION
from dynalign.studies.published import PARTIAL
from dynalign.studies.rnn_vs_mamba import ACROSS
from dynalign.studies.within_learning import WITHIN

_SHARED = {"0 %": ("master_frozen",), "33 %": PARTIAL[:3], "67 %": PARTIAL[3:], "100 %": ("full",)}


class Drawing(NamedTuple):
    """A figure that can be drawn: what stands above it, what it shows, and how.

    A page shows interactive ones instead, where there are such, and on a narrow screen what is drawn for it.
    """

    title: str
    about: str
    draw: Callable[[], Figure]
    charts: Callable[[], Charts] | None = None
    narrow: Callable[[], Figure] | None = None


def study_figures(studied: Studied) -> dict[str, Figure | Problem]:
    """Return all figures of a study by name, and in place of one that could not be drawn, the problem."""
    return drawn({name: each.draw for name, each in study_draws(studied).items()})


def study_draws(studied: Studied) -> dict[str, Drawing]:
    """Return what there is to draw of a study, by name."""
    found: dict[str, Drawing] = {}
    for model in studied.models:
        name = model_of(model)
        if _measured(studied, model, TRAINED):
            found[f"to-masters-{model}"] = Drawing(
                f"After learning: how far {name} groups are from masters",
                "Each dot is a network: its mean dissimilarity to the pool of masters that belong to no group.",
                partial(to_masters_figure, studied, model),
                partial(to_masters_charts, studied, model),
            )
            found[f"groups-{model}"] = Drawing(
                f"After learning: {name} groups with each other",
                "Mean over different networks; what the study published of such groups has its own scale.",
                partial(groups_figure, studied, model),
                partial(groups_charts, studied, model),
            )
        if _measured(studied, model, FRACTION):
            found[f"over-learning-{model}"] = Drawing(
                f"Over learning: {name} groups and masters at the same stage",
                "Bands are twice the standard error over seeds.",
                partial(over_learning_figure, studied, model),
                narrow=partial(over_learning_figure, studied, model, columns=1),
            )
        if _measured(studied, model, f"{WITHIN} 0"):
            found[f"within-learning-{model}"] = Drawing(
                f"Within learning: {name} checkpoints with each other",
                "Mean over all networks that learn: how far each has moved between two fractions of its last phase.",
                partial(within_learning_figure, studied, model),
                partial(within_charts, studied, model),
            )
    across = studied.rows[studied.rows["part"] == ACROSS] if len(studied.rows) else studied.rows
    if len(across):
        for one, two in across[["model", "other_model"]].drop_duplicates().itertuples(index=False):
            found[f"across-{one}-{two}"] = Drawing(
                f"Across architectures: {model_of(str(one))} and {model_of(str(two))}",
                "Rows are groups of the one, columns of the other.",
                partial(across_figure, studied, str(one), str(two)),
                partial(across_charts, studied, str(one), str(two)),
            )
    return found


def to_masters_figure(studied: Studied, model: str) -> Figure:
    """Draw every network's mean dissimilarity to the pool of masters, group by group, a panel per column.

    Dots are networks, bars the groups' means with 95 % intervals; the lines are the floors, and the controls stand
    at the right.
    """
    groups = studied.groups(model)
    grid = panels(len(studied.columns), 3)
    owner(grid[0]).set_figheight(owner(grid[0]).get_figheight() + 0.5 * -(-len(studied.columns) // 3))
    for axes, (column, title) in zip(grid, studied.columns.items(), strict=False):
        means = to_pool(studied.rows, column, model)
        stand = floors(studied.rows, column, model)
        for place, group in enumerate(groups):
            values = means.loc[means["group"] == group, "dissimilarity"].to_numpy()
            spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(len(values))
            colour = COLOURS[0] if group in ("untrained", "master_frozen") else COLOURS[2]
            colour = COLOURS[1] if group == "master" else colour
            axes.plot(place + spread, values, "o", color=colour, alpha=0.45, markersize=3.5, markeredgewidth=0)
            value, low, high = mean_to_pool(studied.rows, column, model, group)
            axes.errorbar(
                [place], [value], yerr=[[value - low], [high - value]] if np.isfinite(low) else None,
                fmt="_", color=colour, markersize=13, markeredgewidth=2, capsize=3, linewidth=1.4,
            )  # fmt: skip
        names = [title_of(group) for group in groups]
        for extra, (control, value) in enumerate(list(stand.items())[2:]):
            axes.plot([len(groups) + extra], [value], "x", color="#888888", markersize=6)
            names.append(control)
        for value, dash in zip(list(stand.values())[:2], ((1, 1.5), (4, 2)), strict=True):
            axes.axhline(value, color="#888888", linewidth=1, linestyle=(0, dash))
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=7.5)
        axes.set_ylabel(_dissimilarity(studied, column, "to the masters"))
        # Intervals of few seeds may reach far beyond all networks.
        highest = max([*means["dissimilarity"], *stand.values()], default=1.0)
        axes.set_ylim(0, 1.25 * highest if np.isfinite(highest) else None)
        tidy(axes, whole=False)
        titled(axes, f"{title} · {model_of(model)}")
    figure = owner(grid[0])
    figure.supxlabel(
        "dots: networks · bars: mean, 95 % interval · lines: a master on other trials (dotted), other masters (dashed) "
        "· crosses: controls",
        fontsize=8,
    )
    return figure


def groups_figure(studied: Studied, model: str) -> Figure:
    """Draw the mean dissimilarity of all groups with all, ours above and the study's below where it published one."""
    groups = studied.groups(model)
    theirs = {column: published_matrix(studied, model, column) for column in studied.columns}
    rows = 2 if any(theirs.values()) else 1
    count = len(studied.columns)
    side = 0.34 * max(len(groups), 4)
    figure = new_figure((side + 2.0) * count, (side + 1.35) * rows)
    grid = figure.subplots(rows, count, squeeze=False)
    for place, (column, title) in enumerate(studied.columns.items()):
        ours = group_matrix(studied.rows, column, model, groups)
        _matrix(grid[0, place], ours, groups, title, _dissimilarity(studied, column))
        if rows == 1:
            continue
        axes, known = grid[1, place], theirs[column]
        if known is None:
            axes.set_visible(False)
            continue
        title = f"published, rank correlation {number(known.correlation)}"
        _matrix(axes, known.values, known.names, title, f"dissimilarity ({known.unit})")
    return figure


def over_learning_figure(studied: Studied, model: str, columns: int = 3) -> Figure:
    """Draw dissimilarity to masters at the same fraction of training, and accuracy, by shared pretraining."""
    grid = panels(len(studied.columns) + 1, columns)
    rows = studied.rows[(studied.rows["part"] == FRACTION) & (studied.rows["model"] == model)]
    for axes, (column, title) in zip(grid, studied.columns.items(), strict=False):
        here = rows[rows["column"] == column]
        for colour, (share, groups) in zip(COLOURS, _SHARED.items(), strict=False):
            mine = here[here["group"].isin(groups)]
            if len(mine):
                _curve(axes, mine, "dissimilarity", share, colour)
        axes.set_ylabel(_dissimilarity(studied, column, "to masters at the same stage"))
        axes.set_ylim(bottom=0)
        titled(axes, f"{title} · {model_of(model)}")
    axes = grid[len(studied.columns)]
    here = rows[rows["column"] == next(iter(studied.columns))]
    for colour, (share, groups) in zip(COLOURS, _SHARED.items(), strict=False):
        mine = here[here["group"].isin(groups)]
        if len(mine):
            _curve(axes, mine, "accuracy", share, colour)
    if len(here):
        masters = here.groupby("x")["other_accuracy"].mean()
        axes.plot(masters.index, masters, color="#888888", linestyle="--", label="masters")
    axes.set_ylabel("accuracy on the whole task")
    axes.set_ylim(0, 1.02)
    titled(axes, f"Accuracy · {model_of(model)}")
    axes.legend(frameon=False, fontsize=8, title="pretraining shared", title_fontsize=8)
    for axes in grid[: len(studied.columns) + 1]:
        axes.set_xlabel("fraction of the last phase of training")
        tidy(axes, whole=False)
    return owner(grid[0])


def within_learning_figure(studied: Studied, model: str) -> Figure:
    """Draw checkpoint against checkpoint of the same network, mean over all networks that learn, a panel per column."""
    count = len(studied.columns)
    figure = new_figure(4.1 * count, 3.4)
    grid = figure.subplots(1, count, squeeze=False)[0]
    for axes, (column, title) in zip(grid, studied.columns.items(), strict=True):
        names, matrix = within_matrix(studied, model, column)
        _matrix(axes, matrix, names, title, _dissimilarity(studied, column))
        axes.set(xlabel="fraction of training", ylabel="fraction of training")
    return figure


def across_figure(studied: Studied, one: str, two: str) -> Figure:
    """Draw the mean dissimilarity of the groups of one model to those of another, a panel per column."""
    groups = across_groups(studied, one, two)
    count = len(studied.columns)
    figure = new_figure((0.42 * len(groups) + 2.3) * count, 0.42 * len(groups) + 1.6)
    grid = figure.subplots(1, count, squeeze=False)[0]
    for axes, (column, title) in zip(grid, studied.columns.items(), strict=True):
        matrix = across_matrix(studied, one, two, column)
        _matrix(axes, matrix, groups, title, _dissimilarity(studied, column))
        axes.set(xlabel=model_of(two), ylabel=model_of(one))
    return figure


def _measured(studied: Studied, model: str, part: str) -> bool:
    if not len(studied.rows):
        return False
    here = (studied.rows["model"] == model) & (studied.rows["part"] == part) & (studied.rows["other_model"] == model)
    return bool(studied.rows.loc[here, "dissimilarity"].notna().any())


def _dissimilarity(studied: Studied, column: str, whom: str = "") -> str:
    unit = studied.metrics[column].unit
    return with_unit(f"dissimilarity {whom}", unit, "\n") if whom else with_unit("dissimilarity", unit)


def _curve(axes: Axes, rows: pd.DataFrame, what: str, label: str, colour: str) -> None:
    """Draw a mean over seeds with a band of twice its standard error."""
    by_seed = rows.groupby(["x", "seed"])[what].mean().unstack()
    mean, error = by_seed.mean(axis=1), by_seed.sem(axis=1)
    axes.plot(mean.index, mean, color=colour, marker="o", markersize=3.5, label=label)
    axes.fill_between(mean.index, mean - 2 * error, mean + 2 * error, color=colour, alpha=0.18, linewidth=0)


def _matrix(axes: Axes, matrix: Matrix, names: Sequence[str], title: str, unit: str) -> None:
    known = matrix[np.isfinite(matrix)]
    top = max(float(known.max(initial=0.0)), FLOOR)
    image = heat_map(axes, matrix, [(place, place + 1) for place in range(len(names))], top=top, seam=0.8)
    labels = [title_of(name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=40, ha="right", rotation_mode="anchor", fontsize=7)
    axes.set_yticks(range(len(names)), labels, fontsize=7)
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            colour = readable(image.cmap(value / top))
            text = f"{value:.2f}".lstrip("0") if value < 0.995 else f"{value:.1f}"
            axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=6)
    colour_bar(owner(axes), image, unit, cax=axes.inset_axes((1.04, 0.0, 0.05, 1.0)))
    titled(axes, title, size=9)
