"""Draw the picture of the README: one network's states while it learns, and how far several are from where they began.

python train.py -m seed=0,1,2,3 hydra.sweep.dir=multirun/picture
python benchmarks/picture.py multirun/picture multirun/store

Writes docs/images/learning.png, and learning-dark.png for dark pages.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from dynalign.report.parts.axes import new_figure, tidy, titled
from dynalign.report.parts.style import COLOURS
from dynalign.representations import Representation, network_at
from dynalign.results import Sweep
from dynalign.store import Run, RunStore

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN = Representation(period=None, components=None)  # whole trials, all units
METRICS = {"DSA": COLOURS[0], "CKA": COLOURS[1], "Procrustes": COLOURS[2]}
ANSWERS = (COLOURS[4], COLOURS[5])
DARK = {"text.color": "#e3e3e8", "axes.labelcolor": "#e3e3e8", "xtick.color": "#e3e3e8", "ytick.color": "#e3e3e8",
        "axes.edgecolor": "#9a9aa5"}  # fmt: skip


def states_of(run: Run, epochs: list[int]) -> tuple[list[npt.NDArray[np.floating]], npt.NDArray[np.int64]]:
    """Return the probe trials in two components that all checkpoints share, per checkpoint, and their right answers."""
    every = [SHOWN.of(run, epoch) for epoch in epochs]
    rows = np.concatenate([states.reshape(-1, states.shape[-1]) for states in every])
    axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:2].T
    answer = SHOWN.probe(network_at(run, epochs[0]).task).answer
    return [(states - rows.mean(axis=0)) @ axes for states in every], answer


def draw_states(axes: Axes, paths: npt.NDArray[np.floating], answer: npt.NDArray[np.int64], title: str) -> None:
    """Draw each trial thinly, and the mean of each answer with a dot at its end."""
    for colour, which in zip(ANSWERS, np.unique(answer), strict=True):
        mine = paths[answer == which]
        for trial in mine:
            axes.plot(*trial.T, color=colour, alpha=0.14, lw=0.6)
        axes.plot(*mine.mean(axis=0).T, color=colour, lw=2.4)
        axes.plot(*mine.mean(axis=0)[-1], "o", color=colour, ms=6)
    titled(axes, title, size=10)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, alpha=0.3)


def draw_learning(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the mean over networks thickly, each network thinly, and the highest floor of DSA as a band."""
    learning = table[table["comparison"] == "learning"]
    for metric, colour in METRICS.items():
        mine = learning[learning["metric"] == metric].pivot(index="epoch", columns="run", values="dissimilarity")
        for name in mine:
            axes.plot(mine.index, mine[name], color=colour, alpha=0.35, lw=0.9)
        together = mine.dropna()  # a mean over fewer networks would jump where one of them stops
        axes.plot(together.index, together.mean(axis=1), color=colour, lw=2.6, label=metric)
    floor = learning.groupby("epoch")["floor"].max()
    axes.fill_between(floor.index, 0, floor, color=METRICS["DSA"], alpha=0.18, lw=0, label="floor of DSA")
    axes.set(xlabel="epoch", ylabel="dissimilarity, angle / (π/2)", ylim=(0, 1), xlim=(0, learning["epoch"].max()))
    titled(axes, "how far from untrained, four networks")
    tidy(axes)
    axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper right")


def draw(sweep: Sweep, store: RunStore, path: Path) -> None:
    """Draw it in the colours of matplotlib's ``rcParams``."""
    run = store.open(str(sweep.runs()["key"].iloc[0]))
    epochs = [0, 1, run.epochs[-1]]
    figure = new_figure(11, 2.9)
    panels = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.7])
    paths, answer = states_of(run, epochs)
    low, high = np.min([p.min((0, 1)) for p in paths], axis=0), np.max([p.max((0, 1)) for p in paths], axis=0)
    edge = (high - low) / 20
    accuracy = run.history.set_index("epoch")["accuracy"]
    for axes, epoch, states in zip(panels, epochs, paths, strict=False):
        when = "untrained" if epoch == 0 else f"epoch {epoch}"
        draw_states(axes, states, answer, f"{when}: accuracy {accuracy[epoch]:.3f}")
        axes.set(xlim=(low[0] - edge[0], high[0] + edge[0]), ylim=(low[1] - edge[1], high[1] + edge[1]))
    draw_learning(panels[3], sweep.table())
    figure.savefig(path, dpi=130, transparent=True)
    print(f"wrote {path} ({path.stat().st_size / 1000:.0f} kB): {run.key}, epochs {epochs}")


def main() -> None:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path, help="folder of the sweep")
    parser.add_argument("store", type=Path, help="folder of its runs")
    typed = parser.parse_args()
    sweep, store = Sweep.load(typed.sweep), RunStore(typed.store)
    IMAGES.mkdir(exist_ok=True)
    draw(sweep, store, IMAGES / "learning.png")
    with mpl.rc_context(DARK):
        draw(sweep, store, IMAGES / "learning-dark.png")


if __name__ == "__main__":
    main()
