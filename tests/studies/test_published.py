"""Published figures that were printed twice agree with one another, to the digits that were printed or read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student

from dynalign.errors import DynalignError
from dynalign.studies import published
from dynalign.studies.published import GROUPS, METRICS, PARTIAL

PRINTED = 0.0005  # three decimals
READ = 0.001  # points of the noise and mixing curves, read off plots to three decimals
CONF = Path(__file__).parents[2] / "conf" / "curriculum"


def test_groups_are_our_curricula() -> None:
    assert set(GROUPS) <= {path.stem for path in CONF.glob("*.yaml")}
    assert set(PARTIAL) == {"basic", "anti", "delay", "basic_anti", "basic_delay"}


@pytest.mark.parametrize("matrices", [published.E4_MATRICES, published.E7_MATRICES], ids=["E4", "E7"])
@pytest.mark.parametrize("metric", METRICS)
def test_matrices(matrices: dict[str, published.Matrix], metric: str) -> None:
    values = matrices[metric].values
    assert values.shape == (10, 10)
    np.testing.assert_array_equal(values, values.T)
    if metric == "dsa":  # the optimiser's floor
        assert (np.diag(values) > 0.06).all()
        assert (np.diag(values) < 0.11).all()
    else:
        assert (np.diag(values) == 0).all()
    assert (values[~np.eye(10, dtype=bool)] > 0.25).all()
    assert not values.flags.writeable


def test_entries_are_where_they_belong() -> None:
    rnn, mamba = published.E4_MATRICES, published.E7_MATRICES
    assert rnn["dsa"].row("master_frozen")["untrained"] == 0.606
    assert rnn["dsa"].row("full_unfrozen")["full"] == 0.342
    assert rnn["cka"].row("untrained")["master_frozen"] == 0.312
    assert rnn["procrustes"].row("anti")["delay"] == 0.417
    assert mamba["dsa"].row("master")["master_frozen"] == 0.615
    assert mamba["cka"].row("full")["full_unfrozen"] == 0.733
    assert mamba["procrustes"].row("basic_delay")["full"] == 0.622
    with pytest.raises(DynalignError, match="no group mastr; did you mean master"):
        rnn["dsa"].row("mastr")


@pytest.mark.parametrize(
    ("matrices", "boxes"),
    [(published.E4_MATRICES, published.E4_TO_MASTER), (published.E7_MATRICES, published.E7_TO_MASTER)],
    ids=["E4", "E7"],
)
def test_boxes_are_the_row_of_master(matrices: dict[str, published.Matrix], boxes: dict[str, published.Means]) -> None:
    for metric, box in boxes.items():
        row = matrices[metric].row("master")
        for group, mean in box.values.items():
            expected = np.mean([row[each] for each in PARTIAL]) if group == "partial" else row[group]
            # Both have three decimals, though the boxes are read off a plot: they agree to the last of them.
            assert mean.value == pytest.approx(expected, abs=2 * PRINTED), (metric, group)


@pytest.mark.parametrize("metric", METRICS)
def test_lorenz_families(metric: str) -> None:
    found = published.E1[metric]
    assert found.ratio == pytest.approx(found.between.mean / found.within.mean, abs=0.01)  # two decimals of 3 digits
    # Every family has three pairs within, every two families nine between, so that means of means are means.
    assert found.within.mean == pytest.approx(np.mean(found.within_family), abs=2 * PRINTED)
    assert found.between.mean == pytest.approx(np.mean(found.between_families), abs=2 * PRINTED)
    for spread in (found.within, found.between):
        assert spread.least < spread.mean - spread.deviation < spread.mean + spread.deviation < spread.most


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("curves", "lines"),
    [
        (published.E2_NOISE, published.E2_NOISE_LINES),
        (published.E2_MIXING, published.E2_MIXING_LINES),
    ],
    ids=["noise", "mixing"],
)
def test_lines_through_noise_curves(curves: published.Curves, lines: dict[str, published.Line], metric: str) -> None:
    y = curves.values[metric]
    # These points were read to three decimals. R2 of a line over 1, 2, 3 is 3 gap^2 / (3 gap^2 + bend^2).
    gap, bend = abs(y[-1] - y[0]), abs(y[0] + y[2] - 2 * y[1])
    assert lines[metric].gap == pytest.approx(gap, abs=2 * READ + PRINTED)
    straight = [
        3 * g**2 / (3 * g**2 + max(b, 0) ** 2)
        for g, b in ((gap - 2 * READ, bend + 4 * READ), (gap + 2 * READ, bend - 4 * READ))
    ]
    assert straight[0] - PRINTED < lines[metric].r_squared < straight[1] + PRINTED
    assert (np.diff(y) < 0).all()


def test_shared_motifs() -> None:
    y = published.E3_UNORDERED.values[
        "dsa"
    ]  # printed, as are the slope -0.202, r -0.983 and gap 0.404 of the best grid
    assert published.E3_UNORDERED.printed == ("dsa",)
    assert np.polyfit(published.E3_UNORDERED.x, y, 1)[0] == pytest.approx(-0.202, abs=2 * PRINTED)
    assert np.corrcoef(published.E3_UNORDERED.x, y)[0, 1] == pytest.approx(-0.983, abs=2 * PRINTED)
    assert y[0] - y[-1] == pytest.approx(0.404, abs=2 * PRINTED)
    assert all(curve[-1] == 0 for curve in published.E3_ORDERED.values.values())  # a system with itself


@pytest.mark.parametrize("metric", METRICS)
def test_curves_over_learning(metric: str) -> None:
    curves = published.E5_CURVES[metric]
    assert set(curves.values) == {"0", "67", "100"} | (set() if metric == "procrustes" else {"33"})
    for y in curves.values.values():
        assert y.shape == curves.x.shape == (6,)
        assert ((y > 0.3) & (y < 0.65)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_regressions_agree_with_themselves(metric: str) -> None:
    line, pairs = published.E5_REGRESSIONS[metric], 1478
    t = line.slope / line.error  # to 0.5 %, from an error of three digits
    assert line.r_squared == pytest.approx(t**2 / (t**2 + pairs - 2), abs=0.001)
    # The p-value moves by d log p = -t dt.
    assert np.log(line.p) == pytest.approx(np.log(2) + student.logsf(abs(t), pairs - 2), abs=0.05 + 0.005 * t**2)
