from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from dynalign.report import Failure
from dynalign.report.parts.failure import print_ending, tally


def of(*statuses):
    return [Failure([f"seed={place}"], "why", status) for place, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "text"),
    [
        ([], ""),
        (["failed"], "1 job failed"),
        (["failed", "failed"], "2 jobs failed"),
        (["killed"], "1 job was killed"),
        (["missing", "missing"], "2 jobs never started"),
        (["killed", "failed", "failed"], "2 jobs failed, 1 was killed"),
        (["missing", "killed", "killed", "failed"], "1 job failed, 2 were killed, 1 never started"),
    ],
)
def test_failures_are_counted_by_how_they_ended(statuses, text):
    assert tally(of(*statuses)) == text


def test_an_ending_lists_failures_and_then_paths():
    stream = io.StringIO()
    failures = [Failure(["a=[b]"], "[red]no[/red]"), Failure([], "It ended.", "killed"), *of("missing")]
    paths = {"table": Path("out/table.csv"), "report": Path("out/report.html")}
    print_ending(Console(file=stream, width=60), failures=failures, paths=paths)
    assert stream.getvalue().splitlines() == [
        "failed  a=[b]",
        "        [red]no[/red]",
        "killed  (defaults)",
        "        It ended.",
        "missing seed=0",
        "        why",
        "1 job failed, 1 was killed, 1 never started; the same command again computes only what is missing.",
        "table  out/table.csv",
        "report out/report.html",
    ]
