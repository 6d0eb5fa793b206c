from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.report.pages import overflow

from dynalign.report import Problem, history_figure, learning_figure, run_styles, sweep_figures


def learning(data, **how):
    styles = run_styles(data["runs"], data["factors"])
    return learning_figure(data["table"], styles=styles, metrics=data["metrics"], **how)


def history(data, **how):
    styles = run_styles(data["runs"], data["factors"])
    return history_figure(data["histories"], data["runs"], factors=data["factors"], styles=styles, **how)


def test_learning_has_a_panel_per_metric_a_line_per_run_and_one_legend(study):
    data = study(metrics=("DSA", "CKA", "Procrustes"))
    figure = learning(data)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "DSA · dynamics",
        "CKA · geometry",
        "Procrustes · geometry",
    ]
    for axes in figure.axes:
        assert len(axes.lines) == 4
        assert axes.get_xlabel() == "epoch"
        assert axes.get_ylabel() == "dissimilarity to the initial state\n(angle / (π/2))"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(data["runs"]["run"])
    assert np.allclose(figure.axes[0].lines[1].get_ydata(), 0.1 * np.arange(5) + 0.003)


def test_four_metrics_fill_two_rows(study):
    figure = learning(study(metrics=("DSA", "CCA", "RSA", "SVCCA")))
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4
    assert figure.axes[0].get_gridspec().get_geometry() == (2, 2)


def test_forty_runs_share_legend_entries_by_group(study):
    figure = learning(study(noises=(0.0, 0.1), seeds=10))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "rnn noise=0 (10 runs)",
        "rnn noise=0.1 (10 runs)",
        "mamba noise=0 (10 runs)",
        "mamba noise=0.1 (10 runs)",
    ]


def test_a_run_looks_the_same_in_every_figure(study):
    data = study()
    moved = learning(data).axes[0].lines
    trained = [line for line in history(data).axes[1].lines if len(line.get_xdata()) == 5]
    for ours, theirs in zip(moved, trained, strict=True):
        assert ours.get_color() == theirs.get_color()
        assert ours.get_linestyle() == theirs.get_linestyle()
    assert len({line.get_color() for line in moved}) == 4


def test_history_shows_loss_accuracy_and_the_ideal_observer(study):
    data = study()
    loss, accuracy = history(data).axes
    assert loss.get_ylabel() == "cross-entropy (nats per step)"
    assert loss.get_yscale() == "log"
    assert len(loss.lines) == 8  # training and held-out
    assert accuracy.get_ylabel() == "fraction of right decisions"
    level = [line.get_ydata()[0] for line in accuracy.lines if len(line.get_xdata()) == 2]
    assert np.allclose(sorted(level), [0.85, 0.95])
    assert [text.get_text() for text in accuracy.texts] == ["ideal 0.850\nnoise 0.1", "ideal 0.950\nnoise 0"]


def test_a_loss_of_zero_takes_a_linear_axis(study):
    data = study(models=("rnn",), noises=(0.0,))
    data["histories"]["rnn noise=0 seed=0"]["val_loss"] = 0.0
    assert history(data).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("seeds", [1, 10])
def test_nothing_sticks_out_of_curves(study, seeds):
    data = study(seeds=seeds)
    for columns in (1, 2):
        assert overflow(learning(data, columns=columns)) <= 0
        assert overflow(history(data, columns=columns)) <= 0


def test_curves_survive_missing_values(study):
    data = study(models=("rnn",), noises=(0.0,))
    data["table"]["dissimilarity"] = np.nan
    data["runs"]["ideal_accuracy"] = np.nan
    learning(data).draw_without_rendering()
    history(data).draw_without_rendering()


def test_nothing_to_draw(study):
    data = study()
    learning({**data, "table": data["table"].iloc[:0]}).draw_without_rendering()
    history({**data, "histories": {}, "runs": data["runs"].iloc[:0]}).draw_without_rendering()


