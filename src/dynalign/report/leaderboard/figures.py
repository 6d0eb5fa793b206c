"""Figures of test cases: what every metric makes of noise or of shared parts, and of all systems against all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from dynalign.attractors import FAMILIES, System, members, trajectories
from dynalign.errors import DynalignError
from dynalign.metrics.base import Description
from dynalign.report.parts.axes import FLOOR, legend, new_figure, owner, panels, tidy, titled
from dynalign.report.parts.matrix import Matrix, blocks_of, colour_bar, heat_map, matrix_figure, symmetric
from dynalign.report.parts.metrics import with_unit
from dynalign.report.parts.numbers import number
from dynalign.report.parts.problems import Problem, drawn
from dynalign.report.parts.style import COLOURS, Style, cut, plain, shortened, style
from dynalign.representations import reduce_units
from dynalign.statistics import Estimate
from dynalign.testcases import Leaderboard, LostError, Panel, TestCase
from dynalign.testcases.families import family_of

Curves = Mapping[str, Mapping[str, Sequence[tuple[float, Estimate]]]]
"""For each panel and each metric's label that has numbers there, pairs of x and what is drawn."""

_DISTANCE = "dissimilarity"  # what a panel has at its y-axis when it shows what metrics returned, in their units
_DRAWN, _SAMPLES = 8, 300  # trajectories of a system that are drawn, and their samples
_FEW = 6  # lines up to which their intervals are shaded in full
_FAMILY_OF = {system.label: family.replace("_", " ") for family, systems in FAMILIES.items() for system in systems}


def metric_styles(labels: Sequence[str]) -> dict[str, Style]:
    """Return a style for every metric's label: colours (and markers) first and, when all are used, another line."""
    return {label: style(place, group=label) for place, label in enumerate(labels)}


def curves(case: TestCase, rows: pd.DataFrame) -> dict[str, dict[str, Sequence[tuple[float, Estimate]]]]:
    """Return what ``curves_figure`` draws, which takes far longer to compute than to draw.

    Parameters
    ----------
    case : TestCase
    rows : DataFrame
        What metrics measured, of all test cases or this one: the columns of ``as_rows``.

    Returns
    -------
    dict of panel to dict of label to pairs of x and Estimate
        A metric that lost a number that a panel needs is left out there.
    """
    mine = rows[rows["testcase"] == case.name]
    found: dict[str, dict[str, Sequence[tuple[float, Estimate]]]] = {panel.name: {} for panel in case.panels}
    for label, part in mine.groupby("metric", sort=False):
        for panel in case.panels:
            with suppress(LostError):
                found[panel.name][str(label)] = case.curve(panel.name, part)
    return found


def curves_figure(
    case: TestCase,
    rows: pd.DataFrame,
    *,
    metrics: Mapping[str, Description],
    found: Curves | None = None,
    styles: Mapping[str, Style] | None = None,
    columns: int = 2,
) -> Figure:
    """Draw a test case's panels: a line per metric with its 95 % interval, and one legend.

    Parameters
    ----------
    case : TestCase
    rows : DataFrame
        What metrics measured, of all test cases, so that a metric looks the same in all figures.
    metrics : mapping of label to Description
        Where their units differ, the legend says which is whose.
    found : optional
        From ``curves``; by default computed here.
    styles : mapping of label to Style, optional
        From ``metric_styles``; by default those of the metrics in ``rows``.
    columns : int
        1 puts the panels under each other.

    Raises
    ------
    DynalignError
        If the test case has no panels.
    """
    if not case.panels:
        raise DynalignError(f"The test case {case.name} has no curves to draw.")
    lines = curves(case, rows) if found is None else found
    chosen = metric_styles([str(label) for label in rows["metric"].unique()]) if styles is None else styles
    grid = panels(len(case.panels), min(columns, len(case.panels)))
    for axes, panel in zip(grid, case.panels, strict=False):
        for label, points in lines[panel.name].items():
            _draw(axes, points, chosen.get(label, Style()), 0.12 if len(lines[panel.name]) <= _FEW else 0.06)
        _finish(axes, panel, {metrics[label].unit for label in lines[panel.name]})
    shown = [label for label in chosen if any(label in panel for panel in lines.values())]
    distances = any(panel.y == _DISTANCE for panel in case.panels)
    mixed = distances and len({metrics[label].unit for label in shown}) > 1
    legend(grid[0], {with_unit(label, metrics[label].unit) if mixed else label: chosen[label] for label in shown})
    return owner(grid[0])


