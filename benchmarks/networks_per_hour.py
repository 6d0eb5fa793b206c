"""How many networks an hour: one after the other, side by side, and together.

    python benchmarks/networks_per_hour.py

Trains the same seeds of a model three times, with the settings of ``python train.py`` but a few epochs for all: one by
one in Lightning with all threads; by a process per core with one thread each, a network at a time; and as
``train_many`` does it, which trains networks of one shape together. Prints networks per hour and ratios, on the CPU
and on a CUDA GPU, if there is one. Processes start before the clock does, except for ``train_many``, whose clock holds
what starting them takes (both are printed). Settings may be overridden as for train.py: ``model.hidden=128``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from seeds import spec_of

from dynalign.store import RunStore
from dynalign.training import RunSpec, obtain, train_many
from dynalign.training.many import in_jobs
from dynalign.training.together import obtain_together


def one_by_one(specs: Sequence[RunSpec], root: Path) -> None:
    """Train in this process."""
    for spec in specs:
        obtain(spec, RunStore(root))


def stacked(specs: Sequence[RunSpec], root: Path) -> None:
    """Train in this process, together."""
    failed = obtain_together(specs, RunStore(root))
    assert not failed, failed


def many(specs: Sequence[RunSpec], root: Path) -> None:
    """Train as a study does."""
    failed = train_many(specs, RunStore(root))
    assert not failed, failed


def timed(train: Callable[[Sequence[RunSpec], Path], None], specs: Sequence[RunSpec]) -> float:
    """Return the seconds that training takes, in a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(specs, Path(folder))
        return time.perf_counter() - start


class Pool:
    """Processes with one thread each, which have imported and run everything once."""

    def __init__(self, workers: int, warm: RunSpec) -> None:
        self.workers = workers
        context = multiprocessing.get_context("spawn")
        self.pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=torch.set_num_threads, initargs=(1,))
            for _ in range(workers)
        ]
        for future in [pool.submit(timed, one_by_one, [warm]) for pool in self.pools]:
            future.result()

    def side_by_side(self, specs: Sequence[RunSpec], root: Path) -> None:
        """Train a network at a time in each process."""
        for future in [
            pool.submit(one_by_one, specs[index :: self.workers], root) for index, pool in enumerate(self.pools)
        ]:
            future.result()

    def together(self, specs: Sequence[RunSpec], root: Path) -> None:
        """Train a stack in each process."""
        jobs = in_jobs(specs, RunStore(root), self.workers)
        futures = [
            self.pools[index % self.workers].submit(stacked if len(job) > 1 else one_by_one, job, root)
            for index, job in enumerate(jobs)
        ]
        for future in futures:
            future.result()


def main() -> None:
    """Measure on every device."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="settings, as for train.py")
    parser.add_argument("--model", default="rnn", help="rnn, gru or mamba (default rnn)")
    parser.add_argument("--seeds", type=int, default=8, help="networks (default 8)")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each (default 3)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per core)")
    parser.add_argument("--repeats", type=int, default=2, help="the shortest of so many counts (default 2)")
    parser.add_argument("--devices", type=lambda text: text.split(","), help="cpu, gpu or cpu,gpu (default: all)")
    arguments = parser.parse_intermixed_args()
    for accelerator in arguments.devices or (["cpu", "gpu"] if torch.cuda.is_available() else ["cpu"]):
        fixed = [f"trainer.accelerator={accelerator}", "trainer.learned=null", "trainer.gate=null"]

        def specs(seeds: int, epochs: int, fixed: list[str] = fixed) -> list[RunSpec]:
            settings = [*arguments.overrides, *fixed, f"trainer.epochs={epochs}"]
            return [spec_of(arguments.model, seed, settings) for seed in range(seeds)]

        pool = Pool(arguments.workers, specs(1, 1)[0])
        timed(one_by_one, specs(1, 1))
        ways: dict[str, Callable[[Sequence[RunSpec], Path], None]] = {
            f"one by one, {torch.get_num_threads()} threads": one_by_one,
            f"side by side, {arguments.workers} processes": pool.side_by_side,
            f"together, {arguments.workers} processes": pool.together,
            "train_many, from its start": many,
        }
        print(f"{arguments.seeds} networks, {arguments.model}, {arguments.epochs} epochs, {accelerator}")
        shortest = dict.fromkeys(ways, float("inf"))
        for _ in range(arguments.repeats):  # in turn, so that other work on the machine meets all alike
            for way, train in ways.items():
                seconds = timed(train, specs(arguments.seeds, arguments.epochs))
                shortest[way] = min(shortest[way], seconds)
        beside = shortest[f"side by side, {arguments.workers} processes"]
        for way, seconds in shortest.items():
            per_hour = 3600 * arguments.seeds / seconds
            print(f"  {way:32} {seconds:7.1f} s {per_hour:8.0f} networks/hour, {beside / seconds:.2f}x side by side")
        ratio = beside / shortest[f"together, {arguments.workers} processes"]
        print(f"  Together is {ratio:.1f}x as fast as side by side.", flush=True)


if __name__ == "__main__":
    main()
