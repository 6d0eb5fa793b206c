"""Causal optimal transport against closed forms, a search over all rotations of two units, and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import CausalOT, Procrustes
from dynalign.metrics.causal_ot import _climb, _starting_points

AXIOMS = [
    CausalOT(starts=8),
    CausalOT(distance="size-and-shape", starts=8),
]
FUZZED = [
    (CausalOT(), 200),
]

SIZED = CausalOT(distance="size-and-shape")
FULL = CausalOT(memory=None, distance="size-and-shape")


def process(seed: int, trials: int = 60, time: int = 6, units: int = 2, mean: float = 1.0) -> np.ndarray:
    """A linear time-varying process with a smooth mean."""
    rng = np.random.default_rng(seed)
    means = mean * np.cumsum(rng.normal(size=(time, units)), axis=0)
    maps = 0.9 * np.stack([ortho_group.rvs(units, random_state=rng) if units > 1 else np.eye(1) for _ in range(time)])
    noise = rng.normal(size=(time, units, units))
    state, states = np.zeros((trials, units)), []
    for t in range(time):
        state = state @ maps[t].T + rng.normal(size=state.shape) @ noise[t].T
        states.append(means[t] + state)
    return np.stack(states, axis=1)


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (time, units) and the covariance (time x units)², both as they are written down in the definition."""
    x = x - x.mean(axis=(0, 1))
    mean = x.mean(axis=0)
    flat = (x - mean).reshape(len(x), -1)
    return mean, flat.T @ flat / len(x)


def squared(x: np.ndarray, y: np.ndarray, rotation: np.ndarray) -> float:
    """The squared distance at one rotation, from dense Cholesky factors."""
    (mean_x, covariance_x), (mean_y, covariance_y) = moments(x), moments(y)
    time, units = mean_x.shape
    factor_x, factor_y = np.linalg.cholesky(covariance_x), np.linalg.cholesky(covariance_y)
    product = factor_x.T @ np.kron(np.eye(time), rotation) @ factor_y
    blocks = [product[t : t + units, t : t + units] for t in range(0, time * units, units)]
    norms = sum(np.linalg.norm(block, "nuc") for block in blocks)
    means = np.square(mean_x - mean_y @ rotation.T).sum()
    return float(means + np.trace(covariance_x) + np.trace(covariance_y) - 2 * norms)


def bures(x: np.ndarray, y: np.ndarray, rotation: np.ndarray) -> float:
    """The squared Wasserstein distance of whole trajectories at one rotation, whatever it looks into."""
    (mean_x, covariance_x), (mean_y, covariance_y) = moments(x), moments(y)
    values_x, axes_x = np.linalg.eigh(covariance_x)
    values_y, axes_y = np.linalg.eigh(covariance_y)
    product = (axes_x * np.sqrt(values_x.clip(0))).T @ np.kron(np.eye(len(mean_x)), rotation) @ axes_y
    cross = np.linalg.norm(product * np.sqrt(values_y.clip(0)), "nuc")
    means = np.square(mean_x - mean_y @ rotation.T).sum()
    return float(means + np.trace(covariance_x) + np.trace(covariance_y) - 2 * cross)