def _draw(axes: Axes, points: Sequence[tuple[float, Estimate]], style: Style, shade: float) -> None:
    x = [at for at, _ in points]
    low, high = [estimate.low for _, estimate in points], [estimate.high for _, estimate in points]
    axes.fill_between(x, low, high, color=style.colour, alpha=shade, linewidth=0)
    axes.plot(
        x,
        [estimate.value for _, estimate in points],
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        markersize=3.5,
        linewidth=1.6,
    )


def _finish(axes: Axes, panel: Panel, units: Collection[str]) -> None:
    distances = panel.y == _DISTANCE
    axes.set_xlabel(plain(panel.x))
    # Metrics of several units share the axis: each has its own, which the legend names.
    axes.set_ylabel(plain(with_unit(panel.y, *units) if distances and len(units) == 1 else panel.y))
    if panel.line is not None:
        ink = matplotlib.rcParams["text.color"]
        axes.axhline(panel.line, color=ink, linestyle=(0, (1, 2)), linewidth=1.1, alpha=0.75)
        place = (1.01, panel.line)
        axes.annotate(f"{panel.line:g}", place, xycoords=axes.get_yaxis_transform(), va="center", fontsize=7)
    if distances and axes.lines:
        axes.set_ylim(bottom=0)
    tidy(axes, whole=not panel.log)
    if panel.log:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    titled(axes, panel.title)


def system_matrix(case: TestCase, rows: pd.DataFrame, metric: str, part: str) -> tuple[list[str], list[str], Matrix]:
    """Return the systems of a part of a test case, the family of each, and their dissimilarities by one metric.

    Parameters
    ----------
    case : TestCase
    rows : DataFrame
        What metrics measured: the columns of ``as_rows``.
    metric : str
        Its label.
    part : str
        One in which all systems are compared with all.

    Returns
    -------
    names : list of str
        Those of one family follow each other.
    families : list of str
        The family of each: its name, or if that is not known, its first system.
    matrix : ndarray (systems, systems)
        Means over seeds, symmetric; NaN where no seed has a number.
    """
    mine = rows[(rows["testcase"] == case.name) & (rows["metric"] == metric) & (rows["part"] == part)]
    first = {str(name): str(other) for name, other in family_of(mine).items()}
    order = list(dict.fromkeys(first.values()))
    names = sorted(first, key=lambda name: order.index(first[name]))
    means = mine.groupby(["a", "b"], as_index=False)["dissimilarity"].mean()
    matrix = symmetric(names, zip(means["a"], means["b"], means["dissimilarity"], strict=True))
    return names, [_FAMILY_OF.get(first[name], first[name]) for name in names], matrix


def systems_figure(
    case: TestCase, rows: pd.DataFrame, metric: str, part: str, *, metrics: Mapping[str, Description]
) -> Figure:
    """Draw all systems of a part against all, by family; all parts of a metric share their colour scale.

    Parameters
    ----------
    case : TestCase
    rows : DataFrame
        What metrics measured: the columns of ``as_rows``.
    metric : str
        Its label.
    part : str
        One of ``case.matrices``.
    metrics : mapping of label to Description
        Theirs is the unit.

    Raises
    ------
    DynalignError
        If the metric has no rows in this part.
    """
    names, families, matrix = system_matrix(case, rows, metric, part)
    if not names:
        raise DynalignError(f"{metric} measured nothing in {part} of the test case {case.name}.")
    here = rows[(rows["testcase"] == case.name) & (rows["metric"] == metric) & rows["part"].isin(case.matrices)]
    top = float(here.groupby(["part", "a", "b"])["dissimilarity"].mean().max())
    return matrix_figure(
        names,
        matrix,
        f"{metric} · {part}",
        unit=metrics[metric].unit,
        of="system, by family",
        groups=families,
        top=top if np.isfinite(top) else 0.0,
    )


