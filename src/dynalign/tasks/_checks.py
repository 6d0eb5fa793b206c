"""Checks of plain values that more than one module of the tasks needs."""

from __future__ import annotations

import math
import numbers

from dynalign.errors import DynalignError


def is_number(value: object) -> bool:
    """Tell whether a value is a real number; truth values do not count as such."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_positive_integer(value: object, what: str) -> int:
    """Return a whole number of at least 1 as an ``int``, or raise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise DynalignError(f"{what} must be a whole number of at least 1, not {value!r}.")
    return int(value)


def check_standard_deviation(value: float, name: str) -> None:
    """Raise unless the value is a number, finite and not negative."""
    if not is_number(value) or not math.isfinite(value) or value < 0:
        raise DynalignError(f"{name} is a standard deviation, finite and not negative, not {value!r}.")