def rotations_of_two_units(count: int) -> list[np.ndarray]:
    """All rotations and reflections on a grid of angles."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    turns = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in angles]
    return turns + [turn * [1, -1] for turn in turns]


# --- the distance at the best rotation ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_is_the_least_over_all_rotations_of_two_units(seed: int, mean: float) -> None:
    x, y = process(seed, mean=mean), process(seed + 10, trials=70, mean=mean)
    least = min(squared(x, y, rotation) for rotation in rotations_of_two_units(720))
    assert FULL(x, y) ** 2 <= least + 1e-9
    assert FULL(x, y) ** 2 == pytest.approx(least, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_is_never_smaller_than_transport_that_sees_the_future(seed: int) -> None:
    x, y = process(seed, time=4), process(seed + 10, time=4)
    rotations = rotations_of_two_units(60)
    assert all(squared(x, y, rotation) >= bures(x, y, rotation) - 1e-9 for rotation in rotations)
    assert FULL(x, y) ** 2 > min(bures(x, y, rotation) for rotation in rotations) + 0.1


@pytest.mark.parametrize("units", [(3, 3), (4, 2)])
def test_one_moment_is_the_distance_between_gaussians(units: tuple[int, int]) -> None:
    # Rotated Gaussians of equal mean are nearest when their principal axes are aligned in order.
    x, y = process(1, time=1, units=units[0]), process(2, time=1, units=units[1])
    deviations = [np.sqrt(np.sort(np.linalg.eigvalsh(moments(z)[1]))[::-1]) for z in (x, y)]
    padded = [np.pad(d, (0, max(units) - len(d))) for d in deviations]
    assert SIZED(x, y) == pytest.approx(np.linalg.norm(padded[0] - padded[1]), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_one_unit_has_a_closed_form(seed: int) -> None:
    # Gunasingam & Wong 2024: the diagonal of LᵀL' in absolute value; here also the better of the two signs.
    x, y = process(seed, units=1), process(seed + 10, trials=80, units=1)
    expected = np.sqrt(min(squared(x, y, np.array([[sign]])) for sign in (1.0, -1.0)))
    assert FULL(x, y) == pytest.approx(expected, abs=1e-9)


def test_without_noise_it_is_procrustes_of_the_means() -> None:
    x, y = (np.repeat(process(seed, trials=1, units=3), 4, axis=0) for seed in (0, 1))
    assert CausalOT()(x, y) == pytest.approx(Procrustes()(x, y), abs=1e-9)


def test_angle_and_size_belong_together() -> None:
    x, y = process(0, units=3), process(1, units=3)
    sizes = [np.sqrt(np.square(z - z.mean(axis=(0, 1))).sum() / len(z)) for z in (x, y)]
    cosine = np.cos(CausalOT(scale="radians")(x, y))
    expected = np.sqrt(sizes[0] ** 2 + sizes[1] ** 2 - 2 * sizes[0] * sizes[1] * cosine)
    assert SIZED(x, y) == pytest.approx(expected, abs=1e-9)


def test_trials_need_no_partner() -> None:
    x = process(0, trials=200, units=4, mean=0.0)
    shuffled = x[np.random.default_rng(1).permutation(200)]
    assert CausalOT()(x, shuffled @ ortho_group.rvs(6, random_state=2)[:4]) < 1e-6
    assert CausalOT()(x, np.concatenate([x, x])) < 1e-6


def test_steps_never_lower_the_overlap_and_order_does_not_matter() -> None:
    x, y = CausalOT().prepare(process(0, units=4)), CausalOT().prepare(process(1, units=4))
    points = _starting_points(x.mean, y.mean, 6, 0)
    overlaps = np.stack([_climb(lambda q: x.couple(y, q), points, steps)[1] for steps in range(30)])
    assert (np.diff(overlaps, axis=0) >= -1e-12).all()
    assert CausalOT()(process(0, units=4), process(1, units=3)) == CausalOT()(process(1, units=3), process(0, units=4))


# --- what is passed on in time ------------------------------------------------------------------------------------


def test_hand_worked_fluctuations_that_stay_or_come_anew() -> None:
    # One unit, two moments of variance 1: what was there stays, L = [[1, 0], [1, 0]], or comes anew, L' = I. So
    # LᵀL' has the diagonal (1, 0), and cos = 1 / (sqrt(2) sqrt(2)), though every moment has the same distribution.
    # Transport that sees the future costs less: 4 - 2 sqrt(2).
    stays = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])[:, :, None]
    anew = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[:, :, None]
    for memory in (1, None):
        assert CausalOT(memory=memory)(stays, anew) == pytest.approx(2 / 3, abs=1e-12)
        assert CausalOT(memory=memory, distance="size-and-shape")(stays, anew) == pytest.approx(np.sqrt(2), abs=1e-12)
    assert bures(stays, anew, np.eye(1)) == pytest.approx(4 - 2 * np.sqrt(2))


def test_hand_worked_noise_that_comes_late() -> None:
    # All trials start at the same place: the first column of L = [[0, 0], [0, 1]] is empty, because the noise of the
    # second moment cannot be known at the first. With L' = I the diagonal of LᵀL' is (0, 1): cos = 1 / sqrt(2).
    late = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, -1.0], [0.0, -1.0]])[:, :, None]
    anew = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])[:, :, None]
    for memory in (1, None):
        assert CausalOT(memory=memory)(late, anew) == pytest.approx(0.5, abs=1e-12)
        assert CausalOT(memory=memory)(late, late) < 1e-9


def test_memory_of_all_states_is_the_full_covariance() -> None:
    x, y = process(0, time=7, units=3), process(1, time=7, units=3)
    assert CausalOT(memory=6)(x, y) == pytest.approx(CausalOT(memory=None)(x, y), abs=1e-7)
    assert CausalOT(memory=99)(x, y) == CausalOT(memory=6)(x, y)


@pytest.mark.parametrize("memory", [1, 2])
def test_fewer_trials_than_numbers_in_a_trial(memory: int) -> None:
    # 12 trials of 20 moments of one unit: the covariance of all is singular, the regressions on the past are not.
    x, y = process(0, trials=12, time=20, units=1), process(1, trials=12, time=20, units=1)
    factors, sizes = [], []
    for z in (x, y):
        z = z[..., 0] - z.mean()
        noise = (z - z.mean(axis=0)) / np.sqrt(12)
        factor = np.zeros((20, 20))
        for t in range(20):
            past = noise[:, max(t - memory, 0) : t]
            weights = np.linalg.lstsq(past, noise[:, t], rcond=None)[0]
            factor[t] = weights @ factor[max(t - memory, 0) : t]
            factor[t, t] = np.linalg.norm(noise[:, t] - past @ weights)
        factors.append((z.mean(axis=0), factor))
        sizes.append(np.sqrt(np.square(z).sum() / 12))
    (mean_x, factor_x), (mean_y, factor_y) = factors
    best = abs(mean_x @ mean_y) + np.abs(np.diag(factor_x.T @ factor_y)).sum()
    turned = -abs(mean_x @ mean_y) + np.abs(np.diag(factor_x.T @ factor_y)).sum()
    expected = np.arccos(max(best, turned) / np.prod(sizes))
    assert CausalOT(memory=memory, scale="radians")(x, y) == pytest.approx(expected, abs=1e-9)


def test_samples_of_one_process_come_closer_with_more_trials() -> None:
    def draw(seed: int, trials: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        state, states = rng.normal(size=(trials, 3)), []
        for _ in range(10):
            state = state @ (0.9 * ortho_group.rvs(3, random_state=0)) + 0.3 * rng.normal(size=state.shape)
            states.append(state)
        return np.stack(states, axis=1)

    few, many = (CausalOT()(draw(1, trials), draw(2, trials)) for trials in (50, 5000))
    assert many < few / 5


def test_constant_directions_and_units_are_left_out() -> None:
    x, y = process(0, units=3), process(1, units=3)
    embedded = np.concatenate([y @ ortho_group.rvs(5, random_state=0)[:3], np.full((60, 6, 2), 4.0)], axis=-1)
    assert CausalOT()(x, embedded) == pytest.approx(CausalOT()(x, y), abs=1e-9)


# --- what cannot be used ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "x", "message"),
    [
        (CausalOT(), process(0, trials=1), r"x has too few trials \(1\) for 2 units"),
        (
            CausalOT(),
            process(0, trials=3),
            r"x has too few trials \(3\) for 2 units and a memory of 1 .* more than 3",
        ),
        (
            CausalOT(memory=3),
            process(0, trials=7),
            r"too few trials \(7\) for 2 units and a memory of 3 .* more than 7",
        ),
        (
            CausalOT(memory=None),
            process(0, trials=11),
            r"too few trials \(11\) for 2 units and a memory of 5 .* more than 11",
        ),
        (CausalOT(), np.random.default_rng(0).normal(size=(4, 700, 6)), "x has 700 time steps of 6 units, but .* 4096"),
        (
            CausalOT(memory=5),
            np.random.default_rng(0).normal(size=(9, 200, 5)),
            "200 time steps of 5 units, but .* 4096",
        ),
    ],
)
def test_too_few_trials_or_too_many_numbers(metric: CausalOT, x: np.ndarray, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        metric(x, x)


def test_time_steps_must_match() -> None:
    with pytest.raises(DynalignError, match="x has 6 time steps and y has 5"):
        CausalOT()(process(0), process(0, time=5))


def test_sizes_beyond_float64() -> None:
    x = process(0)
    assert SIZED(1e200 * x, 2e200 * x) == pytest.approx(1e200 * SIZED(x, 2 * x))
    with pytest.raises(DynalignError, match="The size of y is beyond the numbers of float64"):
        SIZED(x, np.where(x > 0, 1.5e308, -1.5e308))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"distance": "bures"}, "distance=bures is unknown; use angular or size-and-shape"),
        ({"distance": "size-and-shape", "scale": "radians"}, "scale=radians needs distance=angular"),
        ({"memory": 0}, "needs memory >= 1, or None"),
        ({"starts": 0}, "needs starts >= 1"),
    ],
)
def test_unknown_parameters(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        CausalOT(**parameters)
