"""The leaderboard as one self-contained HTML page: scores, figures of every test case, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dynalign.report.leaderboard.figures import (
    Curves,
    curves,
    curves_figure,
    gallery_figure,
    metric_styles,
    shown_families,
    system_matrix,
)
from dynalign.report.leaderboard.tables import Notes, Score, Table, criteria_of, headlines
from dynalign.report.leaderboard.texts import READING, answers, headed
from dynalign.report.parts.axes import FLOOR
from dynalign.report.parts.failure import Failure
from dynalign.report.parts.interactive import clustered, listed_numbers
from dynalign.report.parts.metrics import guides, scales
from dynalign.report.parts.numbers import NOTHING, counted, duration
from dynalign.report.parts.page import Picture, Pieces, write_page
from dynalign.report.parts.problems import Problem, Written
from dynalign.report.parts.style import Style
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
    links: Mapping[str, Path] | None = None,
) -> Written:
    """Write the page to ``path``; a reader sees the old file or the new one, never half of one.

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
    links : mapping of what it is to path, optional
        Files that the page is to link to.

    Returns
    -------
    Written
        The path, and a sentence for each piece that could not be shown and was left out.
    """
    if not len(rows):  # all is lost, and with it the columns
        rows = pd.DataFrame(columns=["metric", "testcase", "seed", *Comparison._fields, "dissimilarity", "reason"])
    styles = metric_styles([str(label) for label in board.metrics["metric"]])
    pieces = Pieces()
    families = shown_families(rows)
    notes = Notes()
    main = _shown(headlines(board, notes), styles, barred=True)
    known = found or {}
    cases = [_case(pieces, board, name, rows, styles, notes, known.get(name)) for name in board.cases]
    write_page(
        path,
        "leaderboard/page.html.jinja",
        title=_title(board),
        subtitle=_subtitle(board, meta),
        numbers=_numbers(board),
        answers=answers(board),
        main=main,
        paces=[duration(float(seconds)) for seconds in board.metrics["seconds_per_pair"]],
        cases=cases,
        reasons=notes.reasons,
        warnings=_warnings(board),
        reading=READING,
        scales=scales(board.descriptions),
        guide=guides(board.descriptions),
        systems=pieces.picture("The picture of the systems", partial(gallery_figure, families)) if families else None,
        charts=pieces.charts,
        links=links,
        failures=failures,
        meta=meta,
        configs=configs,
    )
    return Written(path, pieces.problems)


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


def _shown(table: Table, styles: Mapping[str, Style], *, barred: bool) -> dict[str, Any]:
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
                "metric": label,
                "colour": styles[label].colour,
                "scores": [(score, column[row]) for score, column in zip(scores, places, strict=True)],
            }
            for row, (label, scores) in enumerate(table.rows)
        ],
    }


def _case(
    pieces: Pieces,
    board: Leaderboard,
    name: str,
    rows: pd.DataFrame,
    styles: Mapping[str, Style],
    notes: Notes,
    found: Curves | None,
) -> dict[str, Any]:
    case = board.cases[name]
    return {
        "name": name,
        "title": case.title,
        "about": case.about,
        "table": _shown(criteria_of(board, name, notes), styles, barred=False),
        "curves": _curves(pieces, board, case, rows, styles, found),
        "matrices": [shown for label in styles for shown in _matrices(pieces, board, case, rows, label)],
    }


def _curves(
    pieces: Pieces,
    board: Leaderboard,
    case: TestCase,
    rows: pd.DataFrame,
    styles: Mapping[str, Style],
    found: Curves | None,
) -> Picture | Problem | None:
    found = curves(case, rows) if found is None else found
    if not any(found.values()):
        return None
    draw = partial(curves_figure, case, rows, metrics=board.descriptions, found=found, styles=styles)
    return pieces.picture(f"The curves of {case.title}", draw, partial(draw, columns=1))


def _matrices(
    pieces: Pieces, board: Leaderboard, case: TestCase, rows: pd.DataFrame, label: str
) -> list[dict[str, Any]]:
    """Return the matrices of a metric, one for each part that it measured; none if it measured none."""
    mine = rows[(rows["testcase"] == case.name) & (rows["metric"] == label)].dropna(subset=["dissimilarity"])
    drawn = [
        (
            part,
            pieces.chart(
                f"The matrix of {label}, {part}, of {case.title}",
                partial(systems_chart, case, rows, label, part, unit=board.descriptions[label].unit),
            ),
        )
        for part in case.matrices
        if (mine["part"] == part).any()
    ]
    return [{"metric": label, "parts": drawn}] if drawn else []


def systems_chart(case: TestCase, rows: pd.DataFrame, metric: str, part: str, *, unit: str) -> dict[str, Any]:
    """Return all systems of a part against all; all parts of a metric share their colour scale."""
    names, families, matrix = system_matrix(case, rows, metric, part)
    here = rows[(rows["testcase"] == case.name) & (rows["metric"] == metric) & rows["part"].isin(case.matrices)]
    top = float(here.groupby(["part", "a", "b"])["dissimilarity"].mean().max())
    return {
        "kind": "matrix",
        "title": f"{metric} {part}",
        "unit": unit,
        "names": [f"{name} · {family}" for name, family in zip(names, families, strict=True)],
        "numbered": True,
        "z": listed_numbers(matrix),
        "top": max(top if np.isfinite(top) else 0.0, FLOOR),
        "orders": [{"name": "by family", "order": list(range(len(names)))}, *clustered(matrix)],
    }


def _title(board: Leaderboard) -> str:
    if not len(board.metrics):
        return "No metric has been measured"
    return f"{counted(len(board.metrics), 'metric')} on {counted(len(board.cases), 'test case')}"


def _subtitle(board: Leaderboard, meta: Mapping[str, str]) -> str:
    return " · ".join([*(case.title for case in board.cases.values()), *([meta["date"]] if "date" in meta else [])])


def _numbers(board: Leaderboard) -> list[tuple[str, str]]:
    """Return the few numbers at the top of the page, each with its caption."""
    if not len(board.metrics):
        return []
    facts = board.metrics
    pairs, seeds = int(facts["pairs"].sum()), int(facts["seeds"].max())
    seconds = float((facts["seconds_per_pair"] * facts["pairs"]).sum())
    return [
        (str(facts["metric"].iloc[0]), "has the best mean place"),
        (f"{pairs:,}", "pairs of systems measured"),
        (str(seeds), "seed" if seeds == 1 else "seeds"),
        (duration(seconds), "of computing"),
    ]


def _warnings(board: Leaderboard) -> list[dict[str, Any]]:
    """Return, for every metric that warned of something, how often, and the first few warnings."""
    return [
        {"metric": str(label), "count": len(texts), "first": list(texts)[:_FIRST]}
        for label, texts in zip(board.metrics["metric"], board.metrics["warnings"], strict=True)
        if len(texts)
    ]
