"""How a leaderboard puts numbers and findings into words, the same in a terminal, in Markdown and on a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dynalign.report.parts.metrics import listed
from dynalign.report.parts.numbers import UNKNOWN, bounded, number
from dynalign.testcases import Criterion, Leaderboard

_RIVALS = ("cka", "procrustes")  # names of metrics, whatever their settings

READING = (
    "Intervals, in brackets, are of 95 %: bootstrap percentiles, for which seeds and systems are drawn again, "
    "independently of each other. An interval that rounds to the number itself is left out.",
    "Bold marks what leads a column: the best, and what cannot be told from the best, because the interval of the "
    "paired difference holds 0. An arrow beside a title says which way is better.",
    "Metrics are ordered by their mean place over the columns of the leaderboard; one that has no number there takes "
    "the last place, unless it needs inputs and the systems there have none.",
    "Numbers beyond the range that was tested are shown as below (<) or above (>) its end, and numbers below 1e-9, "
    "which are rounding errors, as 0.",
)
"""What a reader of a leaderboard has to know, in four sentences or two each."""


def headed(criterion: Criterion) -> str:
    """Return what stands above a column: the criterion and, on the same line as its end, which way is better."""
    return f"{criterion.title}\N{NO-BREAK SPACE}{'↑' if criterion.better == 'higher' else '↓'}"


def value_of(value: float, criterion: Criterion) -> str:
    """Write a value of a criterion, or that it lies beyond the range that was tested."""
    return bounded(value, criterion.least, criterion.most)


def interval(low: float, high: float, criterion: Criterion) -> str:
    """Write an interval of a criterion."""
    return f"[{value_of(low, criterion)}, {value_of(high, criterion)}]"


def shown(row: Mapping[Any, Any], criterion: Criterion) -> str:
    """Write a row of a leaderboard's scores: its value and interval, or a dash where there is no value.

    The interval is left out where both ends look like the value.
    """
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if math.isnan(value):
        return UNKNOWN
    text = value_of(value, criterion)
    if text == value_of(low, criterion) == value_of(high, criterion):
        return text
    return f"{text} {interval(low, high, criterion)}"


@dataclass(frozen=True)
class Answer:
    """What a leaderboard says of one metric of dynamics beside metrics of geometry.

    Attributes
    ----------
    metric : str
        Its label.
    short : sequence of str
        A sentence per metric of geometry: on what it is better, and on what not.
    sentences : sequence of str
        A sentence per headline criterion, with numbers.
    """

    metric: str
    short: Sequence[str]
    sentences: Sequence[str]


def answers(board: Leaderboard) -> list[Answer]:
    """Say of every metric that compares dynamics whether it does better than CKA and Procrustes, and on what."""
    labels = [str(label) for label in board.metrics["metric"]]
    known = board.descriptions
    rivals = [label for name in _RIVALS for label in labels if known[label].name == name]
    if not rivals:
        return []
    return [_answer(board, label, rivals) for label in labels if known[label].compares == "dynamics"]


_BETTER, _WORSE, _EQUAL, _UNKNOWN = "better", "worse", "equal", "unknown"


def _answer(board: Leaderboard, label: str, rivals: Sequence[str]) -> Answer:
    found: dict[str, dict[str, list[str]]] = {rival: {} for rival in rivals}
    sentences = []
    for name, case in board.cases.items():
        for criterion in case.criteria:
            if not criterion.headline:
                continue
            scores = board.scores[(board.scores["testcase"] == name) & (board.scores["criterion"] == criterion.name)]
            by_label = scores.set_index("metric")
            parts: dict[str, list[str]] = {}
            for rival in rivals:
                verdict, numbers = _compared(board, name, criterion, by_label, label, rival)
                parts.setdefault(verdict, []).append(f"{rival} ({numbers})" if numbers else rival)
                found[rival].setdefault(verdict, []).append(f"“{criterion.title}”")
            sentences.append(_sentence(criterion.title, label, parts, str(by_label.loc[label, "reason"])))
    return Answer(label, [_short(rival, verdicts) for rival, verdicts in found.items()], sentences)


def _compared(
    board: Leaderboard, case: str, criterion: Criterion, scores: pd.DataFrame, label: str, rival: str
) -> tuple[str, str]:
    """Return how a metric does beside a rival on a criterion, and the numbers that say so."""
    table = board.differences
    rows = table[
        (table["testcase"] == case)
        & (table["criterion"] == criterion.name)
        & (table["first"] == label)
        & (table["second"] == rival)
    ]
    if not len(rows):
        return _UNKNOWN, ""
    difference, low, high = (float(rows[name].iloc[0]) for name in ("value", "low", "high"))
    ours, theirs = (value_of(float(scores["value"][name]), criterion) for name in (label, rival))
    numbers = f"{ours} against {theirs}"
    # Of two limits beyond what was tested, or one, the difference is not known, but an end of its interval may be.
    if math.isfinite(difference):
        numbers += f"; the difference of {number(difference)} has the interval [{number(low)}, {number(high)}]"
    elif math.isfinite(low) or math.isfinite(high):
        numbers += f"; the difference has the interval [{number(low)}, {number(high)}]"
    if low > 0 or high < 0:
        return (_BETTER if (low > 0) == (criterion.better == "higher") else _WORSE), numbers
    return _EQUAL, numbers


def _sentence(criterion: str, metric: str, parts: dict[str, list[str]], reason: str) -> str:
    start = f"“{criterion}”: {metric}"
    if reason:
        return f"{start} has no number ({reason.rstrip('.')})."
    words = {
        _BETTER: "does better than",
        _WORSE: "does worse than",
        _EQUAL: "cannot be told apart from",
        _UNKNOWN: "cannot be compared, for lack of a number, with",
    }
    said = [f"{words[verdict]} {listed(parts[verdict])}" for verdict in words if verdict in parts]
    return f"{start} {'; it '.join(said)}."


def _short(rival: str, verdicts: dict[str, list[str]]) -> str:
    words = {_BETTER: "better on", _WORSE: "worse on", _EQUAL: "not told apart on", _UNKNOWN: "no number on"}
    said = [f"{words[verdict]} {listed(verdicts[verdict])}" for verdict in words if verdict in verdicts]
    return f"Against {rival}: {'; '.join(said)}."
