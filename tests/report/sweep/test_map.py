from __future__ import annotations

import numpy as np
import pytest
from tests.report.pages import overflow

from dynalign.errors import DynalignError
from dynalign.report import classical_mds, embedding_figure
from dynalign.report.parts.style import Style


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_classical_scaling_finds_points_of_a_plane():
    points = np.random.default_rng(3).normal(size=(7, 2))
    assert np.allclose(distances(classical_mds(distances(points))), distances(points))


def test_classical_scaling_is_reproducible_under_reflection():
    points = np.random.default_rng(3).normal(size=(7, 2))
    assert np.allclose(classical_mds(distances(points)), classical_mds(distances(-points)))


def test_classical_scaling_refuses_unknown_distances():
    with pytest.raises(DynalignError, match="not finite"):
        classical_mds([[0, np.nan, 1], [np.nan, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize(("unit", "shown"), [("rad", "MDS axis 1 (rad)"), ("none", "MDS axis 1")])
@pytest.mark.parametrize("count", [3, 8, 9, 30])
def test_maps_have_equal_axes_and_all_points(count, unit, shown):
    points = np.random.default_rng(count).uniform(-0.3, 0.3, (count, 2))
    names = [f"rnn noise=0.1 seed={i}" for i in range(count)]
    figure = embedding_figure(names, distances(points), "DSA", unit=unit)
    axes = figure.axes[0]
    assert axes.get_aspect() == 1
    drawn = np.array([line.get_xydata()[0] for line in axes.lines])
    assert np.allclose(distances(drawn), distances(points))
    assert [text.get_text() for text in axes.texts] == (names if count <= 8 else [])
    assert axes.get_xlabel() == shown
    assert overflow(figure) <= 0


def test_a_map_needs_three_runs():
    with pytest.raises(DynalignError, match="at least 3 runs, not 2"):
        embedding_figure(["a", "b"], np.zeros((2, 2)), "DSA")


def test_a_map_of_hundreds_has_no_legend_of_hundreds() -> None:
    names = [f"seed={seed}" for seed in range(60)]
    styles = {name: Style(group=name) for name in names}
    figure = embedding_figure(names, 1.0 - np.eye(60), "DSA", styles=styles)
    assert figure.legends == []
    assert figure.get_size_inches()[1] < 6
    few = embedding_figure(names[:20], 1.0 - np.eye(20), "DSA", styles=styles)
    assert len(few.legends[0].get_texts()) == 20
