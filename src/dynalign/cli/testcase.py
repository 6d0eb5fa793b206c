"""`python testcase.py`: from the command line to what metrics measured on test cases."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynalign.cli import ROOT, outcome, terminal
from dynalign.cli.build import build, plain
from dynalign.cli.entry import run_command
from dynalign.cli.leaderboard import summarise
from dynalign.cli.schema import check_config, config_files, suggestion
from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.store import RunStore, read_json, write_atomically, write_json
from dynalign.testcases import (
    Cell,
    LostError,
    Measured,
    Protocol,
    TestCase,
    as_rows,
    judge,
    source_key,
    workers,
)

console = terminal.console()


def main() -> None:
    """Run what was typed; exit with 0 if every job succeeded."""
    run_command("testcase", run_job, summarise, console)


@dataclass(frozen=True)
class Job:
    """What is to be measured: every metric on every test case, with one seed."""

    metrics: Mapping[str, Metric]
    cases: Mapping[str, TestCase]
    protocol: Protocol
    seed: int
    limit: float
    objective: tuple[str, str]
    config: Mapping[str, Any]
    store: RunStore

    def measurement(self, metric: str, case: str) -> Path:
        """Return the file for what a metric measures on a case, named after everything that determines it."""
        return self.store.measurement(
            {
                "kind": "testcase",
                "metric": self.config["metric"][metric],
                "testcase": self.config["testcase"][case],
                "protocol": self.config["protocol"],
                "seed": self.seed,
                "code": source_key(self.metrics[metric], self.cases[case]),
            }
        )


def build_job(config: DictConfig, *, choices: Mapping[str, Any], root: Path) -> Job:
    """Build everything that a job needs; nothing is measured when it returns.

    Raises
    ------
    DynalignError
        For an unknown or ill-typed key, and for an objective that there is not.
    """
    check_config(config, config_files(choices, config))
    metrics = {str(name): build(node) for name, node in config.get("metric", {}).items()}
    cases = {str(name): build(node, _convert_="all") for name, node in config.get("testcase", {}).items()}
    if not metrics or not cases:
        raise DynalignError("There is nothing to measure: choose at least one metric and one testcase.")
    for name, case in cases.items():
        if case.name != name:
            raise DynalignError(
                f"testcase.{name} is called {case.name} in its class; its config must be called so too."
            )
    seed = config.seed
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DynalignError(f"seed={seed} must be a whole number >= 0.")
    if isinstance(config.limit, bool) or not isinstance(config.limit, int | float) or not config.limit > 0:
        raise DynalignError(f"limit={config.limit} must be a number of seconds above 0.")
    return Job(
        metrics=metrics,
        cases=cases,
        protocol=build(config.protocol, _convert_="all"),
        seed=seed,
        limit=float(config.limit),
        objective=_objective(config.objective, cases),
        config=plain(config),
        store=RunStore(root / str(config.store)),
    )


def run_job(config: DictConfig, settings: Any, folder: Path) -> outcome.Finished:
    """Measure every metric on every test case and write it down; the value is the objective, over all metrics."""
    start = time.perf_counter()
    job = build_job(config, choices=settings.runtime.choices, root=ROOT)
    cells, found = _measure(job)
    _write(cells, folder)
    status = "found" if found == len(cells) else "measured"
    return outcome.Finished(status, time.perf_counter() - start, _value(job, cells))


def _measure(job: Job) -> tuple[list[Cell], int]:
    """Return a cell for every metric and test case, and how many of them were in the store."""
    names = [(metric, case) for case in job.cases for metric in job.metrics]
    results: dict[tuple[str, str], Measured | str] = {}
    paths = {name: job.measurement(*name) for name in names}
    for name in names:
        stored = read_json(paths[name])
        if stored is not None:
            results[name] = Measured(**stored)
    found = len(results)
    missing = [name for name in names if name not in results]
    materials = {case: job.cases[case].material(job.protocol, job.seed) for case in {case for _, case in missing}}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task(f"measuring, seed {job.seed}", total=len(names), completed=found, note="")
        tasks = [(job.metrics[metric], materials[case]) for metric, case in missing]
        for index, result in workers().measure(tasks, limit=job.limit) if tasks else ():
            metric, case = name = missing[index]
            results[name] = result
            if isinstance(result, Measured):
                write_json(paths[name], asdict(result))
            progress.update(bar, advance=1, note=_note(metric, case, result))
            if not console.is_terminal:
                console.print(_note(metric, case, result), soft_wrap=True, markup=False)
    return [_cell(job, metric, case, results[metric, case]) for metric, case in names], found


def _note(metric: str, case: str, result: Measured | str) -> str:
    if isinstance(result, str):
        return f"{case}: {metric} lost: {result}"
    return f"{case}: {metric}, {result.pairs} pairs in {result.seconds:.1f} s"


def _cell(job: Job, metric: str, case: str, result: Measured | str) -> Cell:
    description = job.metrics[metric].describe()
    if isinstance(result, str):
        return Cell(metric, job.cases[case], job.seed, pd.DataFrame(), description, lost=result)
    rows = as_rows(result, metric=metric, case=case, seed=job.seed)
    return Cell(metric, job.cases[case], job.seed, rows, description, result.pairs, result.seconds, result.warnings)


def _write(cells: Sequence[Cell], folder: Path) -> None:
    """Write what was measured: numbers in measured.parquet, and cells.json for what there is to say of each cell."""
    tables = [cell.rows for cell in cells if len(cell.rows)]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    write_atomically(folder / "measured.parquet", lambda path: rows.to_parquet(path, index=False))
    facts = [
        {
            "metric": cell.metric,
            "testcase": cell.case.name,
            "seed": cell.seed,
            "pairs": cell.pairs,
            "seconds": cell.seconds,
            "warnings": list(cell.warnings),
            "lost": cell.lost,
            "description": asdict(cell.description),
        }
        for cell in cells
    ]
    write_json(folder / "cells.json", facts)


def _objective(typed: Any, cases: Mapping[str, TestCase]) -> tuple[str, str]:
    """Return the test case and criterion to optimise: what was typed, or the first that is a headline."""
    criteria = [(name, criterion) for name, case in cases.items() for criterion in case.criteria]
    if typed is None:
        return next((name, criterion.name) for name, criterion in criteria if criterion.headline)
    known = {f"{name}.{criterion.name}": (name, criterion.name) for name, criterion in criteria}
    if str(typed) not in known:
        raise DynalignError(f"objective={typed} is no criterion of these test cases; {suggestion(str(typed), known)}")
    return known[str(typed)]


def _value(job: Job, cells: Sequence[Cell]) -> float | None:
    """Return the objective, averaged over metrics; None where one of them lost it, which a sweeper takes as failed."""
    case, criterion = job.objective
    mine = [[cell for cell in cells if (cell.metric, cell.case.name) == (metric, case)] for metric in job.metrics]
    try:
        return float(np.mean([judge(of_metric, criterion).value for of_metric in mine]))
    except LostError:
        return None