def test_drawing_imports_no_pyplot_and_no_training():
    code = (
        "import sys, dynalign.report; "
        "print([m for m in ('matplotlib.pyplot', 'hydra', 'wandb', 'pytorch_lightning') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_metric_has_its_unit(study):
    data = study(metrics=("DSA", "DSA(scale=radians)", "Mine"))
    labels = [axes.get_ylabel() for axes in learning(data).axes]
    start = "dissimilarity to the initial state"
    assert labels == [f"{start}\n(angle / (π/2))", f"{start}\n(rad)", start]


def test_every_reference_has_a_panel_of_its_own(study):
    data = study(metrics=("DSA",))
    learned = data["table"][data["table"]["comparison"] == "learning"]
    data["table"] = pd.concat([learned, learned.assign(reference="previous")])
    figure = learning(data)
    assert [axes.get_ylabel().splitlines()[0] for axes in figure.axes] == [
        "dissimilarity to the initial state",
        "dissimilarity to the previous checkpoint",
    ]
    assert [len(axes.lines) for axes in figure.axes] == [4, 4]


def test_ideal_observers_are_named_by_the_factor_that_sets_them(study):
    data = study()
    runs = data["runs"].assign(ideal_accuracy=[0.9, 0.9, 0.8, 0.8])
    axes = history({**data, "runs": runs}).axes[1]
    assert [text.get_text() for text in axes.texts] == ["ideal 0.800\nmodel mamba", "ideal 0.900\nmodel rnn"]
    runs["ideal_accuracy"] = [0.9, 0.8, 0.8, 0.9]
    axes = history({**data, "runs": runs}).axes[1]
    assert [text.get_text() for text in axes.texts] == ["ideal 0.800", "ideal 0.900"]


def test_the_figures_of_a_sweep_have_names(study):
    figures = sweep_figures(**study(metrics=("DSA", "DSA(rank=10)")))
    assert list(figures) == [
        "matrix/DSA",
        "map/DSA",
        "matrix/DSA(rank=10)",
        "map/DSA(rank=10)",
        "learning",
        "training",
    ]
    assert all(isinstance(figure, Figure) for figure in figures.values())


def test_one_figure_that_fails_costs_that_figure(study):
    data = study(metrics=("DSA",))
    del data["histories"]["mamba noise=0 seed=0"]["val_loss"]
    *others, (name, lost) = sweep_figures(**data).items()
    assert (name, lost) == ("training", Problem("The figure training could not be shown: KeyError: 'val_loss'."))
    assert all(isinstance(figure, Figure) for _, figure in others)
    assert len(others) == 3


def test_one_run_alone_has_curves_only(study):
    assert list(sweep_figures(**study(models=("rnn",), noises=(0.0,)))) == ["learning", "training"]


def test_a_band_reaches_to_the_highest_floor(study):
    data = study()
    plain = learning(data)
    assert not plain.axes[0].collections
    table = data["table"]
    data["table"] = table.assign(floor=np.where(table["metric"] == "DSA", 0.05 + 0.5 * table["dissimilarity"], np.nan))
    figure = learning(data)
    dsa, cka = figure.axes
    (band,) = dsa.collections
    assert not cka.collections
    corners = band.get_paths()[0].vertices
    rows = data["table"].query("comparison == 'learning' and metric == 'DSA'")
    highest = rows.groupby("epoch")["floor"].max()
    assert corners[:, 1].min() == 0
    for epoch, height in highest.items():
        assert corners[corners[:, 0] == epoch, 1].max() == pytest.approx(height)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "floor: halves of a network's own trials"
    assert overflow(figure) <= 0


def test_a_floor_above_all_numbers_is_seen(study):
    data = study(metrics=("DSA",))
    data["table"] = data["table"].assign(floor=2.0)
    assert learning(data).axes[0].get_ylim()[1] > 2
    data["table"] = data["table"][data["table"]["epoch"] == 4]
    (band,) = learning(data).axes[0].collections
    assert np.ptp(band.get_paths()[0].vertices[:, 0]) > 0
