"""Figures: matrices of dissimilarities, dissimilarity over learning, training curves, maps of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

UNITS = "dissimilarity (angle / (π/2))"
TITLES = {"dsa": "DSA: dynamics", "cka": "CKA: geometry", "procrustes": "Procrustes: geometry"}

# Okabe & Ito's palette, which people who see colours differently can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
_LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
_PRINTED = 12  # systems up to which a matrix has its numbers written in its cells
_NAMED = 40  # systems up to which a matrix has names at its axes
_LONGEST = 32  # characters of a name in a figure
_LEGEND = 12  # lines up to which each has a legend entry of its own

Matrix = npt.NDArray[np.float64]


def pairwise_matrix(table: pd.DataFrame, metric: str) -> tuple[list[str], Matrix]:
    """Return the names of all runs in the pairwise rows of a metric, and their symmetric matrix (NaN if unknown)."""
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == metric)]
    names = list(dict.fromkeys([*rows["run"], *rows["reference"]]))
    place = {name: index for index, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    for first, second, value in zip(rows["run"], rows["reference"], rows["dissimilarity"], strict=True):
        matrix[place[first], place[second]] = matrix[place[second], place[first]] = value
    return names, matrix


def matrix_figure(names: Sequence[str], matrix: Matrix, metric: str) -> Figure:
    """Draw a symmetric matrix of dissimilarities, shape (runs, runs)."""
    count = len(names)
    side = float(np.clip(1.6 + 0.62 * count, 3.2, 9.5))
    names = [_short(name) for name in names]
    labels = max((len(name) for name in names), default=0) * 0.07 if count <= _NAMED else 0.3
    figure = _figure(side + labels + 1.2, side + labels)
    axes = figure.subplots()
    top = float(np.nanmax(matrix, initial=0.0)) or 1.0
    image = axes.imshow(matrix, cmap="viridis", vmin=0, vmax=top)
    if count <= _NAMED:
        axes.set_xticks(range(count), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(count), names)
    else:
        axes.set(xlabel=f"runs 1 to {count}", ylabel=f"runs 1 to {count}")
    if count <= _PRINTED:
        for (i, j), value in np.ndenumerate(matrix):
            text = "?" if np.isnan(value) else f"{value:.3f}"
            colour = "black" if value > 0.6 * top else "white"
            axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=8.5)
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label(UNITS)
    axes.set_title(_title(metric))
    return figure


def learning_figure(table: pd.DataFrame) -> Figure:
    """Draw the dissimilarity to the reference over epochs: a panel per metric, a line per run."""
    rows = table[table["comparison"] == "learning"]
    metrics = list(rows["metric"].unique())
    styles = _styles(rows)
    figure = _figure(max(6.0, 3.6 * len(metrics)), 3.4)
    panels = figure.subplots(1, max(1, len(metrics)), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=False):
        for run, part in rows[rows["metric"] == metric].groupby("run", sort=False):
            colour, line = styles[str(run)]
            axes.plot(
                part["epoch"], part["dissimilarity"], color=colour, linestyle=line, marker=".", label=_short(str(run))
            )
        axes.set(
            title=_title(metric),
            xlabel="epoch",
            ylabel=f"to {', '.join(rows['reference'].unique())}: {UNITS}",
        )
        axes.set_ylim(bottom=0)
        _tidy(axes)
    _legend(figure, panels[0], rows)
    return figure


def history_figure(histories: Mapping[str, pd.DataFrame], runs: pd.DataFrame) -> Figure:
    """Draw loss and accuracy over epochs; a dotted line is the ideal observer's accuracy."""
    styles = _styles(runs)
    figure = _figure(8.4, 3.4)
    loss, accuracy = figure.subplots(1, 2)
    for run, history in histories.items():
        colour, line = styles[run]
        loss.plot(history["epoch"], history["val_loss"], color=colour, linestyle=line, label=_short(run))
        accuracy.plot(history["epoch"], history["accuracy"], color=colour, linestyle=line, label=_short(run))
    for ideal in sorted(set(runs["ideal_accuracy"].dropna().round(4))):
        accuracy.axhline(ideal, color="#666666", linestyle=":", linewidth=1)
    loss.set(xlabel="epoch", ylabel="held-out cross-entropy (nats per step)", title="Loss", yscale="log")
    accuracy.set(xlabel="epoch", ylabel="fraction of right decisions", title="Accuracy (dotted: ideal observer)")
    accuracy.set_ylim(-0.02, 1.02)
    for axes in (loss, accuracy):
        _tidy(axes)
    _legend(figure, loss, runs)
    return figure


def embedding_figure(names: Sequence[str], matrix: Matrix, metric: str, runs: pd.DataFrame) -> Figure:
    """Draw runs as points whose distances are as near to the dissimilarities as a plane allows."""
    points = classical_mds(matrix)
    styles = _styles(runs)
    figure = _figure(4.6, 4.2)
    axes = figure.subplots()
    for name, (x, y) in zip(names, points, strict=True):
        axes.plot(x, y, "o", color=styles[name][0])
        if len(names) <= _PRINTED:
            axes.annotate(_short(name), (x, y), textcoords="offset points", xytext=(5, 4), fontsize=7.5)
    axes.set(title=_title(metric), xlabel="MDS 1 (angle / (π/2))", ylabel="MDS 2 (angle / (π/2))")
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.25)
    _tidy(axes, whole=False)
    return figure


def classical_mds(matrix: Matrix) -> Matrix:
    """Return points in the plane, shape (runs, 2), by classical scaling (Torgerson 1952)."""
    squared = matrix**2
    centred = -(squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()) / 2
    values, vectors = np.linalg.eigh(centred)
    leading: Matrix = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0))
    mirrored: Matrix = leading * np.sign(leading[np.abs(leading).argmax(0), [0, 1]])
    return mirrored


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _short(name: str) -> str:
    """Shorten a long name in its middle: beginnings and ends tell runs apart."""
    half = _LONGEST // 2
    return name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half + 1 :]}"


def _title(metric: str) -> str:
    return TITLES.get(metric, metric)


def _styles(rows: pd.DataFrame) -> dict[str, tuple[str, object]]:
    """Give every run a colour for its model and a line for its noise."""
    models = {model: index for index, model in enumerate(sorted(rows["model"].unique()))}
    noises = {noise: index for index, noise in enumerate(sorted(rows["noise"].unique()))}
    first = rows.drop_duplicates("run")
    return {
        run: (_COLOURS[models[model] % len(_COLOURS)], _LINES[noises[noise] % len(_LINES)])
        for run, model, noise in zip(first["run"], first["model"], first["noise"], strict=True)
    }


def _legend(figure: Figure, axes: Axes, rows: pd.DataFrame) -> None:
    """Name every line; or, where they are many, one line per model and noise."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    if len(labels) > _LEGEND:
        first = rows.drop_duplicates("run")
        first = first.set_index(first["run"].map(_short))
        first = first[~first.index.duplicated()]
        groups = {
            f"{first.loc[label, 'model']}, noise {first.loc[label, 'noise']:g}": handle
            for handle, label in zip(handles, labels, strict=True)
        }
        handles, labels = list(groups.values()), list(groups)
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False, fontsize=8)


def _tidy(axes: Axes, *, whole: bool = True) -> None:
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
