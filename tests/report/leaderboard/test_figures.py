from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dynalign.errors import DynalignError
from dynalign.report import curves_figure, matrices_figure, matrix_figure, metric_styles, systems_figure
from dynalign.report.leaderboard.figures import curves, system_matrix

HOSTILE = ["$x_{$", "[red]", "<b>|", r"$\frac{$", "dsa " + "long_setting=value" * 4]


def overflow(figure):
    """How far, in inches, anything sticks out of the figure."""
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def case(usual):
    return usual[0].cases["toy"]


ANGLES = ("DSA", "DSA(rank=3)", "CKA", "Procrustes")


def test_curves_have_a_panel_each_and_a_line_per_metric(usual, case):
    figure = curves_figure(case, usual[1], metrics=usual[0].descriptions)
    rising, epochs = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Toys in noise", "Toys over epochs"]
    assert (rising.get_xlabel(), rising.get_ylabel(), rising.get_xscale()) == ("noise level", "AUC", "log")
    assert (epochs.get_xlabel(), epochs.get_xscale()) == ("epoch", "linear")
    assert epochs.get_ylabel() == "dissimilarity"  # in units that differ, which the legend tells
    assert epochs.get_ylim()[0] == 0
    assert legend_of(figure) == [*(f"{name} (angle / (π/2))" for name in ANGLES), "Mine"]
    assert len(epochs.lines) == 5
    assert np.allclose(epochs.lines[0].get_xydata(), [[1, 0.95], [2, 0.95 / 2], [3, 0.95 / 3]])
    threshold = rising.lines[5]
    assert list(threshold.get_ydata()) == [0.9, 0.9]
    assert [text.get_text() for text in rising.texts] == ["0.9"]


