"""Jobs on this machine, in the processes of joblib."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from joblib.externals.loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError

from dynalign.engines.base import Engine, Lost, died, end_with, jobs_at_once, side_by_side_on_this_machine, whole
from dynalign.processes import environment, lasting

_LEFT = "ignore:resource_tracker"  # a filter of warnings, by how the message begins


class Joblib(Engine):
    """Processes of joblib (its executor, loky), which stay for the next job.

    Each is an executor of its own: joblib takes the death of one worker for that of all, and would not say whose job
    it was.

    Parameters
    ----------
    n_jobs : int, optional
        Jobs side by side; by default, as many as there are processors for.
    cores_per_job : int
    """

    def __init__(self, n_jobs: int | None = None, cores_per_job: int = 1) -> None:
        self.cores_per_job = whole("cores_per_job", cores_per_job)
        self.at_once = jobs_at_once(n_jobs, self.cores_per_job)
        self.about = side_by_side_on_this_machine(self.at_once, self.cores_per_job)
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: dict[Future[Any], ProcessPoolExecutor] = {}

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[Future[Any]]:
        """Give each task to a process that is free, or to a new one."""
        futures = []
        for task in tasks:
            executor = self._idle.pop() if self._idle else _process()
            with _cleaning_up_silently():
                future = executor.submit(function, task)
            self._busy[future] = executor
            futures.append(future)
        return futures

    def ended(self, handle: Future[Any]) -> bool:
        """Return whether a job has ended."""
        return handle.done()

    def outcome(self, handle: Future[Any]) -> Any:
        """Return what a job returned, or that its process died, in whose place there will be another."""
        executor = self._busy.pop(handle)
        try:
            result = handle.result()
        except TerminatedWorkerError as error:
            _end(executor)
            found = re.search(r"\((-\d+)\)|EXIT\((\d+)\)", str(error))
            return Lost(died(int(found.group(1) or found.group(2)) if found else None))
        except Exception as error:  # what it was given, or returns, cannot be pickled
            _end(executor)
            return Lost(f"{type(error).__name__}: {error}")
        self._idle.append(executor)
        return result

    def stop(self) -> None:
        """End all processes."""
        for executor in [*self._idle, *self._busy.values()]:
            _end(executor)
        self._idle, self._busy = [], {}


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, initializer=_begin, initargs=(os.getpid(), lasting()))


def _begin(parent: int, lasting: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; the first one ends these
    end_with(parent, lasting=lasting)
    # Else processes that a job starts are told to start others as this one was, which they know nothing of, and end.
    multiprocessing.set_start_method("spawn", force=True)


def _cleaning_up_silently() -> contextlib.AbstractContextManager[None]:
    """Let what cleans up after processes, and starts with the first of them, not tell what killed ones have left."""
    before = os.environ.get("PYTHONWARNINGS")
    return environment(PYTHONWARNINGS=f"{before},{_LEFT}" if before else _LEFT)


def _end(executor: ProcessPoolExecutor) -> None:
    with contextlib.suppress(Exception):  # one that is broken already
        executor.shutdown(wait=True, kill_workers=True)
