"""Processes that compute side by side, each on one thread."""

from __future__ import annotations

import multiprocessing
import os

import scipy.linalg  # noqa: F401  # one_thread limits what is loaded by then
import torch
from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits


def cores() -> int:
    """Return how many processors this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def started(workers: int) -> ProcessPool:
    """Start so many processes, each of which is replaced when it dies."""
    return ProcessPool(
        max_workers=workers,
        initializer=one_thread,
        context=multiprocessing.get_context("spawn"),  # a fork would inherit torch's threads, and lock
    )


def how_it_died(error: ProcessExpired) -> str:
    """Say what became of a task's process."""
    return f"its process died (exit code {error.exitcode})"


def one_thread() -> None:
    """Keep processes out of each other's way, and their numbers the same on any number of processors."""
    torch.set_num_threads(1)
    threadpool_limits(1)
