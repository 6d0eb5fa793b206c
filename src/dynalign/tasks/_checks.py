"""Checks of plain values that more than one module of the tasks needs."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable

from dynalign.errors import DynalignError


def nearest(name: object, choices: Iterable[str]) -> str:
    """Say which of the choices the misspelt ``name`` comes nearest to, and what they are."""
    choices = list(choices)
    close = difflib.get_close_matches(str(name), choices, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}Valid are {', '.join(choices)}."


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
