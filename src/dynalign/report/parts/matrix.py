"""Matrices of dissimilarities as heat maps."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from dynalign.errors import DynalignError
from dynalign.report.parts.axes import FLOOR, new_figure, titled
from dynalign.report.parts.metrics import NO_UNIT, with_unit
from dynalign.report.parts.numbers import number
from dynalign.report.parts.style import shortened

Matrix = npt.NDArray[np.float64]

_MAP = "viridis"
_PRINTED = 12  # runs up to which a matrix has its numbers written in its cells
_NAMED = 80  # runs up to which a matrix has names at its axes
_SIDE = 14.0  # inches of a matrix at most: cells of hundreds of runs are small, and the picture is no larger


def matrix_figure(
    names: Sequence[str],
    matrix: npt.ArrayLike,
    title: str,
    *,
    unit: str = NO_UNIT,
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
    title : str
        Above it: what measured the dissimilarities.
    unit : str
        Theirs; ``none`` for pure numbers.
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
    values = square(names, matrix)
    if not len(names):
        raise DynalignError("A matrix of no runs cannot be drawn; give at least one.")
    count = len(names)
    blocks = blocks_of(groups if groups is not None else range(count))
    labels = shortened(groups if groups is not None else names)
    labels = [labels[start] for start, _ in blocks] if len(blocks) <= _NAMED else []
    cell = float(np.interp(count, [1, 4, 12, 24, 64], [1.1, 0.8, 0.39, 0.18, 0.135]))
    size = float(np.interp(len(blocks), [8, 24, 64, _NAMED], [9.0, 7.0, 6.0, 5.0]))
    side = min(max(cell * count, 1.7), _SIDE)
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
            axes.text(
                j,
                i,
                number(value),
                ha="center",
                va="center",
                color=readable(image.cmap(value / top)),
                fontsize=9 if count <= 8 else 7.5,
            )
    colour_bar(figure, image, with_unit("dissimilarity", unit), cax=beside)
    titled(axes, title)
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


def colour_bar(figure: Figure, image: AxesImage, label: str, **where: Any) -> None:
    """Draw the colour scale of an image; ``where`` is what ``Figure.colorbar`` takes."""
    bar = figure.colorbar(image, **where)
    bar.set_label(label, fontsize=8.5)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)  # type: ignore[operator]


def blocks_of(groups: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return where each stretch of equal values starts, and where it has ended."""
    starts = [place for place, group in enumerate(groups) if place == 0 or group != groups[place - 1]]
    return list(zip(starts, [*starts[1:], len(groups)], strict=True))


def symmetric(names: Sequence[str], pairs: Iterable[tuple[str, str, float]]) -> Matrix:
    """Return the matrix of which each unordered pair of names is told once; NaN where one is not."""
    place = {name: index for index, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    for first, second, value in pairs:
        matrix[place[first], place[second]] = matrix[place[second], place[first]] = value
    return matrix


def square(names: Sequence[str], matrix: npt.ArrayLike) -> Matrix:
    """Return a matrix as an array; raise a DynalignError unless there is one name per row and column."""
    values = np.asarray(matrix, dtype=float)
    if values.shape != (len(names), len(names)):
        raise DynalignError(f"A matrix of {len(names)} runs has shape {(len(names),) * 2}, not {values.shape}.")
    return values


def readable(background: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever stands out more (relative luminance, WCAG 2.1)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in background[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "black" if luminance > 0.179 else "white"
