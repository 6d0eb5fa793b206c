"""How time and disk grow with networks, checkpoints, units and trials: slopes in log-log, with intervals, and a figure.

    python benchmarks/growth.py            # some minutes on one core; writes docs/growth.png

A slope of 1 means twice as much of something takes twice as long. Fixed costs make slopes smaller at small sizes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import scipy.stats
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from dynalign.identity import key_of, target_of
from dynalign.inventory import size_of
from dynalign.metrics import CKA, DSA, Procrustes
from dynalign.models import LeakyRNN
from dynalign.networks import build_network
from dynalign.processes import on_one_thread
from dynalign.representations import Representation
from dynalign.store import Run, RunStore
from dynalign.studies import Trained, compare_trained, measure_over_learning
from dynalign.tasks import PerceptualDecision
from dynalign.training import Curriculum, RunSpec, Training, obtain, plain_phases

METRICS = (DSA(), CKA(), Procrustes())
BATCHES, BATCH = 10, 64


class Point(NamedTuple):
    """What so much of something took: seconds, and bytes."""

    size: int
    seconds: float
    bytes: float


class Growth(NamedTuple):
    """What was varied, and what it took."""

    what: str
    points: list[Point]


def run_of(store: RunStore, seed: int, *, units: int = 64, epochs: int = 0) -> Run:
    """Return a leaky RNN that was trained for so many epochs."""
    task = PerceptualDecision()
    phases = Curriculum("growth", pretrain=(), train=("basic",) if epochs else ()).phases(task)
    config: dict[str, Any] = {
        "task": {"_target_": target_of(PerceptualDecision)},
        "model": {"_target_": target_of(LeakyRNN), "hidden": units},
        "perturbation": None,
        "seed": seed,
        "phases": plain_phases(phases),
        "target": "basic",
        "training": {
            "epochs": max(1, epochs), "batches_per_epoch": BATCHES, "batch_size": BATCH, "learned": None, "gate": None,
        },
    }  # fmt: skip
    spec = RunSpec(build_network(config, key_of(config)), phases, "basic", Training(**config["training"]), seed, config)
    return obtain(spec, store)[0]


def by_networks(sizes: Sequence[int], see: Representation, folder: Path) -> list[Point]:
    """Compare so many networks with each other, in one process."""
    trained = RunStore(folder / "networks")
    runs = [run_of(trained, seed) for seed in range(max(sizes))]
    found = []
    for size in sizes:
        store = RunStore(folder / f"pairs-{size}")
        networks = [Trained(str(place), run, see, METRICS) for place, run in enumerate(runs[:size])]
        seconds = timed(lambda networks=networks, store=store: compare_trained(networks, store, workers=1))
        found.append(Point(size, seconds, size_of(store.root)))
    return found


def by_checkpoints(sizes: Sequence[int], see: Representation, folder: Path) -> list[Point]:
    """Train a network for so many epochs, and measure every checkpoint."""
    found = []
    for size in sizes:
        store = RunStore(folder / f"checkpoints-{size}")

        def work(size: int = size, store: RunStore = store) -> None:
            run = run_of(store, 0, epochs=size)
            measure_over_learning(run, METRICS, reference="initial", representation=see, store=store)

        seconds = timed(work)
        found.append(Point(size, seconds, size_of(store.root)))
    return found


def by_units(sizes: Sequence[int], see: Representation, folder: Path) -> list[Point]:
    """Make a network of so many units, keep one checkpoint of it, record it, and compare it with itself."""
    found = []
    for size in sizes:
        store = RunStore(folder / f"units-{size}")
        run = run_of(store, 0, units=size)
        networks = [Trained("one", run, replace(see, components=None), METRICS)]
        seconds = timed(lambda networks=networks, store=store: compare_trained(networks, store, workers=1))
        found.append(Point(size, seconds, size_of(run.folder)))
    return found


def by_trials(sizes: Sequence[int], see: Representation, folder: Path) -> list[Point]:
    """Record a network on so many trials, and compare it with itself; of trials, nothing is kept."""
    trained = RunStore(folder / "trials")
    run, found = run_of(trained, 0), []
    for size in sizes:
        store = RunStore(folder / f"trials-{size}")
        networks = [Trained("one", run, replace(see, trials=size), METRICS)]
        seconds = timed(lambda networks=networks, store=store: compare_trained(networks, store, workers=1))
        found.append(Point(size, seconds, size_of(store.root)))
    return found


def timed(work: Callable[[], object]) -> float:
    """Return the processor's seconds that something takes: of a machine that others use, too, the nearest to truth."""
    start = time.process_time()
    work()
    return time.process_time() - start


