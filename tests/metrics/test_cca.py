"""CCA, SVCCA and PWCCA against scipy's principal angles, textbook eigenproblems and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import CCA, PWCCA, SVCCA, Metric

AXIOMS = [
    CCA(),
    SVCCA(variance=0.9),
    PWCCA(),
]
FUZZED = [
    (CCA(), 900),
    (SVCCA(), 900),
    (PWCCA(), 500),
]

EVERY = [CCA(), SVCCA(), PWCCA()]
UNITS = [(4, 4), (3, 6), (6, 3)]


def pair(seed: int, units_x: int = 4, units_y: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 9, units_x)) * np.geomspace(1, 0.02, units_x)
    return x, np.tanh(x @ rng.normal(size=(units_x, units_y))) + 0.2 * rng.normal(size=(6, 9, units_y))


def centred(x: np.ndarray) -> np.ndarray:
    rows = x.reshape(-1, x.shape[-1])
    return rows - rows.mean(0)


def time_courses() -> np.ndarray:
    """Orthonormal columns of mean 0, shape (8, 7)."""
    return scipy.linalg.hadamard(8)[:, 1:] / np.sqrt(8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("units", UNITS)
def test_cca_is_the_mean_cosine_of_scipys_principal_angles(seed: int, units: tuple[int, int]) -> None:
    x, y = pair(seed, *units)
    cosines = np.cos(scipy.linalg.subspace_angles(centred(x), centred(y)))
    assert CCA(scale="radians")(x, y) == pytest.approx(np.arccos(cosines.sum() / np.sqrt(np.prod(units))), abs=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_cca_is_that_of_the_covariances_eigenproblem(seed: int) -> None:
    x, y = (centred(z) for z in pair(seed, 4, 4))
    product = np.linalg.solve(x.T @ x, x.T @ y) @ np.linalg.solve(y.T @ y, y.T @ x)
    correlations = np.sqrt(np.linalg.eigvals(product).real)
    assert CCA(scale="radians")(*pair(seed, 4, 4)) == pytest.approx(np.arccos(correlations.mean()), abs=1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("variance", [0.5, 0.9, 0.99, 1.0])
def test_svcca_is_cca_of_the_leading_components(seed: int, units: tuple[int, int], variance: float) -> None:
    x, y = pair(seed, *units)
    kept = []
    for z in (centred(x), centred(y)):
        variances, axes = np.linalg.eigh(z.T @ z)
        variances, axes = variances[::-1], axes[:, ::-1]
        shares = [variances[:count].sum() / variances.sum() for count in range(1, len(variances) + 1)]
        count = next((k + 1 for k, share in enumerate(shares) if share >= variance), len(variances))
        kept.append(z @ axes[:, :count])
    cosines = np.cos(scipy.linalg.subspace_angles(*kept))
    expected = np.arccos(cosines.sum() / np.sqrt(kept[0].shape[1] * kept[1].shape[1]))
    assert SVCCA(variance=variance, scale="radians")(x, y) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("units", UNITS)
def test_pwcca_weighs_the_variates_of_the_generalised_eigenproblem(seed: int, units: tuple[int, int]) -> None:
    x, y = pair(seed, *units)
    similarities = []
    for a, b in ((centred(x), centred(y)), (centred(y), centred(x))):
        cross = a.T @ b
        squares, maps = scipy.linalg.eigh(cross @ np.linalg.solve(b.T @ b, cross.T), a.T @ a)
        squares, maps = squares[::-1][: min(units)], maps[:, ::-1][:, : min(units)]
        weights = np.array([sum(abs(variate @ unit) for unit in a.T) for variate in (a @ maps).T])
        similarities.append(weights @ np.sqrt(squares) / weights.sum())
    assert PWCCA(scale="radians")(x, y) == pytest.approx(np.arccos(np.mean(similarities)), abs=1e-8)


def test_hand_worked_correlation() -> None:
    # One unit each, correlated by 1 / sqrt(2), whatever their size.
    x = np.array([[[1.0], [-1.0], [0.0], [0.0]]])
    y = np.array([[[3.0], [-3.0], [3.0], [-3.0]]])
    for metric in EVERY:
        assert metric(x, y) == pytest.approx(0.5, abs=1e-12)


def test_hand_worked_space_within_a_larger_one() -> None:
    courses = time_courses()
    x, y = courses[None, :, :1], courses[None, :, :2]
    assert CCA()(x, y) == pytest.approx(0.5, abs=1e-12)  # cosine 1 / sqrt(1 * 2)
    assert SVCCA()(x, y) == pytest.approx(0.5, abs=1e-12)
    assert PWCCA()(x, y) < 1e-9


def test_hand_worked_weights() -> None:
    # Correlations 1 and c; the units of x along them are as 3 to 1, those of y as 1 to 2.
    c = 0.6
    first, second, third = time_courses()[:, :3].T
    x = np.stack([3 * first, second], axis=-1)[None]
    y = np.stack([first, 2 * (c * second + np.sqrt(1 - c**2) * third)], axis=-1)[None]
    similarity = (3 / 4 + 1 / 3) / 2 + (1 / 4 + 2 / 3) / 2 * c
    assert PWCCA(scale="radians")(x, y) == pytest.approx(np.arccos(similarity), abs=1e-12)
    assert CCA(scale="radians")(x, y) == pytest.approx(np.arccos((1 + c) / 2), abs=1e-12)


@pytest.mark.parametrize("metric", [CCA(), SVCCA()], ids=repr)
def test_digits_survive_near_zero(metric: Metric) -> None:
    x, _ = pair(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    small, smaller = (metric(x, x + size * noise) for size in (1e-6, 1e-9))
    assert small / smaller == pytest.approx(1000, rel=1e-3)


def test_digits_of_pwcca_survive_until_its_weights_are_lost() -> None:
    # Below about 1e-7 all correlations are 1 to rounding: the angles are known, but not which direction has which.
    x, _ = pair(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    larger, small, smaller = (PWCCA()(x, x + size * noise) for size in (1e-5, 1e-6, 1e-9))
    assert larger / small == pytest.approx(10, rel=1e-3)
    assert 300 < small / smaller < 3000


def test_pwcca_is_symmetric_where_its_weights_are_not_unique() -> None:
    # Two spaces of 5 dimensions among the 7 of centred rows share 3: three correlations are 1.
    x, y = np.random.default_rng(0).normal(size=(2, 1, 8, 5))
    assert PWCCA()(x, y) == pytest.approx(PWCCA()(y, x), abs=1e-12)


def test_cca_is_invariant_to_ill_conditioned_maps() -> None:
    x, y = pair(0)
    turn, back = ortho_group.rvs(7, size=2, random_state=0)
    stretch = turn * np.geomspace(1, 1e-5, 7) @ back
    assert CCA()(x, y @ stretch) == pytest.approx(CCA()(x, y), abs=1e-9)
    assert CCA()(y, y @ stretch) < 1e-9


@pytest.mark.parametrize("offset", [0.0, 10.0])
def test_rounding_errors_are_no_directions(offset: float) -> None:
    # Four dimensions seen by nine units in float32: the other five hold rounding errors alone.
    x, _ = pair(0)
    seen = (x @ ortho_group.rvs(9, random_state=0)[:4]).astype(np.float32) + np.float32(offset)
    assert CCA().prepare(seen).shape == (6, 9, 4)
    assert CCA()(x, seen) < 1e-3 if offset else CCA()(x, seen) < 1e-5


def test_more_rows_than_dimensions_are_needed() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1, 5, 4))
    for metric in (CCA(), PWCCA(), SVCCA(variance=1.0)):
        with pytest.raises(DynalignError, match=r"x has 5 rows .* for 4 dimensions, so that it correlates perfectly"):
            metric(x, y)
    assert 0 < CCA()(x[:, :, :3], y[:, :, :3]) < 1


def test_states_that_change_by_rounding_errors_alone() -> None:
    x, _ = pair(0)
    rounded = (1 + 1e-7 * x).astype(np.float32)
    with pytest.raises(DynalignError, match="y changes no more than rounding errors do"):
        CCA()(x, rounded)


@pytest.mark.parametrize("variance", [0.0, 1.5, -1.0, float("nan")])
def test_variance_out_of_range(variance: float) -> None:
    with pytest.raises(DynalignError, match=f"share of the variance above 0, up to 1, not {variance}"):
        SVCCA(variance=variance)
