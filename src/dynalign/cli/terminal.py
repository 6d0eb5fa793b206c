"""The console that everything is printed on."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDTH = 110  # where the output goes to a file or a pipe, which has no width of its own


def console() -> Console:
    """Return a console on standard output."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
