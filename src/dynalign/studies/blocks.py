"""Measure many pairs of networks by several columns: in blocks, side by side in processes of one thread each."""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from pebble import ProcessExpired

from dynalign.errors import DynalignError
from dynalign.identity import key_of
from dynalign.metrics import Distance, Metric
from dynalign.metrics.pairwise import reason_of
from dynalign.processes import cores, how_it_died, started
from dynalign.representations import Representation, System
from dynalign.store import Run, RunStore
from dynalign.studies.measuring import Seen, measure_seen, stored_seen
from dynalign.studies.population import Look

_MOST = 1000
"""Pairs in a block: states are in memory for one block at a time, and recorded anew in the next."""
_FEW = 200
"""Pairs that are measured in the time that it takes to start a process."""

Found = dict[str, dict[tuple[Look, Look], Distance]]
Numbers = dict[str, list[Distance]]
Warned = list[tuple[type[Warning], str]]


@dataclass(frozen=True)
class Column:
    """One way to measure: a metric, and what it is shown of a network.

    Attributes
    ----------
    name : str
        In tables and files.
    title : str
        Above a column.
    metric : Metric
    representation : Representation
    """

    name: str
    title: str
    metric: Metric
    representation: Representation


class Block(NamedTuple):
    """What a process measures at a time: pairs of some models, and the run of every network in them."""

    models: str
    pairs: Sequence[tuple[Look, Look]]
    runs: Mapping[Look, Run]


def measure_blocks(
    columns: Sequence[Column],
    pairs: Mapping[str, Sequence[tuple[Look, Look]]],
    runs: Mapping[Look, Run],
    store: RunStore,
    *,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Found:
    """Return the dissimilarity of every pair by every column, from the store where it is known there.

    What metrics warn of in other processes is warned of in this one.

    Parameters
    ----------
    pairs : mapping of models to sequence of pairs
    runs : mapping of Look to Run
    workers : int, optional
        Processes; as many as there are cores, if not given. Few pairs are measured in this one.
    progress : callable, optional
        Called with (a column's title and the models, pairs done, pairs in all) while something is measured.
    """
    found: Found = {column.name: {} for column in columns}
    missing: list[Block] = []
    for models, some in pairs.items():
        for block in _blocks(models, some, runs):
            numbers = _stored(block, columns, store)
            if numbers is None:
                missing.append(block)
            else:
                _keep(found, block, numbers)
    totals: dict[str, int] = {}
    for block in missing:
        totals[block.models] = totals.get(block.models, 0) + len(block.pairs)
    done = dict.fromkeys(totals, 0)
    count = min(workers or cores(), len(missing))
    alone = count < 2 or sum(totals.values()) <= _FEW
    here = ((block, _measured(block, columns, store)) for block in missing)
    for block, numbers in here if alone else _together(missing, columns, store, count):
        _keep(found, block, numbers)
        done[block.models] += len(block.pairs)
        if progress is not None:
            for column in columns:
                progress(f"{column.title}, {block.models}", done[block.models], totals[block.models])
    return found


def _blocks(models: str, pairs: Sequence[tuple[Look, Look]], runs: Mapping[Look, Run]) -> list[Block]:
    """Cut pairs into blocks of like size."""
    count = math.ceil(len(pairs) / _MOST)
    size = math.ceil(len(pairs) / count)
    parts = [pairs[begin : begin + size] for begin in range(0, len(pairs), size)]
    return [Block(models, part, {look: runs[look] for pair in part for look in pair}) for part in parts]


def _keep(found: Found, block: Block, numbers: Mapping[str, Sequence[Distance]]) -> None:
    for name, distances in numbers.items():
        found[name] |= zip(block.pairs, distances, strict=True)


def _together(
    blocks: Sequence[Block], columns: Sequence[Column], store: RunStore, workers: int
) -> Iterator[tuple[Block, Numbers]]:
    """Yield each block with its numbers as they come; a process that dies costs its block."""
    pool = started(workers)
    try:
        # The models that studies name last take longest to record; begun first, they leave no process idle at the end.
        tasks: dict[Future[tuple[Numbers, Warned]], Block] = {
            # As bytes, unpacked there: a metric that is not known there is an error of its task, not of the process.
            pool.schedule(_in_process, args=[pickle.dumps((block, columns)), store.root]): block
            for block in reversed(blocks)
        }
        pool.close()  # type: ignore[no-untyped-call]
        for task in as_completed(tasks):
            block = tasks[task]
            try:
                numbers, warned = task.result()
            except DynalignError:
                raise
            except Exception as error:
                lost = Distance(math.nan, 0.0, _why(error))
                yield block, {column.name: [lost] * len(block.pairs) for column in columns}
            else:
                for category, message in warned:
                    warnings.warn(message, category, stacklevel=2)
                yield block, numbers
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _why(error: Exception) -> str:
    return how_it_died(error) if isinstance(error, ProcessExpired) else reason_of(error)


def _in_process(task: bytes, root: Path) -> tuple[Numbers, Warned]:
    block, columns = pickle.loads(task)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        numbers = _measured(block, columns, RunStore(root))
    return numbers, list(dict.fromkeys((each.category, str(each.message)) for each in caught))


def _stored(block: Block, columns: Sequence[Column], store: RunStore) -> Numbers | None:
    """Return the numbers of a block, if the store knows all of them."""
    numbers = {}
    for column in columns:
        known = stored_seen(column.metric, _seen(block, column, {}), block.pairs, store)
        if known is None:
            return None
        numbers[column.name] = known
    return numbers


def _measured(block: Block, columns: Sequence[Column], store: RunStore) -> Numbers:
    """Measure a block by every column; what several of them look at in the same way is recorded once."""
    recorded: dict[Any, System] = {}
    return {
        column.name: measure_seen(column.metric, _seen(block, column, recorded), block.pairs, store)
        for column in columns
    }


@dataclass(frozen=True)
class _Recorded(Seen):
    """A network whose states are recorded once, for all columns that look at it in the same way."""

    recorded: dict[Any, System] = field(default_factory=dict, compare=False, repr=False)

    def shown(self, metric: Metric) -> System:
        key = (key_of(self.identity), metric.needs_inputs)
        if key not in self.recorded:
            self.recorded[key] = super().shown(metric)
        return self.recorded[key]


def _seen(block: Block, column: Column, recorded: dict[Any, System]) -> dict[Look, Seen]:
    return {
        look: _Recorded(
            run,
            look.epoch,
            replace(column.representation, seed=column.representation.seed + look.probe),
            recorded=recorded,
        )
        for look, run in block.runs.items()
    }
