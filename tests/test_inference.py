"""Crossed designs against formulas and literal loops; tests against SciPy and by hand; the coverage of intervals."""

from __future__ import annotations

import importlib.util
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test

from dynalign.errors import DynalignError
from dynalign.inference import Studentised, crossed, equivalent, holm, sign_flip
from dynalign.statistics import Estimate

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(6, 1)) + RNG.normal(size=(1, 4)) + RNG.normal(size=(6, 4))
OTHER = TABLE + RNG.normal(size=(6, 4))


def first(means: np.ndarray) -> np.ndarray:
    return means[:, 0]


def difference(means: np.ndarray) -> np.ndarray:
    return means[:, 0] - means[:, 1]


def log_ratio(means: np.ndarray) -> np.ndarray:
    return np.log(means[:, 0] / means[:, 1])


def mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    seeds, pool = table.shape
    rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    of_rows = sum(pool * (row - mean) ** 2 for row in rows) / (seeds - 1)
    of_columns = sum(seeds * (column - mean) ** 2 for column in columns) / (pool - 1)
    left = sum((table[s, p] - rows[s] - columns[p] + mean) ** 2 for s, p in product(range(seeds), range(pool)))
    return of_rows, of_columns, left / ((seeds - 1) * (pool - 1))


def benchmark() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_error_of_a_mean_is_that_of_a_two_way_layout() -> None:
    found = crossed(first, TABLE, draws=10)
    of_rows, of_columns, left = mean_squares(TABLE)
    assert min(of_rows, of_columns) > left
    assert found.value == pytest.approx(TABLE.mean())
    assert found.error == pytest.approx(((of_rows + of_columns - left) / TABLE.size) ** 0.5, rel=1e-10)


def test_error_has_no_negative_share() -> None:
    checks = np.where(np.add.outer(range(4), range(4)) % 2, 1.0, -1.0)  # neither rows nor columns differ
    assert crossed(first, checks, draws=10).error == pytest.approx((mean_squares(checks)[2] / 16) ** 0.5)


def test_squared_errors_are_right_on_average() -> None:
    # Variance of a mean: 1 / 5 + 1 / 4 + 1 / 20 with effects of variance 1.
    rng = np.random.default_rng(1)
    tables = rng.normal(size=(1500, 5, 1)) + rng.normal(size=(1500, 1, 4)) + rng.normal(size=(1500, 5, 4))
    squared = [crossed(first, table, draws=1).error ** 2 for table in tables]
    # The bound at 0 adds a little.
    assert 0.5 - 4 * np.std(squared) / 1500**0.5 < np.mean(squared) < 0.55


def test_error_of_a_log_ratio_is_that_of_its_gradient() -> None:
    # A ratio of means far from 0 is nearly linear, where leaving out and differentiating agree.
    tables = 1 + 0.001 * np.stack([TABLE, OTHER])
    found = crossed(log_ratio, tables, draws=10)
    gradient = tables[0] / tables[0].mean() - tables[1] / tables[1].mean()
    of_rows, of_columns, left = mean_squares(gradient)
    expected = (max(of_rows, left) + max(of_columns, left) - left) / gradient.size
    assert found.value == pytest.approx(np.log(tables[0].mean() / tables[1].mean()))
    assert found.error**2 == pytest.approx(expected, rel=0.01)


def test_errors_of_replicates_are_those_of_redrawn_tables() -> None:
    # A table whose values tell their place: what was drawn can be read off nothing but the mean, so every pair of
    # draws of 2 x 2 is tried.
    table = np.array([[1.0, 10], [100, 1000]])
    possible = {}
    for rows, columns in product(product(range(2), repeat=2), repeat=2):
        drawn = table[np.ix_(rows, columns)]
        of_rows, of_columns, left = mean_squares(drawn)
        possible[drawn.mean()] = ((max(of_rows, left) + max(of_columns, left) - left) / 4) ** 0.5
    found = crossed(first, table, draws=200)
    assert set(np.round(found.draws, 9)) == set(np.round(list(possible), 9))
    np.testing.assert_allclose(found.errors, [possible[mean] for mean in found.draws], rtol=1e-9, atol=1e-9)


