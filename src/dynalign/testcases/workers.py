"""Measure cells in processes of their own, so that a metric that hangs or crashes loses its cell and nothing else."""

from __future__ import annotations

import atexit
import functools
import pickle
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from pebble import ProcessExpired

from dynalign.metrics import Metric
from dynalign.processes import cores, how_it_died, started
from dynalign.store import read_result, write_result
from dynalign.testcases.base import Material
from dynalign.testcases.measure import Measured, measure_material

Name = TypeVar("Name", bound=Hashable)


class Workers:
    """As many processes as there are processors, each on one thread, and each replaced when it ends."""

    def __init__(self) -> None:
        self._pool = started(cores())

    def measure(
        self, tasks: Sequence[tuple[Metric, Material]], *, limit: float | None = None
    ) -> Iterator[tuple[int, Measured | str]]:
        """Yield the index of each task with what it measured, or why it was lost, in the order in which they end.

        ``limit`` is how many seconds a task may take once it has begun; by default, as many as it needs.
        """
        futures: dict[Future[Measured], int] = {}
        # Material is large and shared by many tasks, so each is packed once.
        materials = {id(material): material for _, material in tasks}
        packed = {key: pickle.dumps(material) for key, material in materials.items()}
        for index, (metric, material) in enumerate(tasks):
            try:
                args = [pickle.dumps(metric), packed[id(material)]]
            except Exception as error:  # whatever a metric of someone else may raise
                yield index, f"cannot be sent to another process: {type(error).__name__}: {error}"
                continue
            futures[self._pool.schedule(_unpack_and_measure, args=args, timeout=limit)] = index
        for future in as_completed(futures):
            yield futures[future], _outcome(future, limit)

    def stop(self) -> None:
        """End all processes, whatever they are at."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


@functools.cache
def workers() -> Workers:
    """Return the processes of this program; they start when first asked for, and end with it."""
    these = Workers()
    atexit.register(these.stop)
    return these


def stored_cells(paths: Mapping[Name, Path]) -> dict[Name, Measured]:
    """Return what was measured before, of the cells whose files these are."""
    known = {cell: read_result(path, Measured.of) for cell, path in paths.items()}
    return {cell: each for cell, each in known.items() if each is not None}


def measure_cells(
    cells: Mapping[Name, tuple[Metric, Material]], paths: Mapping[Name, Path], *, limit: float | None = None
) -> Iterator[tuple[Name, Measured | str]]:
    """Measure cells side by side, and yield each as it ends; what is complete goes into its file. See ``Workers``."""
    names = list(cells)
    for index, result in workers().measure(list(cells.values()), limit=limit) if cells else ():
        if isinstance(result, Measured) and result.complete:
            write_result(paths[names[index]], asdict(result))
        yield names[index], result


def _outcome(future: Future[Measured], limit: float | None) -> Measured | str:
    try:
        return future.result()
    except FutureTimeoutError:
        return f"took longer than {limit:g} s"
    except ProcessExpired as error:
        return how_it_died(error)
    except Exception as error:  # what a metric of someone else raised while it was unpacked
        return f"{type(error).__name__}: {error}"


def _unpack_and_measure(metric: bytes, material: bytes) -> Measured:
    """Measure a task; it is unpacked here, so that what goes wrong with it is an error of this task alone."""
    return measure_material(pickle.loads(metric), pickle.loads(material))
