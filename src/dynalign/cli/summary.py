"""The end of a run or sweep: all trained networks against each other, one table, figures, a report, W&B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track

from dynalign.cli import ROOT, outcome
from dynalign.cli.build import build
from dynalign.cli.job import Job, build_job, telling_overrides
from dynalign.cli.meta import meta
from dynalign.cli.save import save
from dynalign.metrics import Metric
from dynalign.report import Failure, Problem, print_summary, sweep_figures, write_report
from dynalign.store import key_of, read_json
from dynalign.studies import COLUMNS, as_table, final_dissimilarities, pairwise_rows, write_table
from dynalign.training import Run, load

_FACTORS = ("model", "task", "curriculum", "noise", "perturbation", "seed")


def summarise(folder: Path, job_folders: Sequence[Path], console: Console) -> bool:
    """Compare the jobs' networks and write everything into ``folder``; return whether every job succeeded."""
    jobs: dict[str, Job] = {}
    ends: dict[str, dict[str, Any]] = {}
    failures: list[Failure] = []
    learning: list[pd.DataFrame] = []
    for job_folder in job_folders:
        end = read_json(job_folder / outcome.FILE)
        if end["status"] == "failed":
            failures.append(Failure(end["overrides"], end["reason"]))
            continue
        job = _rebuild(job_folder)
        learning.append(pd.read_parquet(job_folder / "dissimilarities.parquet"))
        known = jobs.get(job.label.run)
        jobs[job.label.run] = job if known is None else _with_metrics_of(known, job)
        ends.setdefault(job.label.run, end)
    runs = {name: load(job.spec, job.store) for name, job in jobs.items()}
    rows = _compare(jobs, runs, console)
    parts = [*learning, as_table(rows)]
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True).drop_duplicates(
        subset=[column for column in COLUMNS if column != "seconds"]
    )
    said = {metric.name: metric.describe() for job in jobs.values() for metric in job.metrics}
    table.insert(len(table.columns), "unit", table["metric"].map(lambda name: said[name].unit))
    table["metric"] = table["metric"].map(lambda name: said[name].label)
    paths = write_table(table, folder)
    facts = _facts(jobs, runs, ends, table)
    shown: dict[str, Any] = {
        "table": table,
        "runs": facts,
        "histories": {name: run.history for name, run in runs.items()},
        "metrics": {each.label: each for each in said.values()},
        "factors": [name for name in _FACTORS if len(facts) and facts[name].nunique() > 1],
    }
    drawn = sweep_figures(**shown)
    figures = {name: figure for name, figure in drawn.items() if not isinstance(figure, Problem)}
    for name, figure in figures.items():
        save(figure, folder / f"{name.replace('/', '-')}.png")
    report = write_report(
        folder / "report.html",
        **shown,
        failures=failures,
        meta=meta(),
        configs={name: OmegaConf.to_yaml(job.config, resolve=True) for name, job in jobs.items()},
    )
    if len(jobs) > 1:
        first = next(iter(jobs.values()))
        apart = table[(table["comparison"] == "pairwise") & (table["run"] != table["reference"])]
        means = apart.groupby("metric")["dissimilarity"].mean()
        build(first.config.logger).summary(
            group=folder.name,
            tables={"runs": facts, "dissimilarities": table},
            figures=figures,
            numbers={f"pairwise/{metric}/mean": float(mean) for metric, mean in means.items()},
            folder=folder,
        )
    print_summary(
        console,
        runs=facts,
        table=table,
        failures=failures,
        paths={"table": paths["csv"], "report": report.path},
        factors=shown["factors"],
        metrics=shown["metrics"],
    )
    problems = [*report.problems, *(each.text for each in drawn.values() if isinstance(each, Problem))]
    for problem in problems:
        console.print(problem, style="red", markup=False, soft_wrap=True)
    return not failures and not problems


def _rebuild(folder: Path) -> Job:
    """Build a job again from the config that Hydra wrote beside its output."""
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    settings = OmegaConf.load(folder / ".hydra" / "hydra.yaml").hydra
    assert isinstance(config, DictConfig)
    return build_job(config, choices=settings.runtime.choices, overrides=telling_overrides(settings), root=ROOT)


def _with_metrics_of(job: Job, other: Job) -> Job:
    """Return ``job`` with the other's metrics added: a sweep over metrics asks for the same network repeatedly."""
    known = {metric.name for metric in job.metrics}
    new = [metric for metric in other.metrics if metric.name not in known]
    return replace(job, metrics=[*job.metrics, *new], metric_configs={**other.metric_configs, **job.metric_configs})


def _compare(jobs: dict[str, Job], runs: dict[str, Run], console: Console) -> list[dict[str, Any]]:
    """Compare the final representations of all runs, pair by pair and metric by metric."""
    if not jobs:
        return []
    labels = {name: job.label for name, job in jobs.items()}
    alike: dict[str, list[tuple[str, Metric, Job]]] = {}  # what was measured in the same way
    for name, job in jobs.items():
        for metric in job.metrics:
            way = key_of({"metric": job.metric_configs[metric.name], "of": dict(job.representation_config)})
            alike.setdefault(way, []).append((name, metric, job))
    rows: list[dict[str, Any]] = []
    for members in track(alike.values(), "comparing", console=console, transient=True, disable=not console.is_terminal):
        _, metric, first = members[0]
        pairs = final_dissimilarities(
            [job.final(runs[name]) for name, _, job in members],
            metric,
            metric_config=first.metric_configs[metric.name],
            representation=first.representation,
            store=first.store,
        )
        rows += pairwise_rows(labels, runs, pairs, metric.name)
        for reason in sorted({pair.reason for pair in pairs if pair.reason}):
            console.print(f"[yellow]{metric.name}[/]: {reason}")
    return rows


def _facts(
    jobs: dict[str, Job], runs: dict[str, Run], ends: dict[str, dict[str, Any]], table: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per run: what it is, how it ended, its self-distances."""
    rows = []
    own = table[(table["comparison"] == "pairwise") & (table["run"] == table["reference"])]
    for name, job in jobs.items():
        last = runs[name].history.iloc[-1]
        mine = own[own["run"] == name]
        rows.append(
            {
                **vars(job.label),
                "epochs": int(last["epoch"]),
                "accuracy": float(last["accuracy"]),
                "chance_accuracy": float(last["chance_accuracy"]),
                "ideal_accuracy": job.ideal_accuracy,
                "status": ends[name]["status"],
                "seconds": float(ends[name]["seconds"]),
                "key": job.spec.key,
                **{
                    f"self_{metric}": value for metric, value in zip(mine["metric"], mine["dissimilarity"], strict=True)
                },
            }
        )
    return pd.DataFrame(rows)
