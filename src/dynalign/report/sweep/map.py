"""Networks as points of a plane, as far apart as a metric finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from dynalign.errors import DynalignError
from dynalign.report.parts.axes import FLOOR, handles, new_figure, owner, tidy, titled
from dynalign.report.parts.matrix import Matrix, square
from dynalign.report.parts.metrics import NO_UNIT, with_unit
from dynalign.report.parts.style import Style, shortened

_ENTRIES = 24  # groups of runs up to which a map has a legend
_PLACED, _SHORT = 8, 20  # runs, and characters of their names, up to which a map has names beside the points


def embedding_figure(
    names: Sequence[str],
    matrix: npt.ArrayLike,
    title: str,
    *,
    unit: str = NO_UNIT,
    styles: Mapping[str, Style] | None = None,
) -> Figure:
    """Draw runs as points whose distances are as near to the dissimilarities as a plane allows.

    Parameters
    ----------
    names : sequence of str
    matrix : array (runs, runs)
        Symmetric dissimilarities.
    title : str
        Above it: what measured them.
    unit : str
        Theirs; ``none`` for pure numbers.
    styles : mapping of run to Style, optional
        From ``run_styles``.

    Raises
    ------
    DynalignError
        For fewer than three runs, which always lie on a line, or unknown dissimilarities.
    """
    values = square(names, matrix)
    if len(names) < 3:
        raise DynalignError(f"A map needs at least 3 runs, not {len(names)}; show the dissimilarity itself.")
    points = classical_mds(values)
    chosen = styles or {}
    named = len(names) <= _PLACED and max(map(len, shortened(names))) <= _SHORT
    found = len({chosen.get(name, Style()).group for name in names})
    groups = 0 if named or found > _ENTRIES else found
    side, left, bottom = 3.2, 0.8, 0.6 + 0.2 * groups
    width, height = left + side + 0.2, bottom + side + 0.4
    figure = new_figure(width, height, layout=False)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    for name, (x, y) in zip(names, points, strict=True):
        style = chosen.get(name, Style())
        axes.plot(
            x,
            y,
            style.marker,
            color=style.colour,
            markersize=8 if named else 6,
            markeredgecolor=matplotlib.rcParams["figure.facecolor"],
            markeredgewidth=0.8,
        )
    axes.set_xlabel(with_unit("MDS axis 1", unit))
    axes.set_ylabel(with_unit("MDS axis 2", unit))
    # A map of identical networks would otherwise be drawn at the scale of rounding errors.
    reach = max(float(np.abs(points).max()) * 1.35, FLOOR)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal", adjustable="box")
    axes.locator_params(nbins=5)
    tidy(axes, whole=False)
    titled(axes, f"{title}: map")
    if named:
        _name_points(axes, shortened(names), points)
    elif chosen and groups:
        entries = handles({name: chosen.get(name, Style()) for name in names}, points=True)
        figure.legend(handles=entries, loc="lower center", frameon=False, fontsize=8)
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
