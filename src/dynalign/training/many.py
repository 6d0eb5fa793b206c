"""Train many networks at once: as many processes as there are cores, each with one thread."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import torch

from dynalign.metrics.pairwise import reason_of
from dynalign.store import RunStore
from dynalign.training.runs import RunSpec, obtain
from dynalign.training.together import MOST, obtain_together, shape_of


class Trained(NamedTuple):
    """A run that has just ended, and how many have, of how many."""

    spec: RunSpec
    done: int
    total: int
    reason: str = ""
    """Why there is no run; empty where there is one."""


def train_many(
    specs: Iterable[RunSpec],
    store: RunStore,
    *,
    workers: int | None = None,
    progress: Callable[[Trained], None] | None = None,
) -> dict[str, str]:
    """Train what is not in the store; return why there is no run, by key, for those that failed.

    Runs that others go on from are trained first, each once. Small networks leave most of several threads idle: one
    thread each, side by side, trains more of them in the same time. Where there are more networks than processes, those
    of one shape train together (``dynalign.training.together``), which takes less time still. A failed run costs itself
    and those that go on from it.

    Parameters
    ----------
    workers : int, optional
        Processes; as many as there are cores, if not given.
    progress : callable, optional
        Called as each run ends, or as all do that were trained together.
    """
    missing = {spec.key: spec for spec in _with_earlier(specs) if store.find(spec.key) is None}
    failed: dict[str, str] = {}
    done = 0
    if not missing:
        return failed
    workers = workers or _cores()
    # Not forked: a forked process would inherit locks of threads that it does not have.
    pool = ProcessPoolExecutor(
        min(len(missing), workers),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    )
    try:
        for phases in sorted({len(spec.phases) for spec in missing.values()}):
            ready = [
                spec
                for spec in missing.values()
                if len(spec.phases) == phases and not (spec.before is not None and spec.before.key in failed)
            ]
            running = {pool.submit(_train, job, store.root): job for job in in_jobs(ready, store, workers)}
            for future in as_completed(running):
                job, error = running[future], future.exception()
                if error is None:
                    failed |= future.result()
                else:
                    reason = reason_of(error) if isinstance(error, Exception) else repr(error)
                    failed |= dict.fromkeys((spec.key for spec in job), reason)
                for spec in job:
                    done += 1
                    if progress is not None:
                        progress(Trained(spec, done, len(missing), failed.get(spec.key, "")))
            for spec in missing.values():
                if spec.before is not None and spec.before.key in failed and spec.key not in failed:
                    failed[spec.key] = f"The run that it goes on from failed: {failed[spec.before.key]}"
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return failed


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _with_earlier(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """Return what is to be trained, each after what it goes on from."""
    found: list[RunSpec] = []
    for spec in specs:
        if spec.before is not None:
            found += _with_earlier([spec.before])
        found.append(spec)
    return found


def in_jobs(specs: Sequence[RunSpec], store: RunStore, workers: int) -> list[list[RunSpec]]:
    """Return what each process trains at a time: one run, or several that can be trained together.

    No process is left idle for the sake of larger stacks.
    """
    shapes: dict[str, list[RunSpec]] = {}
    for spec in specs:
        shapes.setdefault(shape_of(spec, store) or spec.key, []).append(spec)
    most = min(MOST, math.ceil(len(specs) / workers))
    jobs = []
    for alike in shapes.values():
        parts = math.ceil(len(alike) / most)
        jobs += [alike[part::parts] for part in range(parts)]
    return sorted(jobs, key=len, reverse=True)


def _train(job: Sequence[RunSpec], root: Path) -> dict[str, str]:
    """Train the runs of a job; return why there is none, by key, for those of several that failed."""
    if len(job) > 1:
        return obtain_together(job, RunStore(root))
    obtain(job[0], RunStore(root))
    return {}
