"""How long the periods of a trial last, in NeuroGym's notation, read into whole time steps.

A duration is a number of milliseconds, or a list of them from which every trial draws one with equal
probability. As in NeuroGym, it is floored to a multiple of the time step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dynalign.errors import DynalignError, suggestion
from dynalign.tasks._checks import is_number

Duration = float | Sequence[float]
Timing = Mapping[str, Mapping[str, Duration]]

SPLITS: tuple[str, ...] = ("train", "test")


def check_split(split: str) -> None:
    """Raise unless ``split`` is one of ``SPLITS``."""
    if split not in SPLITS:
        raise DynalignError(f"split={split} is unknown; {suggestion(split, SPLITS)}")


def plain_timing(timing: object, periods: Sequence[str], where: str) -> dict[str, dict[str, float | list[float]]]:
    """Copy a nested timing into plain dictionaries, lists and numbers.

    Parameters
    ----------
    timing : mapping
        split -> period -> duration in ms; splits and periods may be missing.
    periods : sequence of str
        Those that there are.
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
    for split, durations in timing.items():
        if split not in SPLITS:
            raise DynalignError(f"{where} has no split {split!r}; {suggestion(split, SPLITS)}")
        if not isinstance(durations, Mapping):
            raise DynalignError(f"{where}[{split!r}] must map periods to durations in ms, not be {durations!r}.")
        plain[split] = {}
        for period, duration in durations.items():
            if period not in periods:
                raise DynalignError(f"{where}[{split!r}] has no period {period!r}; {suggestion(period, periods)}")
            plain[split][period] = _plain_duration(duration, f"{where}[{split!r}][{period!r}]")
    return plain


def require_all_periods(timing: Timing, periods: Sequence[str], where: str) -> None:
    """Raise unless every split gives every period a duration."""
    for split in SPLITS:
        if split not in timing:
            raise DynalignError(f"{where} lacks the split {split!r}; it needs both {' and '.join(SPLITS)}.")
        for period in periods:
            if period not in timing[split]:
                raise DynalignError(f"{where}[{split!r}] lacks the period {period!r}; it needs {', '.join(periods)}.")


def duration_steps(duration: Duration, dt: int, where: str, *, may_be_empty: bool) -> tuple[int, ...]:
    """Turn the durations that a period may have, in ms, into numbers of time steps.

    Parameters
    ----------
    duration : float or sequence of float
        In ms.
    dt : int
        Time step in ms.
    where : str
        Where the duration was given, for error messages.
    may_be_empty : bool
        Whether the period may be left out, with 0.

    Raises
    ------
    DynalignError
        If a duration is negative or not finite, or if it is shorter than ``dt`` other than by being the 0 that leaves
        the period out.
    """
    steps = []
    for ms in duration if isinstance(duration, Sequence) else (duration,):
        if not math.isfinite(ms) or ms < 0:
            raise DynalignError(f"{where} has the duration {ms} ms; durations are finite and not negative.")
        if ms < dt and not (ms == 0 and may_be_empty):
            remedy = f"0 or at least {dt} ms" if may_be_empty else f"at least {dt} ms"
            raise DynalignError(
                f"{where} has the duration {ms} ms, less than one time step of dt = {dt} ms, which would "
                f"leave the period empty; give it {remedy}."
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
