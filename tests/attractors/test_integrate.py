"""The integrators against each other's limits, closed forms, and an integrator that is not theirs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dynalign.attractors import (
    Bistable,
    Hopf,
    Line,
    Lorenz,
    Ring,
    Rossler,
    Straight,
    System,
    VanDerPol,
    euler,
    euler_maruyama,
    trajectories,
)
from dynalign.errors import DynalignError


@dataclass(frozen=True)
class Explosion(System):
    """dx/dt = gain x² is infinite after time 1 / (gain x)."""

    gain: float = 2.0
    idle: float = 0.5
    name = "explosion"
    box = ((0.5, 1.5),)
    time_step = 0.1

    def drift(self, x: np.ndarray) -> np.ndarray:
        return self.gain * x**2


def noisy(system: System, starts: np.ndarray, *, seed: int = 0, noise: float = 0.1, **arguments: Any) -> np.ndarray:
    return euler_maruyama(system, starts, noise=noise, rng=np.random.default_rng(seed), **arguments)


still = partial(noisy, noise=0.0)
ALL = pytest.mark.parametrize("integrate", [trajectories, euler, noisy])
Integrator = Callable[..., np.ndarray]


def some_starts(system: System, trials: int = 6) -> np.ndarray:
    return system.starts(np.random.default_rng(1).random((trials, 3)))


def reference(system: System, start: np.ndarray, time_steps: int, stretch: float = 1.0) -> np.ndarray:
    """One trajectory by a multistep method (LSODA), to 1e-12."""
    times = stretch * system.time_step * np.arange(time_steps)
    span, tight = (0.0, times[-1]), {"rtol": 1e-12, "atol": 1e-13}
    found = solve_ivp(lambda _, x: system.drift(x[None])[0], span, start, method="LSODA", t_eval=times, **tight)
    assert found.success
    return found.y.T


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize(
    ("system", "time_steps"),
    [(Lorenz(), 5), (Lorenz(r=0.5), 25), (VanDerPol(mu=2), 8), (Rossler(), 5), (Ring(), 20), (Bistable(), 20)],
    ids=lambda value: value.label if isinstance(value, System) else None,
)
def test_adaptive_steps_keep_their_tolerance(system: System, time_steps: int, tolerance: float) -> None:
    # The tolerance is of one step: over many, errors add up and grow with the dynamics, here not more than tenfold.
    starts = some_starts(system)
    expected = np.stack([reference(system, start, time_steps, stretch=4) for start in starts])
    how = {"time_steps": time_steps, "time_step": 4 * system.time_step, "tolerance": tolerance}
    found = trajectories(system, starts, **how)
    alone = [trajectories(system, start[None], **how)[0] for start in starts]
    allowed = 10 * tolerance * np.maximum(1, np.abs(expected))
    assert (np.abs(found - expected) < allowed).all()
    assert (np.abs(found - alone) < allowed).all()


def test_adaptive_steps_keep_their_tolerance_for_the_one_trial_that_moves() -> None:
    # 2000 trials at rest on the ring would hide the error of one, if the bound were on their mean.
    system = Ring()
    angles = np.linspace(0, 6, 2000)
    rest = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = trajectories(system, np.concatenate([rest, [[0.5, 1.8]]]), time_steps=40, tolerance=1e-5)
    expected = reference(system, np.array([0.5, 1.8]), 40)
    assert np.abs(found[-1] - expected).max() < 1e-5
    np.testing.assert_allclose(found[:-1], np.repeat(rest[:, None], 40, axis=1), atol=1e-12)


@pytest.mark.parametrize("system", [Lorenz(), VanDerPol(), Rossler(), Hopf()])
def test_a_tighter_tolerance_has_a_smaller_error(system: System) -> None:
    starts = some_starts(system)
    expected = [reference(system, start, 2, stretch=25) for start in starts]
    arguments = {"time_steps": 2, "time_step": 25 * system.time_step}
    errors = [
        np.abs(trajectories(system, starts, tolerance=tolerance, **arguments) - expected).max()
        for tolerance in (1e-3, 1e-5, 1e-7, 1e-9)
    ]
    assert (np.diff(np.log10(errors)) < -1).all()


@ALL
def test_samples_are_a_time_step_apart_from_the_start_on(integrate: Integrator) -> None:
    # 0.02 between samples unless stated otherwise, at unit speed, along the diagonal.
    starts = some_starts(Straight())
    before = starts.copy()
    arguments = {"noise": 0.0} if integrate is noisy else {}
    for time_step, stated in ((0.02, {}), (0.3, {"time_step": 0.3})):
        found = integrate(Straight(), starts, time_steps=5, **stated, **arguments)
        assert found.shape == (6, 5, 3)
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found[:, 0], starts)
        expected = starts[:, None] + time_step * np.arange(5)[:, None] / 3**0.5
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(starts, before)


def test_euler_is_a_loop() -> None:
    r, sigma, beta, dt = 28.0, 10.0, 2.667, 0.02
    starts = some_starts(Lorenz(), 3)
    found = euler(Lorenz(r, sigma, beta), starts, time_steps=50)
    for trial, (x, y, z) in enumerate(starts.tolist()):
        for sample in range(50):
            assert found[trial, sample].tolist() == [x, y, z]
            dx, dy, dz = sigma * (y - x), x * (r - z) - y, x * y - beta * z
            x, y, z = x + dt * dx, y + dt * dy, z + dt * dz


@pytest.mark.parametrize("system", [Lorenz(), VanDerPol(), Rossler(), Hopf()])
def test_euler_is_of_first_order(system: System) -> None:
    starts = some_starts(system)
    exact = trajectories(system, starts, time_steps=2, time_step=0.4)[:, -1]
    errors = [
        np.linalg.norm(euler(system, starts, time_steps=n + 1, time_step=0.4 / n)[:, -1] - exact)
        for n in (800, 1600, 3200)
    ]
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 2, atol=0.05)


@pytest.mark.parametrize("substeps", [1, 4, 20])
def test_no_noise_is_euler_in_small_steps(substeps: int) -> None:
    starts = some_starts(Lorenz())
    small = euler(Lorenz(), starts, time_steps=30 * substeps + 1, time_step=0.02 / substeps)
    np.testing.assert_array_equal(still(Lorenz(), starts, time_steps=31, substeps=substeps), small[:, ::substeps])


@pytest.mark.parametrize(("time_step", "substeps"), [(0.05, 1), (0.05, 20), (1.0, 5)])
def test_noise_between_two_samples_has_its_standard_deviation(time_step: float, substeps: int) -> None:
    # Where nothing else moves (the first coordinate of the line), whatever the steps; 5 standard errors each.
    arguments = {"time_steps": 11, "time_step": time_step, "substeps": substeps, "noise": 0.3}
    found = noisy(Line(), np.zeros((4000, 2)), **arguments)[:, :, 0]
    noise = np.diff(found, axis=1)
    assert noise.mean() == pytest.approx(0, abs=5 * 0.3 / noise.size**0.5)
    assert noise.std() == pytest.approx(0.3, rel=5 / (2 * noise.size) ** 0.5)
    between_samples = np.corrcoef(noise.T)[np.triu_indices(10, 1)]
    assert np.abs(between_samples).max() < 5 / 4000**0.5


@pytest.mark.parametrize(("rate", "time_step"), [(1.0, 0.1), (0.5, 0.4)])
def test_stationary_variance_of_ornstein_and_uhlenbeck(rate: float, time_step: float) -> None:
    # noise² / time_step / (2 rate); Euler's method has it larger by a share rate x substep / 2.
    steps = int(8 / rate / time_step)  # by then, a share exp(-16) is lacking
    found = noisy(Line(rate), np.zeros((4000, 2)), time_steps=steps + 1, time_step=time_step, noise=0.2)[:, -1, 1]
    expected = 0.2**2 / time_step / (2 * rate)
    assert found.var() == pytest.approx(expected, rel=5 * (2 / 4000) ** 0.5)
    assert found.mean() == pytest.approx(0, abs=5 * (expected / 4000) ** 0.5)


def test_noise_is_of_the_seed_and_of_each_coordinate_alone() -> None:
    starts = some_starts(Straight(), 2)
    first = noisy(Straight(), starts, time_steps=1000)
    np.testing.assert_array_equal(first, noisy(Straight(), starts, time_steps=1000))
    other = noisy(Straight(), starts, time_steps=1000, seed=1)
    both = np.concatenate([np.diff(run, axis=1).transpose(0, 2, 1).reshape(6, -1) for run in (first, other)])
    assert np.abs(np.corrcoef(both)[np.triu_indices(12, 1)]).max() < 5 / 999**0.5


@pytest.mark.parametrize(
    ("integrate", "how"),
    [(trajectories, "with adaptive steps"), (euler, "in steps of 0.1"), (still, "in steps of 0.005")],
)
@pytest.mark.parametrize(
    ("system", "start", "label"),
    [
        (Explosion(), [[0.1], [1.0]], "explosion(gain=2, idle=0.5)"),  # infinite at time 0.5
        (Line(rate=-5), [[0.0, 1.0]], "line(rate=-5)"),  # never infinite, yet out of sight
    ],
)
def test_divergence_names_the_system(
    integrate: Integrator, how: str, system: System, start: list[list[float]], label: str
) -> None:
    message = rf"{re.escape(label)} diverges by time [\d.]+ \({re.escape(how)}\)"
    with pytest.raises(DynalignError, match=message):
        integrate(system, np.array(start), time_steps=100, time_step=0.1)


@ALL
def test_divergence_at_the_last_sample_counts(integrate: Integrator) -> None:
    with pytest.raises(DynalignError, match=r"line\(rate=-0\.05\) diverges"):
        integrate(Line(rate=-0.05), np.array([[0.0, 9.9503e7]]), time_steps=2, time_step=0.1)


def test_steps_too_large_between_two_samples_are_no_warning() -> None:
    # Beyond the largest number, infinities cancel to NaN before the sample comes.
    with pytest.raises(DynalignError, match=r"van_der_pol\(mu=100\) diverges .*\(in steps of 0\.05\)"):
        still(VanDerPol(mu=100), np.array([[3.0, 3.0]]), time_steps=2, time_step=1.0)


def test_what_comes_before_divergence_is_fine() -> None:
    # x(t) = 1 / (1 - 2 t), up to its pole at time 0.5.
    found = trajectories(Explosion(), np.array([[1.0]]), time_steps=5)
    np.testing.assert_allclose(found[0, :, 0], 1 / (1 - 0.2 * np.arange(5)), rtol=1e-7)
    with pytest.raises(DynalignError, match=r"diverges by time 0\.5"):
        trajectories(Explosion(), np.array([[1.0]]), time_steps=7)


@ALL
@pytest.mark.parametrize(
    "starts",
    [
        np.zeros(2),
        np.zeros((4, 3)),
        np.zeros((0, 2)),
        np.zeros((1, 4, 2)),
        np.array([[0, np.nan]]),
        np.array([[np.inf, 0]]),
    ],
    ids=str,
)
def test_starts_that_are_none(integrate: Integrator, starts: np.ndarray) -> None:
    message = r"starts of line\(rate=1\) must (have the shape \(trials, 2\)|be finite numbers)"
    with pytest.raises(DynalignError, match=message):
        integrate(Line(), starts, time_steps=10)


@ALL
@pytest.mark.parametrize("time_steps", [1, 0, -3])
def test_too_few_time_steps(integrate: Integrator, time_steps: int) -> None:
    with pytest.raises(DynalignError, match=rf"time_steps={time_steps} of line\(rate=1\) must be at least 2"):
        integrate(Line(), np.zeros((1, 2)), time_steps=time_steps)


@ALL
@pytest.mark.parametrize("time_step", [0.0, -0.1, float("nan"), float("inf")])
def test_bad_time_step(integrate: Integrator, time_step: float) -> None:
    with pytest.raises(DynalignError, match=rf"time_step={time_step:g} of line\(rate=1\) must be a number > 0"):
        integrate(Line(), np.zeros((1, 2)), time_steps=5, time_step=time_step)


@pytest.mark.parametrize(
    ("integrate", "arguments", "message"),
    [
        *(
            (trajectories, {"tolerance": x}, "must lie between 1e-13 and 1")
            for x in (0, -1e-6, 1e-13, 1, np.nan, np.inf)
        ),
        *((noisy, {"noise": x}, r"of line\(rate=1\) must be a number >= 0") for x in (-0.1, np.nan, np.inf)),
        *((noisy, {"substeps": x}, "must be at least 1") for x in (0, -2)),
    ],
)
def test_bad_arguments(integrate: Integrator, arguments: dict[str, float], message: str) -> None:
    ((name, value),) = arguments.items()
    with pytest.raises(DynalignError, match=rf"^{name}={value:g} {message}"):
        integrate(Line(), np.zeros((1, 2)), time_steps=5, **arguments)
