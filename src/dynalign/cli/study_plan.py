"""`study.py ... dry_run=true`: how many networks there are to train and to compare, and what that will take."""

from __future__ import annotations

from collections.abc import Sequence

from dynalign.cli.dry_run import Bill, DryRun, Say
from dynalign.cli.study_job import Job, build_job, population_of
from dynalign.inventory import estimate, past_runs
from dynalign.report import counted, duration
from dynalign.studies import Planned, blocks_of_study, plan_blocks, summed
from dynalign.testcases import stored_cells
from dynalign.training import cost


def _tell(jobs: Sequence[Job], say: Say, _sweeping: bool) -> None:
    studies = dict.fromkeys(study.name for job in jobs for study in job.studies)
    protocols = dict.fromkeys(str(job.plain["protocol"]["name"]) for job in jobs)
    say("jobs", f"{len(jobs):,}: {', '.join(studies)}; protocol {', '.join(protocols)}")
    bill = Bill()
    trained = _training(jobs, bill, say)
    _cases(jobs, bill, say)
    if trained:
        _comparing(jobs, bill, say)
    else:
        say("pairs", "follow from how the networks learn, and can be counted once all of them are in the store")
        bill.add_unknown()
    bill.total(say)


def _training(jobs: Sequence[Job], bill: Bill, say: Say) -> bool:
    """Say what there is to train, and add it; return whether there is nothing."""
    specs, store = {spec.key: spec for job in jobs for spec in job.specs.values()}, jobs[0].store
    found = cost(specs.values(), store, workers=1)
    there = found.trainings - found.missing
    say("networks", f"{len(specs):,} in {counted(found.trainings, 'training')}, {there:,} of them in the store")
    if not found.missing:
        return True
    batches = f"{found.batches:,} batch{'es' * (found.batches != 1)}"
    what = f"{counted(found.missing, 'training')} of up to {batches}"
    past = past_runs(store.root)
    missing = {each.key: each for spec in specs.values() for each in spec.chain if store.find(each.key) is None}
    space = sum(known.bytes for each in missing.values() if (known := estimate(each.config, past)) is not None)
    if found.seconds is None:
        say("training", f"{what}: unknown: nothing like it has been trained here yet")
        bill.add_unknown(space)
    else:
        say("training", f"{what}: about {duration(found.seconds)}, by what similar networks took")
        bill.add(found.seconds, space)
    return False


def _cases(jobs: Sequence[Job], bill: Bill, say: Say) -> None:
    """Say what there is to measure on test cases, for the first three claims, and add it."""
    paths = {path for job in jobs if job.attractors is not None for path in job.attractors.cells(job.store).values()}
    if paths:
        known = len(stored_cells({path: path for path in paths}))
        say("cells", f"{len(paths):,} on test cases, {known:,} in the store")
        if known < len(paths):
            bill.add_unknown()


def _comparing(jobs: Sequence[Job], bill: Bill, say: Say) -> None:
    """Say what there is to compare among networks that are trained, and add it."""
    wanted: list[Planned] = []
    searched = set()
    for job in jobs:
        population = population_of(job, {})
        pairs = [pair for study in job.studies for pair in study.pairs(population)]
        wanted += plan_blocks(blocks_of_study(pairs, list(job.columns.values()), population), job.store)
        searched |= {population.runs[member].key for member in job.searched(population)}
    every = summed(wanted)
    for each in every:
        say("pairs", f"{each.metric.label}: {each.wanted:,}, {each.known:,} known")
    if searched:
        say("searches", f"for the fixed points of {counted(len(searched), 'network')}")
        bill.add_unknown()
    bill.measuring(every, jobs[0].store, say)


DRY_RUN = DryRun("trained", build_job, _tell)
