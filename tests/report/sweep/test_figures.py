from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from dynalign.report.figures import (
    classical_mds,
    embedding_figure,
    history_figure,
    learning_figure,
    matrix_figure,
    pairwise_matrix,
    run_styles,
)

from dynalign.errors import DynalignError


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def random_matrix(count, seed=0):
    return distances(np.random.default_rng(seed).uniform(0, 0.4, (count, 3)))


def overflow(figure):
    """How far, in inches, anything sticks out of the figure."""
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)


def test_pairwise_matrix_is_symmetric_and_holds_every_number(study):
    table = study()["table"]
    names, matrix = pairwise_matrix(table, "dsa")
    assert names == ["rnn-noise0-seed0", "rnn-noise0.1-seed0", "mamba-noise0-seed0", "mamba-noise0.1-seed0"]
    assert np.array_equal(matrix, matrix.T)
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == "dsa")]
    for row in rows.to_dict("records"):
        assert matrix[names.index(row["run"]), names.index(row["reference"])] == row["dissimilarity"]


def test_pairwise_matrix_leaves_unknown_pairs_unknown(study):
    table = study()["table"]
    pair = (table["run"] == "rnn-noise0-seed0") & (table["reference"] == "mamba-noise0-seed0")
    names, matrix = pairwise_matrix(table[~pair], "dsa")
    assert np.isnan(matrix[0, names.index("mamba-noise0-seed0")])
    assert np.isnan(matrix).sum() == 2


def test_pairwise_matrix_of_an_unknown_metric_is_empty(study):
    names, matrix = pairwise_matrix(study()["table"], "nothing")
    assert names == []
    assert matrix.shape == (0, 0)


@pytest.mark.parametrize("count", [1, 2, 4, 12])
def test_small_matrices_show_their_numbers(count):
    matrix = random_matrix(count)
    axes = matrix_figure([f"run{i}" for i in range(count)], matrix, "dsa").axes[0]
    shown = sorted(text.get_text() for text in axes.texts)
    assert shown == sorted(f"{value:.3f}" for value in matrix.ravel())


def test_large_matrices_show_names_but_no_numbers():
    names = [f"run{i}" for i in range(64)]
    axes = matrix_figure(names, random_matrix(64), "dsa").axes[0]
    assert not axes.texts
    assert [label.get_text() for label in axes.get_yticklabels()] == names


def test_matrix_axes_and_colours_are_labelled():
    figure = matrix_figure(["a", "b"], [[0, 0.5], [0.5, 0]], "cka")
    cells, bar = figure.axes
    assert bar.get_ylabel() == "dissimilarity (angle / (π/2))"
    assert (cells.get_xlabel(), cells.get_ylabel()) == ("run", "run")
    assert "CKA" in cells.get_title(loc="left")
    assert cells.images[0].get_clim() == (0, 0.5)


def test_rounding_errors_are_not_stretched_over_the_colour_scale():
    figure = matrix_figure(["a", "b"], [[0, 1e-8], [1e-8, 0]], "cka")
    assert figure.axes[0].images[0].get_clim() == (0, 0.01)


def test_unknown_cells_show_a_dash():
    axes = matrix_figure(["a", "b"], [[0, np.nan], [np.nan, 0]], "cka").axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.000", "–", "–", "0.000"]


@pytest.mark.parametrize("count", [1, 2, 12, 24, 64])
@pytest.mark.parametrize("name", ["r", "a-very-long-name-of-a-model-on-a-task-with-noise0.1-seed"])
def test_nothing_sticks_out_of_a_matrix(count, name):
    figure = matrix_figure([f"{name}{i}" for i in range(count)], random_matrix(count).reshape(count, count), "dsa")
    assert overflow(figure) <= 0


def test_more_names_than_fit_are_left_out():
    axes = matrix_figure([f"run{i}" for i in range(100)], random_matrix(100), "dsa").axes[0]
    assert axes.get_xlabel() == "run (1 to 100)"


def test_dollar_signs_are_no_mathematics():
    matrix_figure(["$x_{$", "b"], np.zeros((2, 2)), "dsa").draw_without_rendering()


def test_a_matrix_needs_a_run():
    with pytest.raises(DynalignError, match="no runs"):
        matrix_figure([], np.zeros((0, 0)), "dsa")


def test_matrix_names_must_fit():
    with pytest.raises(DynalignError, match=r"2 runs has shape \(2, 2\), not \(3, 3\)"):
        matrix_figure(["a", "b"], np.zeros((3, 3)), "dsa")


def test_learning_has_a_panel_per_metric_a_line_per_run_and_one_legend(study):
    data = study(metrics=("dsa", "cka", "procrustes"))
    figure = learning_figure(data["table"])
    assert [axes.get_title(loc="left").split()[0] for axes in figure.axes] == ["DSA", "CKA", "Procrustes"]
    for axes in figure.axes:
        assert len(axes.lines) == 4
        assert axes.get_xlabel() == "epoch"
        assert axes.get_ylabel() == "dissimilarity to the initial state\n(angle / (π/2))"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(data["runs"]["run"])
    assert np.allclose(figure.axes[0].lines[1].get_ydata(), 0.1 * np.arange(5) + 0.003)


