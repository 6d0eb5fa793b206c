"""The console that everything is printed on."""

from __future__ import annotations

import functools
import sys
import warnings
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from dynalign.redaction import redacted

_WIDTH = 110  # where the output goes to a file or a pipe, which has no width of its own


@functools.cache
def console() -> Console:
    """Return the console on standard output; asked for where it is needed, since it cannot go to other processes."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def show_warnings() -> None:
    """Print what this package warns of as a sentence, without the line of code that says it; each sentence once."""
    usual, said = warnings.showwarning, set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None or not category.__module__.startswith(f"{__package__.partition('.')[0]}."):
            usual(message, category, filename, lineno, file, line)
        elif str(message) not in said:
            said.add(str(message))
            console().print(f"[yellow]warning[/]  {escape(redacted(str(message)))}", soft_wrap=True)

    if getattr(usual, "__module__", "") != __name__:
        warnings.showwarning = show
