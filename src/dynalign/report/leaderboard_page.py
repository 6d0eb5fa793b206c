"""The leaderboard as one self-contained HTML page: scores, figures of every test case, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dynalign.report.base_page import duration, picture, write_page
from dynalign.report.failure import Failure
from dynalign.report.figures import RunStyle
from dynalign.report.leaderboard_table import Notes, Score, Table, criteria_of, headlines
from dynalign.report.leaderboard_texts import NOTHING, READING, answers, headed, pace
from dynalign.report.metric_texts import Guide, guide, metric_of, named
from dynalign.report.testcase_figures import Curves, curves, curves_figure, metric_styles, systems_figure
from dynalign.testcases import Comparison, Criterion, Leaderboard, TestCase

_FIRST = 5  # warnings of a metric that are shown


def write_leaderboard(
    path: Path,
    *,
    board: Leaderboard,
    rows: pd.DataFrame,
    failures: Sequence[Failure],
    meta: Mapping[str, str],
    configs: Mapping[str, str],
    found: Mapping[str, Curves] | None = None,
) -> Path:
    """Write the page to ``path`` and return it; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    board : Leaderboard
    rows : DataFrame
        What metrics measured, of all test cases and seeds: the columns of ``dynalign.testcases.as_rows``.
    failures : sequence of Failure
        Cells or jobs that did not succeed.
    meta : mapping
        The command (under "command"), the date (under "date"), and versions.
    configs : mapping of name to YAML text
        Everything that determined the numbers.
    found : mapping of test case to curves, optional
        From ``curves``, where they are computed already.
    """
    if not len(rows):  # all is lost, and with it the columns
        rows = pd.DataFrame(columns=["metric", "testcase", "seed", *Comparison._fields, "dissimilarity", "reason"])
    labels = [str(label) for label in board.metrics["metric"]]
    styles = metric_styles(labels)
    notes = Notes()
    main = _shown(headlines(board, notes), styles, barred=True)
    known = found or {}
    cases = [_case(board, name, rows, styles, notes, known.get(name)) for name in board.cases]
    return write_page(
        path,
        "leaderboard.html.jinja",
        title=_title(board),
        subtitle=_subtitle(board, meta),
        numbers=_numbers(board, failures),
        answers=answers(board),
        main=main,
        paces=[pace(float(seconds)) for seconds in board.metrics["seconds_per_pair"]],
        cases=cases,
        reasons=notes.reasons,
        warnings=_warnings(board),
        reading=READING,
        guide=_guides(labels),
        failures=failures,
        meta=meta,
        configs=configs,
    )


class Range(NamedTuple):
    """Where an interval and its number lie within their column, in per cent of its width."""

    left: float
    width: float
    value: float


def ranges(criterion: Criterion, scores: Sequence[Score]) -> list[Range | None]:
    """Return where the scores of a column lie on one scale, logarithmic where the criterion starts above 0.

    None for scores without a number, and for all of them if there is nothing to tell apart.
    """
    numbers = np.array([(score.low, score.high, score.value) for score in scores], dtype=float).reshape(-1, 3)
    tested = np.clip(numbers, criterion.least, criterion.most)
    ends = np.log(tested) if criterion.least > 0 else tested
    known = ends[np.isfinite(ends)]
    if not known.size or np.ptp(known) < NOTHING:
        return [None] * len(scores)
    start, stop = float(known.min()), float(known.max())
    placed = 100 * (np.clip(ends, start, stop) - start) / (stop - start)
    return [
        None if np.isnan(each).any() else Range(float(each[0]), float(each[1] - each[0]), float(each[2]))
        for each in placed
    ]


def _shown(table: Table, styles: Mapping[str, RunStyle], *, barred: bool) -> dict[str, Any]:
    """Return a table for the template: its heads, and rows of a name, a colour, and scores with their ranges."""
    columns = [[scores[place] for _, scores in table.rows] for place in range(len(table.criteria))]
    places = [
        ranges(each, column) if barred else [None] * len(column)
        for each, column in zip(table.criteria, columns, strict=True)
    ]
    return {
        "heads": [headed(each) for each in table.criteria],
        "meanings": [(headed(each), each.about) for each in table.criteria],
        "rows": [
            {
                "metric": named(label),
                "colour": styles[label].colour,
                "scores": [(score, column[row]) for score, column in zip(scores, places, strict=True)],
            }
            for row, (label, scores) in enumerate(table.rows)
        ],
    }


def _case(
    board: Leaderboard,
    name: str,
    rows: pd.DataFrame,
    styles: Mapping[str, RunStyle],
    notes: Notes,
    found: Curves | None,
) -> dict[str, Any]:
    case = board.cases[name]
    return {
        "name": name,
        "title": case.title,
        "about": case.about,
        "table": _shown(criteria_of(board, name, notes), styles, barred=False),
        "curves": _curves(case, rows, styles, found),
        "matrices": [shown for label in styles for shown in _matrices(case, rows, label)],
    }


def _curves(case: TestCase, rows: pd.DataFrame, styles: Mapping[str, RunStyle], found: Curves | None) -> Any:
    found = curves(case, rows) if found is None else found
    if not any(found.values()):
        return None
    return picture(
        lambda: curves_figure(case, rows, found=found, styles=styles),
        lambda: curves_figure(case, rows, found=found, styles=styles, columns=1),
    )


def _matrices(case: TestCase, rows: pd.DataFrame, label: str) -> list[dict[str, Any]]:
    """Return the matrices of a metric, one for each part that it measured; none if it measured none."""
    mine = rows[(rows["testcase"] == case.name) & (rows["metric"] == label)].dropna(subset=["dissimilarity"])
    parts = [part for part in case.matrices if (mine["part"] == part).any()]
    drawn = [(part, picture(partial(systems_figure, case, rows, label, part))) for part in parts]
    return [{"metric": named(label), "parts": drawn}] if drawn else []


def _title(board: Leaderboard) -> str:
    if not len(board.metrics):
        return "No metric has been measured"
    return f"{_counted(len(board.metrics), 'metric')} on {_counted(len(board.cases), 'test case')}"


def _subtitle(board: Leaderboard, meta: Mapping[str, str]) -> str:
    return " · ".join([*(case.title for case in board.cases.values()), *([meta["date"]] if "date" in meta else [])])


def _numbers(board: Leaderboard, failures: Sequence[Failure]) -> list[tuple[str, str]]:
    """Return the few numbers at the top of the page, each with its caption."""
    shown = [(str(len(failures)), "failed")] if failures else []
    if not len(board.metrics):
        return shown
    facts = board.metrics
    pairs, seeds = int(facts["pairs"].sum()), int(facts["seeds"].max())
    seconds = float((facts["seconds_per_pair"] * facts["pairs"]).sum())
    return [
        (named(str(facts["metric"].iloc[0])), "has the best mean place"),
        (f"{pairs:,}", "pairs of systems measured"),
        (str(seeds), "seed" if seeds == 1 else "seeds"),
        (duration(seconds), "of computing"),
        *shown,
    ]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _warnings(board: Leaderboard) -> list[dict[str, Any]]:
    """Return, for every metric that warned of something, how often, and the first few warnings."""
    return [
        {"metric": named(str(label)), "count": len(texts), "first": list(texts)[:_FIRST]}
        for label, texts in zip(board.metrics["metric"], board.metrics["warnings"], strict=True)
        if len(texts)
    ]


def _guides(labels: Sequence[str]) -> list[Guide]:
    """Return every metric explained once, whatever its settings."""
    metrics = {label: metric_of(label) for label in labels}
    return [guide(name) for name in dict.fromkeys(each.name if each else label for label, each in metrics.items())]
