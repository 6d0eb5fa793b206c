"""Warnings of one process, said by another: by the one that a person looks at."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

_TOLD: dict[Any, Any] = {}  # what was warned of before, which Python keeps by module


class Heard(NamedTuple):
    """What was warned of in a process, and where."""

    message: str
    category: type[Warning]
    filename: str
    lineno: int


@contextlib.contextmanager
def overhearing() -> Iterator[list[Heard]]:
    """Give a list that has in the end what was warned of inside, each once, for the process that asked for the work.

    There it is said as everything else is, and not by who knows nothing of that.
    """
    heard: list[Heard] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield heard
        finally:
            heard += dict.fromkeys(
                Heard(str(each.message), each.category, each.filename, each.lineno) for each in caught
            )


def warn_again(heard: Iterable[Heard]) -> None:
    """Warn here of what was warned of in another process."""
    for each in heard:
        warnings.warn_explicit(*each, registry=_TOLD)
