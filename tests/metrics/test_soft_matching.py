"""Soft matching against all permutations, split units and hand-worked cases."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import Procrustes, SoftMatching

AXIOMS = [
    SoftMatching(),
    SoftMatching(distance="size-and-shape"),
]
FUZZED = [
    (SoftMatching(), 300),
]


def system(seed: int, units: int, trials: int = 6, time: int = 9) -> np.ndarray:
    rng = np.random.default_rng([0, trials, time])
    signals = rng.normal(size=(trials, time, 3))
    rng = np.random.default_rng(seed)
    return np.tanh(signals @ rng.normal(size=(3, units))) + 0.3 * rng.normal(size=(trials, time, units))


def points(x: np.ndarray) -> np.ndarray:
    """Units as points of mean squared norm 1, shape (units, rows)."""
    centred = (x - x.mean(axis=(0, 1))).reshape(-1, x.shape[-1]).T
    return centred / np.sqrt(np.square(centred).sum(axis=1).mean())


@pytest.mark.parametrize("seed", range(4))
def test_is_the_best_of_all_permutations(seed: int) -> None:
    x, y = system(seed, 5), system(seed + 10, 5)
    overlaps = points(x) @ points(y).T
    best = max(np.mean([overlaps[i, j] for i, j in enumerate(p)]) for p in itertools.permutations(range(5)))
    assert SoftMatching(scale="radians")(x, y) == pytest.approx(np.arccos(best), abs=1e-9)
    sizes = [np.sqrt(np.square(z - z.mean(axis=(0, 1))).sum() / 5) for z in (x, y)]
    squared = sizes[0] ** 2 + sizes[1] ** 2 - 2 * sizes[0] * sizes[1] * best
    assert SoftMatching(distance="size-and-shape")(x, y) == pytest.approx(np.sqrt(squared), abs=1e-9)


@pytest.mark.parametrize("units", [(1, 4), (2, 3), (6, 4), (5, 7), (9, 6), (8, 12)])
def test_unequal_numbers_are_split_into_equal_shares(units: tuple[int, int]) -> None:
    # Cut every unit into so many equal shares that both systems have as many, and match these one to one.
    x, y = system(1, units[0]), system(2, units[1])
    shares = math.lcm(*units)
    overlaps = np.repeat(points(x), shares // units[0], axis=0) @ np.repeat(points(y), shares // units[1], axis=0).T
    best = overlaps[linear_sum_assignment(overlaps, maximize=True)].mean()
    assert SoftMatching(scale="radians")(x, y) == pytest.approx(np.arccos(best), abs=1e-9)
    assert SoftMatching()(x, y) == pytest.approx(SoftMatching()(y, x), abs=1e-12)


def test_hand_worked_splits() -> None:
    u, v = np.array([1.0, -1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, -1.0])
    one, two, opposite = (np.stack(units, axis=-1)[None] for units in ((u,), (u, v), (u, -u)))
    # Half of the unit u stays, the other half goes to v at a right angle: cos = 1/2.
    assert SoftMatching()(one, two) == pytest.approx(2 / 3, abs=1e-12)
    # Half stays, half goes to the opposite side: cos = 0. All of it does: cos = -1.
    assert SoftMatching()(one, opposite) == pytest.approx(1, abs=1e-12)
    assert SoftMatching()(one, -one) == pytest.approx(2, abs=1e-7)
    # Units of squared norm 2 that move by sqrt(4) at a right angle, half of them: sqrt(4 / 2).
    assert SoftMatching(distance="size-and-shape")(one, two) == pytest.approx(np.sqrt(2), abs=1e-12)


def test_a_silent_unit_has_to_be_matched() -> None:
    # One of two units is silent: against one unit, half of it goes to the origin. Both scaled to mean square 1,
    # cos = (1/2) <u, sqrt(2) u> = 1 / sqrt(2).
    u = np.array([1.0, -1.0, 2.0, -2.0])
    silent = np.stack([u, np.full(4, 3.0)], axis=-1)[None]
    assert SoftMatching()(u[None, :, None], silent) == pytest.approx(0.5, abs=1e-12)
    assert SoftMatching()(silent, silent[..., ::-1]) < 1e-9


def test_order_and_copies_of_units_do_not_matter_but_axes_do() -> None:
    x, y = system(1, 6), system(2, 4)
    assert SoftMatching()(x, x[..., [3, 1, 0, 5, 4, 2]]) < 1e-9
    assert SoftMatching()(x, np.repeat(x, 3, axis=-1)) < 1e-9
    assert SoftMatching()(np.repeat(x, 2, axis=-1), y) == pytest.approx(SoftMatching()(x, y), abs=1e-9)
    assert SoftMatching()(x, x @ ortho_group.rvs(6, random_state=0)) > 0.1


def test_is_never_smaller_than_procrustes() -> None:
    # Permutations are rotations, so rotations can only do better.
    for seed in range(5):
        x, y = system(seed, 6), system(seed + 10, 6)
        assert Procrustes()(x, y) <= SoftMatching()(x, y)


def test_digits_survive_near_zero() -> None:
    x = system(0, 4)
    tripled = np.repeat(x, 3, axis=-1)
    noise = np.random.default_rng(1).normal(size=tripled.shape)
    small, smaller = (SoftMatching()(x, tripled + size * noise) for size in (1e-6, 1e-9))
    assert small / smaller == pytest.approx(1000, rel=1e-3)


def test_as_many_units_as_networks_have() -> None:
    x, y = system(0, 96, trials=4), system(1, 128, trials=4)
    assert 0.1 < SoftMatching()(x, y) < 1


def test_sizes_beyond_float64() -> None:
    x = system(0, 3)
    metric = SoftMatching(distance="size-and-shape")
    assert metric(1e200 * x, 2e200 * x) == pytest.approx(1e200 * metric(x, 2 * x))
    with pytest.raises(DynalignError, match="The size of y is beyond the numbers of float64"):
        metric(x, x / np.abs(x).max() * 1.5e308)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"distance": "euclid"}, "distance=euclid is unknown; use angular or size-and-shape"),
        ({"distance": "size-and-shape", "scale": "radians"}, "scale=radians needs distance=angular"),
        ({"scale": "degrees"}, "scale=degrees is unknown"),
    ],
)
def test_unknown_parameters(parameters: dict[str, str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        SoftMatching(**parameters)