def matrices_figure(
    case: TestCase, rows: pd.DataFrame, part: str, *, metrics: Mapping[str, Description], columns: int = 3
) -> Figure:
    """Draw all systems of a part against all, by family, in a panel for each metric.

    Every metric has a scale of its own, from 0 to its largest dissimilarity.

    Parameters
    ----------
    case : TestCase
    rows : DataFrame
        What metrics measured: the columns of ``as_rows``.
    part : str
        One of ``case.matrices``.
    metrics : mapping of label to Description
        Theirs are the units.
    columns : int
        Panels side by side.

    Raises
    ------
    DynalignError
        If no metric has rows in this part.
    """
    here = rows[(rows["testcase"] == case.name) & (rows["part"] == part)]
    labels = [str(label) for label in here["metric"].unique()]
    if not labels:
        raise DynalignError(f"No metric measured {part} of the test case {case.name}.")
    titles = cut(labels)
    columns = min(columns, len(labels))
    lines = -(-len(labels) // columns)
    figure = new_figure(1.9 + 2.6 * columns, 1.6 + 2.85 * lines)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for place, axes in enumerate(grid):
        if place >= len(labels):
            axes.set_visible(False)
            continue
        _, families, matrix = system_matrix(case, rows, labels[place], part)
        blocks = blocks_of(families)
        top = max(float(np.nanmax(matrix, initial=0.0)), FLOOR)
        image = heat_map(axes, matrix / top, blocks, top=1.0, seam=0.6)
        names = shortened([families[start] for start, _ in blocks])
        middles = [(start + stop - 1) / 2 for start, stop in blocks]
        last, first = place + columns >= len(labels), place % columns == 0  # in its column, in its row
        axes.set_xticks(middles, names if last else [""] * len(names), rotation=90, fontsize=7)
        axes.set_yticks(middles, names if first else [""] * len(names), fontsize=7)
        titled(axes, f"{titles[place]}\n{with_unit(f'0 to {number(top)}', metrics[labels[place]].unit)}", size=8.5)
    colour_bar(figure, image, "share of the largest dissimilarity", ax=list(grid), shrink=0.7, aspect=30)
    figure.suptitle(plain(f"{case.title}, {part}"), fontsize=10.5, fontweight="semibold")
    figure.supxlabel("system, by family", fontsize=8.5)
    figure.supylabel("system, by family", fontsize=8.5)
    return figure


def shown_families(rows: pd.DataFrame) -> list[str]:
    """Return the families of which any system was measured."""
    measured = {str(name) for column in ("a", "b") for name in rows[column].unique()} if len(rows) else set()
    return [family for family, systems in FAMILIES.items() if any(system.label in measured for system in systems)]


def gallery_figure(families: Sequence[str], columns: int = 6) -> Figure:
    """Draw every system of some families: a few trajectories each, in a panel of its own, on matched starts.

    Systems of three coordinates are seen from where they are widest, in their first two principal components.

    Raises
    ------
    DynalignError
        If a family is unknown, or none is named.
    """
    systems = members(families)
    if not systems:
        raise DynalignError("There is no family to draw; name one at least.")
    lines = -(-len(systems) // columns)
    figure = new_figure(1.62 * columns, 1.72 * lines)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (family, system) in zip(grid, systems, strict=False):
        states = _portrait(system)
        colour = COLOURS[list(families).index(family) % len(COLOURS)]
        for states_of_one in states:
            axes.plot(states_of_one[:, 0], states_of_one[:, 1], color=colour, linewidth=0.8, alpha=0.75)
        axes.plot(states[:, 0, 0], states[:, 0, 1], ".", color=matplotlib.rcParams["text.color"], markersize=2.5)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_alpha(0.3)
        name, _, values = system.label.partition("(")
        # The first parameter is what varies within a family.
        axes.set_title(f"{name.replace('_', ' ')} {values.split(',')[0].rstrip(')')}", fontsize=7.5)
    for axes in grid[len(systems) :]:
        axes.set_visible(False)
    return figure


@cache
def _portrait(system: System) -> Matrix:
    """Return a few trajectories of a system in a plane, shape (trials, time, 2)."""
    uniform = np.random.default_rng(0).uniform(size=(_DRAWN, 3))
    states = trajectories(system, system.starts(uniform), time_steps=_SAMPLES, tolerance=1e-6)
    (plane,) = reduce_units([states], components=2) if system.dimension > 2 else (states,)
    return np.asarray(plane, dtype=np.float64)


def leaderboard_figures(
    board: Leaderboard, rows: pd.DataFrame, found: Mapping[str, Curves]
) -> dict[str, Figure | Problem]:
    """Return the figures that lie beside the page by name, each or why it cannot be drawn.

    The names are ``systems``, ``curves-CASE`` and ``matrices-CASE-PART``.

    Parameters
    ----------
    board : Leaderboard
    rows : DataFrame
        What metrics measured, of all test cases: the columns of ``as_rows``.
    found : mapping of test case to curves
        From ``curves``.
    """
    styles = metric_styles([str(label) for label in board.metrics["metric"]])
    draws: dict[str, Callable[[], Figure]] = {}
    measured = set(rows["testcase"]) if len(rows) else set()
    if shown_families(rows):
        draws["systems"] = partial(gallery_figure, shown_families(rows))
    for name, case in board.cases.items():
        if name not in measured:
            continue
        metrics = board.descriptions
        if case.panels:
            draws[f"curves-{name}"] = partial(
                curves_figure, case, rows, metrics=metrics, found=found[name], styles=styles
            )
        for part in case.matrices:
            draws[f"matrices-{name}-{part.replace(' ', '-')}"] = partial(
                matrices_figure, case, rows, part, metrics=metrics
            )
    return drawn(draws)
