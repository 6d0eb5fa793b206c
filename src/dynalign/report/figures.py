"""Figures: matrices of dissimilarities, dissimilarity over learning, training curves, maps of networks.

Every function returns a figure that belongs to nobody else: nothing here touches ``pyplot``, its list of open
figures, or the user's backend. Text and axes take the colours of matplotlib's ``rcParams``, so that a caller can
ask for a dark figure with ``matplotlib.rc_context``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from dynalign.errors import DynalignError
from dynalign.report.metric_texts import figure_title

UNITS = "dissimilarity (angle / (π/2))"

# Okabe & Ito's palette, which people who see colours differently can tell apart. Black and yellow are left out:
# one vanishes on a dark page, the other on a light one.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
_MAP = "viridis"
_PRINTED = 12  # runs up to which a matrix has its numbers written in its cells
_PLACED = 8  # runs up to which a map has their names beside the points
_NAMED = 80  # runs up to which a matrix has names at its axes
_LISTED = 12  # runs up to which each has a legend entry of its own
_IDEALS = 6  # ideal observers up to which each has its number at its line
FLOOR = 0.01  # smallest end of a colour scale: below it, differences are rounding errors
_LONGEST = 30  # characters of a name that an axis shows

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RunStyle:
    """How a run looks in every figure, and the group that looks the same."""

    colour: str = COLOURS[0]
    line: Any = "-"
    marker: str = "o"
    group: str = ""


def run_styles(rows: pd.DataFrame) -> dict[str, RunStyle]:
    """Return a style for every run in ``rows``.

    The colour (and marker) tells models apart, the line and its lightness noise. Where all runs share a model or a
    noise, the next thing that varies takes its place, so that no sweep is drawn in one colour.
    """
    first = rows.drop_duplicates("run") if len(rows) else rows
    varying = [name for name in _FACTORS if name in first and first[name].nunique() > 1]
    hue = next((name for name in varying if name != "noise"), None)
    shade = "noise" if "noise" in varying else next((name for name in varying if name != hue), None)
    hues = _places(first, hue)
    shades = _places(first, shade)
    styles = {}
    for row in first.to_dict("records"):
        i = hues.get(row.get(hue), 0)
        j = shades.get(row.get(shade), 0)
        named = [_level(name, row[name]) for name in (hue, shade) if name is not None]
        styles[str(row["run"])] = RunStyle(
            colour=_lighter(COLOURS[i % len(COLOURS)], 0.45 * j / max(1, len(shades) - 1)),
            line=LINES[j % len(LINES)],
            marker=MARKERS[i % len(MARKERS)],
            group=plain(", ".join(named)) or "all runs",
        )
    return styles


_FACTORS = ("model", "noise", "task", "curriculum", "perturbation", "seed")


def pairwise_matrix(table: pd.DataFrame, metric: str) -> tuple[list[str], Matrix]:
    """Return the names of all runs compared by a metric, and their dissimilarities.

    Parameters
    ----------
    table : DataFrame
        The tidy table; its pairwise rows hold each unordered pair once.
    metric : str
        Name of the metric.

    Returns
    -------
    names : list of str
        In the order in which the table names them.
    matrix : ndarray (runs, runs)
        Symmetric; NaN where a pair was not, or could not be, compared.
    """
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == metric)]
    names = [str(name) for name in dict.fromkeys([*rows["run"], *rows["reference"]])]
    place = {name: index for index, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    for first, second, value in zip(rows["run"], rows["reference"], rows["dissimilarity"], strict=True):
        matrix[place[first], place[second]] = matrix[place[second], place[first]] = value
    return names, matrix


def matrix_figure(
    names: Sequence[str],
    matrix: npt.ArrayLike,
    metric: str,
    *,
    of: str = "run",
    groups: Sequence[str] | None = None,
    top: float | None = None,
) -> Figure:
    """Draw a symmetric matrix of dissimilarities, shape (runs, runs); cells that are NaN are grey.

    Parameters
    ----------
    names : sequence of str
        One per row and column.
    matrix : array (runs, runs)
    metric : str
        Its name; or, if no metric of this package has it, a title.
    of : str
        What rows and columns are.
    groups : sequence of str, optional
        The group of each row; those of one group follow each other. Lines divide the groups, and the axes name them
        rather than the rows.
    top : float, optional
        Where the colour scale ends, so that several figures can share one; by default at the largest dissimilarity.

    Raises
    ------
    DynalignError
        If there is not one name per row and column, or no run at all.
    """
    values = _square(names, matrix)
    if not len(names):
        raise DynalignError("A matrix of no runs cannot be drawn; give at least one.")
    count = len(names)
    blocks = blocks_of(groups if groups is not None else range(count))
    labels = shortened(groups if groups is not None else names)
    labels = [labels[start] for start, _ in blocks] if len(blocks) <= _NAMED else []
    cell = float(np.interp(count, [1, 4, 12, 24, 64], [1.1, 0.8, 0.39, 0.18, 0.135]))
    size = float(np.interp(len(blocks), [8, 24, 64, _NAMED], [9.0, 7.0, 6.0, 5.0]))
    side = max(cell * count, 1.7)
    # Placed by hand: the automatic layouts cut off labels beside axes whose aspect is fixed.
    text = 0.0088 * size * max((len(label) for label in labels), default=1)
    left, bottom = text + 0.5, 0.66 * text + 0.55
    width, height = left + side + 1.0, bottom + side + 0.4
    figure = new_figure(width, height, layout=False)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    beside = figure.add_axes(((left + side + 0.12) / width, bottom / height, 0.13 / width, side / height))
    known = values[np.isfinite(values)]
    top = max(float(known.max(initial=0.0)) if top is None else top, FLOOR)
    image = heat_map(axes, values, blocks, top=top, seam=1.5 if count <= _PRINTED else 0.8)
    if labels:
        middles = [(start + stop - 1) / 2 for start, stop in blocks]
        axes.set_xticks(middles, labels, rotation=40, ha="right", rotation_mode="anchor", fontsize=size)
        axes.set_yticks(middles, labels, fontsize=size)
        axes.set(xlabel=of, ylabel=of)
    else:
        axes.set(xlabel=f"{of} (1 to {count})", ylabel=of)
    if count <= _PRINTED:
        for (i, j), value in np.ndenumerate(values):
            shown = "–" if np.isnan(value) else f"{value:.3f}"
            axes.text(
                j,
                i,
                shown,
                ha="center",
                va="center",
                color=_readable(image.cmap(value / top)),
                fontsize=9 if count <= 8 else 7.5,
            )
    scale(figure, image, UNITS, cax=beside)
    titled(axes, figure_title(metric))
    return figure


def heat_map(axes: Axes, values: Matrix, blocks: Sequence[tuple[int, int]], *, top: float, seam: float) -> AxesImage:
    """Draw a matrix, shape (n, n), in colours from 0 to ``top``, with seams of a width between blocks of rows."""
    colours = matplotlib.colormaps[_MAP].with_extremes(bad="#9a9a9a")
    image = axes.imshow(values, cmap=colours, vmin=0, vmax=top, interpolation="nearest")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if 1 < len(blocks) <= 30:  # neighbours of like colour stay apart
        seams = [stop - 0.5 for _, stop in blocks[:-1]]
        axes.set_xticks(seams, minor=True)
        axes.set_yticks(seams, minor=True)
        axes.grid(which="minor", color=matplotlib.rcParams["figure.facecolor"], linewidth=seam)
        axes.tick_params(which="minor", length=0)
    return image


def scale(figure: Figure, image: AxesImage, label: str, **where: Any) -> None:
    """Draw the colour scale of an image; ``where`` is what ``Figure.colorbar`` takes."""
    bar = figure.colorbar(image, **where)
    bar.set_label(label, fontsize=8.5)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # type: ignore[operator]


def learning_figure(
    table: pd.DataFrame, *, styles: Mapping[str, RunStyle] | None = None, columns: int | None = None
) -> Figure:
    """Draw the dissimilarity to the reference over epochs: a panel per metric, a line per run, one legend.

    Parameters
    ----------
    table : DataFrame
        The tidy table; its rows of the comparison "learning" are drawn.
    styles : mapping of run to RunStyle, optional
        From ``run_styles``; by default those of the runs in the table.
    columns : int, optional
        Panels side by side; by default at most 3, so that no row is nearly empty.
    """
    rows = table[table["comparison"] == "learning"]
    metrics = list(rows["metric"].unique())
    chosen = run_styles(rows) if styles is None else styles
    grid = panels(len(metrics), columns or {0: 1, 1: 1, 2: 2, 4: 2}.get(len(metrics), 3))
    references = [str(name) for name in rows["reference"].unique()]
    whom = _whom(references)
    for axes, metric in zip(grid, metrics, strict=False):
        for run, part in rows[rows["metric"] == metric].groupby("run", sort=False):
            ordered = part.sort_values("epoch")
            style = chosen.get(str(run), RunStyle())
            crowded = len(chosen) > _LISTED
            axes.plot(
                ordered["epoch"],
                ordered["dissimilarity"],
                color=style.colour,
                linestyle=style.line,
                linewidth=1.1 if crowded else 1.8,
                alpha=0.8 if crowded else 1.0,
                marker=None if crowded and len(ordered) > 1 else style.marker,
                markersize=3.5,
            )
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"dissimilarity to {whom}\n(angle / (π/2))")
        axes.set_ylim(0, _above(rows.loc[rows["metric"] == metric, "dissimilarity"]))
        tidy(axes)
        titled(axes, figure_title(metric))
    legend(grid[0], {str(run): chosen.get(str(run), RunStyle()) for run in rows["run"].unique()})
    return owner(grid[0])


def history_figure(
    histories: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    *,
    styles: Mapping[str, RunStyle] | None = None,
    columns: int = 2,
) -> Figure:
    """Draw loss and accuracy over epochs; dotted lines are the ideal observers' accuracies.

    Parameters
    ----------
    histories : mapping of run to DataFrame
        Columns epoch, train_loss (thin lines), val_loss and accuracy.
    runs : DataFrame
        One row per run, with ideal_accuracy.
    styles : mapping of run to RunStyle, optional
        From ``run_styles``; by default those of ``runs``.
    columns : int
        1 puts the panels under each other.
    """
    chosen = run_styles(runs) if styles is None else styles
    loss, accuracy = panels(2, columns)
    crowded = len(histories) > _LISTED
    smallest = np.inf
    for run, history in histories.items():
        style = chosen.get(run, RunStyle())
        look: dict[str, Any] = {
            "color": style.colour,
            "linestyle": style.line,
            "linewidth": 1.1 if crowded else 1.8,
            "alpha": 0.8 if crowded else 1.0,
            "marker": style.marker if len(history) == 1 else None,
            "markersize": 4,
        }
        if not crowded:
            loss.plot(history["epoch"], history["train_loss"], **{**look, "linewidth": 0.8, "alpha": 0.6})
        loss.plot(history["epoch"], history["val_loss"], **look)
        accuracy.plot(history["epoch"], history["accuracy"], **look)
        smallest = min(smallest, float(history[["train_loss", "val_loss"]].min().min()))
    ink = matplotlib.rcParams["text.color"]
    ideals = _ideals(runs)
    for ideal, _ in ideals:
        accuracy.axhline(ideal, color=ink, linestyle=(0, (1, 2)), linewidth=1.1, alpha=0.75)
    if len(ideals) <= _IDEALS:
        for height, (ideal, whose) in zip(_apart([ideal for ideal, _ in ideals], 0.11), ideals, strict=True):
            text = f"ideal {ideal:.3f}{whose}"
            place = (1.015, height)
            accuracy.annotate(text, place, xycoords=accuracy.get_yaxis_transform(), va="center", fontsize=7)
    loss.set_xlabel("epoch")
    accuracy.set_xlabel("epoch")
    loss.set_ylabel("cross-entropy (nats per step)")
    accuracy.set_ylabel("fraction of right decisions")
    if np.isfinite(smallest) and smallest > 0:
        loss.set_yscale("log")
    accuracy.set_ylim(0, 1.06)
    for axes in (loss, accuracy):
        tidy(axes)
    titled(loss, "Loss, held out" + ("" if crowded else " (thin: training)"))
    titled(accuracy, "Accuracy, held out")
    legend(loss, {run: chosen.get(run, RunStyle()) for run in histories})
    return owner(loss)


def embedding_figure(
    names: Sequence[str], matrix: npt.ArrayLike, metric: str, *, styles: Mapping[str, RunStyle] | None = None
) -> Figure:
    """Draw runs as points whose distances are as near to the dissimilarities as a plane allows.

    Raises
    ------
    DynalignError
        For fewer than three runs, which always lie on a line, or unknown dissimilarities.
    """
    values = _square(names, matrix)
    if len(names) < 3:
        raise DynalignError(f"A map needs at least 3 runs, not {len(names)}; show the dissimilarity itself.")
    points = classical_mds(values)
    chosen = styles or {}
    named = len(names) <= _PLACED
    groups = 0 if named else len({chosen.get(name, RunStyle()).group for name in names})
    side, left, bottom = 3.2, 0.8, 0.6 + 0.2 * groups
    width, height = left + side + 0.2, bottom + side + 0.4
    figure = new_figure(width, height, layout=False)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    for name, (x, y) in zip(names, points, strict=True):
        style = chosen.get(name, RunStyle())
        axes.plot(
            x,
            y,
            style.marker,
            color=style.colour,
            markersize=8 if named else 6,
            markeredgecolor=matplotlib.rcParams["figure.facecolor"],
            markeredgewidth=0.8,
        )
    axes.set_xlabel("MDS axis 1 (angle / (π/2))")
    axes.set_ylabel("MDS axis 2 (angle / (π/2))")
    # A map of identical networks would otherwise be drawn at the scale of rounding errors.
    reach = max(float(np.abs(points).max()) * 1.35, FLOOR)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal", adjustable="box")
    axes.locator_params(nbins=5)
    tidy(axes, whole=False)
    titled(axes, f"{figure_title(metric)}: map")
    if named:
        _name_points(axes, shortened(names), points)
    elif chosen:
        handles = _handles({name: chosen.get(name, RunStyle()) for name in names}, points=True)
        figure.legend(handles=handles, loc="lower center", frameon=False, fontsize=8)
    return figure


def classical_mds(matrix: npt.ArrayLike) -> Matrix:
    """Return points in the plane by classical scaling (Torgerson 1952).

    Parameters
    ----------
    matrix : array (runs, runs)
        Symmetric dissimilarities.

    Returns
    -------
    points : ndarray (runs, 2)
        Centred; the sign of each axis is such that its largest coordinate is positive.

    Raises
    ------
    DynalignError
        If a dissimilarity is NaN or infinite.
    """
    squared = np.asarray(matrix, dtype=float) ** 2
    if not np.isfinite(squared).all():
        raise DynalignError("Classical scaling needs every dissimilarity; the matrix has entries that are not finite.")
    centred = -(squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()) / 2
    values, vectors = np.linalg.eigh(centred)
    points: Matrix = np.zeros((len(squared), 2))
    leading = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0))
    points[:, : leading.shape[1]] = leading
    signs = np.sign(points[np.abs(points).argmax(0), [0, 1]])
    mirrored: Matrix = points * np.where(signs == 0, 1.0, signs)
    return mirrored


def blocks_of(groups: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return where each stretch of equal values starts, and where it has ended."""
    starts = [place for place, group in enumerate(groups) if place == 0 or group != groups[place - 1]]
    return list(zip(starts, [*starts[1:], len(groups)], strict=True))