def slope(sizes: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the logarithms, and half of its 95 % interval (least squares, Student's t)."""
    if np.ptp(values) == 0:  # of which rounding would make some slope
        return 0.0, 0.0
    fit = scipy.stats.linregress(np.log(sizes), np.log(values))
    return float(fit.slope), float(fit.stderr * scipy.stats.t.ppf(0.975, len(sizes) - 2))


AXES: dict[str, tuple[Callable[..., list[Point]], tuple[int, ...]]] = {
    "networks": (by_networks, (4, 8, 16, 32, 64)),
    "checkpoints": (by_checkpoints, (2, 4, 8, 16, 32)),
    "units": (by_units, (16, 32, 64, 128, 256)),
    "trials": (by_trials, (25, 50, 100, 200, 400)),
}


def measure(repeats: int) -> list[Growth]:
    """Return how everything grows."""
    see, found = Representation(rule="basic"), []
    with tempfile.TemporaryDirectory() as warm, on_one_thread():
        by_networks((2,), see, Path(warm))  # what is loaded once
    for what, (work, sizes) in AXES.items():
        points: list[Point] = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder, on_one_thread():
                points += work(sizes, see, Path(folder))
        found.append(Growth(what, points))
        print(f"{what} done", flush=True)
    return found


def figure_of(growths: Sequence[Growth]) -> Figure:
    """Draw time above and disk below, a column for each thing that was varied."""
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(2.5 * len(growths), 4.6), layout="constrained")
    panels = figure.subplots(2, len(growths), squeeze=False, sharex="col")
    for column, growth in enumerate(growths):
        sizes = [point.size for point in growth.points]
        draw(panels[0][column], sizes, [point.seconds for point in growth.points], "C0")
        draw(panels[1][column], sizes, [point.bytes / 1000 for point in growth.points], "C1")
        panels[1][column].set_xlabel(growth.what)
    panels[0][0].set_ylabel("processor time (s)")
    panels[1][0].set_ylabel("disk (kB)")
    return figure


def draw(axes: Axes, sizes: Sequence[int], values: Sequence[float], color: str) -> None:
    """Draw points, and the line of their slope."""
    found, half = slope(sizes, values)
    middle = np.exp(np.mean(np.log(sizes))), np.exp(np.mean(np.log(values)))
    ends = np.array([min(sizes), max(sizes)], dtype=float)
    axes.plot(ends, middle[1] * (ends / middle[0]) ** found, color=color, linewidth=1.2)
    axes.plot(sizes, values, "o", color=color, markersize=4, alpha=0.6, markeredgewidth=0)
    axes.set(xscale="log", yscale="log", title=f"slope {found:.2f} ± {half:.2f}")
    axes.title.set_fontsize(9)
    ticks = sorted(set(sizes))
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    if max(values) < 1.3 * min(values):
        axes.set_ylim(min(values) / 2, max(values) * 2)


def main() -> None:
    """Measure, print the slopes, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="of every size")
    parser.add_argument("--figure", type=Path, default=Path("docs/growth.png"))
    typed = parser.parse_args()
    growths = measure(typed.repeats)
    for growth in growths:
        sizes = [point.size for point in growth.points]
        for name, values in (
            ("time", [point.seconds for point in growth.points]),
            ("disk", [point.bytes for point in growth.points]),
        ):
            found, half = slope(sizes, values)
            ends = [
                np.mean([v for s, v in zip(sizes, values, strict=True) if s == end]) for end in (min(sizes), max(sizes))
            ]
            unit = "s" if name == "time" else "B"
            print(
                f"{growth.what:12} {name}  slope {found:5.2f} ± {half:.2f}   {min(sizes)}: {ends[0]:,.3g} {unit}   "
                f"{max(sizes)}: {ends[1]:,.3g} {unit}"
            )
    figure_of(growths).savefig(typed.figure, dpi=150)
    print(f"figure {typed.figure}")


if __name__ == "__main__":
    main()
