"""One battery that every metric must pass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from tests.metrics.batteries import apart, every, fed, public

from dynalign.errors import DynalignError
from dynalign.metrics import Driven, Metric, against, pairwise

METRICS: list[Metric] = every("AXIOMS")
every_metric = pytest.mark.parametrize("metric", METRICS, ids=repr)


def farthest(metric: Metric) -> float:
    """The greatest value that unrelated systems can have: a right angle, unless the metric is no such angle."""
    if getattr(metric, "debiased", False) or getattr(metric, "comparison", "cosine") != "cosine":
        return 2  # what is correlated can be negatively correlated by chance
    return {"euclidean": np.sqrt(2), "size-and-shape": np.inf}.get(getattr(metric, "distance", ""), 1)


def system(seed: int, units: int = 5, trials: int = 12, time: int = 40) -> np.ndarray:
    """A stable linear system driven by noise, seen through a mild nonlinearity."""
    rng = np.random.default_rng(seed)
    matrix = 0.95 * ortho_group.rvs(units, random_state=rng)
    x = rng.normal(size=(trials, units))
    states = []
    for _ in range(time):
        x = x @ matrix.T + 0.3 * rng.normal(size=(trials, units))
        states.append(np.tanh(x))
    return np.stack(states, axis=1)


def test_every_public_metric_is_put_to_it() -> None:
    assert {type(metric) for metric in METRICS} == public()


@every_metric
def test_a_system_is_at_distance_0_from_itself(metric: Metric) -> None:
    x = system(0)
    assert apart(metric, x, x) < 1e-9
    assert apart(metric, x.astype(np.float32), x.astype(np.float32)) < 1e-9


@every_metric
def test_different_systems_are_apart_and_symmetric(metric: Metric) -> None:
    x, y = system(0), system(1)
    assert 0.02 < apart(metric, x, y) <= farthest(metric)
    assert apart(metric, x, y) == pytest.approx(apart(metric, y, x), abs=1e-9)


CHANGES = {
    "rotation": [
        lambda y: y @ ortho_group.rvs(5, random_state=1),
        lambda y: y @ ortho_group.rvs(9, random_state=2)[:5],  # an orthonormal embedding in more units
        lambda y: -y,
    ],
    "scale": [lambda y: 7.5 * y, lambda y: 1e-6 * y],
    "translation": [lambda y: y + np.arange(5.0)],
    "linear": [lambda y: y @ np.random.default_rng(3).normal(size=(5, 5)), lambda y: y * [1.0, 2.0, 3.0, 4.0, 5.0]],
}


@every_metric
@pytest.mark.parametrize("kind", CHANGES)
def test_invariances_are_as_stated(metric: Metric, kind: str) -> None:
    x, y = system(1), system(11)
    distance = apart(metric, x, y)
    for change in CHANGES[kind]:
        changed = change(y)
        if kind in metric.invariances:
            assert apart(metric, x, changed) == pytest.approx(distance, abs=1e-6)
            assert apart(metric, y, changed) < 1e-6
    if kind not in metric.invariances:  # stated by what is left out, too
        changes = [change(y) for change in CHANGES[kind]]
        # Only where the triangle inequality holds must a change that is at 0 leave all other distances as they are.
        moved = [apart(metric, y, z) if metric.triangle else abs(apart(metric, x, z) - distance) for z in changes]
        assert max(moved) > 1e-3


@every_metric
def test_triangle_inequality_where_it_is_stated(metric: Metric) -> None:
    if not metric.triangle:
        pytest.skip("this metric states no triangle inequality")
    matrix = pairwise(metric, [fed(metric, system(seed) + 0.5 * system(0)) for seed in range(7)])
    detours = (matrix[:, :, None] + matrix[None, :, :]).min(axis=1)
    assert (matrix <= detours + 1e-6).all()


@every_metric
def test_grows_with_a_known_change(metric: Metric) -> None:
    x, y = system(0), system(1)
    mixed = [apart(metric, x, (1 - share) * x + share * y) for share in (0.0, 0.3, 0.6, 1.0)]
    assert mixed == sorted(mixed)
    assert mixed[-1] > mixed[1] > 0.01


@every_metric
def test_constant_units_contribute_nothing(metric: Metric) -> None:
    if "rotation" not in metric.invariances:
        pytest.skip("this metric sees single units, and a constant unit is a unit")
    x, y = system(0), system(1)
    padded = np.concatenate([y, np.full((12, 40, 2), 3.0)], axis=-1)
    assert apart(metric, x, padded) == pytest.approx(apart(metric, x, y), abs=1e-9)


@every_metric
def test_takes_tensors_lists_and_odd_layouts_and_leaves_them_alone(metric: Metric) -> None:
    x, y = system(0), system(1)
    before = x.copy()
    expected = apart(metric, x, y)
    assert apart(metric, torch.from_numpy(x), y.tolist()) == pytest.approx(expected, abs=1e-12)
    assert apart(metric, np.asfortranarray(x), y[:, ::-1][:, ::-1]) == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(x, before)


@every_metric
def test_scale(metric: Metric) -> None:
    if getattr(metric, "distance", "angular") != "angular":
        pytest.skip("this metric is no angle")
    radians = dataclasses.replace(metric, scale="radians")  # type: ignore[type-var]
    assert apart(radians, system(0), system(1)) == pytest.approx(apart(metric, system(0), system(1)) * np.pi / 2)
    with pytest.raises(DynalignError, match="scale=degrees is unknown"):
        dataclasses.replace(metric, scale="degrees")  # type: ignore[type-var]


@every_metric
def test_pairwise_and_against_agree_with_single_calls(metric: Metric) -> None:
    systems = [system(seed) for seed in range(3)]
    shown = [fed(metric, x) for x in systems]
    done: list[tuple[int, int]] = []
    matrix = pairwise(metric, shown, progress=lambda *count: done.append(count))
    expected = [[apart(metric, x, y) for y in systems] for x in systems]
    np.testing.assert_allclose(matrix, expected, atol=1e-9)
    np.testing.assert_allclose(against(metric, shown, shown[1]), matrix[:, 1], atol=1e-9)
    assert done[-1] == (6, 6)


@every_metric
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[0], r"shape \(40, 5\), but states have three axes: \(trials, time, units\)"),
        (lambda x: x[:0], "is empty"),
        (lambda x: np.where(x == x[1, 2, 3], np.nan, x), r"1 NaN .* \(1, 2, 3\)"),
        (lambda x: np.where(x == x[1, 2, 3], np.inf, x), "NaN or infinite"),
        (lambda x: np.ones_like(x), "is constant"),
        (lambda x: x.astype(complex), "complex128"),
        (lambda x: x.astype(str), "real numbers"),
        (lambda x: [[[1.0, 2.0], [1.0]]], "ragged"),
    ],
)
def test_bad_input_gets_one_clear_sentence(metric: Metric, spoil, message: str) -> None:
    x = system(0)
    with pytest.raises(DynalignError, match=message):
        apart(metric, x, spoil(x))


@every_metric
def test_pairwise_names_the_system_that_is_bad(metric: Metric) -> None:
    with pytest.raises(DynalignError, match=r"^the third is constant"):
        pairwise(
            metric,
            [fed(metric, x) for x in (system(0), system(1), np.ones((12, 40, 5)))],
            names=["a", "b", "the third"],
        )


@every_metric
def test_inputs_are_given_where_they_are_needed_and_nowhere_else(metric: Metric) -> None:
    x = system(0)
    other, message = (x, "without inputs") if metric.needs_inputs else (Driven(x, x), "comes with inputs")
    with pytest.raises(DynalignError, match=f"^y .*{message}"):
        metric(fed(metric, x), other)


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.needs_matched_trials], ids=repr)
def test_row_aligned_metrics_need_matching_rows(metric: Metric) -> None:
    with pytest.raises(DynalignError, match="same trials and time steps"):
        apart(metric, system(0), system(1, trials=11))


@every_metric
@pytest.mark.filterwarnings("ignore:The operator of")
@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    trials=st.integers(1, 4),
    time=st.integers(1, 12),
    units=st.integers(1, 4),
    kind=st.sampled_from(["normal", "ints", "rank one", "float16", "huge", "tiny"]),
    seed=st.integers(0, 100),
)
def test_any_small_input_gives_a_number_or_a_clear_error(
    metric: Metric, trials: int, time: int, units: int, kind: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(trials, time, units))
    if kind == "ints":
        x = rng.integers(0, 2, size=x.shape)
    elif kind == "rank one":
        x = x[:, :, :1] * np.arange(1, units + 1)
    elif kind == "float16":
        x = x.astype(np.float16)
    elif kind in ("huge", "tiny"):
        x = x * (1e200 if kind == "huge" else 1e-200)
    try:
        value = apart(metric, x, x[:, ::-1])
    except DynalignError:
        return
    assert 0 <= value <= max(2, farthest(metric))
    assert np.isfinite(value)
