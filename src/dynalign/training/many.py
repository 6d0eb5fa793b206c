"""Train many networks at once: as many processes as there are cores, each with one thread."""

from __future__ import annotations

import math
import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple, cast

from dynalign.metrics.pairwise import reason_of
from dynalign.overhearing import Heard, overhearing, warn_again
from dynalign.processes import cores, lasting, start_worker
from dynalign.store import RunStore
from dynalign.training.runs import RunSpec


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
    and those that go on from it, even if its process was killed.

    Parameters
    ----------
    workers : int, optional
        Processes; as many as there are cores, if not given.
    progress : callable, optional
        Called as each run ends, or as all do that were trained together.
    """
    missing = {each.key: each for spec in specs for each in spec.chain if store.find(each.key) is None}
    failed: dict[str, str] = {}
    done = 0

    def ended(spec: RunSpec, reason: str) -> None:
        nonlocal done
        done += 1
        if reason:
            failed[spec.key] = reason
        if progress is not None:
            progress(Trained(spec, done, len(missing), reason))

    for phases in sorted({len(spec.phases) for spec in missing.values()}):
        ready = []
        for spec in missing.values():
            if len(spec.phases) == phases:
                earlier = spec.before
                reason = None if earlier is None else failed.get(earlier.key)
                if reason is None:
                    ready.append(spec)
                else:
                    ended(spec, f"The run that it goes on from failed: {reason}")
        # A killed process takes its pool with it: whose fault it was shows when each is tried alone.
        count = workers or cores()
        for spec in _side_by_side(in_jobs(ready, store, count), store, count, ended):
            for _ in _side_by_side([[spec]], store, 1, ended):
                ended(spec, "The process that trained it was killed, perhaps for want of memory.")
    return failed


def in_jobs(specs: Sequence[RunSpec], store: RunStore, workers: int) -> list[list[RunSpec]]:
    """Return what each process trains at a time: one run, or several that can be trained together.

    No process is left idle for the sake of larger stacks.
    """
    from dynalign.training.together import MOST, shape_of  # only here: who trains nothing need not load Lightning

    shapes: dict[str, list[RunSpec]] = {}
    for spec in specs:
        shapes.setdefault(shape_of(spec, store) or spec.key, []).append(spec)
    most = max(1, min(MOST, math.ceil(len(specs) / workers)))
    jobs = []
    for alike in shapes.values():
        parts = math.ceil(len(alike) / most)
        jobs += [alike[part::parts] for part in range(parts)]
    return sorted(jobs, key=len, reverse=True)


def _side_by_side(
    jobs: Sequence[Sequence[RunSpec]], store: RunStore, workers: int, ended: Callable[[RunSpec, str], None]
) -> list[RunSpec]:
    """Train in processes; return what was lost because one of them was killed."""
    if not jobs:
        return []
    others = set(multiprocessing.active_children())
    # Not forked: a forked process would inherit locks of threads that it does not have.
    pool = ProcessPoolExecutor(
        min(len(jobs), workers),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=start_worker,
        initargs=(lasting(),),
    )
    lost: list[RunSpec] = []
    try:
        # As bytes: tensors as such would share their memory with the process, and what trains there would change here.
        running = {pool.submit(_train, pickle.dumps(job), store.root): job for job in jobs}
        for future in as_completed(running):
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                lost += running[future]
                continue
            reason = "" if error is None else reason_of(cast("Exception", error))
            failed, heard = future.result() if error is None else ({}, [])
            warn_again(heard)
            for spec in running[future]:
                ended(spec, failed.get(spec.key, reason))
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return lost


class Cost(NamedTuple):
    """What is to be trained.

    Attributes
    ----------
    trainings : int
        Phases in all, each once however many networks share it.
    missing : int
        Those that are not in the store.
    batches : int
        The most that these can take.
    seconds : float, optional
        The time that they may take, by what stored phases of the same model took per batch, if all their epochs are
        needed; None where nothing is known.
    """

    trainings: int
    missing: int
    batches: int
    seconds: float | None


def cost(specs: Iterable[RunSpec], store: RunStore, *, workers: int | None = None) -> Cost:
    """Return what ``train_many`` would have to train."""
    every = {each.key: each for spec in specs for each in spec.chain}
    paces: dict[str, list[float]] = {}
    missing = []
    for key, spec in every.items():
        if store.find(key) is None:
            missing.append(spec)
        elif spec.phases:
            run = store.open(key)
            before = (0.0, 0) if run.before is None else (run.before.seconds, int(run.before.history["step"].iloc[-1]))
            batches = int(run.history["step"].iloc[-1]) - before[1]
            paces.setdefault(_model(spec), []).append((run.seconds - before[0]) / max(1, batches))
    learning = [spec for spec in missing if spec.phases]
    most = sum(spec.training.most_epochs * spec.training.batches(spec.phases[-1]) for spec in learning)
    if not paces:
        return Cost(len(every), len(missing), most, None)
    mean = {name: sum(each) / len(each) for name, each in paces.items()}
    seconds = sum(
        spec.training.epochs * spec.training.batches(spec.phases[-1]) * mean.get(_model(spec), max(mean.values()))
        for spec in learning
    )
    return Cost(len(every), len(missing), most, seconds / (workers or cores()))


def _model(spec: RunSpec) -> str:
    return type(spec.network.model).__name__


def _train(job: bytes, root: Path) -> tuple[dict[str, str], list[Heard]]:
    """Train the runs of a job; return why there is none, by key, for those that failed, and what was warned of."""
    from dynalign.training.obtaining import obtain
    from dynalign.training.together import obtain_together

    specs = pickle.loads(job)
    with overhearing() as heard:
        try:
            if len(specs) > 1:
                return obtain_together(specs, RunStore(root)), heard
            obtain(specs[0], RunStore(root))
        except Exception as error:
            return {spec.key: reason_of(error) for spec in specs}, heard
    return {}, heard
