"""Do the conditions of two recordings correspond? A permutation test of their labels.

Null hypothesis: the labels pair the conditions of one recording with those of the other no better than any other
pairing would; which condition of the second bears which label is arbitrary. What is permuted is that assignment: whole
conditions, with all of their trials, never single trials. (Shuffling labels among trials would test whether states
depend on the condition at all, which two recordings may do in ways that have nothing to do with each other.)

The statistic is the dissimilarity under the labels as they are. For a metric that compares row by row, it is that of
the condition means, whose rows are permuted. For one that does not, every condition of one recording is compared with
every condition of the other, and it is the mean over the conditions of equal labels. p is the share of assignments, the
true one among them, under which it is as small or smaller.

A small p says that the conditions correspond. It says nothing of whether the recordings are the same, and a large p is
no sign that they differ. With n conditions it cannot be below 1 / n!, so that three conditions or fewer show nothing at
5 %. Symmetric conditions, such as directions around a circle, make it larger: as many assignments are as good as the
true one as there are symmetries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dynalign.comparison.keeping import Measurer, Shown, as_shown

ALL = 6  # conditions up to which every assignment is tried
_ROUNDING = 1e-9


class Correspondence(NamedTuple):
    """The p value, and the least that it can be with so many conditions."""

    p: float
    least: float


def correspondence_of_rows(
    measure: Measurer, x: npt.NDArray[Any], y: npt.NDArray[Any], *, count: int, seed: int
) -> Correspondence:
    """Test it for condition means (conditions, time, units), with a metric that compares row by row."""
    orders = _orders(len(x), count, seed)
    systems: dict[Any, Shown] = {"x": as_shown(x)}
    systems |= {place: as_shown(y[order]) for place, order in enumerate(orders)}
    found = measure(systems, [("x", place) for place in range(len(orders))], strict=True)
    return _p(np.array([each.value for each in found]), len(x))


def correspondence_of_systems(
    measure: Measurer, x: Sequence[Any], y: Sequence[Any], *, count: int, seed: int
) -> Correspondence:
    """Test it for the system of each condition, with a metric whose trials need not match."""
    systems: dict[Any, Shown] = {("x", place): as_shown(each) for place, each in enumerate(x)}
    systems |= {("y", place): as_shown(each) for place, each in enumerate(y)}
    pairs = [(("x", i), ("y", j)) for i in range(len(x)) for j in range(len(y))]
    matrix = np.array([each.value for each in measure(systems, pairs, strict=True)]).reshape(len(x), len(y))
    rows = np.arange(len(x))
    return _p(np.array([matrix[rows, order].mean() for order in _orders(len(x), count, seed)]), len(x))


def _orders(conditions: int, count: int, seed: int) -> list[npt.NDArray[np.intp]]:
    """Return assignments, the true one first: all of them where these are few, or as many as are asked for."""
    if conditions <= ALL:
        return [np.array(order, dtype=np.intp) for order in permutations(range(conditions))]
    rng = np.random.default_rng(seed)
    return [np.arange(conditions), *(rng.permutation(conditions) for _ in range(count))]


def _p(values: npt.NDArray[np.float64], conditions: int) -> Correspondence:
    reached = float((values <= values[0] + _ROUNDING * abs(values[0])).mean())
    return Correspondence(reached, 1 / len(values) if conditions > ALL else 1 / math.factorial(conditions))
