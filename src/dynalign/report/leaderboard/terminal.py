"""What the terminal shows when metrics have been put to the test."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from dynalign.report.leaderboard.tables import Notes, Score, Table, criteria_of, headlines, raised
from dynalign.report.leaderboard.texts import headed
from dynalign.report.parts.failure import Failure, print_ending
from dynalign.report.parts.numbers import duration
from dynalign.testcases import Criterion, Leaderboard

_LABEL = 24  # characters of a metric's label on one line, at most
_GAP = 2  # between columns
_PACE = "per pair"


def print_leaderboard(
    console: Console, board: Leaderboard, *, failures: Sequence[Failure], paths: Mapping[str, Path]
) -> None:
    """Print the leaderboard, the other criteria of every test case, failures with their reasons, and the paths.

    Parameters
    ----------
    console : Console
        Where to; in less than about 110 columns, wide tables are continued below.
    board : Leaderboard
    failures : sequence of Failure
        Cells or jobs that did not succeed.
    paths : mapping
        What was written, by what it is.
    """
    notes = Notes()
    if len(board.metrics):
        about = "best metric first; [95 % interval]; bold: the best, or cannot be told from it; ↑ ↓: the better way"
        console.print(about, style="dim", highlight=False, markup=False)
        paces = [duration(float(seconds)) for seconds in board.metrics["seconds_per_pair"]]
        _print(console, headlines(board, notes), paces)
        for name, case in board.cases.items():
            others = criteria_of(board, name, notes, headline=False)
            if others.criteria:
                console.print(Text(case.title, style="bold"))
                _print(console, others)
    for place, reason in enumerate(notes.reasons, start=1):
        console.print(Text(f"{raised(place)} {reason}"), style="dim", soft_wrap=True, highlight=False)
    print_ending(console, failures=failures, paths=paths)


def _print(console: Console, table: Table, paces: Sequence[str] | None = None) -> None:
    """Print a table, with intervals and what a pair takes if that is given, in as many blocks as its width asks for."""
    whole = paces is not None
    label = min(_LABEL, max(len("metric"), *(len(label) for label, _ in table.rows)))
    room = console.width - label - _GAP - (len(_PACE) + _GAP if whole else 0)
    columns = [[_cell(scores[place], whole=whole) for _, scores in table.rows] for place in range(len(table.criteria))]
    widths = [_width(criterion, cells) for criterion, cells in zip(table.criteria, columns, strict=True)]
    for block in _blocks(widths, room):
        grid = Grid(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        grid.add_column("metric", overflow="fold", width=label)
        for criterion, width in zip(table.criteria[block], widths[block], strict=True):
            grid.add_column(Text("\n".join(textwrap.wrap(_head(criterion), width))), justify="right", width=width)
        last = whole and block.stop == len(widths)
        if last:
            grid.add_column(_PACE, justify="right", no_wrap=True)
        for place, (name, _) in enumerate(table.rows):
            cells = [cells[place] for cells in columns[block]]
            grid.add_row(Text(name), *cells, *([paces[place]] if paces is not None and last else []))
        console.print(grid)


def _cell(score: Score, *, whole: bool) -> Text:
    text = Text(score.short + raised(score.note), style="bold" if score.leads else "")
    if whole and score.around:
        text.append(f"\n{score.around.replace('< ', '<').replace('> ', '>')}", style="not bold dim")
    return text


def _width(criterion: Criterion, cells: Sequence[Text]) -> int:
    """Return what a column takes: its widest cell, or a title in about two lines."""
    title = _head(criterion)
    lines = [*title.split(), *(line for cell in cells for line in cell.plain.splitlines())]
    return max(len(title) // 2 + 1, *map(len, lines))


def _head(criterion: Criterion) -> str:
    """Return a title with its arrow at the last word, since every column counts."""
    return headed(criterion).replace("\N{NO-BREAK SPACE}", "")


def _blocks(widths: Sequence[int], room: int) -> Iterator[slice]:
    """Yield which columns stand side by side: as many as there is room for, and one at least."""
    start, used = 0, 0
    for place, width in enumerate(widths):
        if place > start and used + width + _GAP > room:
            yield slice(start, place)
            start, used = place, 0
        used += width + _GAP
    yield slice(start, len(widths))
