"""Weighted statistics against SciPy and against literally repeated observations; bootstrap weights and intervals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, spearmanr

from dynalign import statistics
from dynalign.errors import DynalignError
from dynalign.statistics import Estimate, bootstrap_weights, estimate

N = 30
RNG = np.random.default_rng(0)
TIED = RNG.integers(0, 6, N).astype(float)
OTHER = TIED + RNG.integers(-3, 4, N)
MARKED = np.arange(N) % 3 == 0
WEIGHTS = np.concatenate([np.ones((1, N)), RNG.integers(0, 4, (20, N))]).astype(float)


def mann_whitney(values: np.ndarray, larger: np.ndarray) -> float:
    u = mannwhitneyu(values[larger], values[~larger]).statistic
    return float(u / (larger.sum() * (~larger).sum()))


def ratio(values: np.ndarray, above: np.ndarray) -> float:
    return float(values[above].mean() / values[~above].mean())


@pytest.mark.parametrize(
    ("statistic", "of_repeated", "arguments"),
    [
        (statistics.auc, mann_whitney, (TIED, MARKED)),
        (statistics.auc, mann_whitney, (RNG.normal(size=N), MARKED)),
        (statistics.spearman, lambda x, y: spearmanr(x, y).statistic, (TIED, OTHER)),
        (statistics.spearman, lambda x, y: spearmanr(x, y).statistic, (RNG.normal(size=N), TIED)),
        (statistics.mean, np.mean, (OTHER,)),
        (statistics.ratio_of_means, ratio, (TIED + 1, MARKED)),
    ],
)
def test_whole_weights_are_repeated_observations(
    statistic: Callable[..., np.ndarray], of_repeated: Callable[..., float], arguments: tuple[np.ndarray, ...]
) -> None:
    expected = [of_repeated(*(np.repeat(each, w.astype(int)) for each in arguments)) for w in WEIGHTS]
    np.testing.assert_allclose(statistic(*arguments, WEIGHTS), expected, rtol=1e-12, atol=1e-12)


def test_auc_by_hand() -> None:
    # Of six pairs (1 or 3 against 0, 1, 4), 1 > 0, 3 > 0 and 3 > 1 win, and 1 = 1 is half a win.
    values, larger = np.array([0.0, 1, 4, 1, 3]), np.array([False, False, False, True, True])
    found = statistics.auc(values, larger, np.array([[1.0] * 5, [0, 0, 2, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]]))
    np.testing.assert_allclose(found, [3.5 / 6, 0, np.nan, np.nan])


def test_ratios_without_a_number() -> None:
    values, above = np.array([0.0, 2, 1, 5]), np.array([False, False, True, True])
    weights = np.array([[1.0, 1, 1, 1], [1, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]])
    np.testing.assert_array_equal(statistics.ratio_of_means(values, above, weights), [3, np.inf, np.nan, np.nan])


def test_what_does_not_vary_or_weigh_is_undefined() -> None:
    x = np.arange(4.0)
    constant = statistics.spearman(x, np.full(4, 0.1), np.array([[1.0] * 4, [3, 0, 1, 7]]))
    one_left = statistics.spearman(x, x, np.array([[0, 3.0, 0, 0], [0] * 4]))
    no_weight = statistics.mean(x, np.zeros((1, 4)))
    flat = statistics.r_squared(x, np.ones((1, 4)))
    assert np.isnan([*constant, *one_left, *no_weight, *flat]).all()


def test_r_squared_is_the_squared_correlation() -> None:
    x = np.array([1.0, 2, 3, 5])
    means = np.concatenate([RNG.normal(size=(20, 4)), [3 - 2 * x]])
    expected = [np.corrcoef(x, row)[0, 1] ** 2 for row in means]
    np.testing.assert_allclose(statistics.r_squared(x, means), expected, rtol=1e-12)
    assert expected[-1] == pytest.approx(1)


def test_weights_of_crossed_factors_are_products() -> None:
    seeds, systems = zip(*product(range(4), "abcde"), strict=True)
    weights = bootstrap_weights([[seeds], [systems]], draws=300)
    assert weights.shape == (301, 20)
    assert (weights[0] == 1).all()
    assert (weights == np.round(weights)).all()
    assert (weights >= 0).all()
    np.testing.assert_array_equal(weights.sum(axis=1), 20)  # 4 seeds and 5 systems are drawn, whichever they are
    grid = weights.reshape(-1, 4, 5)
    of_seed, of_system = grid.sum(axis=2) / 5, grid.sum(axis=1) / 4
    np.testing.assert_array_equal(grid, of_seed[:, :, None] * of_system[:, None])
    counts = np.concatenate([of_seed[1:].T, of_system[1:].T])
    assert (np.abs(counts.mean(axis=1) - 1) < 5 / 300**0.5).all()
    assert counts.min() == 0
    between = np.corrcoef(counts)[:4, 4:]
    assert np.abs(between).max() < 5 / 300**0.5


def test_pairs_weigh_the_product_and_a_level_with_itself_weighs_once() -> None:
    first, second = zip(*combinations_with_replacement("abcdef", 2), strict=True)
    weights = bootstrap_weights([[first, second]], draws=100)[1:]
    drawn = {a: weights[:, i] for i, (a, b) in enumerate(zip(first, second, strict=True)) if a == b}
    np.testing.assert_array_equal(sum(drawn.values()), np.full(100, 6.0))
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        if a != b:
            np.testing.assert_array_equal(weights[:, i], drawn[a] * drawn[b])


def test_strata_keep_their_sizes() -> None:
    levels = "abcdef"
    strata = dict(zip(levels, "xxyyyz", strict=True))
    weights = bootstrap_weights([[levels]], strata=strata, draws=200)
    np.testing.assert_array_equal(weights[:, :2].sum(axis=1), 2)
    np.testing.assert_array_equal(weights[:, 2:5].sum(axis=1), 3)
    np.testing.assert_array_equal(weights[:, 5], 1)
    assert len(np.unique(weights[:, :2])) == len(np.unique(weights[:, 2])) - 1 == 3
    together = bootstrap_weights([[levels]], draws=200)
    assert len(np.unique(together[:, :2].sum(axis=1))) > 2


def test_draws_are_of_the_seed_and_the_levels_not_of_their_order() -> None:
    column = list("abcadc")
    weights = bootstrap_weights([[column]], draws=50, seed=3)
    np.testing.assert_array_equal(weights, bootstrap_weights([[column]], draws=50, seed=3))
    assert (weights != bootstrap_weights([[column]], draws=50, seed=4)).any()
    np.testing.assert_array_equal(weights[:, ::-1], bootstrap_weights([[column[::-1]]], draws=50, seed=3))
    np.testing.assert_array_equal(weights[:, 0], weights[:, 3])


@pytest.mark.parametrize(
    ("factors", "lengths"),
    [([], "[]"), ([[[]]], "[0]"), ([[[1, 2]], [[1, 2], [1]]], "[1, 2]"), ([[[1]], [[]]], "[0, 1]")],
)
def test_columns_that_are_no_table(factors: Sequence[Any], lengths: str) -> None:
    with pytest.raises(DynalignError, match=f"columns of one length above 0, not of {re.escape(lengths)}"):
        bootstrap_weights(factors)


def test_an_estimate_is_the_statistic_and_its_replicates() -> None:
    found = estimate(lambda weights: weights.sum(axis=1), np.array([[1.0, 1], [2, 1], [0, 1]]))
    assert found.value == 2
    np.testing.assert_array_equal(found.draws, [3, 1])


def test_ends_of_the_interval() -> None:
    # 2.5 % of 0 ... 1000 lie below 25 and above 975; undefined replicates do not count.
    draws = np.random.default_rng(0).permutation(np.concatenate([np.arange(1001.0), np.full(99, np.nan)]))
    found = Estimate(7.0, draws)
    assert (found.low, found.high) == (25, 975)


@pytest.mark.parametrize(
    ("draws", "low", "high"),
    [
        ([1.0] * 50 + [np.inf] * 50, 1, np.inf),
        ([-np.inf] * 4 + [1.0] * 90 + [np.inf] * 6, -np.inf, np.inf),
        ([1.0] * 99 + [np.inf], 1, 1),
        ([np.inf, np.nan], np.inf, np.inf),
        ([np.nan, np.nan], np.nan, np.nan),
        ([], np.nan, np.nan),
    ],
)
def test_infinite_and_undefined_replicates(draws: list[float], low: float, high: float) -> None:
    found = Estimate(1.0, np.array(draws))
    np.testing.assert_array_equal([found.low, found.high], [low, high])


def test_difference_is_replicate_by_replicate() -> None:
    gap = Estimate(3.0, np.array([1.0, np.inf, 5.0])) - Estimate(1.0, np.array([4.0, np.inf, 1.0]))
    assert gap.value == 2
    np.testing.assert_array_equal(gap.draws, [-3, 0, 4])  # two that are equally infinite differ by nothing


def test_difference_of_the_infinite() -> None:
    one, other = Estimate(np.inf, np.array([np.inf, np.inf, 1.0])), Estimate(np.inf, np.array([-np.inf, 2.0, np.inf]))
    assert (one - other).value == 0
    np.testing.assert_array_equal((one - other).draws, [np.inf, np.inf, -np.inf])
    assert np.isnan((Estimate(np.nan, one.draws) - other).value)


def test_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(size=80)
    found = estimate(partial(statistics.mean, values), bootstrap_weights([[range(80)]]))
    error = values.std() / 80**0.5
    assert found.value == pytest.approx(values.mean())
    assert found.draws.std() == pytest.approx(error, rel=0.08)
    np.testing.assert_allclose(
        [found.low, found.high], values.mean() + 1.96 * error * np.array([-1, 1]), atol=error / 5
    )


def test_paired_difference_is_narrower() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=60)
    other = one - 0.1 + 0.05 * rng.normal(size=60)
    weights, more = (bootstrap_weights([[range(60)]], seed=seed) for seed in (0, 1))
    paired = estimate(partial(statistics.mean, one), weights) - estimate(partial(statistics.mean, other), weights)
    unpaired = estimate(partial(statistics.mean, one), weights) - estimate(partial(statistics.mean, other), more)
    assert paired.value == unpaired.value == pytest.approx(0.1, abs=0.02)
    assert 10 * (paired.high - paired.low) < unpaired.high - unpaired.low
    assert unpaired.low < 0 < paired.low


def test_nothing_over_nothing_is_unknown() -> None:
    above, weights = np.array([True, False]), np.ones((1, 2))
    assert np.isnan(statistics.ratio_of_means(np.zeros(2), above, weights)[0])
    assert statistics.ratio_of_means(np.array([1.0, 0.0]), above, weights)[0] == np.inf
    assert np.isnan(statistics.r_squared(np.arange(3.0), 0.1 + np.array([[0, 1e-17, -1e-17]]))[0])
