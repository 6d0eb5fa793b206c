"""The one exception that means "your input cannot be used as it is", and how it helps with a misspelt word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DynalignError(ValueError):
    """Raised for bad input; its message is one sentence that says what was wrong, where, and what would be right.

    The command line shows the message alone, without a stack trace. It is a ``ValueError``, so that code that
    uses the library without the command line needs to know nothing of it.
    """


class DamagedError(DynalignError):
    """Raised where what is kept on disk cannot be read; that is no property of the systems that are compared."""


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt one comes near to, if there is one."""
    return next(iter(difflib.get_close_matches(str(word), list(known), n=1)), None)


def suggestion(word: object, known: Iterable[str], listed: Iterable[str] | None = None) -> str:
    """Return the end of a sentence about a misspelt word: the nearest known one, or those to be listed (all)."""
    names = list(known)
    near = nearest(word, names)
    shown = sorted(names if listed is None else listed)
    return f"did you mean {near}?" if near else f"there is {', '.join(shown)}."
