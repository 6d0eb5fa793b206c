"""Measure many pairs of networks in several ways: in blocks, side by side in processes of one thread each."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pebble import ProcessExpired

from dynalign.errors import DynalignError
from dynalign.metrics import Distance, Metric
from dynalign.metrics.pairwise import reason_of
from dynalign.overhearing import Heard, overhearing, warn_again
from dynalign.processes import cores, how_it_died, on_one_thread, started
from dynalign.store import RunStore
from dynalign.studies.measuring import Recordings, Seen, measure_seen, recorded, stored_seen

_FEW = 200
"""Pairs that are measured in the time that it takes to start a process."""

Name = TypeVar("Name", bound=Hashable)
Numbers = dict[str, list[Distance]]
Found = dict[str, dict[tuple[Name, Name], Distance]]


@dataclass(frozen=True)
class Way(Generic[Name]):
    """One way to measure: a metric, and what it sees of each network.

    Attributes
    ----------
    title : str
        For whoever watches.
    metric : Metric
    seen : mapping of name to Seen
    """

    title: str
    metric: Metric
    seen: Mapping[Name, Seen]


class Block(NamedTuple, Generic[Name]):
    """What a process measures at a time: pairs of networks, in each of several ways."""

    pairs: Sequence[tuple[Name, Name]]
    ways: Mapping[str, Way[Name]]


def measure_blocks(
    blocks: Sequence[Block[Name]],
    store: RunStore,
    *,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Found[Name]:
    """Return the dissimilarity of every pair in every way, from the store where it is known there.

    What a block gives goes into the store when it is done, so that whoever is interrupted loses the blocks at work. The
    numbers are the same to the bit whatever the number of processes, and whichever blocks were known before: a metric
    is given the same pairs together, and has one thread. What metrics warn of in other processes is warned of in this.

    Parameters
    ----------
    blocks : sequence of Block
        States are in memory for one block at a time, and recorded anew in the next.
    workers : int, optional
        Processes; as many as there are cores, if not given. Few pairs are measured in this one.
    progress : callable, optional
        Called with (a way's title, pairs done, pairs in all) while something is measured.

    Returns
    -------
    dict of distances, by way and pair
    """
    found: Found[Name] = {name: {} for block in blocks for name in block.ways}
    missing: list[Block[Name]] = []
    for block in blocks:
        numbers = _stored(block, store)
        if numbers is None:
            missing.append(block)
        else:
            _keep(found, block, numbers)
    totals: dict[str, int] = {}
    for block in missing:
        for way in block.ways.values():
            totals[way.title] = totals.get(way.title, 0) + len(block.pairs)
    done = dict.fromkeys(totals, 0)
    count = min(workers or cores(), len(missing))
    alone = count < 2 or sum(len(block.pairs) for block in missing) <= _FEW
    for block, numbers in _here(missing, store) if alone else _together(missing, store, count):
        _keep(found, block, numbers)
        for way in block.ways.values():
            done[way.title] += len(block.pairs)
            if progress is not None:
                progress(way.title, done[way.title], totals[way.title])
    return found


def cut(pairs: Sequence[tuple[Name, Name]], most: int) -> list[Sequence[tuple[Name, Name]]]:
    """Cut pairs into parts of like size, of so many at most."""
    count = math.ceil(len(pairs) / most)
    size = math.ceil(len(pairs) / count) if count else 1
    return [pairs[begin : begin + size] for begin in range(0, len(pairs), size)]


def tiles(names: Sequence[Name], size: int) -> list[list[tuple[Name, Name]]]:
    """Cut all unordered pairs of names, each with itself included, into those of ``size`` names with as many.

    Each part needs the states of 2 ``size`` networks at most.
    """
    groups = [names[begin : begin + size] for begin in range(0, len(names), size)]
    parts = []
    for place, group in enumerate(groups):
        parts.append([(first, second) for k, first in enumerate(group) for second in group[k:]])
        parts += [[(first, second) for first in group for second in other] for other in groups[place + 1 :]]
    return parts


def _keep(found: Found[Name], block: Block[Name], numbers: Mapping[str, Sequence[Distance]]) -> None:
    for name, distances in numbers.items():
        found[name] |= zip(block.pairs, distances, strict=True)


def _here(blocks: Sequence[Block[Name]], store: RunStore) -> Iterator[tuple[Block[Name], Numbers]]:
    for block in blocks:
        with on_one_thread():
            numbers = _measured(block, store)
        yield block, numbers


def _together(blocks: Sequence[Block[Name]], store: RunStore, workers: int) -> Iterator[tuple[Block[Name], Numbers]]:
    """Yield each block with its numbers as they come; a process that dies costs its block."""
    pool = started(workers)
    try:
        # The models that studies name last take longest to record; begun first, they leave no process idle at the end.
        tasks: dict[Future[tuple[Numbers, list[Heard]]], Block[Name]] = {
            # As bytes, unpacked there: a metric that is not known there is an error of its task, not of the process.
            pool.schedule(_in_process, args=[pickle.dumps(_alone(block)), store.root]): block
            for block in reversed(blocks)
        }
        pool.close()  # type: ignore[no-untyped-call]
        for task in as_completed(tasks):
            block = tasks[task]
            try:
                numbers, heard = task.result()
            except DynalignError:
                raise
            except Exception as error:
                lost = Distance(math.nan, 0.0, _why(error))
                yield block, {name: [lost] * len(block.pairs) for name in block.ways}
            else:
                warn_again(heard)
                yield block, numbers
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _why(error: Exception) -> str:
    return how_it_died(error) if isinstance(error, ProcessExpired) else reason_of(error)


def _alone(block: Block[Name]) -> Block[Name]:
    """Return a block without the networks of others, for which ways may have been made."""
    return Block(block.pairs, {name: replace(way, seen=_named(block, way)) for name, way in block.ways.items()})


def _in_process(task: bytes, root: Path) -> tuple[Numbers, list[Heard]]:
    block = pickle.loads(task)
    with overhearing() as heard:
        numbers = _measured(block, RunStore(root))
    return numbers, heard


def _stored(block: Block[Name], store: RunStore) -> Numbers | None:
    """Return the numbers of a block, if the store knows all of them."""
    numbers = {}
    for name, way in block.ways.items():
        known = stored_seen(way.metric, _named(block, way), block.pairs, store)
        if known is None:
            return None
        numbers[name] = known
    return numbers


def _measured(block: Block[Name], store: RunStore) -> Numbers:
    """Measure a block in every way; what several of them look at alike is recorded once."""
    states = Recordings(math.inf)
    return {
        name: measure_seen(way.metric, recorded(_named(block, way), states), block.pairs, store)
        for name, way in block.ways.items()
    }


def _named(block: Block[Name], way: Way[Name]) -> dict[Name, Seen]:
    """Return the networks that are in a block."""
    return {name: way.seen[name] for pair in block.pairs for name in pair}
