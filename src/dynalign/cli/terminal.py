"""The console that everything is printed on."""

from __future__ import annotations

import functools
import sys

from rich.console import Console

_WIDTH = 110  # where the output goes to a file or a pipe, which has no width of its own


@functools.cache
def console() -> Console:
    """Return the console on standard output; asked for where it is needed, since it cannot go to other processes."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
