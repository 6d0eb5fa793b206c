from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.report.pages import overflow
from tests.studies.made_up import members

from dynalign.report import Problem, study_figures
from dynalign.report.study.figures import (
    across_figure,
    groups_figure,
    over_learning_figure,
    study_draws,
    to_masters_figure,
    within_learning_figure,
)
from dynalign.report.study.results import group_matrix, to_pool


def panels(figure):
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_title(loc="left")]


def test_there_is_a_figure_of_all_that_was_compared(usual):
    assert list(study_draws(usual)) == [
        "to-masters-rnn", "groups-rnn", "over-learning-rnn", "within-learning-rnn", "to-masters-mamba", "groups-mamba",
        "within-learning-mamba", "across-rnn-mamba",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["to-masters-rnn", "groups-rnn", "over-learning-rnn", "within-learning-rnn", "across-rnn-mamba"]
)
def test_figures_draw_without_warnings_inside_their_borders_and_say_what_they_show(usual, name):
    figure = study_draws(usual)[name].draw()
    assert overflow(figure) <= 0
    assert len(panels(figure)) >= 3
    bars = [axes for axes in figure.axes if axes not in panels(figure) and axes.get_visible()]
    for axes in panels(figure):
        assert axes.get_ylabel() or (axes.images and [label for label in axes.get_yticklabels() if label.get_text()])
        assert axes.get_xlabel() or [label for label in axes.get_xticklabels() if label.get_text()]
    if panels(figure)[0].images:
        assert bars or any(axes.child_axes for axes in panels(figure))


def test_every_network_is_a_dot(usual):
    figure = to_masters_figure(usual, "rnn")
    axes = panels(figure)[0]
    dots = sorted(float(y) for line in axes.lines if line.get_marker() == "o" for y in line.get_ydata())
    np.testing.assert_allclose(dots, sorted(to_pool(usual.rows, "dsa", "rnn")["dissimilarity"]))
    assert "to the masters" in axes.get_ylabel()
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "untrained", "master & frozen", "master", "basic", "full", "no recurrence", "shuffled recurrence",
        "initial recurrence",
    ]  # fmt: skip


def test_cells_of_a_matrix_hold_the_means_of_groups(usual):
    axes = panels(groups_figure(usual, "rnn"))[0]
    groups = usual.groups("rnn")
    np.testing.assert_allclose(
        np.ma.filled(axes.images[0].get_array(), np.nan), group_matrix(usual.rows, "dsa", "rnn", groups)
    )
    assert len(axes.texts) == len(groups) ** 2
    assert [label.get_text() for label in axes.get_yticklabels()][1] == "master & frozen"


def test_what_was_published_stands_below(usual):
    titles = [axes.get_title(loc="left") for axes in panels(groups_figure(usual, "rnn"))]
    assert sum(title.startswith("published, rank correlation") for title in titles) == 3


def test_curves_over_learning(usual):
    figure = over_learning_figure(usual, "rnn")
    axes = panels(figure)
    assert axes[-1].get_ylabel() == "accuracy on the whole task"
    assert [text.get_text() for text in axes[-1].get_legend().get_texts()] == ["0 %", "33 %", "100 %", "masters"]
    assert {each.get_xlabel() for each in axes} == {"fraction of the last phase of training"}
    here = usual.rows[(usual.rows["part"] == "matched fraction") & (usual.rows["column"] == "dsa")]
    expected = here[here["group"] == "full"].groupby("x")["dissimilarity"].mean()
    np.testing.assert_allclose(axes[0].lines[2].get_ydata(), expected)
    np.testing.assert_allclose(axes[0].lines[2].get_xdata(), [0, 0.2, 0.4, 0.6, 0.8, 1])


def test_checkpoints_with_each_other_are_symmetric(usual):
    axes = panels(within_learning_figure(usual, "rnn"))[0]
    matrix = np.asarray(axes.images[0].get_array())
    assert matrix.shape == (6, 6)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert (np.diag(matrix) == 0).all()
    assert (matrix[np.triu_indices(6, 1)] > 0).all()


def test_models_with_each_other_have_the_one_at_the_left(usual):
    axes = panels(across_figure(usual, "rnn", "mamba"))[0]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("RNN", "Mamba")
    here = usual.rows[(usual.rows["part"] == "across models") & (usual.rows["column"] == "dsa")]
    mean = here[(here["group"] == "untrained") & (here["other_group"] == "full")]["dissimilarity"].mean()
    assert np.asarray(axes.images[0].get_array())[0, 1] == pytest.approx(mean)


@pytest.mark.parametrize("groups", [["untrained"], ["master"], ["master_frozen", "full"]])
def test_few_groups_can_be_drawn(made, groups):
    for name, figure in study_figures(made(members(groups, seeds=2))).items():
        assert isinstance(figure, Figure), (name, figure)
        figure.draw_without_rendering()


def test_numbers_that_are_missing_leave_gaps(usual):
    rows = usual.rows[usual.rows["model"] == "rnn"].copy()
    rows.loc[(rows["group"] == "full") & (rows["column"] == "dsa"), "dissimilarity"] = np.nan
    rows.loc[rows["column"] == "cka", "dissimilarity"] = np.nan
    for name, figure in study_figures(replace(usual, rows=rows)).items():
        assert not isinstance(figure, Problem), (name, figure)
        figure.draw_without_rendering()
    matrix = np.ma.filled(panels(groups_figure(replace(usual, rows=rows), "rnn"))[0].images[0].get_array(), np.nan)
    assert np.isnan(matrix[usual.groups("rnn").index("full")]).any()


def test_nothing_measured_is_nothing_to_draw(usual, bare):
    assert study_draws(bare) == {}
    assert study_draws(replace(usual, rows=usual.rows.assign(dissimilarity=np.nan))).keys() <= {"across-rnn-mamba"}


def test_hostile_names_can_be_drawn(hostile):
    for name, figure in study_figures(hostile).items():
        assert isinstance(figure, Figure), (name, figure)
        figure.draw_without_rendering()
