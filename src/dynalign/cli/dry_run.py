"""`dry_run=true`: what a command would do and cost, told without doing anything of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.console import Console
from rich.markup import escape

from dynalign.cli.check import Typed
from dynalign.cli.job import Job, build_job
from dynalign.errors import DynalignError
from dynalign.inventory import Estimate, estimate, past_runs
from dynalign.report import counted, duration, size
from dynalign.store import Run, RunStore
from dynalign.studies import Planned, Trained, plan_learning, plan_pairs, seconds_each
from dynalign.training import RunSpec

_BYTES = 24  # of a measurement in the store


@dataclass
class _Plan:
    """What is to be had: networks by key, and numbers."""

    finished: dict[str, RunSpec] = field(default_factory=dict)
    begun: dict[str, RunSpec] = field(default_factory=dict)
    missing: dict[str, RunSpec] = field(default_factory=dict)
    learning: list[Planned] = field(default_factory=list)
    pairs: list[Planned] = field(default_factory=list)


def dry_run(typed: Typed, console: Console) -> int:
    """Say what the jobs that were typed would do, from a sweep of many to a single run; return the exit code.

    Every job is composed and built as it would be, so that what is refused there is refused here; nothing is trained,
    and nothing written.
    """
    if typed.expected is None:
        raise DynalignError("dry_run=true cannot tell what a search will ask for; leave out hydra/sweeper.")
    jobs, refused = [], []
    with tempfile.TemporaryDirectory() as empty, initialize_config_dir(str(typed.folder), version_base="1.3"):
        for words in typed.expected:
            job = _built(typed, words, Path(empty))
            if isinstance(job, str):
                refused.append(f"{' '.join(words) or 'defaults'}: {job}")
            else:
                jobs.append(job)
        _tell(jobs, console, sweeping=len(typed.expected) > 1)
    for reason in refused:
        console.print(f"[red]would fail[/] {escape(reason)}", soft_wrap=True)
    return 1 if refused else 0


def _built(typed: Typed, words: Sequence[str], empty: Path) -> Job | str:
    """Return the job, or why there is none; an empty folder stands in for a store that is not there yet."""
    try:
        whole = compose(typed.name, overrides=[*typed.path, *words], return_hydra_config=True)
        config = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
        root = Path.cwd() / str(config.store)
        return build_job(config, whole.hydra, RunStore(root if root.is_dir() else empty))
    except DynalignError as error:
        return str(error)


def _tell(jobs: Sequence[Job], console: Console, *, sweeping: bool) -> None:
    def say(what: str, text: str) -> None:
        console.print(f"{what:9} {escape(text)}", soft_wrap=True)

    console.print("[bold]dynalign dry run[/]: nothing is trained, and nothing written")
    if not jobs:
        return
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
    wanted = [*plan.learning, *(plan.pairs if sweeping else ())]
    _tell_cost(say, plan, wanted, store)


def _tell_cost(say: Callable[[str, str], None], plan: _Plan, wanted: Sequence[Planned], store: RunStore) -> None:
    """Say how long everything takes, one after the other, and how much of the disk, and what that is from."""
    past = past_runs(store.root)
    costs = [estimate(spec.config, past) for spec in [*plan.begun.values(), *plan.missing.values()]]
    seconds = space = 0.0
    known, nothing = True, True
    for source, group in groupby(sorted(costs, key=_source), key=_source):
        some = [cost for cost in group if cost is not None]
        if not source:
            unlike = len(costs) - sum(cost is not None for cost in costs)
            say("training", f"{counted(unlike, 'run')}: unknown: no run like it yet")
            known = False
            continue
        nothing = False
        seconds += sum(cost.seconds for cost in some)
        space += sum(cost.bytes for cost in some)
        took = duration(sum(cost.seconds for cost in some))
        say("training", f"{counted(len(some), 'run')}: about {took}, by runs in the store {source}")
    for each in wanted:
        if not each.missing:
            continue
        space += _BYTES * each.missing
        seconds_of_one = seconds_each(each.metric, store)
        if seconds_of_one is None:
            say(
                "measuring", f"{each.metric.label}: {each.missing:,} numbers: unknown: it has measured nothing here yet"
            )
            known = False
        else:
            nothing = False
            seconds += seconds_of_one * each.missing
            took = f"about {duration(seconds_of_one * each.missing)}, at {duration(seconds_of_one)} each in this store"
            say("measuring", f"{each.metric.label}: {each.missing:,} numbers: {took}")
    least = "" if known else "at least "
    unknown = nothing and not known
    say("time", "unknown" if unknown else f"{least}{duration(seconds)} of one processor")
    say("disk", "unknown" if unknown else f"{least}{size(space)}")


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
    plan.learning = _summed(learning)
    networks = [
        Trained(str(place), runs[job.spec.key], job.representation, job.metrics, job.classes)
        for place, job in enumerate(jobs)
    ]
    plan.pairs = _summed(plan_pairs(networks, plan.finished, jobs[0].store))
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


def _summed(plans: Iterable[Planned]) -> list[Planned]:
    """Return one plan for each metric."""
    found: dict[str, Planned] = {}
    for each in plans:
        known = found.get(each.metric.label)
        found[each.metric.label] = (
            each if known is None else known._replace(wanted=known.wanted + each.wanted, known=known.known + each.known)
        )
    return list(found.values())
