"""`testcase.py ... dry_run=true`: how many cells there are to measure, and what that will take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from dynalign.cli.dry_run import Bill, DryRun, Say
from dynalign.cli.testcase_job import Job, build_job
from dynalign.inventory import size_of
from dynalign.report import counted, duration
from dynalign.testcases import Measured, stored_cells

_SEEDS = range(20)  # those that a person is likely to have measured before


class _Cell(NamedTuple):
    job: Job
    metric: str
    case: str

    def likes(self) -> dict[Path, Measured]:
        """Return what was measured that differs by its seed alone."""
        paths = [self.job.measurement(self.metric, self.case, seed) for seed in _SEEDS]
        return stored_cells({path: path for path in paths})


def _tell(jobs: Sequence[Job], say: Say, _sweeping: bool) -> None:
    cells = {
        job.measurement(metric, case): _Cell(job, metric, case)
        for job in jobs
        for case in job.cases
        for metric in job.metrics
    }
    known = stored_cells({path: path for path in cells})
    metrics, bill = list(dict.fromkeys(cell.metric for cell in cells.values())), Bill()
    cases, seeds = {cell.case for cell in cells.values()}, {job.seed for job in jobs}
    asked = f"{counted(len(metrics), 'metric')} on {counted(len(cases), 'test case')}, {counted(len(seeds), 'seed')}"
    say("jobs", f"{len(jobs):,}: {asked}")
    for metric in metrics:
        mine = [path for path, cell in cells.items() if cell.metric == metric]
        there = [known[path] for path in mine if path in known]
        pairs = f" ({counted(sum(each.pairs for each in there), 'pair')})" if there else ""
        say("cells", f"{metric}: {len(mine):,}, {len(there):,} in the store{pairs}")
    _measuring([cell for path, cell in cells.items() if path not in known], bill, say)
    bill.total(say)


def _measuring(missing: Sequence[_Cell], bill: Bill, say: Say) -> None:
    """Say what cells take that are not there, by those that differ by their seed, and add it."""
    seconds: dict[str, list[float]] = {}
    unlike = []
    for cell in missing:
        likes = cell.likes()
        if likes:
            seconds.setdefault(cell.metric, []).append(fmean(each.seconds for each in likes.values()))
            bill.add(seconds[cell.metric][-1], fmean(size_of(path) for path in likes))
        else:
            unlike.append(cell.metric)
            bill.add_unknown()
    for metric, each in seconds.items():
        took = f"about {duration(sum(each))}, by what other seeds took"
        say("measuring", f"{metric}: {counted(len(each), 'cell')}: {took}")
    if unlike:
        what = f"{counted(len(unlike), 'cell')} of {counted(len(set(unlike)), 'metric')}"
        say("measuring", f"{what}: unknown: no other seed was measured yet")


DRY_RUN = DryRun("measured", build_job, _tell)