def test_replicates_vary_as_owen_says() -> None:
    found = crossed(first, TABLE, draws=20000)
    seeds, pool = TABLE.shape
    rows, columns = TABLE.mean(axis=1).var() / seeds, TABLE.mean(axis=0).var() / pool
    left = (TABLE - TABLE.mean(axis=1, keepdims=True) - TABLE.mean(axis=0) + TABLE.mean()).var() / TABLE.size
    # A standard error of a variance is about sqrt(2 / draws) of it.
    assert found.draws.var() == pytest.approx(rows + columns + left, rel=5 * (2 / 20000) ** 0.5)


def test_draws_are_paired_within_a_design_and_across_calls() -> None:
    both = np.stack([TABLE, OTHER])
    at_once = crossed(difference, both, draws=50)
    apart = crossed(first, TABLE, draws=50) - crossed(first, OTHER, draws=50)
    assert at_once.value == pytest.approx(apart.value)
    np.testing.assert_allclose(at_once.draws, apart.draws, atol=1e-12)
    assert (crossed(difference, both, draws=50, seed=1).draws != at_once.draws).any()


def test_designs_are_independent() -> None:
    small = OTHER[:3, :2]
    one, two = crossed(first, TABLE), crossed(first, small)
    gap = crossed(difference, TABLE, small)
    assert gap.value == pytest.approx(one.value - two.value)
    assert gap.error == pytest.approx(np.hypot(one.error, two.error))
    same = crossed(difference, TABLE, TABLE)  # the same numbers twice are drawn apart
    assert same.value == 0
    assert same.draws.std() == pytest.approx(2**0.5 * one.draws.std(), rel=0.1)


def test_bootstrap_t_by_hand() -> None:
    # Gaps -1, 0, 2 with errors 1, 1, 0.5 are t of -1, 0, 4, the ends of any wide interval.
    found = Studentised(10.0, np.array([9.0, 10, 12]), 2.0, np.array([1.0, 1, 0.5]))
    assert found.interval(0.95) == (found.low, found.high) == (2, 12)
    assert found.percentile(0.95) == (9, 12)


def test_bootstrap_t_of_seeds_alone_is_the_textbook_one() -> None:
    values = np.array([0.1, 0.5, 0.6, 1.4])
    found = crossed(first, np.repeat(values[:, None], 5, axis=1), draws=20000)
    assert found.error == pytest.approx(values.std(ddof=1) / 2)
    samples = np.array(list(product(values, repeat=4)))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (samples.mean(axis=1) - values.mean()) / (samples.std(axis=1, ddof=1) / 2)
        of_draws = (found.draws - found.value) / found.errors
    for at in (-2.01, -1.01, -0.49, 0.51, 1.03, 3.02):
        assert (of_draws < at).mean() == pytest.approx((t < at).mean(), abs=5 * (0.25 / 20000) ** 0.5)


def test_what_does_not_vary_is_certain() -> None:
    found = crossed(first, np.full((3, 3), 0.5))
    assert found.error == 0
    assert (found.low, found.high) == (0.5, 0.5)


def test_wider_confidence_wider_interval() -> None:
    found = crossed(first, TABLE)
    (low, high), (lower, higher) = found.interval(0.9), found.interval(0.99)
    assert lower < low < found.value < high < higher
    assert (found.low, found.high) == found.interval(0.95)


