"""`train.py ... dry_run=true`: how many networks there are to train and to compare, and what that will take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.cli.dry_run import Bill, DryRun, Say
from dynalign.cli.job import Job, build_job
from dynalign.inventory import Estimate, estimate, past_runs
from dynalign.report import counted, duration
from dynalign.store import Run, RunStore
from dynalign.studies import Planned, Trained, plan_learning, plan_pairs, summed
from dynalign.training import RunSpec


@dataclass
class _Plan:
    """What is to be had: networks by key, and numbers."""

    finished: dict[str, RunSpec] = field(default_factory=dict)
    begun: dict[str, RunSpec] = field(default_factory=dict)
    missing: dict[str, RunSpec] = field(default_factory=dict)
    learning: list[Planned] = field(default_factory=list)
    pairs: list[Planned] = field(default_factory=list)


def _tell(jobs: Sequence[Job], say: Say, sweeping: bool) -> None:
    store, plan = jobs[0].store, _plan(jobs)
    networks = len({job.spec.key for job in jobs})
    phases = len(plan.finished) + len(plan.begun) + len(plan.missing) - networks
    shared = f", and {counted(phases, 'run')} of phases before their last" if phases else ""
    say("jobs", f"{len(jobs):,}: {counted(networks, 'network')}{shared}")
    say(
        "runs",
        f"{len(plan.finished):,} in the store, {len(plan.begun):,} begun, {len(plan.missing):,} to be trained",
    )
    for each in plan.learning:
        say(
            "numbers",
            f"{each.metric.label}, of checkpoints of stored runs: {each.known:,} known, {each.missing:,} missing",
        )
    for each in plan.pairs if sweeping else ():
        say("pairs", f"{each.metric.label}: {each.wanted:,} (each with itself included), {each.known:,} known")
    bill = Bill()
    _training(bill, plan, store, say)
    bill.measuring([*plan.learning, *(plan.pairs if sweeping else ())], store, say)
    bill.total(say)


def _training(bill: Bill, plan: _Plan, store: RunStore, say: Say) -> None:
    """Say how long training takes, by what that is told, and add it."""
    past = past_runs(store.root)
    costs = [estimate(spec.config, past) for spec in [*plan.begun.values(), *plan.missing.values()]]
    for source, group in groupby(sorted(costs, key=_source), key=_source):
        some = [cost for cost in group if cost is not None]
        if not source:
            unlike = len(costs) - sum(cost is not None for cost in costs)
            say("training", f"{counted(unlike, 'run')}: unknown: no run like it yet")
            bill.add_unknown()
            continue
        seconds = sum(cost.seconds for cost in some)
        bill.add(seconds, sum(cost.bytes for cost in some))
        say("training", f"{counted(len(some), 'run')}: about {duration(seconds)}, by runs in the store {source}")


def _source(cost: Estimate | None) -> str:
    return "" if cost is None else cost.source


def _plan(jobs: Sequence[Job]) -> _Plan:
    plan = _Plan()
    for job in jobs:
        for spec in job.spec.chain:
            there = job.store.find(spec.key) is not None
            begun = (job.store.root / f"{spec.key}.partial").is_dir()
            (plan.finished if there else plan.begun if begun else plan.missing)[spec.key] = spec
    runs = {job.spec.key: _run(job) for job in jobs}
    learning = [
        each
        for job in _once(jobs)
        if job.spec.key in plan.finished
        for each in plan_learning(
            runs[job.spec.key],
            job.metrics,
            reference=job.reference,
            representation=job.representation,
            store=job.store,
            every=job.every,
            classes=job.classes,
        )
    ]
    plan.learning = summed(learning)
    networks = [
        Trained(str(place), runs[job.spec.key], job.representation, job.metrics, job.classes)
        for place, job in enumerate(jobs)
    ]
    plan.pairs = summed(plan_pairs(networks, plan.finished, jobs[0].store))
    return plan


def _run(job: Job) -> Run:
    """Return a run from the store, or one that has no checkpoints yet."""
    if job.store.find(job.spec.key) is not None:
        return job.store.open(job.spec.key)
    return Run(job.spec.key, Path(), job.spec.config, pd.DataFrame(), 0.0)


def _once(jobs: Iterable[Job]) -> list[Job]:
    """Return jobs without those that ask for the same numbers again."""
    kept: dict[Any, Job] = {}
    for job in jobs:
        reference = job.reference.key if isinstance(job.reference, Run) else job.reference
        for metric in job.metrics:
            about = (job.spec.key, metric.label, reference, repr(job.representation), job.every)
            kept.setdefault(about, replace(job, metrics=[metric]))
    return list(kept.values())


DRY_RUN = DryRun("trained", build_job, _tell)