def test_intervals_are_shaded_in_the_colour_of_their_line(usual, case):
    axes = curves_figure(case, usual[1], metrics=usual[0].descriptions).axes[1]
    band = axes.collections[0].get_paths()[0].vertices
    assert np.isclose(band[:, 1].max(), 0.95 + 0.019)
    assert axes.collections[0].get_facecolor()[0][:3] == pytest.approx(
        [int(axes.lines[0].get_color()[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    )


def test_a_metric_keeps_its_colour_whatever_else_is_drawn(usual, case):
    styles = metric_styles(["CKA", "Mine", "DSA"])
    rows = usual[1][usual[1]["metric"].isin(["DSA", "Mine"])]
    lines = curves_figure(case, rows, metrics=usual[0].descriptions, styles=styles).axes[1].lines
    assert [line.get_color() for line in lines] == [styles["DSA"].colour, styles["Mine"].colour]


def test_styles_of_many_metrics_all_differ():
    styles = metric_styles([f"m{place}" for place in range(30)])
    assert len({(style.colour, str(style.line)) for style in styles.values()}) == 30


def test_a_metric_that_lost_a_number_is_left_out_of_that_panel(usual, case):
    rows = usual[1].copy()
    rows.loc[(rows["metric"] == "CKA") & (rows["part"] == "epochs") & (rows["level"] == 2), "dissimilarity"] = np.nan
    found = curves(case, rows)
    assert "CKA" in found["rising"]
    assert "CKA" not in found["epochs"]
    figure = curves_figure(case, rows, metrics=usual[0].descriptions)
    assert [len(axes.lines) for axes in figure.axes] == [6, 4]
    assert "CKA (angle / (π/2))" in legend_of(figure)


def test_curves_computed_before_are_not_computed_again(usual, case):
    found = {"rising": {}, "epochs": {"CKA": curves(case, usual[1])["epochs"]["Mine"]}}
    axes = curves_figure(case, usual[1], metrics=usual[0].descriptions, found=found).axes[1]
    assert np.allclose(axes.lines[0].get_ydata(), [0.7, 0.35, 0.7 / 3])


def test_a_case_without_panels_has_no_curves(usual, case):
    bare = type("Bare", (type(case),), {"panels": ()})()
    with pytest.raises(DynalignError, match="toy has no curves"):
        curves_figure(bare, usual[1], metrics=usual[0].descriptions)


@pytest.mark.parametrize("columns", [1, 2])
def test_nothing_sticks_out_of_curves_and_labels_are_no_formulas(toys, columns):
    board, rows = toys(dict.fromkeys(HOSTILE, (0.9, 0.5, 0.1)))
    figure = curves_figure(board.cases["toy"], rows, metrics=board.descriptions, columns=columns)
    assert overflow(figure) <= 0
    label = figure.legends[0].get_texts()[0]
    assert label._preprocess_math(label.get_text()) == ("$x_{$", False)


def test_a_matrix_puts_families_together_and_averages_seeds(toys, case):
    _, rows = toys({"CKA": (0.9, 0.5, 0.1)})
    both = pd.concat([rows, rows.assign(seed=1, dissimilarity=rows["dissimilarity"] + 0.1)], ignore_index=True)
    names, families, matrix = system_matrix(case, both, "CKA", "matched")
    assert names == ["ring(rate=0.5)", "ring(rate=1)", "line(rate=0.5)", "odd"]
    assert families == ["ring", "ring", "line", "odd"]
    assert np.array_equal(matrix, matrix.T)
    assert np.allclose(matrix[0], [0.05, 0.15, 0.45, 0.45])


def test_pairs_without_a_number_are_unknown(toys, case):
    _, rows = toys({"CKA": (0.9, 0.5, 0.1)})
    rows.loc[(rows["a"] == "line(rate=0.5)") & (rows["b"] == "odd"), "dissimilarity"] = np.nan
    _, _, matrix = system_matrix(case, rows, "CKA", "matched")
    assert np.isnan(matrix).sum() == 2
    assert np.isnan(matrix[2, 3])


def test_parts_of_a_metric_share_their_scale_and_name_families(usual, case):
    for part in case.matrices:
        cells, bar = systems_figure(case, usual[1], "DSA", part, metrics=usual[0].descriptions).axes
        assert cells.images[0].get_clim() == pytest.approx((0, 0.6))
        assert [label.get_text() for label in cells.get_yticklabels()] == ["ring", "line", "odd"]
        assert np.allclose(cells.get_yticks(), [0.5, 2, 3])
        assert np.allclose(cells.get_yticks(minor=True), [1.5, 2.5])
        assert (cells.get_xlabel(), cells.get_ylabel()) == ("system, by family",) * 2
        assert cells.get_title(loc="left") == f"DSA · {part}"
        assert "dissimilarity" in bar.get_ylabel()


def test_matrices_have_a_panel_per_metric_on_its_own_scale(usual, case):
    figure = matrices_figure(case, usual[1], "fresh", metrics=usual[0].descriptions)
    panels = [axes for axes in figure.axes if axes.images and axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == [
        *(f"{name}\n0 to 0.600 (angle / (π/2))" for name in ANGLES),
        "Mine\n0 to 0.600",
    ]
    assert all(axes.images[0].get_array().max() == pytest.approx(1) for axes in panels)
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["ring", "line", "odd"]
    assert [label.get_text() for label in panels[1].get_yticklabels()] == ["", "", ""]
    assert [label.get_text() for label in panels[2].get_xticklabels()] == ["ring", "line", "odd"]
    assert overflow(figure) <= 0


def test_rounding_errors_are_not_stretched_over_the_scale(toys, case):
    board, rows = toys({"CKA": (0.9, 0.5, 0.1)})
    rows["dissimilarity"] *= 1e-12
    image = matrices_figure(case, rows, "fresh", metrics=board.descriptions).axes[0].images[0]
    assert image.get_array().max() < 1e-9


def test_nothing_sticks_out_of_matrices(toys):
    board, rows = toys(dict.fromkeys(HOSTILE, (0.9, 0.5, 0.1)))
    rows = rows.replace({"a": {"odd": "$odd_{"}, "b": {"odd": "$odd_{"}})
    figure = matrices_figure(board.cases["toy"], rows, "matched", metrics=board.descriptions)
    assert overflow(figure) <= 0
    titles = [axes._left_title for axes in figure.axes if axes.images]
    assert [title._preprocess_math(title.get_text())[0].split("\n")[0] for title in titles[:4]] == HOSTILE[:4]
    for label in HOSTILE[:4]:
        assert overflow(systems_figure(board.cases["toy"], rows, label, "matched", metrics=board.descriptions)) <= 0


def test_a_matrix_that_was_not_measured(usual, case):
    with pytest.raises(DynalignError, match="Causal OT measured nothing in fresh of the test case toy"):
        systems_figure(case, usual[1], "Causal OT", "fresh", metrics=usual[0].descriptions)
    with pytest.raises(DynalignError, match="No metric measured fresh of the test case toy"):
        matrices_figure(case, usual[1].iloc[:0], "fresh", metrics=usual[0].descriptions)


def test_a_matrix_all_of_whose_numbers_are_lost_is_grey(usual, case):
    rows = usual[1].assign(dissimilarity=np.nan)
    systems_figure(case, rows, "DSA", "fresh", metrics=usual[0].descriptions).draw_without_rendering()
    matrices_figure(case, rows, "fresh", metrics=usual[0].descriptions).draw_without_rendering()


def test_groups_of_a_matrix_are_named_and_divided():
    cells, _ = matrix_figure(list("abc"), np.zeros((3, 3)), "CKA", of="thing", groups=["g", "g", "h"], top=0.5).axes
    assert [label.get_text() for label in cells.get_xticklabels()] == ["g", "h"]
    assert (cells.get_xlabel(), cells.images[0].get_clim()) == ("thing", (0, 0.5))


def test_a_single_metric_and_panel(toys):
    board, rows = toys({"CKA": (0.9, 0.5, 0.1)})
    case = board.cases["toy"]
    single = type("Single", (type(case),), {"panels": case.panels[:1]})()
    assert overflow(curves_figure(single, rows, metrics=board.descriptions)) <= 0
    assert overflow(matrices_figure(case, rows, "matched", metrics=board.descriptions)) <= 0
