"""Procrustes distances against scipy's best rotation and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import Procrustes

AXIOMS = [
    Procrustes(),
    Procrustes(distance="euclidean"),
    Procrustes(distance="size-and-shape"),
]
FUZZED = [
    (Procrustes(), 1100),
    (Procrustes(distance="size-and-shape"), 1100),
]

SIZE_AND_SHAPE = Procrustes(distance="size-and-shape")


def pair(seed: int, units_x: int = 4, units_y: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 9, units_x))
    return x, np.tanh(x @ rng.normal(size=(units_x, units_y))) + 0.2 * rng.normal(size=(6, 9, units_y))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("units", [(4, 4), (3, 6), (6, 3)])
def test_is_what_scipys_best_rotation_leaves(seed: int, units: tuple[int, int]) -> None:
    x, y = pair(seed, *units)
    flat_x, flat_y = (
        np.pad(z - z.mean(0), ((0, 0), (0, max(units) - z.shape[1]))) for z in (x.reshape(54, -1), y.reshape(54, -1))
    )
    rotation, _ = scipy.linalg.orthogonal_procrustes(flat_y, flat_x)
    assert SIZE_AND_SHAPE(x, y) == pytest.approx(np.linalg.norm(flat_x - flat_y @ rotation), abs=1e-10)
    flat_x, flat_y = flat_x / np.linalg.norm(flat_x), flat_y / np.linalg.norm(flat_y)
    similarity = np.sum(flat_x * (flat_y @ rotation))
    assert Procrustes(scale="radians")(x, y) == pytest.approx(np.arccos(similarity), abs=1e-10)
    left = np.linalg.norm(flat_x - flat_y @ rotation)
    assert Procrustes(distance="euclidean")(x, y) == pytest.approx(left, abs=1e-10)
    assert left == pytest.approx(2 * np.sin(np.arccos(similarity) / 2), abs=1e-10)


def test_hand_worked_right_angle() -> None:
    # One unit is turned onto the other, but their time courses are orthogonal.
    x = np.array([[[1.0], [-1.0], [0.0], [0.0]]])
    y = np.array([[[0.0], [0.0], [2.0], [-2.0]]])
    assert Procrustes()(x, y) == pytest.approx(1.0, abs=1e-12)
    assert Procrustes(distance="euclidean")(x, y) == pytest.approx(np.sqrt(2), abs=1e-12)
    assert SIZE_AND_SHAPE(x, y) == pytest.approx(np.sqrt(10), abs=1e-12)


def test_hand_worked_stretch() -> None:
    # Circles stretched to an ellipse with axes 1 and s: similarity (1 + s) / sqrt(2 (1 + s²)). Each axis of n points
    # has the squared norm n/2, so what is left of size and shape is (s - 1) sqrt(n/2).
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]
    s = 3.0
    expected = np.arccos((1 + s) / np.sqrt(2 * (1 + s**2)))
    assert Procrustes(scale="radians")(circle, circle * [1, s]) == pytest.approx(expected, abs=1e-12)
    assert SIZE_AND_SHAPE(circle, circle * [1, s]) == pytest.approx(2 * np.sqrt(32), abs=1e-12)


def test_size_and_shape_of_a_larger_copy_and_of_twice_the_trials() -> None:
    x, y = pair(0)
    assert SIZE_AND_SHAPE(x, 3 * x) == pytest.approx(2 * np.linalg.norm(x - x.mean(axis=(0, 1))), rel=1e-12)
    twice = SIZE_AND_SHAPE(np.concatenate([x, x]), np.concatenate([y, y]))
    assert twice == pytest.approx(np.sqrt(2) * SIZE_AND_SHAPE(x, y), rel=1e-12)


@pytest.mark.parametrize("metric", [Procrustes(), Procrustes(distance="euclidean"), SIZE_AND_SHAPE], ids=repr)
def test_digits_survive_near_zero(metric: Procrustes) -> None:
    x, _ = pair(0)
    noise = np.random.default_rng(1).normal(size=x.shape)
    small, smaller = (metric(x, x + size * noise) for size in (1e-6, 1e-9))
    assert small / smaller == pytest.approx(1000, rel=1e-3)


@pytest.mark.parametrize("least", [1e-5, 1e-9, 1e-13])
def test_digits_survive_in_systems_of_few_strong_directions(least: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 9, 10)) * np.geomspace(1, least, 10)
    for turn in (np.eye(10), ortho_group.rvs(10, random_state=0), ortho_group.rvs(15, random_state=1)[:10]):
        assert Procrustes()(x, x @ turn) < 1e-11
        assert Procrustes()(x @ turn, x) < 1e-11


def test_sizes_far_apart_and_sizes_no_number_can_hold() -> None:
    x, y = pair(0)
    norm = np.linalg.norm(x - x.mean(axis=(0, 1)))
    assert SIZE_AND_SHAPE(1e200 * x, 1e-200 * y) == pytest.approx(1e200 * norm, rel=1e-12)
    assert SIZE_AND_SHAPE(1e-200 * x, 1e-200 * y) == pytest.approx(1e-200 * SIZE_AND_SHAPE(x, y), rel=1e-12)
    assert Procrustes()(1e200 * x, 1e-200 * y) == pytest.approx(Procrustes()(x, y), abs=1e-12)
    for factor in (5e307, 1e-320):
        with pytest.raises(DynalignError, match=r"size of y is beyond the numbers of float64; multiply all systems"):
            SIZE_AND_SHAPE(x, factor * x)
    x = 1.05e308 * np.array([[[1.0], [-1.0], [0.0], [0.0]]])
    with pytest.raises(DynalignError, match="farther apart than float64 can tell"):
        SIZE_AND_SHAPE(x, x[:, ::-1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distance": "angle"}, "distance=angle is unknown; use angular, euclidean or size-and-shape"),
        ({"distance": "euclidean", "scale": "radians"}, "scale=radians needs distance=angular; euclidean is no angle"),
        ({"distance": "size-and-shape", "scale": "radians"}, "size-and-shape is no angle"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        Procrustes(**settings)  # type: ignore[arg-type]
