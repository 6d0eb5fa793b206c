"""CKA against full Gram matrices and hand-worked cases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from dynalign.errors import DynalignError
from dynalign.metrics import CKA

AXIOMS = [
    CKA(),
    CKA(debiased=True),
    CKA(kernel="rbf"),
    CKA(kernel="rbf", debiased=True),
]
FUZZED = [
    (CKA(), 1200),
    (CKA(debiased=True), 1200),
    (CKA(kernel="rbf"), 600),
]

VARIANTS = [
    CKA(scale="radians"),
    CKA(debiased=True, scale="radians"),
    CKA(kernel="rbf", scale="radians"),
    CKA(kernel="rbf", bandwidth=0.3, scale="radians"),
    CKA(kernel="rbf", debiased=True, scale="radians"),
    CKA(kernel="rbf", debiased=True, bandwidth=4.0, scale="radians"),
]
every_variant = pytest.mark.parametrize("metric", VARIANTS, ids=repr)


def pair(seed: int, trials: int = 6, time: int = 9, units: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(trials, time, units))
    return x, np.tanh(x @ rng.normal(size=(units, 7))) + 0.2 * rng.normal(size=(trials, time, 7))


def full_gram(x: np.ndarray, metric: CKA, median_rows: np.ndarray | None = None) -> np.ndarray:
    rows = x.reshape(-1, x.shape[-1])
    if metric.kernel == "linear":
        return rows @ rows.T
    bandwidth = metric.bandwidth * np.median(pdist(rows if median_rows is None else rows[median_rows]))
    return np.exp(-(cdist(rows, rows) ** 2) / (2 * bandwidth**2))


def hsic(gram_x: np.ndarray, gram_y: np.ndarray, debiased: bool) -> float:
    n = len(gram_x)
    if not debiased:
        return float(np.sum((gram_x - gram_x.mean(0) - gram_x.mean(1)[:, None] + gram_x.mean()) * gram_y))
    k, m = (gram - np.diag(np.diag(gram)) for gram in (gram_x, gram_y))
    one = np.ones(n)
    return float(
        np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ m @ one)
    ) / (n * (n - 3))


def from_full_grams(gram_x: np.ndarray, gram_y: np.ndarray, debiased: bool) -> float:
    norm = hsic(gram_x, gram_x, debiased) * hsic(gram_y, gram_y, debiased)
    return float(np.arccos(hsic(gram_x, gram_y, debiased) / np.sqrt(norm)))


@every_variant
@pytest.mark.parametrize("seed", range(5))
def test_is_the_normalised_hsic_of_full_gram_matrices(metric: CKA, seed: int) -> None:
    x, y = pair(seed)
    expected = from_full_grams(full_gram(x, metric), full_gram(y, metric), metric.debiased)
    assert metric(x, y) == pytest.approx(expected, abs=1e-10)


@every_variant
def test_more_rows_than_a_tile_and_fewer_than_units(metric: CKA) -> None:
    x, y = pair(0, trials=30, time=23)  # 690 rows
    expected = from_full_grams(full_gram(x, metric), full_gram(y, metric), metric.debiased)
    assert metric(x, y) == pytest.approx(expected, abs=1e-10)
    x, y = pair(1, trials=2, time=3, units=20)
    expected = from_full_grams(full_gram(x, metric), full_gram(y, metric), metric.debiased)
    assert metric(x, y) == pytest.approx(expected, abs=1e-10)


def test_the_median_of_many_rows_is_that_of_2000_evenly_spaced_ones() -> None:
    metric = CKA(kernel="rbf", scale="radians")
    x, y = pair(0, trials=45, time=50)  # 2250 rows
    chosen = np.array([int(k * 2249 / 1999) for k in range(2000)])
    grams = (full_gram(z, metric, chosen) for z in (x, y))
    assert metric(x, y) == pytest.approx(from_full_grams(*grams, debiased=False), abs=1e-10)


@pytest.mark.parametrize("debiased", [False, True])
def test_wide_rbf_kernels_are_linear(debiased: bool) -> None:
    # Alvarez 2021, arXiv 2112.09305: the difference falls with the square of the bandwidth.
    x, y = pair(0)
    linear = CKA(debiased=debiased)(x, y)
    gaps = [CKA(kernel="rbf", debiased=debiased, bandwidth=width)(x, y) - linear for width in (10, 100, 1000)]
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=0.05)
    assert gaps[1] / gaps[2] == pytest.approx(100, rel=0.05)


def test_hand_worked_right_angle() -> None:
    # Two units that vary in turn: orthogonal Gram matrices.
    x = np.array([[[1.0], [-1.0], [0.0], [0.0]]])
    y = np.array([[[0.0], [0.0], [1.0], [-1.0]]])
    assert CKA()(x, y) == pytest.approx(1.0, abs=1e-12)


def test_hand_worked_debiased() -> None:
    # With four rows, U-centred Gram matrices of such units are -1/3 at the two pairs of rows that make up the unit
    # and its complement, and 1/6 at the four others. So complements are the same, and others are at the angle of
    # cosine (-1/6) / (1/3).
    x, same, other = (
        np.array(column, dtype=float).reshape(1, 4, 1) for column in ([1, -1, 0, 0], [0, 0, 1, -1], [1, 0, -1, 0])
    )
    assert np.cos(CKA(debiased=True, scale="radians")(x, same)) == pytest.approx(1, abs=1e-12)
    assert CKA(debiased=True)(x, other) == pytest.approx(4 / 3, abs=1e-12)


def test_hand_worked_rbf() -> None:
    # Three rows at equal distances: the centred Gram matrix is a multiple of I - 1/3. Two rows that coincide and one
    # apart: a multiple of u u^T with u = (1, 1, -2) / sqrt(6). The cosine is 1 / sqrt(2).
    x = np.eye(3)[None]
    y = np.array([[[0.0], [0.0], [1.0]]])
    assert CKA(kernel="rbf")(x, y) == pytest.approx(0.5, abs=1e-12)


def test_hand_worked_stretch() -> None:
    # Circles stretched to an ellipse with axes 1 and s: CKA = (1 + s²) / sqrt(2 (1 + s⁴)).
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]
    s = 3.0
    expected = np.arccos((1 + s**2) / np.sqrt(2 * (1 + s**4)))
    assert CKA(scale="radians")(circle, circle * [1, s]) == pytest.approx(expected, abs=1e-12)


@every_variant
def test_digits_survive_near_zero(metric: CKA) -> None:
    x, _ = pair(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    small, smaller = (metric(x, x + size * noise) for size in (1e-6, 1e-9))
    assert small / smaller == pytest.approx(1000, rel=1e-3)


def test_a_row_far_away_costs_the_rbf_kernel_no_digits() -> None:
    metric = CKA(kernel="rbf", scale="radians")
    x, y = pair(0)
    x[1, 2] += 1e6
    expected = from_full_grams(full_gram(x, metric), full_gram(y, metric), debiased=False)
    assert metric(x, y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_debiased_puts_unrelated_systems_at_a_right_angle(kernel: str) -> None:
    rng = np.random.default_rng(0)
    pairs = [rng.normal(size=(2, 1, 10, 100)) for _ in range(200)]
    plain = [CKA(kernel=kernel)(x, y) for x, y in pairs]
    debiased = [CKA(kernel=kernel, debiased=True)(x, y) for x, y in pairs]
    assert np.mean(plain) < 0.4
    assert np.mean(debiased) == pytest.approx(1, abs=0.02)
    assert max(debiased) > 1


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_triangle_inequality_of_debiased_angles_beyond_the_right_one(kernel: str) -> None:
    metric = CKA(kernel=kernel, debiased=True)
    systems = np.random.default_rng(0).normal(size=(12, 1, 5, 2))
    distance = {(i, j): metric(systems[i], systems[j]) for i in range(12) for j in range(12)}
    assert max(distance.values()) > 1.5
    assert all(
        distance[i, k] <= distance[i, j] + distance[j, k] + 1e-9 for i, j, k in itertools.product(range(12), repeat=3)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": "gauss"}, "kernel=gauss is unknown; use linear or rbf"),
        ({"kernel": "rbf", "bandwidth": 0.0}, "bandwidth from 0.001 to 1000 median distances, not 0.0"),
        ({"kernel": "rbf", "bandwidth": float("nan")}, "not nan"),
        ({"bandwidth": 0.5}, "bandwidth=0.5 needs kernel=rbf"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        CKA(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "y", "message"),
    [
        (CKA(debiased=True), np.arange(3.0).reshape(1, 3, 1), "y has 3 rows .* debiased CKA needs four"),
        (CKA(debiased=True), np.eye(5)[None], "All rows of y are equally similar"),
        (CKA(kernel="rbf", debiased=True), np.eye(5)[None], "All rows of y are equally similar"),
        (CKA(kernel="rbf"), np.array([0.0, 0, 0, 0, 1]).reshape(1, 5, 1), "half of the rows of y coincide"),
        (CKA(kernel="rbf"), np.arange(50_001.0).reshape(1, -1, 1), "y has 50001 rows .* 50000 at most"),
    ],
)
def test_states_that_cannot_be_compared(metric: CKA, y: np.ndarray, message: str) -> None:
    x = np.random.default_rng(0).normal(size=(1, 5, 2))
    with pytest.raises(DynalignError, match=message):
        metric(x, y)
