"""Processes that compute side by side, each on one thread."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from dynalign.errors import DynalignError
from dynalign.overhearing import Heard, overhearing, warn_again

if TYPE_CHECKING:
    from pebble import ProcessExpired, ProcessPool

_PR_SET_PDEATHSIG = 1  # of Linux's prctl
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


_limit: int | None = None


def cores() -> int:
    """Return how many processors this program may use."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return there if _limit is None else min(there, _limit)


def limit_cores(count: int) -> None:
    """Let this program use at most so many processors: the others are for programs beside it."""
    global _limit
    _limit = max(1, count)


def started(workers: int) -> ProcessPool:
    """Start so many processes, each of which is replaced when it dies."""
    from pebble import ProcessPool  # only here: who compares recordings alone has not installed it

    return ProcessPool(
        max_workers=workers,
        initializer=start_worker,
        initargs=(lasting(),),
        context=multiprocessing.get_context("spawn"),  # a fork would inherit torch's threads, and lock
    )


def how_it_died(error: ProcessExpired) -> str:
    """Say what became of a task's process."""
    return f"its process died (exit code {error.exitcode})"


def lasting() -> bool:
    """Whether processes that are started here, in this thread, can be told by its end that this program has ended."""
    return threading.current_thread() is threading.main_thread()


def end_with_parent(lasting: bool) -> None:
    """Let this process end when the one that started it does, however that ends: nobody waits for its results.

    ``lasting`` is what ``lasting()`` was in the thread that started it.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])  # which is closed when the parent is gone
        os._exit(1)

    threading.Thread(target=watch, name="ends with its parent", daemon=True).start()
    if lasting:
        end_at_once()


def end_at_once() -> None:
    """Have the system end this process as soon as the thread ends that started it, where it can: Linux alone can.

    A thread that watches its parent has to wait for whatever computes here without letting Python go on: for seconds.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))


def start_worker(lasting: bool) -> None:
    """Begin a process that computes for another one: on one thread, and for no longer than that one lives."""
    end_with_parent(lasting)
    one_thread()


def one_thread() -> None:
    """Keep processes out of each other's way, and their numbers the same on any number of processors."""
    use_threads(1)


def use_threads(count: int) -> None:
    """Compute on so many threads from now on: sums are split by it, so that numbers depend on it in their last bits."""
    import scipy.linalg  # noqa: F401  # limits reach what is loaded by then
    import torch
    from threadpoolctl import threadpool_limits  # as above

    torch.set_num_threads(count)
    threadpool_limits(count)


@contextlib.contextmanager
def on_one_thread() -> Iterator[None]:
    """Let this process compute on one thread for a while, so that its numbers are those of such a process."""
    import scipy.linalg  # noqa: F401  # limits reach what is loaded by then
    import torch
    from threadpoolctl import threadpool_limits  # as above

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def _overheard(function: Callable[..., Any], *task: Any) -> tuple[Any, list[Heard]]:
    with overhearing() as heard:
        return function(*task), heard


Run = Callable[[Callable[..., Any], Sequence[Sequence[Any]]], Iterator[tuple[int, Any]]]


@contextlib.contextmanager
def side_by_side(workers: int) -> Iterator[Run]:
    """Give a function that computes in at most so many processes of one thread, which end with the block.

    It is called with a function and the arguments of each task, and yields (place of the task, result) as they end.
    What a task raises is raised there, and what it warns of is warned of. The function must be one of a module; what it
    is given and returns is pickled. Give tensors as bytes, for as such they would be put into shared memory, of which
    there may be little.

    It needs nothing but the standard library.

    Raises
    ------
    DynalignError
        If a process dies.
    """
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=end_with_parent,
        initargs=(lasting(),),
    )

    def run(function: Callable[..., Any], tasks: Sequence[Sequence[Any]]) -> Iterator[tuple[int, Any]]:
        with _starting_on_one_thread():  # processes start as tasks come in
            futures = {pool.submit(_overheard, function, *task): place for place, task in enumerate(tasks)}
        for future in as_completed(futures):
            result, heard = future.result()
            warn_again(heard)
            yield futures[future], result

    try:
        yield run
    except BrokenExecutor as error:
        raise DynalignError(
            "A process that computed died, perhaps for want of memory; a script that starts processes needs "
            'if __name__ == "__main__": around what it does.'
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Give variables of the environment other values inside, also for processes that start there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _starting_on_one_thread() -> contextlib.AbstractContextManager[None]:
    """Let processes that start inside compute on one thread: libraries ask the environment when they are loaded."""
    return environment(**dict.fromkeys(_THREADS, "1"))
