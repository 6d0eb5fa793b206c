"""Measure cells in processes of their own, so that a metric that hangs or crashes loses its cell and nothing else."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType

import torch
from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.testcases.base import Material
from dynalign.testcases.measure import Measured, measure


class Workers:
    """As many processes as there are processors, each on one thread; use it in a ``with`` statement.

    Parameters
    ----------
    limit : float
        Seconds that a metric may take for the material of one cell.

    Raises
    ------
    DynalignError
        If ``limit`` is not above 0.
    """

    def __init__(self, limit: float) -> None:
        if not limit > 0:
            raise DynalignError(f"limit={limit:g} must be a number of seconds above 0.")
        self._limit = limit
        self._pool = ProcessPool(
            max_workers=_processors(),
            initializer=_one_thread,
            context=multiprocessing.get_context("spawn"),  # a fork would inherit torch's threads, and lock
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._pool.close()  # type: ignore[no-untyped-call]
        else:
            self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def measure(self, tasks: Sequence[tuple[Metric, Material]]) -> Iterator[tuple[int, Measured | str]]:
        """Yield the index of each task with what it measured, or why it was lost, in the order in which they end."""
        futures: dict[Future[Measured], int] = {
            self._pool.schedule(measure, args=list(task), timeout=self._limit): index
            for index, task in enumerate(tasks)
        }
        for future in as_completed(futures):
            yield futures[future], self._outcome(future)

    def _outcome(self, future: Future[Measured]) -> Measured | str:
        try:
            return future.result()
        except FutureTimeoutError:
            return f"took longer than {self._limit:g} s"
        except ProcessExpired as error:
            return f"its process died (exit code {error.exitcode})"
        except Exception as error:  # whatever a metric of someone else may raise while it is sent over
            return f"{type(error).__name__}: {error}"


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_thread() -> None:
    """Keep the processes out of each other's way, and the numbers the same on any number of processors."""
    torch.set_num_threads(1)
    threadpool_limits(1)
