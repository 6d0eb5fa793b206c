"""A job that did not succeed, and how such jobs are told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

_WORDS = {"failed": ("failed", "failed"), "killed": ("was killed", "were killed"), "missing": ("never started",) * 2}


@dataclass(frozen=True)
class Failure:
    """What was asked, and why there is no result.

    Attributes
    ----------
    overrides : sequence of str
        What was typed for this job.
    reason : str
        Why it did not succeed, in one sentence.
    status : {"failed", "killed", "missing"}
        Whether it said so itself, ended before it could, or never started.
    """

    overrides: Sequence[str]
    reason: str
    status: Literal["failed", "killed", "missing"] = "failed"

    @property
    def asked(self) -> str:
        """The overrides in one line."""
        return " ".join(self.overrides) or "(defaults)"


def tally(failures: Sequence[Failure]) -> str:
    """Say how many jobs ended in which way, such as "2 jobs failed, 1 was killed"; nothing if there are none."""
    parts: list[str] = []
    for status, (one, many) in _WORDS.items():
        count = sum(failure.status == status for failure in failures)
        if count:
            jobs = "" if parts else " job" if count == 1 else " jobs"
            parts.append(f"{count}{jobs} {one if count == 1 else many}")
    return ", ".join(parts)


def print_ending(console: Console, *, failures: Sequence[Failure], paths: Mapping[str, Path]) -> None:
    """Print what every last screen ends with: failures with their reasons, and the paths of what was written."""
    width = max((len(failure.status) for failure in failures), default=0)
    for failure in failures:
        console.print(
            f"[bold red]{failure.status:<{width}}[/] {escape(failure.asked)}", soft_wrap=True, highlight=False
        )
        console.print(f"{'':<{width}} {escape(failure.reason)}", soft_wrap=True, highlight=False)
    if failures:
        again = "the same command again computes only what is missing"
        console.print(f"{tally(failures)}; {again}.", soft_wrap=True, highlight=False)
    width = max((len(name) for name in paths), default=0)
    for name, path in paths.items():
        console.print(f"[bold]{escape(name):<{width}}[/] {escape(str(path))}", soft_wrap=True, highlight=False)
