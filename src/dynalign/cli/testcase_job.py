"""`testcase.py`: from the command line to what metrics measured on test cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynalign.cli.build import build
from dynalign.cli.check import Typed
from dynalign.cli.entry import Command
from dynalign.cli.factors import factors_of
from dynalign.cli.job import build_metrics, store_of
from dynalign.cli.job_log import note
from dynalign.cli.leaderboard import summarise
from dynalign.cli.schema import completed, config_files
from dynalign.cli.terminal import console
from dynalign.cli.top import check_top
from dynalign.errors import DynalignError, suggestion
from dynalign.identity import describe
from dynalign.metrics import Metric
from dynalign.results import Result, to_plain
from dynalign.store import RunStore, write_atomically
from dynalign.testcases import (
    Cell,
    LostError,
    Measured,
    Simulation,
    TestCase,
    as_rows,
    judge,
    measure_cells,
    measured_file,
    stored_cells,
)

NAMELESS = ("metric", "testcase", "logger", "store", "search", "objective", "limit", "seed", "dry_run", "hydra")
"""Parts of the config that set no row of a leaderboard apart, or are told by the row's label and column."""


@dataclass(frozen=True)
class Job:
    """What is to be measured: every metric on every test case, with one seed."""

    metrics: Mapping[str, Metric]
    cases: Mapping[str, TestCase]
    simulation: Simulation
    seed: int
    limit: float
    objective: tuple[str, str]
    plain: Mapping[str, Any]
    store: RunStore

    def measurement(self, metric: str, case: str, seed: int | None = None) -> Path:
        """Return the file for what a metric measures on a case, named after everything that determines it.

        ``seed`` is that of the job, or another one.
        """
        about = {"settings": self.plain["testcase"][case], "simulation": self.plain["simulation"]}
        chosen = self.seed if seed is None else seed
        return measured_file(self.store, self.metrics[metric], self.cases[case], chosen, **about)


def build_job(config: DictConfig, settings: Any, store: RunStore | None = None) -> Job:
    """Build everything that a job needs; nothing is measured when it returns.

    ``store`` is used instead of the one that the config names, if it is given.

    Raises
    ------
    DynalignError
        For an unknown or ill-typed key, an objective that there is not, and metrics that all need inputs where no
        test case has any.
    """
    numbers = check_top(config)
    plain = completed(config, config_files(settings.runtime.choices, config)) | numbers
    nodes = plain.get("testcase") or {}
    cases = {name: build(f"testcase.{name}", node) for name, node in nodes.items()}
    if not cases:
        raise DynalignError("There is nothing to measure: choose at least one testcase, such as testcase=families.")
    for name, case in cases.items():
        if case.name != name:
            raise DynalignError(
                f"testcase.{name} is called {case.name} in its class; its config must be called so too."
            )
    metrics = build_metrics(plain.get("metric") or {})
    if all(metric.needs_inputs for metric in metrics) and not any(case.has_inputs for case in cases.values()):
        raise DynalignError(
            f"{metrics[0].label} needs the inputs of the systems, but those of {', '.join(cases)} run by themselves "
            "and have none; use testcase=driven, or metric=dsa."
        )
    return Job(
        metrics={metric.label: metric for metric in metrics},
        cases=cases,
        simulation=build("simulation", plain["simulation"]),
        seed=numbers["seed"],
        limit=numbers["limit"],
        objective=_objective(config.objective, cases),
        plain=plain,
        store=store_of(plain, settings) if store is None else store,
    )


def run_job(config: DictConfig, settings: Any, result: Result) -> Result:
    """Measure every metric on every test case and write it down; the value is the objective, over all metrics."""
    job = build_job(config, settings)
    factors = factors_of(config, job.plain, settings, NAMELESS)
    cells, found = _measure(job)
    tables = [cell.rows for cell in cells if len(cell.rows)]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    write_atomically(result.folder / "measured.parquet", lambda path: rows.to_parquet(path, index=False))
    return replace(
        result,
        status="found" if found == len(cells) else "measured",
        factors=to_plain(factors.all),
        told=factors.told,
        metrics={label: asdict(metric.describe()) for label, metric in job.metrics.items()},
        details={
            "cells": [_facts(cell) for cell in cells],
            "cases": {name: describe(case, _settings(job.plain["testcase"][name])) for name, case in job.cases.items()},
            "settings": {
                "simulation": job.plain["simulation"],
                **{f"testcase.{name}": node for name, node in job.plain["testcase"].items()},
            },
        },
        table="measured.parquet",
        value=_value(job, cells),
    )


def _measure(job: Job) -> tuple[list[Cell], int]:
    """Return a cell for every metric and test case, and how many of them were in the store."""
    names = [(metric, case) for case in job.cases for metric in job.metrics]
    paths = {name: job.measurement(*name) for name in names}
    results: dict[tuple[str, str], Measured | str] = {**stored_cells(paths)}
    found = len(results)
    missing = [name for name in names if name not in results]
    materials = {case: job.cases[case].material(job.simulation, job.seed) for case in {case for _, case in missing}}
    out = console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    ) as progress:
        bar = progress.add_task(f"measuring, seed {job.seed}", total=len(names), completed=found, note="")
        tasks = {(metric, case): (job.metrics[metric], materials[case]) for metric, case in missing}
        for (metric, case), result in measure_cells(tasks, paths, limit=job.limit):
            results[metric, case] = result
            said = _note(metric, case, result)
            progress.update(bar, advance=1, note=said)
            if out.is_terminal:
                note(said)
            else:
                out.print(said, soft_wrap=True, markup=False)
    return [_cell(job, metric, case, results[metric, case]) for metric, case in names], found


def _note(metric: str, case: str, result: Measured | str) -> str:
    if isinstance(result, str):
        return f"{case}: {metric} lost: {result}"
    if not result.pairs:
        return f"{case}: {metric} lost: {result.rows[0]['reason']}"
    return f"{case}: {metric}, {result.pairs} pairs in {result.seconds:.1f} s"


def _cell(job: Job, metric: str, case: str, result: Measured | str) -> Cell:
    about = job.metrics[metric].describe()
    if isinstance(result, str):
        return Cell(metric, job.cases[case], job.seed, pd.DataFrame(), about, lost=result)
    rows = as_rows(result, metric=metric, case=case, seed=job.seed)
    return Cell(metric, job.cases[case], job.seed, rows, about, result.pairs, result.seconds, result.warnings)


def _facts(cell: Cell) -> dict[str, Any]:
    """Return what there is to say of a cell besides its rows, as plain data."""
    return {
        "metric": cell.metric,
        "testcase": cell.case.name,
        "seed": cell.seed,
        "pairs": cell.pairs,
        "seconds": cell.seconds,
        "warnings": list(cell.warnings),
        "lost": cell.lost,
    }


def _settings(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if not name.startswith("_")}


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


def _tell(typed: Typed, console: Console) -> int:
    from dynalign.cli.testcase_plan import DRY_RUN  # which is made of what is here

    return DRY_RUN(typed, console)


COMMAND = Command("testcase", run_job, summarise, _tell)
