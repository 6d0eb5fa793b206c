from __future__ import annotations

import numpy as np
import pytest
from tests.report.pages import overflow

from dynalign.errors import DynalignError
from dynalign.report import matrix_figure
from dynalign.report.parts.numbers import number


def random_matrix(count, seed=0):
    points = np.random.default_rng(seed).uniform(0, 0.4, (count, 3))
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


@pytest.mark.parametrize("count", [1, 2, 4, 12])
def test_small_matrices_show_their_numbers(count):
    matrix = random_matrix(count)
    axes = matrix_figure([f"run{i}" for i in range(count)], matrix, "DSA").axes[0]
    shown = sorted(text.get_text() for text in axes.texts)
    assert shown == sorted(number(value) for value in matrix.ravel())


def test_large_matrices_show_names_but_no_numbers():
    names = [f"run{i}" for i in range(64)]
    axes = matrix_figure(names, random_matrix(64), "DSA").axes[0]
    assert not axes.texts
    assert [label.get_text() for label in axes.get_yticklabels()] == names


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("angle / (π/2)", "dissimilarity (angle / (π/2))"),
        ("rad", "dissimilarity (rad)"),
        ("none", "dissimilarity"),
        ("unit of the states", "dissimilarity (unit of the states)"),
    ],
)
def test_matrix_axes_and_colours_are_labelled(unit, shown):
    figure = matrix_figure(["a", "b"], [[0, 0.5], [0.5, 0]], "CKA · geometry", unit=unit)
    cells, bar = figure.axes
    assert bar.get_ylabel() == shown
    assert (cells.get_xlabel(), cells.get_ylabel()) == ("run", "run")
    assert cells.get_title(loc="left") == "CKA · geometry"
    assert cells.images[0].get_clim() == (0, 0.5)


def test_rounding_errors_are_not_stretched_over_the_colour_scale():
    figure = matrix_figure(["a", "b"], [[0, 1e-8], [1e-8, 0]], "CKA")
    assert figure.axes[0].images[0].get_clim() == (0, 0.01)


def test_unknown_cells_show_a_dash():
    axes = matrix_figure(["a", "b"], [[0, np.nan], [np.nan, 0]], "CKA").axes[0]
    assert [text.get_text() for text in axes.texts] == ["0", "–", "–", "0"]


@pytest.mark.parametrize("count", [1, 2, 12, 24, 64])
@pytest.mark.parametrize("name", ["r", "a-very-long-name-of-a-model-on-a-task-with-noise0.1-seed"])
def test_nothing_sticks_out_of_a_matrix(count, name):
    figure = matrix_figure([f"{name}{i}" for i in range(count)], random_matrix(count).reshape(count, count), "DSA")
    assert overflow(figure) <= 0


def test_more_names_than_fit_are_left_out():
    axes = matrix_figure([f"run{i}" for i in range(100)], random_matrix(100), "DSA").axes[0]
    assert axes.get_xlabel() == "run (1 to 100)"


def test_dollar_signs_are_no_mathematics():
    matrix_figure(["$x_{$", "b"], np.zeros((2, 2)), "DSA").draw_without_rendering()


def test_a_matrix_needs_a_run():
    with pytest.raises(DynalignError, match="no runs"):
        matrix_figure([], np.zeros((0, 0)), "DSA")


def test_matrix_names_must_fit():
    with pytest.raises(DynalignError, match=r"2 runs has shape \(2, 2\), not \(3, 3\)"):
        matrix_figure(["a", "b"], np.zeros((3, 3)), "DSA")


def test_a_dollar_is_drawn_as_one():
    figure = matrix_figure(["a$x_$", "b"], np.zeros((2, 2)), "DSA")
    label = figure.axes[0].get_yticklabels()[0]
    figure.draw_without_rendering()  # an unclosed formula fails here
    assert label._preprocess_math(label.get_text()) == ("a$x_$", False)


def test_groups_of_a_matrix_are_named_and_divided():
    cells, _ = matrix_figure(list("abc"), np.zeros((3, 3)), "CKA", of="thing", groups=["g", "g", "h"], top=0.5).axes
    assert [label.get_text() for label in cells.get_xticklabels()] == ["g", "h"]
    assert (cells.get_xlabel(), cells.images[0].get_clim()) == ("thing", (0, 0.5))


def test_a_matrix_of_hundreds_is_no_larger_than_a_page() -> None:
    names = [f"run {number}" for number in range(500)]
    assert max(matrix_figure(names, np.zeros((500, 500)), "DSA").get_size_inches()) < 17
