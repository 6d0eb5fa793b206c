"""Progress of what is compared, and of jobs that run elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from dynalign.cli.terminal import console


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


class JobsProgress:
    """Shows on a terminal how many jobs have ended, and how long the others may take."""

    def __init__(self, jobs: int) -> None:
        out = console()
        self._progress = Progress(
            TextColumn("jobs"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._progress.add_task("jobs", total=jobs, left="")

    def __enter__(self) -> JobsProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def ended(self, left: str) -> None:
        """Count one more, and say how long the others may take."""
        self._progress.update(self._task, advance=1, left=left)
