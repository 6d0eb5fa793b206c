"""The console that everything is printed on."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

_WIDTH = 110  # where the output goes to a file or a pipe, which has no width of its own
_captured: list[Console] = []


def console() -> Console:
    """Return the console on standard output; asked for where it is needed, since it cannot go to other processes."""
    return _captured[-1] if _captured else _standard()


@contextmanager
def captured(colours: Any = None) -> Iterator[io.StringIO]:
    """Keep what is printed inside, without bars and what else moves, and give it in the end, in such colours."""
    text = io.StringIO()
    _captured.append(
        Console(file=text, highlight=False, force_terminal=False, color_system=colours, width=_WIDTH, no_color=False)
    )
    try:
        yield text
    finally:
        _captured.pop()


@functools.cache
def _standard() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
