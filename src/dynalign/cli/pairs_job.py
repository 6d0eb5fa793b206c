"""`dynalign pairs`: compare the networks of a sweep, all pairs or a part of them, which can be a job of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import Progress

from dynalign.cli import summary, terminal
from dynalign.cli.dry_run import Bill, DryRun, Say
from dynalign.cli.entry import Command
from dynalign.cli.progress import reporter
from dynalign.cli.schema import check_value
from dynalign.errors import DynalignError
from dynalign.report import counted
from dynalign.results import Result, Sweep
from dynalign.store import RunStore
from dynalign.studies import Block, blocks_of_trained, measure_blocks, plan_blocks, summed


@dataclass(frozen=True)
class Job:
    """A part of the pairs of a sweep."""

    sweep: Sweep
    part: int
    parts: int
    blocks: Sequence[Block[str]]
    store: RunStore
    workers: int | None


def build_job(config: DictConfig, place: Path) -> Job:
    """Return what there is to measure; ``place`` is where the command was typed.

    Raises
    ------
    DynalignError
        If there is no such sweep or part, or nothing in the sweep to compare.
    """
    folder = _folder(config, place)
    part, parts, workers = (_whole(config, name) for name in ("block", "blocks", "workers"))
    if parts is None or parts < 1:
        raise DynalignError(f"blocks={config.blocks} must be at least 1.")
    if part is None or not 0 <= part < parts:
        raise DynalignError(f"block={config.block} must be one of 0 to {parts - 1}, for blocks={parts}.")
    if workers is not None and workers < 1:
        raise DynalignError(f"workers={workers} must be at least 1, or null for as many as there are cores.")
    sweep = Sweep.load(folder)
    if not sweep.finished or any(each.command != "train" for each in sweep.finished):
        raise DynalignError(f"sweep={folder} has no trained networks; give the folder of a sweep of train.py.")
    networks = summary.trained(sweep, summary.open_runs(sweep))
    return Job(sweep, part, parts, blocks_of_trained(networks)[part::parts], summary.store_of(sweep), workers)


def run_job(config: DictConfig, settings: Any, result: Result) -> Result:
    """Measure one part of the pairs of a sweep; what the store knows is not measured again."""
    job = build_job(config, Path(settings.runtime.cwd))
    console = terminal.console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        found = measure_blocks(job.blocks, job.store, workers=job.workers, progress=reporter(bar))
    pairs = sum(map(len, found.values()))
    failed = sum(bool(each.reason) for distances in found.values() for each in distances.values())
    lacking = f", {failed:,} of them without a number" if failed else ""
    console.print(f"block {job.part} of {job.parts}: {counted(pairs, 'dissimilarity').replace('ys', 'ies')}{lacking}")
    return replace(result, status="measured", facts={"pairs": pairs}, details={"sweep": str(job.sweep.folder)})


def summarise(sweep: Sweep, console: Console) -> list[str]:
    """Write the table and report of the sweep whose pairs were measured."""
    folders = {str(result.details["sweep"]) for result in sweep.finished}
    return [
        problem for folder in sorted(folders) for problem in summary.summarise(Sweep.load(folder), console, left=False)
    ]


def _built_here(config: DictConfig, _settings: Any, _store: RunStore) -> Job:
    return build_job(config, Path.cwd())


def _tell(jobs: Sequence[Job], say: Say, _sweeping: bool) -> None:
    wanted = summed(each for job in jobs for each in plan_blocks(job.blocks, job.store))
    sweeps = dict.fromkeys(str(job.sweep.folder) for job in jobs)
    say("jobs", f"{len(jobs):,}: of {', '.join(sweeps)}")
    for each in wanted:
        say("pairs", f"{each.metric.label}: {each.wanted:,} (each with itself included), {each.known:,} known")
    bill = Bill()
    bill.measuring(wanted, jobs[0].store, say)
    bill.total(say)


def _folder(config: DictConfig, place: Path) -> Path:
    if not isinstance(config.sweep, str) or not config.sweep.strip():
        raise DynalignError("sweep must be the folder of a sweep, such as sweep=multirun/2026-11-25_12-00-00-000000.")
    return place / config.sweep


def _whole(config: DictConfig, name: str) -> int | None:
    value: int | None = None if config[name] is None else check_value(name, config[name], int, "the command line")
    return value


DRY_RUN = DryRun("measured", _built_here, _tell)
COMMAND = Command("pairs", run_job, summarise, DRY_RUN)
