"""The leaderboard as Markdown, for a page of the documentation, and its main table for a README."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence

from dynalign.report.leaderboard.tables import Notes, Score, Table, criteria_of, headlines, raised
from dynalign.report.leaderboard.texts import READING, answers, headed
from dynalign.report.parts.markdown import escaped, fenced, table
from dynalign.report.parts.numbers import counted, duration
from dynalign.testcases import Leaderboard


def leaderboard_markdown(board: Leaderboard, *, meta: Mapping[str, str]) -> str:
    """Return a whole Markdown document: the leaderboard, what it says, and a table per test case.

    Parameters
    ----------
    board : Leaderboard
    meta : mapping
        The command (under "command"), the date (under "date"), and versions.
    """
    return "\n\n".join(_document(board, meta)) + "\n"


def headline_table(board: Leaderboard) -> str:
    """Return the main table alone, and below it why numbers are missing."""
    notes = Notes()
    return "\n\n".join([_main_table(board, notes), *_reasons(notes)])


def _document(board: Leaderboard, meta: Mapping[str, str]) -> Iterator[str]:
    notes = Notes()
    yield "# Leaderboard of metrics"
    yield (
        "Dissimilarity metrics on test cases made of systems whose dynamics are known: attractors, of which it is "
        "clear beforehand which are alike. A good metric finds them alike, whatever noise and coordinates do to them."
    )
    if "command" in meta:
        yield f"This page is what the following command writes:\n\n{fenced(meta['command'])}"
    yield _main_table(board, notes)
    cases = [_case(board, name, notes) for name in board.cases]
    yield "\n".join(f"- {escaped(text)}" for text in READING)
    found = answers(board)
    if found:
        yield "## Do metrics of dynamics do better than metrics of geometry?"
    for answer in found:
        yield f"### {escaped(answer.metric)}"
        yield "\n".join(escaped(text) for text in answer.short)
        yield "\n".join(f"- {escaped(text)}" for text in answer.sentences)
    for case in cases:
        yield from case
    if notes.reasons:
        yield "## Why numbers are missing"
        yield from _reasons(notes)
    facts = [f"{escaped(name)} {escaped(value)}" for name, value in meta.items() if name != "command"]
    seeds = int(board.metrics["seeds"].max()) if len(board.metrics) else 0
    yield "## How it was made"
    yield " · ".join([counted(seeds, "seed"), *facts])


def _case(board: Leaderboard, name: str, notes: Notes) -> list[str]:
    case = board.cases[name]
    criteria = criteria_of(board, name, notes)
    meanings = [f"- **{escaped(headed(each))}**: {escaped(each.about)}" for each in case.criteria]
    return [f"## {escaped(case.title)}", escaped(case.about), _table(criteria), "\n".join(meanings)]


def _main_table(board: Leaderboard, notes: Notes) -> str:
    return _table(headlines(board, notes), [duration(float(seconds)) for seconds in board.metrics["seconds_per_pair"]])


def _table(board: Table, paces: Sequence[str] | None = None) -> str:
    last = [] if paces is None else ["time per pair"]
    heads = ["metric", *(escaped(headed(each)) for each in board.criteria), *last]
    rows = [
        [escaped(label), *map(_cell, scores), *([] if paces is None else [paces[place]])]
        for place, (label, scores) in enumerate(board.rows)
    ]
    return table(heads, rows)


def _cell(score: Score) -> str:
    value = escaped(score.short) + raised(score.note)
    return " ".join(part for part in (f"**{value}**" if score.leads else value, html.escape(score.around)) if part)


def _reasons(notes: Notes) -> list[str]:
    """Return a paragraph that lists why numbers are missing; none if none are."""
    lines = [f"{raised(place)} {escaped(reason)}" for place, reason in enumerate(notes.reasons, start=1)]
    return ["<br>\n".join(lines)] if lines else []
