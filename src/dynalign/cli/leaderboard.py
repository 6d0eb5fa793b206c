"""The end of `testcase.py`: what all jobs measured becomes one leaderboard, in the terminal, as files and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from dynalign.cli.finish import log_summary
from dynalign.cli.meta import meta
from dynalign.cli.save import save_all
from dynalign.identity import rebuild, spelt
from dynalign.metrics import Description
from dynalign.report import (
    Curves,
    Failure,
    Problem,
    curves,
    headline_table,
    leaderboard_figures,
    leaderboard_markdown,
    print_leaderboard,
    write_leaderboard,
)
from dynalign.results import Result, Sweep
from dynalign.store import write_text
from dynalign.tables import write_table
from dynalign.testcases import Cell, Leaderboard, TestCase, build_leaderboard


def summarise(sweep: Sweep, console: Console) -> list[str]:
    """Write the leaderboard of all jobs of a sweep into its folder and print it; return what went wrong."""
    failures = [Failure(each.overrides, each.reason, each.status) for each in sweep.lost]  # type: ignore[arg-type]
    board, rows, found = _measured(sweep)
    figures, problems = save_all(leaderboard_figures(board, rows, found), sweep.folder)
    facts = meta()
    paths: dict[str, Path] = {}
    links: dict[str, Path] = {}
    if len(board.metrics):
        numbers = write_table(rows, sweep.folder, "dissimilarities")
        paths["table"] = numbers["csv"]
        scores = write_table(board.scores, sweep.folder, "leaderboard")
        links = {
            "all dissimilarities, as CSV": numbers["csv"],
            "all dissimilarities, as Parquet": numbers["parquet"],
            "all scores, as CSV": scores["csv"],
            "all scores, as Parquet": scores["parquet"],
        }
        paths["leaderboard"] = sweep.folder / "leaderboard.md"
        write_text(paths["leaderboard"], leaderboard_markdown(board, meta=facts))
        write_text(sweep.folder / "headline.md", headline_table(board))
    page = write_leaderboard(
        sweep.folder / "report.html",
        board=board,
        rows=rows,
        failures=failures,
        meta=facts,
        configs={_title(result, sweep): result.config for result in sweep.finished},
        found=found,
        links=links,
    )
    problems += [problem for problem in page.problems if problem not in problems]
    if len(board.metrics):
        values = board.scores[["metric", "testcase", "criterion", "value"]]
        problems += log_summary(
            sweep,
            tables={"leaderboard": board.scores, "dissimilarities": rows},
            figures=figures,
            numbers={
                f"{case}/{criterion}/{metric}": value
                for metric, case, criterion, value in values.itertuples(index=False)
            },
            files={"report.html": page.path, "leaderboard.md": paths["leaderboard"]},
        )
    print_leaderboard(console, board, failures=failures, paths={**paths, "report": page.path})
    return problems


def figures(sweep: Sweep) -> dict[str, Figure | Problem]:
    """Return the figures of test cases that have ended, from what they left in their folder."""
    return leaderboard_figures(*_measured(sweep))


def _measured(sweep: Sweep) -> tuple[Leaderboard, pd.DataFrame, dict[str, Curves]]:
    """Return the leaderboard of all jobs of a sweep, all that was measured, and the curves of every test case."""
    cells = _cells(sweep.finished)
    board = build_leaderboard(cells)
    rows = pd.concat([cell.rows for cell in cells], ignore_index=True) if cells else pd.DataFrame()
    return board, rows, {name: curves(case, rows) for name, case in board.cases.items()} if len(rows) else {}


def _title(result: Result, sweep: Sweep) -> str:
    return " ".join(result.overrides) or "defaults" if len(sweep.finished) > 1 else "defaults"


def _cells(results: Sequence[Result]) -> list[Cell]:
    """Return all cells, each once; a metric that was measured in several ways is a row for each of them."""
    cells: dict[tuple[str, str, int], Cell] = {}
    for result in results:
        cases = {name: rebuild(about, TestCase) for name, about in result.details["cases"].items()}
        table = result.rows()
        for fact in result.details["cells"]:
            metric, case, seed = fact["metric"], fact["testcase"], fact["seed"]
            label = metric + _suffix(result, metric, results)
            rows = table[(table["metric"] == metric) & (table["testcase"] == case)] if len(table) else table
            cells[label, case, seed] = Cell(
                label,
                cases[case],
                seed,
                rows.assign(metric=label) if len(rows) else rows,
                Description(**result.metrics[metric]),
                fact["pairs"],
                fact["seconds"],
                fact["warnings"],
                fact["lost"],
            )
    return list(cells.values())


def _suffix(result: Result, metric: str, results: Sequence[Result]) -> str:
    """Return what other jobs with this metric have otherwise besides the metric's settings, such as `` trials=10``."""
    mine = _flat(result.details["settings"])
    others = [_flat(other.details["settings"]) for other in results if metric in other.metrics]
    varying = [key for key, value in mine.items() if any(key in other and other[key] != value for other in others)]
    return "".join(f" {key.split('.')[-1]}={spelt(mine[key])}" for key in varying)


def _flat(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{path}.{key}": value for path, node in settings.items() for key, value in node.items()}
