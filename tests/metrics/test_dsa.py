"""DSA as a person uses it: its distances, ranks, gradients, and what it says of itself."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, PredictionWarning, pairwise, segments
from dynalign.metrics.operators import System

HAVOK = partial(DSA, estimator="havok")

AXIOMS = [
    DSA(n_delays=4, rank=6),
    DSA(n_delays=4, rank=6, estimator="havok"),
]
FUZZED = [
    (DSA(n_delays=1, rank=2, estimator="havok"), 200),
    (DSA(n_delays=1, rank=2, horizon=1), 200),
    (DSA(n_delays=3, delay_interval=2, rank=3), 200),
    (DSA(n_delays=2, rank=0.9, ridge=0.1, estimator="havok"), 150),
    (DSA(n_delays=2, rank="optimal", distance="euclidean", estimator="havok"), 150),
    (DSA(n_delays=2, rank=1.0, distance="wasserstein", horizon=2), 500),
    (DSA(n_delays=1, rank=2, center=False, estimator="havok"), 100),
]


def states(seed: int, units: int = 4, trials: int = 30, time: int = 40, noise: float = 0.1) -> np.ndarray:
    """A damped rotation driven by noise."""
    rng = np.random.default_rng(seed)
    matrix = 0.9 * ortho_group.rvs(units, random_state=rng)
    x, made = rng.normal(size=(trials, units)), []
    for _ in range(time):
        x = x @ matrix.T + noise * rng.normal(size=x.shape)
        made.append(x)
    return np.stack(made, axis=1)


def operator(matrix: list[list[float]]) -> System:
    return System(torch.tensor(matrix, dtype=torch.float64))


def test_euclidean_distance_by_hand() -> None:
    # Symmetric operators align by their sorted eigenvalues: sqrt((2-1)² + (1-3)²) becomes sqrt((3-2)² + (1-1)²).
    a, b = operator([[2, 0], [0, 1]]), operator([[1, 0], [0, 3]])
    assert DSA(distance="euclidean").distances([(a, b)])[0] == pytest.approx(1, abs=1e-9)


def test_wasserstein_distance_by_hand() -> None:
    # Eigenvalues 2, 1 against 1, 4: matched 1-1 and 2-4, so W2 = sqrt((0 + 4) / 2).
    a, b = operator([[2, 5], [0, 1]]), operator([[1, 0], [7, 4]])
    assert DSA(distance="wasserstein").distances([(a, b)])[0] == pytest.approx(math.sqrt(2), abs=1e-9)


def test_wasserstein_distance_is_scipys_assignment_of_the_spectra() -> None:
    x, y = states(0), states(1)
    metric = DSA(n_delays=2, rank=6, distance="wasserstein")
    spectra = [np.linalg.eigvals(metric.prepare(z).operator.numpy()) for z in (x, y)]
    cost = np.abs(spectra[0][:, None] - spectra[1][None, :]) ** 2
    rows, columns = linear_sum_assignment(cost)
    assert metric(x, y) == pytest.approx(math.sqrt(cost[rows, columns].mean()), abs=1e-12)


def test_the_three_distances_agree_on_what_is_the_same() -> None:
    x = states(0)
    turned = x @ ortho_group.rvs(4, random_state=5)
    for distance in ("angular", "euclidean", "wasserstein"):
        metric = DSA(n_delays=3, rank=8, distance=distance)
        assert metric(x, turned) < 1e-6
        assert metric(x, states(1)) > 0.01


def test_the_angle_and_the_euclidean_distance_share_their_optimum() -> None:
    x, y = states(0), states(1)
    norms = [float(torch.linalg.matrix_norm(DSA(distance="euclidean").prepare(z).operator)) for z in (x, y)]
    angle = DSA(scale="radians")(x, y)
    expected = math.sqrt(norms[0] ** 2 + norms[1] ** 2 - 2 * norms[0] * norms[1] * math.cos(angle))
    assert DSA(distance="euclidean")(x, y) == pytest.approx(expected, abs=1e-6)


def test_a_rank_for_each_system() -> None:
    # The smaller operator gets directions without data: the same as a zero block by hand.
    x, y = states(0, units=3), states(1, units=6)
    metric = DSA(n_delays=2, rank=0.95)
    a, b = metric.prepare(x), metric.prepare(y)
    assert len(a.operator) < len(b.operator)
    padded = System(a.padded(len(b.operator)))
    assert metric(x, y) == pytest.approx(float(metric.distances([(padded, b)])[0]), abs=1e-9)
    systems = [x, y, states(2, units=4)]
    matrix = pairwise(metric, systems)
    assert matrix[0, 2] == pytest.approx(metric(x, systems[2]), abs=1e-9)
    assert matrix.diagonal().max() < 1e-6


def test_the_triangle_inequality_is_stated_only_where_all_systems_have_one_rank() -> None:
    # A detour over a larger system, in which either of two opposite ones finds its like.
    up, down, both = operator([[1.0]]), operator([[-1.0]]), operator([[0.5**0.5, 0], [0, -(0.5**0.5)]])
    metric = DSA(rank=1.0)
    direct, there, back = metric.distances([(up, down), (up, both), (both, down)])
    assert direct > there + back + 0.5
    assert not metric.triangle
    assert DSA(rank=20).triangle


def test_rank_optimal_runs() -> None:
    assert DSA(rank="optimal")(states(0), states(0)[:, ::-1]) > 0.01


def test_explain_says_what_to_trust() -> None:
    explained = HAVOK(n_delays=2, rank=8).explain(states(0), states(1))
    assert explained.distance == pytest.approx(HAVOK(n_delays=2, rank=8)(states(0), states(1)), abs=1e-6)
    assert explained.x.kept_rank == 8
    assert 0.99 < explained.x.explained_variance <= 1
    assert 0 < explained.x.prediction_error < 0.2
    assert explained.starts == 192
    assert 1 <= explained.at_best <= 192
    assert explained.gap > 0
    text = str(explained)
    assert text.startswith(f"distance {explained.distance:.6g}\nx: rank 8 holds")
    assert "starts found the best optimum" in text


def test_explain_shows_a_fit_that_has_learnt_nothing() -> None:
    noise = np.random.default_rng(0).normal(size=(20, 50, 5))
    with pytest.warns(PredictionWarning, match=r"The operator of x predicts hardly better .* 9\d% of theirs"):
        report = HAVOK(n_delays=1, rank=5).explain(noise, states(0, units=5)).x
    assert report.prediction_error == pytest.approx(0.5, abs=0.05)  # the mean predicts white noise, persistence doubles


def test_what_is_all_noise_has_no_dynamics() -> None:
    noise = np.random.default_rng(0).normal(size=(20, 50, 5))
    with pytest.raises(DynalignError, match=r"Nothing of y stands out of its noise: .* from the 5 states before"):
        DSA()(states(0), noise)


def test_a_random_walk_is_foreseen_no_better_than_by_no_change() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(size=(40, 60, 3)), axis=1)
    with pytest.warns(PredictionWarning, match="The operator of x predicts hardly better than no change"):
        DSA(n_delays=2, rank=3, estimator="havok").prepare(walk)


def test_single_numbers_have_no_angle() -> None:
    def decaying(rate: float) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(30, 1, 1)) * rate ** np.arange(20)[:, None]

    x, y = decaying(0.95), decaying(0.1)
    metric = HAVOK(n_delays=1, rank=0.9)
    with pytest.raises(DynalignError, match=r"x and y keep one direction each: .* use distance=euclidean"):
        metric(x, y)
    assert metric(x, x) == 0
    assert HAVOK(n_delays=1, rank=0.9, distance="euclidean")(x, y) == pytest.approx(
        0.85, abs=1e-3
    )  # centring leaves a bit of the mean


def test_shrinkage_without_noise_is_the_change_over_the_horizon() -> None:
    # By another way: NumPy's singular vectors of the delay vectors, then least squares three steps on, less 1.
    rng = np.random.default_rng(5)
    x = rng.normal(size=(20, 1, 3)) @ np.eye(3)
    turn = 0.97 * ortho_group.rvs(3, random_state=1)
    x = np.concatenate([x, -x])
    path = np.concatenate([x @ np.linalg.matrix_power(turn.T, k) for k in range(25)], axis=1)
    _, values, axes = np.linalg.svd(path.reshape(-1, 3), full_matrices=False)
    before, after = (part.reshape(-1, 3) @ axes.T / values for part in (path[:, :-3], path[:, 3:]))
    expected = np.linalg.lstsq(before, after, rcond=None)[0].T - np.eye(3)
    found = DSA(n_delays=1, rank=3, distance="euclidean").prepare(path).operator.numpy()
    np.testing.assert_allclose(np.linalg.norm(found), np.linalg.norm(expected), rtol=1e-6)
    np.testing.assert_allclose(
        np.sort_complex(np.linalg.eigvals(found)), np.sort_complex(np.linalg.eigvals(expected)), atol=1e-6
    )


def test_directions_count_by_the_share_of_their_variance_that_is_no_noise() -> None:
    # One delay: two rotations of different size under white noise, whose variance no prediction gets below.
    rng = np.random.default_rng(2)
    turn = np.array([[math.cos(0.1), -math.sin(0.1)], [math.sin(0.1), math.cos(0.1)]])
    start = rng.normal(size=(400, 1, 2, 2)) * np.array([1.0, 0.3])[:, None]
    path = np.concatenate([start @ np.linalg.matrix_power(turn.T, k) for k in range(50)], axis=1).reshape(400, 50, 4)
    noisy = path + 0.1 * rng.normal(size=path.shape)
    metric = DSA(n_delays=6, rank=4, distance="euclidean")
    fit = metric._fit(metric._given(noisy, "x"), "x")
    # Six delays see each rotation in two directions of six times the variance, on noise of a bit more than 0.01.
    expected = np.array([1 - 0.01 / (6 * size**2 + 0.01) for size in (0.3, 0.3, 1.0, 1.0)])
    found = np.linalg.eigvalsh(fit.reliability.numpy())
    np.testing.assert_allclose(1 - found, 1 - expected, rtol=0.5)
    assert found[0] < found[-1]


def test_shrinkage_bears_noise_that_takes_the_published_estimator_along() -> None:
    quiet, loud = 0.0, 0.3
    near, far = {}, {}
    for name, metric in (("shrinkage", DSA()), ("havok", HAVOK(n_delays=10, rank=20))):
        rng = np.random.default_rng(0)
        calm = states(0, units=3, noise=quiet, trials=60)
        size = calm.std()
        again = calm + loud * size * rng.normal(size=calm.shape)
        other = states(1, units=3, noise=quiet, trials=60)
        near[name] = metric(again, calm + loud * size * rng.normal(size=calm.shape))
        far[name] = metric(again, other + loud * size * rng.normal(size=calm.shape))
    assert far["shrinkage"] / near["shrinkage"] > 3 * far["havok"] / near["havok"]


def test_trials_of_unequal_lengths_are_their_delay_vectors_together() -> None:
    # By another way: rows of delay vectors of each trial, stacked by hand.
    x = states(0, trials=9, time=30)
    trials = [trial[: 20 + 2 * (k % 4)] for k, trial in enumerate(x)]
    metric = HAVOK(n_delays=3, rank=6, distance="euclidean")
    every = np.concatenate(trials)
    centred = [trial - every.mean(0) for trial in trials]
    rows = [np.stack([trial[k : len(trial) - 2 + k] for k in range(3)], axis=1).reshape(-1, 12) for trial in centred]
    _, values, axes = np.linalg.svd(np.concatenate(rows), full_matrices=False)
    before, after = (
        np.concatenate([row[part] for row in rows]) @ axes[:6].T / values[:6] for part in (slice(-1), slice(1, None))
    )
    expected = np.linalg.lstsq(before, after, rcond=None)[0].T
    found = metric.prepare(trials).operator.numpy()
    np.testing.assert_allclose(
        np.sort_complex(np.linalg.eigvals(found)), np.sort_complex(np.linalg.eigvals(expected)), atol=1e-9
    )
    assert DSA()(trials, x) == pytest.approx(DSA()(trials[::-1], x), abs=1e-9)


def test_no_delay_vector_crosses_a_gap() -> None:
    x = states(0, trials=12, time=40)
    padded = np.full((12, 50, 4), np.nan)
    padded[:, :40] = x
    padded[3, 17] = np.nan  # a gap in the middle of a trial
    whole = [trial for k, trial in enumerate(x) if k != 3]
    expected = DSA().prepare([*whole, x[3, :17], x[3, 18:]]).operator
    for given in (np.ma.masked_invalid(padded), segments(padded, mask=np.isnan(padded))):
        torch.testing.assert_close(DSA().prepare(given).operator.abs(), expected.abs(), rtol=0, atol=1e-9)
    with pytest.raises(DynalignError, match="CKA needs whole trials; DSA and InputDSA"):
        CKA()(np.ma.masked_invalid(padded), x)


@pytest.mark.parametrize("distance", ["angular", "euclidean", "wasserstein"])
@pytest.mark.parametrize(("delays", "interval"), [(1, 1), (4, 1), (3, 2)])
def test_gradients_are_those_of_finite_differences(distance: str, delays: int, interval: int) -> None:
    metric = DSA(n_delays=delays, delay_interval=interval, rank=3, distance=distance)
    x = torch.from_numpy(states(0, trials=6, time=20)).requires_grad_()
    y = torch.from_numpy(states(1, trials=6, time=20)).requires_grad_()
    loss = metric.loss(x, y)
    assert loss.item() == pytest.approx(metric(x, y), abs=1e-9)
    loss.backward()
    generator = torch.Generator().manual_seed(2)
    for moved, fixed in ((x, y), (y, x)):
        push = torch.randn(moved.shape, generator=generator, dtype=torch.float64)
        ahead, behind = (metric(moved.detach() + step * push, fixed) for step in (1e-5, -1e-5))
        expected = (ahead - behind) / 2e-5
        assert float((moved.grad * push).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_gradients_do_not_blow_up_where_singular_values_meet() -> None:
    # A pure rotation: both directions have one singular value, and autograd's own eigenvectors would divide by 0.
    turn = torch.tensor([[math.cos(0.3), -math.sin(0.3)], [math.sin(0.3), math.cos(0.3)]], dtype=torch.float64)
    x = torch.eye(2, dtype=torch.float64).repeat(2, 1) * torch.tensor([1.0, 1, -1, -1])[:, None]
    made = [x]
    for _ in range(20):
        made.append(made[-1] @ turn.mT)
    path = torch.stack(made, dim=1).requires_grad_()
    loss = DSA(n_delays=1, rank=2).loss(path, torch.from_numpy(states(0, units=2)))
    loss.backward()
    assert path.grad is not None
    assert torch.isfinite(path.grad).all()
    assert path.grad.norm() < 10


def test_the_gradient_at_distance_0_is_0() -> None:
    x = torch.from_numpy(states(0)).requires_grad_()
    loss = DSA(n_delays=1, rank=4).loss(x, x.detach().clone())
    loss.backward()
    assert loss.item() < 1e-6
    assert torch.isfinite(x.grad).all()


def test_a_system_can_be_trained_towards_given_dynamics() -> None:
    target = states(3)
    start = torch.from_numpy(states(4))[:, 0]
    matrix = torch.from_numpy(0.9 * ortho_group.rvs(4, random_state=9)).requires_grad_()
    metric = DSA(n_delays=1, rank=4, starts=16)
    optimiser = torch.optim.Adam([matrix], lr=0.02)
    losses = []
    for _ in range(60):
        x, made = start, []
        for _ in range(30):
            x = x @ matrix.mT
            made.append(x)
        loss = metric.loss(torch.stack(made, dim=1), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


def test_no_gradient_through_directions_that_are_nearly_without_data() -> None:
    x = torch.from_numpy(states(0) * [1, 1, 1e-7, 1e-7]).requires_grad_()
    with pytest.raises(DynalignError, match="The kept directions of x differ too much in size"):
        HAVOK(n_delays=1, rank=4).loss(x, torch.from_numpy(states(1)))


def test_the_seed_decides_and_more_starts_never_lose() -> None:
    x, y = states(0, units=6), states(1, units=6)
    few, many = (DSA(n_delays=5, rank=20, starts=starts) for starts in (8, 192))
    assert few(x, y) == few(x, y)
    assert many(x, y) <= few(x, y) + 1e-7


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_the_gpu_gives_the_same_numbers() -> None:
    systems = [states(seed, units=6) for seed in range(4)]
    on_cpu, on_gpu = (pairwise(DSA(device=device), systems) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-6)
    x = torch.from_numpy(systems[0]).cuda().requires_grad_()
    DSA(device="cuda").loss(x, torch.from_numpy(systems[1]).cuda()).backward()
    assert torch.isfinite(x.grad).all()
