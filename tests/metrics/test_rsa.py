"""RSA against numbers of the package rsatoolbox, scipy's formulas and hand-worked cases."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group, pearsonr, spearmanr

from dynalign.errors import DynalignError
from dynalign.metrics import RSA, pairwise

AXIOMS = [
    RSA(),
    RSA(dissimilarity="correlation", comparison="cosine"),
    RSA(conditions="trials", comparison="spearman"),
]
FUZZED = [
    (RSA(), 500),
    (RSA(dissimilarity="correlation", comparison="spearman"), 500),
]

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "rsatoolbox.npz")
CONFIGURATIONS = list(
    itertools.product(("moments", "trials"), ("euclidean", "correlation"), ("pearson", "spearman", "cosine"))
)
every_configuration = pytest.mark.parametrize("configuration", CONFIGURATIONS, ids="-".join)
SIMILARITIES = {
    "pearson": lambda a, b: pearsonr(a, b).statistic,
    "spearman": lambda a, b: spearmanr(a, b).statistic,
    "cosine": lambda a, b: a @ b / (np.linalg.norm(a) * np.linalg.norm(b)),
}


def pair(
    seed: int, units_x: int = 4, units_y: int = 7, trials: int = 6, time: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(trials, time, units_x))
    return x, np.tanh(x @ rng.normal(size=(units_x, units_y))) + 0.2 * rng.normal(size=(trials, time, units_y))


@every_configuration
def test_agrees_with_rsatoolbox(configuration: tuple[str, str, str]) -> None:
    similarities = np.cos(pairwise(RSA(*configuration, scale="radians"), list(REFERENCE["states"])))
    np.testing.assert_allclose(similarities, REFERENCE["_".join(configuration)], atol=1e-8)


@every_configuration
@pytest.mark.parametrize("shape", [(6, 5), (3, 2), (40, 3)])  # more and fewer conditions than numbers in a pattern
def test_is_the_angle_between_rdms_written_out(configuration: tuple[str, str, str], shape: tuple[int, int]) -> None:
    conditions, dissimilarity, comparison = configuration
    x, y = pair(1, trials=shape[0], time=shape[1])
    rdms = []
    for z in (x, y):
        centred = z - z.mean(axis=(0, 1))
        patterns = centred.reshape(len(z), -1) if conditions == "trials" else centred.reshape(-1, z.shape[-1])
        rdms.append(pdist(patterns, {"euclidean": "sqeuclidean"}.get(dissimilarity, dissimilarity)))
    expected = np.arccos(SIMILARITIES[comparison](*rdms))
    assert RSA(*configuration, scale="radians")(x, y) == pytest.approx(expected, abs=1e-9)


def test_hand_worked_line() -> None:
    # Three conditions at 0, 1, 3 and at 0, 1, 2: squared distances (1, 9, 4) and (1, 4, 1).
    x, y = np.array([[[0.0], [1.0], [3.0]]]), np.array([[[0.0], [1.0], [2.0]]])
    for comparison, similarity in {"pearson": 39 / 42, "cosine": 41 / 42, "spearman": 1.5 / np.sqrt(3)}.items():
        assert np.cos(RSA(comparison=comparison, scale="radians")(x, y)) == pytest.approx(similarity)


def test_opposite_rdms_are_beyond_a_right_angle() -> None:
    # Squared distances (1, 4, 1) and (1, 0.25, 0.25): what is far apart in one is closer in the other.
    x = np.array([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]])
    y = np.array([[[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]])
    assert RSA(comparison="pearson", scale="radians")(x, y) == pytest.approx(np.arccos(-0.5))


@every_configuration
def test_axioms_of_every_configuration(configuration: tuple[str, str, str]) -> None:
    metric = RSA(*configuration)
    rng = np.random.default_rng(2)
    shared = rng.normal(size=(8, 6, 5))
    systems = [shared + rng.normal(size=shared.shape) for _ in range(6)]
    matrix = pairwise(metric, systems)
    assert np.diag(matrix).max() < 1e-9
    assert (matrix <= (matrix[:, :, None] + matrix[None, :, :]).min(axis=1) + 1e-9).all()
    x, y = systems[:2]
    turned = metric(x, y @ ortho_group.rvs(9, random_state=3)[:5])
    assert metric(x, 7 * y + np.arange(5)) == pytest.approx(matrix[0, 1], abs=1e-9)
    assert (abs(turned - matrix[0, 1]) < 1e-9) == ("rotation" in metric.invariances)


@pytest.mark.parametrize("conditions", ["moments", "trials"])
@pytest.mark.parametrize("dissimilarity", ["euclidean", "correlation"])
@pytest.mark.parametrize("comparison", ["pearson", "cosine"])
def test_digits_survive_near_zero(conditions: str, dissimilarity: str, comparison: str) -> None:
    metric = RSA(conditions, dissimilarity, comparison)
    x, _ = pair(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    small, smaller = (metric(x, x + size * noise) for size in (1e-6, 1e-9))
    assert small / smaller == pytest.approx(1000, rel=1e-3)


def test_ranks_are_not_torn_by_rounding() -> None:
    # States on a grid: most distances are tied, and turning the units leaves them equal but for rounding.
    x = np.random.default_rng(0).integers(0, 3, size=(10, 6, 3)).astype(float)
    assert RSA(comparison="spearman")(x, x @ ortho_group.rvs(3, random_state=0)) < 1e-9


def test_many_conditions() -> None:
    x, y = pair(0, trials=400, time=100)  # whose RDM has 800 million entries
    chosen = np.random.default_rng(1).permutation(400)[:20]
    whole, part = RSA()(x, y), RSA()(x[chosen], y[chosen])
    assert whole == pytest.approx(part, abs=0.02)
    with pytest.raises(DynalignError, match=r"x has 40000 conditions \(moments\), .* comparison=spearman .* 4000"):
        RSA(comparison="spearman")(x, y)
    assert RSA(conditions="trials", comparison="spearman")(x, y) < 1


@pytest.mark.parametrize(
    ("metric", "x", "message"),
    [
        (RSA(), np.arange(2.0).reshape(1, 2, 1), r"x has 2 conditions \(moments\)"),
        (RSA("trials"), np.arange(10.0).reshape(2, 5, 1), r"x has 2 conditions \(trials\)"),
        (RSA("trials"), np.tile(np.arange(5.0)[None, :, None], (4, 1, 1)), "All patterns of x are the same"),
        (RSA(), np.eye(4)[None], "All patterns of x are equally far apart"),
        (RSA(comparison="spearman"), np.eye(4)[None], "All patterns of x are equally far apart"),
        (
            RSA(dissimilarity="correlation"),
            np.arange(5.0).reshape(1, 5, 1),
            r"The pattern of x at \(trial, time\) \(0, 0\) is constant",
        ),
        (
            RSA("trials", "correlation"),
            np.repeat(np.arange(4.0) - 1.5, 6).reshape(4, 3, 2),
            "The pattern of x at trial 0 is constant",
        ),
    ],
)
def test_what_has_no_rdm_gets_one_clear_sentence(metric: RSA, x: np.ndarray, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        metric(x, x)


def test_equally_far_patterns_still_have_a_cosine() -> None:
    x = np.eye(4)[None]
    assert RSA(comparison="cosine")(x, x) < 1e-9


@pytest.mark.parametrize("slip", ["conditions", "dissimilarity", "comparison", "scale"])
def test_unknown_parameters(slip: str) -> None:
    with pytest.raises(DynalignError, match=f"{slip}=x is unknown"):
        RSA(**{slip: "x"})
