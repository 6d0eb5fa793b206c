"""Progress of what is compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.markup import escape
from rich.progress import Progress


def reporter(bar: Progress) -> Callable[[str, int, int], None]:
    """Return a function of (what is compared by, pairs done, pairs in all) that shows each of them as a bar.

    Where there is no terminal, a line says when one is done.
    """
    tasks: dict[str, Any] = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(f"comparing by {what}", total=total)
        bar.update(tasks[what], completed=done)
        if done == total and not bar.console.is_terminal:
            bar.console.print(f"compared by {escape(what)}: {total:,}", soft_wrap=True)

    return report
