"""The tables of a leaderboard, as texts: rows of metrics and columns of criteria, before they take a form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dynalign.report.leaderboard.texts import shown, value_of
from dynalign.report.parts.numbers import NOTHING
from dynalign.testcases import Criterion, Leaderboard


@dataclass
class Notes:
    """Why numbers are missing: every reason once, numbered from 1 in the order in which it is first needed."""

    reasons: list[str] = field(default_factory=list)

    def mark(self, reason: str) -> int:
        """Return the number of a reason, a new one if need be."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason) + 1


@dataclass(frozen=True)
class Score:
    """What stands in one place of a table.

    Attributes
    ----------
    text, short : str
        With the interval, and without.
    value, low, high : float
        NaN where there is no number.
    leads : bool
        Whether it leads its column.
    note : int
        The number of the reason why there is no number; 0 if there is one.
    """

    text: str
    short: str
    value: float
    low: float
    high: float
    leads: bool
    note: int

    @property
    def around(self) -> str:
        """The interval alone; empty where there is none to show."""
        return self.text.removeprefix(self.short).strip()


@dataclass(frozen=True)
class Table:
    """Criteria, and for every metric's label, the best first, a score on each."""

    criteria: Sequence[Criterion]
    rows: Sequence[tuple[str, Sequence[Score]]]


def headlines(board: Leaderboard, notes: Notes) -> Table:
    """Return the criteria that stand for all test cases; reasons of missing numbers are added to ``notes``."""
    chosen = [(name, each) for name, case in board.cases.items() for each in case.criteria if each.headline]
    return _table(board, chosen, notes)


def criteria_of(board: Leaderboard, case: str, notes: Notes, *, headline: bool = True) -> Table:
    """Return the criteria of a test case, with those of the headline or without."""
    chosen = [(case, each) for each in board.cases[case].criteria if headline or not each.headline]
    return _table(board, chosen, notes)


def _table(board: Leaderboard, chosen: Sequence[tuple[str, Criterion]], notes: Notes) -> Table:
    labels = [str(label) for label in board.metrics["metric"]]
    found: dict[str, list[Score]] = {label: [] for label in labels}
    for case, criterion in chosen:
        here = (board.scores["testcase"] == case) & (board.scores["criterion"] == criterion.name)
        column = {str(row["metric"]): row for row in board.scores[here].to_dict("records")}
        # Where rounding errors lead, no rounding error is worse: all of them are shown as 0.
        zero = any(row["leads"] and abs(row["value"]) < NOTHING for row in column.values())
        for label in labels:
            found[label].append(_score(column[label], criterion, zero=zero, notes=notes))
    return Table([criterion for _, criterion in chosen], list(found.items()))


def _score(row: Mapping[Any, Any], criterion: Criterion, *, zero: bool, notes: Notes) -> Score:
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    lost = math.isnan(value)
    return Score(
        text=shown(row, criterion),
        short=value_of(value, criterion),
        value=value,
        low=low,
        high=high,
        leads=bool(row["leads"]) or (zero and abs(value) < NOTHING),
        note=notes.mark(str(row["reason"])) if lost else 0,
    )


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def raised(note: int) -> str:
    """Return the number of a reason as it stands behind a dash; nothing for 0."""
    return str(note).translate(_RAISED) if note else ""
