"""The end of `testcase.py`: what all jobs measured becomes one leaderboard, in the terminal, as files and as a page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from dynalign.cli import ROOT, outcome
from dynalign.cli.build import build, plain
from dynalign.cli.meta import meta
from dynalign.cli.save import save
from dynalign.report import (
    Failure,
    curves,
    curves_figure,
    leaderboard_markdown,
    matrices_figure,
    metric_styles,
    print_leaderboard,
    publish,
    write_leaderboard,
)
from dynalign.store import read_json, write_atomically
from dynalign.studies import write_table
from dynalign.testcases import Cell, Leaderboard, build_leaderboard

DOCUMENT = ROOT / "docs" / "leaderboard.md"


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
    figures = _figures(board, rows, found)
    facts = meta()
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    paths: dict[str, Path] = {}
    if cells:
        text = leaderboard_markdown(board, meta=facts)
        write_atomically(folder / "leaderboard.md", lambda path: path.write_text(text, encoding="utf-8"))
        write_table(board.scores, folder, "leaderboard")
        paths["table"] = write_table(rows, folder)["csv"]
        paths["leaderboard"] = folder / "leaderboard.md"
        if not failures and jobs[0].config.publish:
            publish(board, text, document=DOCUMENT, readme=ROOT / "README.md")
            paths["published"] = Path(os.path.relpath(DOCUMENT))
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
    paths["report"] = write_leaderboard(
        folder / "report.html",
        board=board,
        rows=rows,
        failures=failures,
        meta=facts,
        configs={f"seed {job.config.seed}": OmegaConf.to_yaml(job.config, resolve=True) for job in jobs},
        found=found,
    )
    print_leaderboard(console, board, failures=failures, paths=paths)
    return not failures


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
            label = fact["metric"] + _suffix(job, fact["metric"], jobs)
            rows = job.rows
            if len(rows):
                rows = rows[(rows["metric"] == fact["metric"]) & (rows["testcase"] == fact["testcase"])]
            cells[label, fact["testcase"], fact["seed"]] = Cell(
                label,
                cases[fact["testcase"]],
                fact["seed"],
                rows.assign(metric=label) if len(rows) else rows,
                fact["pairs"],
                fact["seconds"],
                fact["warnings"],
                fact["lost"],
            )
    return list(cells.values())


def _suffix(job: _Job, metric: str, jobs: Sequence[_Job]) -> str:
    """Return the settings of a job that other jobs with this metric have otherwise, such as `` rank=10``."""
    mine = _flat(job, metric)
    others = [_flat(other, metric) for other in jobs if metric in other.settings["metric"]]
    varying = [key for key, value in mine.items() if any(key in other and other[key] != value for other in others)]
    return "".join(f" {key.split('.')[-1]}={_short(mine[key])}" for key in varying)


def _flat(job: _Job, metric: str) -> dict[str, Any]:
    """Return every setting that a metric's numbers depend on, by its config path."""
    chosen = {
        f"metric.{metric}": job.settings["metric"][metric],
        "protocol": job.settings["protocol"],
        **{f"testcase.{name}": node for name, node in job.settings["testcase"].items()},
    }
    return {f"{path}.{key}": value for path, node in chosen.items() for key, value in node.items()}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")


def _figures(board: Leaderboard, rows: pd.DataFrame, found: Mapping[str, Any]) -> dict[str, Figure]:
    styles = metric_styles(list(board.metrics["metric"]))
    figures = {}
    for name, case in board.cases.items():
        if not len(rows) or name not in set(rows["testcase"]):
            continue
        if case.panels:
            figures[f"curves-{name}"] = curves_figure(case, rows, found=found[name], styles=styles)
        for part in case.matrices:
            figures[f"matrices-{name}-{part.replace(' ', '-')}"] = matrices_figure(case, rows, part)
    return figures
