"""Two operators under one rotation: the optimum is known, or found by a search that takes its time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from dynalign.metrics import InputDSA
from dynalign.metrics.driven_system import DrivenSystem, nearest_turn

Pair = tuple[np.ndarray, np.ndarray]


def joint(weight: float, starts: int = 192) -> InputDSA:
    return InputDSA(compare="joint", weight=weight, scale="radians", starts=starts)


def system(pair: Pair, weight: float) -> DrivenSystem:
    a, b = (torch.from_numpy(x / np.linalg.norm(x)) for x in pair)
    return DrivenSystem(np.sqrt(1 - weight) * a, input_operator=np.sqrt(weight) * b)


def draw(rng: np.random.Generator, n: int, channels: int, kind: str = "any") -> Pair:
    a = rng.normal(size=(n, n))
    made = {"any": a, "symmetric": a + a.T, "skew": a - a.T, "normal": ortho_group.rvs(n, random_state=rng)}
    return made[kind], rng.normal(size=(n, channels))


def turned(pair: Pair, rng: np.random.Generator) -> Pair:
    c = ortho_group.rvs(len(pair[0]), random_state=rng)
    return c @ pair[0] @ c.T, c @ pair[1]


@pytest.mark.parametrize(("n", "channels"), [(2, 1), (3, 2), (6, 3), (10, 12), (16, 4)])
@pytest.mark.parametrize("kind", ["any", "symmetric", "skew", "normal"])
def test_exact_conjugates_are_found(n: int, channels: int, kind: str) -> None:
    rng = np.random.default_rng(0)
    for weight in (0.02, 0.5, 0.98):
        pairs = []
        for _ in range(10):
            pair = draw(rng, n, channels, kind)
            pairs.append((system(pair, weight), system(turned(pair, rng), weight)))
        assert joint(weight).distances(pairs).max() < 1e-7


def searched(x: Pair, y: Pair, weight: float, rng: np.random.Generator, starts: int = 60) -> float:
    """The largest cosine at which any of many random starts ends, by steps that cannot fall but take long."""
    (a, b), (other_a, other_b) = ([part / np.linalg.norm(part) for part in pair] for pair in (x, y))
    c = np.stack([ortho_group.rvs(len(a), random_state=rng) for _ in range(starts)])
    for _ in range(1500):
        slope = (1 - weight) * (a @ c @ other_a.T + a.T @ c @ other_a + 0.5 * c) + weight * b @ other_b.T
        left, _, right = np.linalg.svd(slope)
        c, before = left @ right, c
        if np.abs(c - before).max() < 1e-9:
            break
    own = ((a @ c) * (c @ other_a)).sum((1, 2))
    return float(((1 - weight) * own + weight * (b * (c @ other_b)).sum((1, 2))).max())


@pytest.mark.parametrize(("n", "channels"), [(2, 2), (4, 2), (6, 1)])
@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_never_worse_than_a_patient_search(n: int, channels: int, weight: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        x, y = draw(rng, n, channels), draw(rng, n, channels)
        found = joint(weight).distances([(system(x, weight), system(y, weight))])[0]
        assert np.cos(found) >= searched(x, y, weight, rng) - 1e-7


def test_systems_of_different_rank_get_directions_without_data() -> None:
    rng = np.random.default_rng(2)
    small = draw(rng, 3, 2)
    wide = np.pad(small[0], (0, 2)), np.pad(small[1], ((0, 2), (0, 0)))
    assert joint(0.5).distances([(system(small, 0.5), system(turned(wide, rng), 0.5))])[0] < 1e-7


def test_the_bordered_operator_holds_both() -> None:
    one = system(draw(np.random.default_rng(0), 3, 2), 0.3)
    padded = one.padded(4)
    assert padded.shape == (6, 6)
    torch.testing.assert_close(padded[:3, :3], one.operator)
    torch.testing.assert_close(padded[:4, 4:], one.padded_input(4))
    assert not padded[3:].any()
    assert float(torch.linalg.matrix_norm(padded)) == pytest.approx(1)


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_nearest_turn_is_the_best_rotation(channels: int) -> None:
    rng = np.random.default_rng(channels)
    a, b = (torch.from_numpy(rng.normal(size=(5, channels))) for _ in range(2))
    c = nearest_turn(a, b)
    torch.testing.assert_close(c @ c.mT, torch.eye(5, dtype=torch.float64))
    best = float((a * (c @ b)).sum())
    assert best == pytest.approx(float(torch.linalg.svdvals(a @ b.mT).sum()))
    for _ in range(200):
        other = torch.from_numpy(ortho_group.rvs(5, random_state=rng))
        assert float((a * (other @ b)).sum()) <= best
    conjugate = torch.from_numpy(ortho_group.rvs(5, random_state=rng)) @ b
    torch.testing.assert_close(nearest_turn(conjugate, b) @ b, conjugate)


@pytest.mark.parametrize("distance", ["angular", "euclidean"])
def test_input_operators_are_as_far_apart_as_dsa_metric_says(distance: str) -> None:
    peer = pytest.importorskip("DSA.simdist_controllability").ControllabilitySimilarityTransformDist
    rng = np.random.default_rng(4)
    metric = InputDSA(compare="input", distance=distance, scale="radians" if distance == "angular" else "unit")
    for channels in (1, 3, 7):
        x, y = system(draw(rng, 5, channels), 1.0), system(draw(rng, 5, channels), 1.0)
        theirs = peer(score_method=distance, compare="control").fit_score(
            *(each.operator for each in (x, y)), *(each.input_operator for each in (x, y))
        )
        assert metric.distances([(x, y)])[0] == pytest.approx(theirs, abs=1e-6)