@pytest.mark.parametrize("shape", [(4,), (1, 3), (3, 1), (0, 3, 3), (2, 2, 2, 2), ()])
def test_designs_that_are_no_tables(shape: tuple[int, ...]) -> None:
    with pytest.raises(DynalignError, match=r"Design 0 has shape .* at least two seeds and two pool members"):
        crossed(first, np.ones(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_unknown_values(value: float) -> None:
    with pytest.raises(DynalignError, match="Design 1 has values that are not finite"):
        crossed(first, TABLE, np.where(OTHER.max() == OTHER, value, OTHER))


def test_no_design_and_no_number() -> None:
    with pytest.raises(DynalignError, match="at least one table"):
        crossed(first)
    with pytest.raises(DynalignError, match="statistic of the means is -inf"):
        crossed(log_ratio, np.stack([np.zeros((2, 2)), np.ones((2, 2))]))


@pytest.mark.parametrize(
    ("differences", "greater", "two_sided"),
    [
        ([1, 2, 3], 1 / 8, 2 / 8),
        ([1, -1], 3 / 4, 1),
        ([-1, -2, -3], 1, 2 / 8),
        ([2, 2, -1], 2 / 8, 4 / 8),  # 5, 3 of 5, 3, 1, 1, ...: 2 + 2 - 1 = 3 is reached by itself and by 5
        ([0, 0, 0], 1, 1),
        ([0.1, 0.2, 0.3, -0.6], 9 / 16, 1),  # sums to 0 but for rounding
        ([5], 1 / 2, 1),
    ],
)
def test_sign_flips_by_hand(differences: list[float], greater: float, two_sided: float) -> None:
    assert sign_flip(differences, alternative="greater") == greater
    assert sign_flip(differences) == two_sided


@pytest.mark.parametrize("size", [2, 5, 10])
@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_sign_flips_are_those_of_scipy(size: int, alternative: str) -> None:
    for shift in (0.0, 0.5, -1.0):
        values = np.random.default_rng(size).normal(size=size) + shift
        expected = permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative=alternative
        ).pvalue
        assert sign_flip(values, alternative=alternative) == pytest.approx(expected, rel=1e-12)


def test_sixteen_are_flipped_exactly_and_more_are_sampled() -> None:
    assert sign_flip(np.ones(16), alternative="greater") == 2.0**-16
    values = np.random.default_rng(0).normal(size=18) + 0.3
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    exact = (sums >= values.sum() - 1e-9).mean()
    found = sign_flip(values, alternative="greater", seed=1)
    assert 0.01 < exact < 0.5
    assert found != exact
    assert found == pytest.approx(exact, abs=5 * (exact / 2**16) ** 0.5)
    assert found == sign_flip(values, alternative="greater", seed=1)
    assert sign_flip(np.ones(60)) == 1 / (1 + 2**16)


@pytest.mark.parametrize("values", [[], [[1.0, 2]], [1, np.nan], [np.inf]])
def test_nothing_to_flip(values: list[float]) -> None:
    with pytest.raises(DynalignError, match="a row of finite differences"):
        sign_flip(values)


def test_holm_by_hand() -> None:
    # In order: 4 x 0.005, 3 x 0.01, 2 x 0.03, 0.04, which must not be below the one before.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_array_equal(holm([0.7, 0.6]), [1, 1])
    np.testing.assert_array_equal(holm([0.2]), [0.2])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_step_by_step(values: list[float], alpha: float) -> None:
    adjusted = holm(values)
    assert (adjusted >= np.array(values)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(values, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    np.testing.assert_array_equal(holm(values[::-1])[::-1], adjusted)
    rejected = set()
    for step, place in enumerate(order):
        if values[place] * (len(values) - step) > alpha:
            break
        rejected.add(int(place))
    assert {place for place, p in enumerate(adjusted) if p <= alpha} == rejected


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_holm_of_what_is_no_p(value: float) -> None:
    with pytest.raises(DynalignError, match="p-values lie between 0 and 1"):
        holm([0.5, value])


def test_equivalence_takes_the_interval_of_twice_alpha() -> None:
    found = Estimate(0.0, np.arange(-500.0, 501))  # 90 %: -450 to 450; 95 %: -475 to 475
    assert equivalent(found, 451)
    assert not equivalent(found, 450)
    assert not equivalent(found, 451, alpha=0.025)
    assert not equivalent(Estimate(9000.0, found.draws + 9000), 451)
    assert not equivalent(Estimate(np.nan, np.array([np.nan])), 451)


def test_intervals_of_few_seeds_hold_the_truth() -> None:
    """400 simulations: a share of 0.95 has a standard error of 0.011."""
    module = benchmark()
    for case in module.CASES[:2]:
        found = module.coverage(case, 5, 8, simulations=400, draws=400)
        assert 0.9 < found["bootstrap-t", 0.95][0] < 0.99
        assert 0.84 < found["bootstrap-t", 0.9][0] < 0.95
        assert found["percentile", 0.95][0] < found["bootstrap-t", 0.95][0]
    assert found["percentile", 0.95][0] < 0.9  # which is why percentile intervals are not what is used
