"""What an engine is, and the one loop in which jobs are handed to it and come back."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from dynalign.errors import DynalignError
from dynalign.processes import cores, end_at_once

_WATCH = 0.2  # seconds between two looks at whether who gave a process its work still lives


@dataclass(frozen=True)
class Lost:
    """Stands for the result of a job that has none.

    Attributes
    ----------
    reason : str
        In one sentence.
    """

    reason: str


class Engine(ABC):
    """Runs functions in other processes, each on its own share of processors.

    Attributes
    ----------
    at_once : int
        How many jobs it is given at a time.
    cores_per_job : int
    local : bool
        Whether its processes run on this machine, and end when this one does.
    about : str
        What there is to say of how jobs run, before they do.
    """

    at_once: int
    cores_per_job: int
    local: bool = True
    about: str = ""
    pause: float = 0.05  # seconds between two looks at the jobs

    @abstractmethod
    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[Any]:
        """Start a job per task, and return a handle for each."""

    @abstractmethod
    def ended(self, handle: Any) -> bool:
        """Return whether a job has ended, however."""

    @abstractmethod
    def outcome(self, handle: Any) -> Any:
        """Return what a job that has ended returned, or that it is lost."""

    @abstractmethod
    def stop(self) -> None:
        """End all jobs and processes, at once."""

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Yield the place of each task with what the function made of it, or ``Lost``, in the order in which they end.

        Functions and tasks are pickled. Tasks are asked for when there is room for them.
        """
        waiting = iter(enumerate(tasks))
        running: dict[int, Any] = {}
        while True:
            batch = list(itertools.islice(waiting, max(0, self.at_once - len(running))))
            if batch:
                handles = self.submit(function, [task for _, task in batch])
                running |= {place: handle for (place, _), handle in zip(batch, handles, strict=True)}
            if not running:
                return
            done = [place for place, handle in running.items() if self.ended(handle)]
            for place in done:
                yield place, self.outcome(running.pop(place))
            if not done:
                time.sleep(self.pause)


def whole(name: str, value: Any, default: int | None = None) -> int:
    """Return a setting that is a whole number above 0, or its default where it is None.

    Raises
    ------
    DynalignError
        If it is neither.
    """
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DynalignError(f"hydra.launcher.{name}={value} must be a whole number above 0.")
    return value


def jobs_at_once(n_jobs: Any, cores_per_job: int) -> int:
    """Return how many jobs run side by side: so many, or for None or -1 as many as there are processors for."""
    most = max(1, cores() // cores_per_job)
    return most if n_jobs == -1 else whole("n_jobs", n_jobs, most)


def side_by_side_on_this_machine(jobs: int, cores_per_job: int) -> str:
    """Say how many jobs run side by side, and what they do to each other."""
    here = cores()
    crowded = f": more than there are processors ({here}), so that they slow each other" * (jobs * cores_per_job > here)
    return f"{jobs} side by side, {cores_per_job} thread{'s' * (cores_per_job != 1)} each{crowded}"


def end_with(process: int, *, lasting: bool = True) -> None:
    """Let this process end when its parent does, or the other one on this machine that it works for.

    ``lasting`` is what ``dynalign.processes.lasting()`` was in the thread of its parent that started it.
    """
    parent = os.getppid()

    def watch() -> None:
        with _ended(process) as ended:
            while os.getppid() == parent and not ended():
                pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if lasting:
        end_at_once()


@contextlib.contextmanager
def _ended(process: int) -> Iterator[Callable[[], bool]]:
    """Give a function that waits a while for the end of a process, and returns whether it has come."""
    try:
        end = os.pidfd_open(process)
    except (AttributeError, OSError):  # only Linux tells of it

        def looked() -> bool:
            time.sleep(_WATCH)
            return not _lives(process)

        yield looked
    else:
        yield lambda: bool(connection.wait([end], _WATCH))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def died(code: int | None) -> str:
    """Say how a process ended that was not to end."""
    if code is None:
        return "Its process died, perhaps for want of memory."
    said = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"Its process died ({said}{', perhaps for want of memory' * (code == -9)})."
