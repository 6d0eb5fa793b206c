"""The one exception that means "your input cannot be used as it is", errors of the machine in words, misspelt words."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable


class DynalignError(ValueError):
    """Raised for bad input; its message is one sentence that says what was wrong, where, and what would be right.

    The command line shows the message alone, without a stack trace. It is a ``ValueError``, so that code that
    uses the library without the command line needs to know nothing of it.
    """


class DamagedError(DynalignError):
    """Raised where what is kept on disk cannot be read; that is no property of the systems that are compared."""


class DamagedWarning(UserWarning):
    """Something on disk was damaged; it was put aside, and is computed again."""


class EngineWarning(UserWarning):
    """Something is amiss where jobs are run."""


def in_words(error: BaseException, where: object = None) -> str:
    """Return one sentence for an error that the machine is to blame for: a full disk, no permission, too little memory.

    Empty for any other error.

    Parameters
    ----------
    where : Path, optional
        What was written to, if the error does not say so: a full disk does not.
    """
    place = getattr(error, "filename", None) or where
    if isinstance(error, OSError) and place and error.errno in _OF_THE_PATH:
        return f"{_OF_THE_PATH[error.errno]} in {place}; choose another one."
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        at = f" at {place}" if place else ""
        return f"{_OF_THE_DISK[error.errno]}{at}; what was finished is kept, and the same command goes on from there."
    said = str(error)
    if isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY):
        return f"There was not enough memory ({said.splitlines()[0] if said else 'MemoryError'})."
    return ""


_OF_THE_DISK = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is used up",
    errno.EROFS: "The disk can only be read",
    errno.EIO: "The disk failed",
    errno.EACCES: "Permission is denied",
    errno.EPERM: "Permission is denied",
}
_OF_THE_PATH = {
    errno.ENAMETOOLONG: "A name is too long for the disk",
    errno.EEXIST: "A file has the place of a folder",
    errno.ENOTDIR: "A file has the place of a folder",
}
_NO_MEMORY = ("DefaultCPUAllocator: can't allocate memory", "CUDA out of memory", "not enough memory: you tried")


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt one comes near to, if there is one."""
    return next(iter(difflib.get_close_matches(str(word), list(known), n=1)), None)


def suggestion(word: object, known: Iterable[str], listed: Iterable[str] | None = None) -> str:
    """Return the end of a sentence about a misspelt word: the nearest known one, or those to be listed (all)."""
    names = list(known)
    near = nearest(word, names)
    shown = sorted(names if listed is None else listed)
    return f"did you mean {near}?" if near else f"there is {', '.join(shown)}."


def first_line(error: object) -> str:
    """Return what an error says, or its kind where it says nothing, as a part of a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
