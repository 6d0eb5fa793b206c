"""The end of `testcase.py`: what all jobs measured becomes one leaderboard, in the terminal, as files and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from dynalign.cli import outcome
from dynalign.cli.build import build, plain
from dynalign.cli.meta import meta
from dynalign.cli.save import save
from dynalign.metrics.base import Description
from dynalign.report import (
    Failure,
    Problem,
    curves,
    headline_table,
    leaderboard_figures,
    leaderboard_markdown,
    print_leaderboard,
    write_leaderboard,
)
from dynalign.store import read_json, write_atomically
from dynalign.studies import write_table
from dynalign.testcases import Cell, build_leaderboard


@dataclass(frozen=True)
class _Job:
    """A finished job: its config, the settings that determined its numbers, and what it measured."""

    config: DictConfig
    settings: Mapping[str, Any]
    rows: pd.DataFrame
    facts: Sequence[Mapping[str, Any]]


def summarise(folder: Path, job_folders: Sequence[Path], console: Console) -> bool:
    """Write the leaderboard of all jobs into ``folder``; return whether every job succeeded."""
    jobs, failures = [], []
    for job_folder in job_folders:
        end = read_json(job_folder / outcome.FILE)
        if end["status"] == "failed":
            failures.append(Failure(end["overrides"], end["reason"]))
        else:
            jobs.append(_load(job_folder))
    cells = _cells(jobs)
    board = build_leaderboard(cells)
    rows = pd.concat([cell.rows for cell in cells], ignore_index=True) if cells else pd.DataFrame()
    found = {name: curves(case, rows) for name, case in board.cases.items()} if len(rows) else {}
    drawn = leaderboard_figures(board, rows, found)
    figures = {name: figure for name, figure in drawn.items() if not isinstance(figure, Problem)}
    facts = meta()
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    paths: dict[str, Path] = {}
    if cells:
        text = leaderboard_markdown(board, meta=facts)
        headline = headline_table(board)
        write_atomically(folder / "leaderboard.md", lambda path: path.write_text(text, encoding="utf-8"))
        write_atomically(folder / "headline.md", lambda path: path.write_text(headline, encoding="utf-8"))
        write_table(board.scores, folder, "leaderboard")
        paths["table"] = write_table(rows, folder)["csv"]
        paths["leaderboard"] = folder / "leaderboard.md"
        build(jobs[0].config.logger).summary(
            group=folder.name,
            tables={"leaderboard": board.scores, "dissimilarities": rows},
            figures=figures,
            numbers={
                f"{case}/{criterion}/{metric}": value
                for metric, case, criterion, value in board.scores[
                    ["metric", "testcase", "criterion", "value"]
                ].itertuples(index=False)
            },
            folder=folder,
        )
    page = write_leaderboard(
        folder / "report.html",
        board=board,
        rows=rows,
        failures=failures,
        meta=facts,
        configs={f"seed {job.config.seed}": OmegaConf.to_yaml(job.config, resolve=True) for job in jobs},
        found=found,
    )
    paths["report"] = page.path
    print_leaderboard(console, board, failures=failures, paths=paths)
    problems = [*page.problems, *(each.text for each in drawn.values() if isinstance(each, Problem))]
    for problem in problems:
        console.print(problem, style="red", markup=False, soft_wrap=True)
    return not failures and not problems


def _load(folder: Path) -> _Job:
    """Read what a job left behind, and the config that Hydra wrote beside it."""
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    assert isinstance(config, DictConfig)
    settings = {group: plain(config)[group] for group in ("metric", "protocol", "testcase")}
    return _Job(config, settings, pd.read_parquet(folder / "measured.parquet"), read_json(folder / "cells.json"))


def _cells(jobs: Sequence[_Job]) -> list[Cell]:
    """Return all cells, each once; a metric that was measured with several settings is a row for each of them."""
    cells: dict[tuple[str, str, int], Cell] = {}
    for job in jobs:
        cases = {name: build(node, _convert_="all") for name, node in job.config.testcase.items()}
        for fact in job.facts:
            description = Description(**fact["description"])
            label = description.label + _suffix(job, fact["metric"], jobs)
            rows = job.rows
            if len(rows):
                rows = rows[(rows["metric"] == fact["metric"]) & (rows["testcase"] == fact["testcase"])]
            cells[label, fact["testcase"], fact["seed"]] = Cell(
                label,
                cases[fact["testcase"]],
                fact["seed"],
                rows.assign(metric=label) if len(rows) else rows,
                description,
                fact["pairs"],
                fact["seconds"],
                fact["warnings"],
                fact["lost"],
            )
    return list(cells.values())


def _suffix(job: _Job, metric: str, jobs: Sequence[_Job]) -> str:
    """Return what other jobs with this metric have otherwise besides its settings, such as `` trials=10``."""
    mine = _flat(job)
    others = [_flat(other) for other in jobs if metric in other.settings["metric"]]
    varying = [key for key, value in mine.items() if any(key in other and other[key] != value for other in others)]
    return "".join(f" {key.split('.')[-1]}={_short(mine[key])}" for key in varying)


def _flat(job: _Job) -> dict[str, Any]:
    """Return every setting that numbers depend on besides those of the metric, by its config path."""
    chosen = {
        "protocol": job.settings["protocol"],
        **{f"testcase.{name}": node for name, node in job.settings["testcase"].items()},
    }
    return {f"{path}.{key}": value for path, node in chosen.items() for key, value in node.items()}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")
