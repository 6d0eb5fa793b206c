"""What a file holds: named arrays that are loaded when they are wanted, and the choice of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dynalign.data.settings import Reading
from dynalign.errors import DynalignError, nearest

_NUMBERED = re.compile(r"(.*?)_?(\d+)")


@dataclass(frozen=True)
class Loaded:
    """What was read.

    Attributes
    ----------
    values : array, or list of arrays, one per trial
    dims : sequence, optional
        Names of the array's dimensions.
    columns : mapping of name to sequence
        What else is known of each trial.
    step_ms : float, optional
        How long a time step lasts, if that is known.
    binned : bool
        Whether spikes have been counted as ``bin_ms`` says.
    """

    values: Any
    dims: Sequence[Any] | None = None
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    step_ms: float | None = None
    binned: bool = False


@dataclass(frozen=True)
class Entry:
    """An array in a file.

    Attributes
    ----------
    kind : {"states", "labels", "other"}
        Whether it may hold states; or one label per trial, at most; or nothing that is of use.
    about : str
        Its shape, or what else it is, for a person who has to choose.
    load : callable
        Reads it, as ``Reading`` says.
    """

    kind: Literal["states", "labels", "other"]
    about: str
    load: Callable[[Reading], Loaded]


Entries = Mapping[str, Entry]


def array_entry(shape: Sequence[int], numbers: bool, load: Callable[[], Loaded]) -> Entry:
    """Return the entry of an array: of labels if it has one axis, not counting such of length 1."""
    longer = [size for size in shape if size != 1]
    kind: Literal["states", "labels", "other"] = "labels" if len(longer) < 2 else "states" if numbers else "other"
    return Entry(kind, "x".join(map(str, shape)) or "a number", lambda _how: load())


def chosen(entries: Entries, key: str | None, path: str) -> tuple[str, Entry]:
    """Return the name and the entry of a file that holds the states.

    Raises
    ------
    DynalignError
        If the key names none, or there is not one alone that may hold states.
    """
    if not entries:
        raise DynalignError(f"{path} is empty: it holds no array.")
    if key is not None:
        if key not in entries:
            near = nearest(key, entries)
            hint = f"did you mean {near}?" if near else f"it holds {described(entries)}."
            raise DynalignError(f"{path} has no array {key}; {hint}")
        return key, entries[key]
    likely = {name: entry for name, entry in entries.items() if entry.kind == "states"}
    if len(likely) == 1:
        return next(iter(likely.items()))
    if not likely:
        if len(entries) == 1:
            return next(iter(entries.items()))
        raise DynalignError(f"{path} has no array of two or three axes; it holds {described(entries)}.")
    together = _numbered(likely)
    if together is not None:
        return "its numbered arrays", together
    first = next(iter(likely))
    raise DynalignError(
        f"{path} holds several arrays that may be states: {described(likely)}; choose one, as {path}:{first} or "
        f"key={first}."
    )


def described(entries: Entries) -> str:
    """Return the names and shapes of entries as a sentence lists them."""
    shown = [f"{name} ({entry.about})" for name, entry in list(entries.items())[:12]]
    return ", ".join(shown) + (f" and {len(entries) - 12} more" if len(entries) > 12 else "")


def _numbered(entries: Entries) -> Entry | None:
    """Return arrays as one, a list of trials, if all have one name but for a number: trial_0, trial_1, ..."""
    found = {name: _NUMBERED.fullmatch(name) for name in entries}
    stems = {match.group(1) if match else None for match in found.values()}
    if len(stems) != 1 or None in stems:
        return None
    order = sorted(entries, key=lambda name: int(found[name].group(2)))  # type: ignore[union-attr]

    def load(how: Reading) -> Loaded:
        return Loaded([entries[name].load(how).values for name in order])

    return Entry("states", f"{len(order)} trials", load)