def _square(names: Sequence[str], matrix: npt.ArrayLike) -> Matrix:
    values = np.asarray(matrix, dtype=float)
    if values.shape != (len(names), len(names)):
        raise DynalignError(f"A matrix of {len(names)} runs has shape {(len(names),) * 2}, not {values.shape}.")
    return values


def _places(rows: pd.DataFrame, factor: str | None) -> dict[Any, int]:
    if factor is None:
        return {}
    return {level: index for index, level in enumerate(sorted(rows[factor].unique()))}


def _level(factor: str, level: Any) -> str:
    """Name a level of a factor; numbers say what they count."""
    if factor == "noise":
        return f"noise {level:g}"
    return f"seed {level}" if factor == "seed" else str(level)


def _lighter(colour: str, share: float) -> str:
    red, green, blue = ((1 - share) * part + share for part in to_rgb(colour))
    return to_hex((red, green, blue))


def _readable(background: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever stands out more (relative luminance, WCAG 2.1)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in background[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "black" if luminance > 0.179 else "white"


def shortened(names: Sequence[str]) -> list[str]:
    """Return names as an axis or a legend shows them: cut, and without formulas."""
    return [plain(name) for name in cut(names)]


def cut(names: Sequence[str]) -> list[str]:
    """Cut long names in the middle, where they still differ afterwards."""
    half = _LONGEST // 2
    short = [name if len(name) <= _LONGEST else f"{name[: half - 1]}…{name[-half:]}" for name in names]
    return short if len(set(short)) == len(set(names)) else list(names)


def plain(text: str) -> str:
    """Keep dollar signs: two of them would otherwise open and close a formula, which a name need not be."""
    return text.replace("$", r"\$")


def _whom(references: Sequence[str]) -> str:
    states = {"initial": "the initial state", "previous": "the previous checkpoint", "final": "the final state"}
    if len(references) != 1:
        return "the reference"
    return states.get(references[0], plain(references[0]))


def _above(values: pd.Series[float]) -> float:
    """Return a limit just above the values, for an axis that starts at 0."""
    highest = values.max()
    return max(float(highest) * 1.08, FLOOR) if np.isfinite(highest) else 1.0


def _ideals(runs: pd.DataFrame) -> list[tuple[float, str]]:
    """Return the different ideal observers' accuracies, each with the noise it stands for if there are several."""
    if "ideal_accuracy" not in runs or not len(runs):
        return []
    known = runs.dropna(subset=["ideal_accuracy"])
    levels = known.groupby(known["ideal_accuracy"].round(3))["noise"].unique()
    several = len(levels) > 1
    return [
        (float(ideal), f"\nnoise {', '.join(f'{noise:g}' for noise in sorted(noises))}" if several else "")
        for ideal, noises in zip(levels.index.to_numpy(dtype=float), levels, strict=True)
    ]


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Move rising heights down, from the highest on, until neighbours are at least ``gap`` apart."""
    moved: list[float] = []
    for height in reversed(heights):
        moved.append(height if not moved else min(height, moved[-1] - gap))
    return moved[::-1]


def new_figure(width: float, height: float, *, layout: bool = True) -> Figure:
    """Return an empty figure of a size in inches, laid out by matplotlib or by hand."""
    engine = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08) if layout else None
    figure = Figure(figsize=(width, height), layout=engine)
    FigureCanvasAgg(figure)
    return figure


def owner(axes: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = axes.get_figure(root=True) if hasattr(Figure, "get_figure") else axes.figure
    assert isinstance(figure, Figure)
    return figure


def panels(count: int, columns: int) -> list[Axes]:
    """Return the axes of a new figure, at least ``count`` and at least one; those beyond are hidden."""
    rows = -(-max(1, count) // columns)
    width = {1: 5.2, 2: 9.6}.get(columns, 3.85 * columns)
    grid = new_figure(width, 3.2 * rows + 0.5).subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[max(1, count) :]:
        axes.set_visible(False)
    return list(grid)


def titled(axes: Axes, title: str, *, size: float = 10.5) -> None:
    """Write a title above axes, at their left."""
    axes.set_title(plain(title), fontsize=size, loc="left", fontweight="semibold")


def tidy(axes: Axes, *, whole: bool = True) -> None:
    """Give axes the looks that all curves share; ``whole`` keeps the ticks of x at whole numbers."""
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, length=3)
    axes.xaxis.label.set_fontsize(8.5)
    axes.yaxis.label.set_fontsize(8.5)


def _handles(styles: Mapping[str, RunStyle], *, points: bool = False) -> list[Line2D]:
    """Return a legend's entry for every line; or, for points and many lines, for every group that looks the same."""
    entries: dict[str, RunStyle] = {}
    if len(styles) <= _LISTED and not points:
        entries = dict(zip(shortened(list(styles)), styles.values(), strict=True))
    else:
        sizes = Counter(style.group for style in styles.values())
        for style in styles.values():
            size = sizes[style.group]
            entries[style.group + (f" ({size} runs)" if size > 1 else "")] = style
    return [
        Line2D(
            [],
            [],
            color=style.colour,
            linestyle="" if points else style.line,
            marker=style.marker,
            markersize=4,
            label=label,
        )
        for label, style in entries.items()
    ]


def legend(axes: Axes, styles: Mapping[str, RunStyle]) -> None:
    """Name the lines, under all panels; the figure grows by what that takes."""
    if not styles:
        return
    figure = owner(axes)
    handles = _handles(styles)
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = min(len(handles), max(1, int(figure.get_figwidth() / (0.075 * longest + 0.6))))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=8, handlelength=2.6
    )
    figure.set_figheight(figure.get_figheight() + 0.19 * -(-len(handles) // columns))


def _name_points(axes: Axes, names: Sequence[str], points: Matrix) -> None:
    """Write each name beside its point, where it covers no other name and no other point."""
    owner(axes).draw_without_rendering()  # settles the layout, which the positions depend on
    unit = owner(axes).dpi / 72
    spots = axes.transData.transform(points)
    taken = [Bbox.from_bounds(x - 4 * unit, y - 4 * unit, 8 * unit, 8 * unit) for x, y in spots]
    frame = axes.bbox
    for name, point, (x, y) in zip(names, points, spots, strict=True):
        wide, high = 4.7 * len(name) * unit, 9.0 * unit
        best: tuple[float, tuple[float, float]] | None = None
        for step in range(7):
            for side in (1, -1):
                for direction in (1, -1):
                    left = x + 7 * unit if side > 0 else x - 7 * unit - wide
                    low = y - high / 2 + direction * step * 6 * unit
                    box = Bbox.from_bounds(left, low, wide, high)
                    out = max(0.0, frame.x0 - box.x0) + max(0.0, box.x1 - frame.x1)
                    out += max(0.0, frame.y0 - box.y0) + max(0.0, box.y1 - frame.y1)
                    cost = 1000 * sum(box.overlaps(other) for other in taken) + 200 * out + step * unit
                    if best is None or cost < best[0]:
                        best = (cost, (left - x, low + high / 2 - y))
        assert best is not None
        across, up = best[1]
        taken.append(Bbox.from_bounds(x + across, y + up - high / 2, wide, high))
        axes.annotate(
            name,
            (float(point[0]), float(point[1])),
            xytext=(across / unit, up / unit),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            bbox={"facecolor": matplotlib.rcParams["figure.facecolor"], "edgecolor": "none", "pad": 0.5, "alpha": 0.9},
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "alpha": 0.5, "color": matplotlib.rcParams["text.color"]}
            if abs(up) > 8 * unit
            else None,
        )
