"""How long the periods of a trial last, in NeuroGym's notation, read into whole time steps.

A duration is a number of milliseconds, or a list of them from which every trial draws one with equal
probability. As in NeuroGym, it is floored to a multiple of the time step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dynalign.errors import DynalignError
from dynalign.tasks._checks import is_number, nearest
from dynalign.tasks.trials import PERIODS

Duration = float | Sequence[float]
Timing = Mapping[str, Mapping[str, Duration]]

SPLITS: tuple[str, ...] = ("train", "test")

# A trial without these has nothing to decide on, or no moment to answer.
_NEVER_EMPTY = ("stimulus", "decision")


def check_split(split: str) -> None:
    """Raise unless ``split`` is one of ``SPLITS``."""
    if split not in SPLITS:
        raise DynalignError(f"Unknown split {split!r}: {nearest(split, SPLITS)}")


def plain_timing(timing: object, where: str) -> dict[str, dict[str, float | list[float]]]:
    """Copy a nested timing into plain dictionaries, lists and numbers.

    Parameters
    ----------
    timing : mapping
        split -> period -> duration in ms; splits and periods may be missing.
    where : str
        The name of the argument, for error messages.

    Raises
    ------
    DynalignError
        If a split or period is unknown, or a duration is no number and no non-empty list of numbers.
    """
    if not isinstance(timing, Mapping):
        raise DynalignError(f"{where} must map {' and '.join(SPLITS)} to durations of periods, not be {timing!r}.")
    plain: dict[str, dict[str, float | list[float]]] = {}
    for split, periods in timing.items():
        if split not in SPLITS:
            raise DynalignError(f"Unknown split {split!r} in {where}: {nearest(split, SPLITS)}")
        if not isinstance(periods, Mapping):
            raise DynalignError(f"{where}[{split!r}] must map periods to durations in ms, not be {periods!r}.")
        plain[split] = {}
        for period, duration in periods.items():
            if period not in PERIODS:
                raise DynalignError(f"Unknown period {period!r} in {where}[{split!r}]: {nearest(period, PERIODS)}")
            plain[split][period] = _plain_duration(duration, f"{where}[{split!r}][{period!r}]")
    return plain


def require_all_periods(timing: Timing, where: str) -> None:
    """Raise unless every split gives every period a duration."""
    for split in SPLITS:
        if split not in timing:
            raise DynalignError(f"{where} lacks the split {split!r}; it needs both {' and '.join(SPLITS)}.")
        for period in PERIODS:
            if period not in timing[split]:
                raise DynalignError(f"{where}[{split!r}] lacks the period {period!r}; it needs {', '.join(PERIODS)}.")


def duration_steps(duration: Duration, dt: int, period: str, where: str) -> tuple[int, ...]:
    """Turn the durations that a period may have, in ms, into numbers of time steps.

    Parameters
    ----------
    duration : float or sequence of float
        In ms. The fixation and delay periods may be left out with 0.
    dt : int
        Time step in ms.
    period : str
        One of ``PERIODS``.
    where : str
        Where the duration was given, for error messages.

    Raises
    ------
    DynalignError
        If a duration is negative or not finite, or if it is shorter than ``dt`` other than by being the 0
        that leaves out a fixation or delay period.
    """
    steps = []
    for ms in duration if isinstance(duration, Sequence) else (duration,):
        if not math.isfinite(ms) or ms < 0:
            raise DynalignError(f"{where} has the duration {ms} ms; durations are finite and not negative.")
        if ms < dt and (ms > 0 or period in _NEVER_EMPTY):
            remedy = f"at least {dt} ms" if period in _NEVER_EMPTY else f"0 or at least {dt} ms"
            raise DynalignError(
                f"{where} has the duration {ms} ms, less than one time step of dt = {dt} ms, which would "
                f"leave the {period} period empty; give it {remedy}."
            )
        steps.append(int(ms // dt))
    return tuple(steps)


def _plain_duration(duration: object, where: str) -> float | list[float]:
    """Return a number as such and any other sequence of numbers as a list."""
    if is_number(duration):
        return _plain_number(duration)
    if isinstance(duration, Sequence) and len(duration) > 0 and all(is_number(option) for option in duration):
        return [_plain_number(option) for option in duration]
    raise DynalignError(f"{where} must be a number of ms or a list of them to draw from, not {duration!r}.")


def _plain_number(value: object) -> float:
    """Return an ``int`` where nothing is lost by it, so that 200 stays 200 in a configuration."""
    number = float(value)  # type: ignore[arg-type]
    return int(number) if number.is_integer() else number
