"""Interactive figures: the library that draws them, packed into the page, and what it is given to draw."""

from __future__ import annotations

import base64
import gzip
import math
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from dynalign.report.parts.style import LINES, MARKERS, Style

_DASHES = dict(zip(map(str, LINES), ("solid", "dash", "dot", "dashdot", "longdash"), strict=True))
_MARKS = dict(zip(MARKERS, ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross"), strict=True))
_OPTIMAL = 150  # rows up to which the leaves of a tree are ordered at their best, which takes their cube
_DIGITS = 5  # of a number that is drawn; more are in the tables


@cache
def library() -> str:
    """Return plotly.js, which draws the figures, as gzip in base64: two megabytes for five.

    The page unpacks it by itself, so that it asks nothing of the network.
    """
    from plotly.offline import get_plotlyjs  # takes a quarter of a second, and a sweep that is only measured needs none

    return base64.b64encode(gzip.compress(get_plotlyjs().encode("utf-8"), 6, mtime=0)).decode("ascii")


@cache
def script() -> str:
    """Return the script of the page itself, which says what is drawn and how."""
    return (files("dynalign.report.parts") / "interactive.js").read_text(encoding="utf-8")


def short(value: float | None) -> float | str | None:
    """Return a number as the page's data have it: with few digits, None where there is none."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else None
    return float(f"{float(value):.{_DIGITS}g}")


def listed_numbers(values: npt.ArrayLike) -> list[Any]:
    """Return an array of one or two dimensions as the page's data have it."""
    array = np.asarray(values, dtype=float)
    if array.ndim == 1:
        return [short(value) for value in array.tolist()]
    return [listed_numbers(row) for row in array]


def look(style: Style) -> dict[str, str]:
    """Return a style in the library's words."""
    return {
        "colour": style.colour,
        "dash": _DASHES.get(str(style.line), "solid"),
        "mark": _MARKS.get(style.marker, "circle"),
    }


def clustered(matrix: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return the order of the rows of a symmetric matrix in which clusters stand together, with its name.

    Clusters are those of average linkage, the leaves of which are turned such that neighbours are most alike. There is
    no such order of fewer than three rows, or where a dissimilarity is unknown.
    """
    if len(matrix) < 3 or not np.isfinite(matrix).all():
        return []
    apart = squareform(matrix * (1 - np.eye(len(matrix))), checks=False)
    tree = linkage(apart, method="average", optimal_ordering=len(matrix) <= _OPTIMAL)
    return [{"name": "clustered", "order": leaves_list(tree).tolist()}]
