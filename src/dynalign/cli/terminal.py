"""The console that everything is printed on."""

from __future__ import annotations

import functools
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.control import Control
from rich.markup import escape

from dynalign.cli.job_log import note
from dynalign.redaction import redacted

_WIDTH = 110  # where the output goes to a file or a pipe, which has no width of its own
_captured: list[Console] = []


class _Noted(Console):
    """A console that writes what it prints into the log of the job that is running, too."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **options)
        if not all(isinstance(each, Control) for each in objects):  # what moves a bar
            plain = Console(file=io.StringIO(), width=_WIDTH, highlight=False, force_terminal=False)
            plain.print(*objects, **options)
            note(plain.file.getvalue())  # type: ignore[attr-defined]


def console() -> Console:
    """Return the console on standard output; asked for where it is needed, since it cannot go to other processes."""
    return _captured[-1] if _captured else _standard()


@contextmanager
def captured(colours: Any = None) -> Iterator[io.StringIO]:
    """Keep what is printed inside, without bars and what else moves, and give it in the end, in such colours."""
    text = io.StringIO()
    _captured.append(
        _Noted(file=text, highlight=False, force_terminal=False, color_system=colours, width=_WIDTH, no_color=False)
    )
    try:
        yield text
    finally:
        _captured.pop()


@functools.cache
def _standard() -> Console:
    if isinstance(sys.stdout, io.TextIOWrapper):  # what a terminal or file of another encoding lacks costs a letter
        sys.stdout.reconfigure(errors="replace")
    return _Noted(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


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
            note(f"{category.__name__}: {message} ({filename}, line {lineno})")
        elif str(message) not in said:
            said.add(str(message))
            console().print(f"[yellow]warning[/]  {escape(redacted(str(message)))}", soft_wrap=True)

    if getattr(usual, "__module__", "") != __name__:
        warnings.showwarning = show