def test_four_metrics_fill_two_rows(study):
    figure = learning_figure(study(metrics=("dsa", "cca", "rsa", "svcca"))["table"])
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4
    assert figure.axes[0].get_gridspec().get_geometry() == (2, 2)


def test_forty_runs_share_legend_entries_by_group(study):
    figure = learning_figure(study(noises=(0.0, 0.1), seeds=10)["table"])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "rnn, noise 0 (10 runs)",
        "rnn, noise 0.1 (10 runs)",
        "mamba, noise 0 (10 runs)",
        "mamba, noise 0.1 (10 runs)",
    ]


def test_a_run_looks_the_same_in_every_figure(study):
    data = study()
    learning = learning_figure(data["table"]).axes[0].lines
    history = [
        line for line in history_figure(data["histories"], data["runs"]).axes[1].lines if len(line.get_xdata()) == 5
    ]
    for ours, theirs in zip(learning, history, strict=True):
        assert ours.get_color() == theirs.get_color()
        assert ours.get_linestyle() == theirs.get_linestyle()
    assert len({line.get_color() for line in learning}) == 4


def test_whatever_varies_sets_the_colour(study):
    runs = study(models=("rnn",), noises=(0.0,), seeds=3)["runs"]
    assert len({style.colour for style in run_styles(runs).values()}) == 3
    runs["seed"] = 0
    runs["curriculum"] = ["full", "partial", "none"]
    styles = run_styles(runs)
    assert len({style.colour for style in styles.values()}) == 3
    assert [style.group for style in styles.values()] == ["full", "partial", "none"]


def test_history_shows_loss_accuracy_and_the_ideal_observer(study):
    data = study()
    loss, accuracy = history_figure(data["histories"], data["runs"]).axes
    assert loss.get_ylabel() == "cross-entropy (nats per step)"
    assert loss.get_yscale() == "log"
    assert len(loss.lines) == 8  # training and held-out
    assert accuracy.get_ylabel() == "fraction of right decisions"
    level = [line.get_ydata()[0] for line in accuracy.lines if len(line.get_xdata()) == 2]
    assert np.allclose(sorted(level), [0.85, 0.95])
    assert [text.get_text() for text in accuracy.texts] == ["ideal 0.850\nnoise 0.1", "ideal 0.950\nnoise 0"]


def test_a_loss_of_zero_takes_a_linear_axis(study):
    data = study(models=("rnn",), noises=(0.0,))
    data["histories"]["rnn-noise0-seed0"]["val_loss"] = 0.0
    assert history_figure(data["histories"], data["runs"]).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("seeds", [1, 10])
def test_nothing_sticks_out_of_curves(study, seeds):
    data = study(seeds=seeds)
    for columns in (1, 2):
        assert overflow(learning_figure(data["table"], columns=columns)) <= 0
        assert overflow(history_figure(data["histories"], data["runs"], columns=columns)) <= 0


def test_classical_scaling_finds_points_of_a_plane():
    points = np.random.default_rng(3).normal(size=(7, 2))
    assert np.allclose(distances(classical_mds(distances(points))), distances(points))


def test_classical_scaling_is_reproducible_under_reflection():
    points = np.random.default_rng(3).normal(size=(7, 2))
    assert np.allclose(classical_mds(distances(points)), classical_mds(distances(-points)))


def test_classical_scaling_refuses_unknown_distances():
    with pytest.raises(DynalignError, match="not finite"):
        classical_mds([[0, np.nan, 1], [np.nan, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize("count", [3, 8, 9, 30])
def test_maps_have_equal_axes_and_all_points(count):
    points = np.random.default_rng(count).uniform(-0.3, 0.3, (count, 2))
    names = [f"rnn-noise0.1-seed{i}" for i in range(count)]
    figure = embedding_figure(names, distances(points), "dsa")
    axes = figure.axes[0]
    assert axes.get_aspect() == 1
    drawn = np.array([line.get_xydata()[0] for line in axes.lines])
    assert np.allclose(distances(drawn), distances(points))
    assert [text.get_text() for text in axes.texts] == (names if count <= 8 else [])
    assert axes.get_xlabel() == "MDS axis 1 (angle / (π/2))"
    assert overflow(figure) <= 0


def test_a_map_needs_three_runs():
    with pytest.raises(DynalignError, match="at least 3 runs, not 2"):
        embedding_figure(["a", "b"], np.zeros((2, 2)), "dsa")


def test_curves_survive_missing_values(study):
    data = study(models=("rnn",), noises=(0.0,))
    data["table"]["dissimilarity"] = np.nan
    data["runs"]["ideal_accuracy"] = np.nan
    learning_figure(data["table"]).draw_without_rendering()
    history_figure(data["histories"], data["runs"]).draw_without_rendering()


def test_nothing_to_draw(study):
    data = study()
    learning_figure(data["table"].iloc[:0]).draw_without_rendering()
    history_figure({}, pd.DataFrame()).draw_without_rendering()


def test_drawing_imports_no_pyplot_and_no_training():
    code = (
        "import sys, dynalign.report; "
        "print([m for m in ('matplotlib.pyplot', 'hydra', 'wandb', 'pytorch_lightning') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
