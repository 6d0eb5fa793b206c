"""The systems against closed forms, fixed points, known limit cycles, and drifts worked out by hand."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np
import pytest

from dynalign.attractors import (
    FAMILIES,
    Bistable,
    Hopf,
    Line,
    Lorenz,
    Ring,
    Rossler,
    Straight,
    System,
    VanDerPol,
    trajectories,
)
from dynalign.errors import DynalignError

MEMBERS = [system for family in FAMILIES.values() for system in family]
ONE_OF_EACH: list[System] = [Lorenz(), VanDerPol(), Rossler(), Ring(), Line(), Bistable(), Hopf(), Straight()]
ClosedForm = Callable[[np.ndarray, np.ndarray], np.ndarray]


def by_label(system: object) -> str | None:
    return system.label if isinstance(system, System) else None


def logistic(start: np.ndarray, times: np.ndarray, growth: float, square: float) -> np.ndarray:
    """x(t) for dx/dt = growth x (1 - x² / square)."""
    return start / np.sqrt(start**2 / square + (1 - start**2 / square) * np.exp(-2 * growth * times))


def spiral(growth: float, square: float, omega: float) -> ClosedForm:
    def states(starts: np.ndarray, times: np.ndarray) -> np.ndarray:
        radius, angle = np.hypot(*starts.T)[:, None], np.arctan2(starts[:, 1], starts[:, 0])[:, None]
        later, turned = logistic(radius, times, growth, square), angle + omega * times
        return np.stack([later * np.cos(turned), later * np.sin(turned)], axis=2)

    return states


def critical(starts: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Hopf with mu = 0 and omega = 0: dr/dt = -r³."""
    return starts[:, None] / np.sqrt(1 + 2 * np.square(starts).sum(1)[:, None, None] * times[:, None])


def line(rate: float) -> ClosedForm:
    def states(starts: np.ndarray, times: np.ndarray) -> np.ndarray:
        return starts[:, None] * np.stack([np.ones_like(times), np.exp(-rate * times)], axis=1)

    return states


def double_well(a: float) -> ClosedForm:
    def states(starts: np.ndarray, times: np.ndarray) -> np.ndarray:
        return np.stack([logistic(starts[:, :1], times, a, a), starts[:, 1:] * np.exp(-times)], axis=2)

    return states


def straight(speed: float) -> ClosedForm:
    def states(starts: np.ndarray, times: np.ndarray) -> np.ndarray:
        return starts[:, None] + speed * times[:, None] * np.ones(3) / 3**0.5

    return states


@pytest.mark.parametrize(
    ("system", "closed_form"),
    [
        (Line(), line(1.0)),
        (Line(rate=0.4), line(0.4)),
        (Ring(), spiral(1.0, 1.0, 0.0)),
        (Ring(rate=0.3), spiral(0.3, 1.0, 0.0)),
        (Bistable(), double_well(1.0)),
        (Bistable(a=0.6), double_well(0.6)),
        (Bistable(a=-0.6), double_well(-0.6)),
        (Hopf(), spiral(1.0, 1.0, 4.0)),
        (Hopf(mu=0.3, omega=-2), spiral(0.3, 0.3, -2.0)),
        (Hopf(mu=-0.7, omega=5), spiral(-0.7, -0.7, 5.0)),
        (Hopf(mu=0, omega=0), critical),
        (Straight(), straight(1.0)),
        (Straight(speed=-2.5), straight(-2.5)),
    ],
    ids=by_label,
)
def test_closed_forms(system: System, closed_form: ClosedForm) -> None:
    starts = system.starts(np.random.default_rng(0).random((8, 3)))
    expected = closed_form(starts, system.time_step * np.arange(80))
    np.testing.assert_allclose(trajectories(system, starts, time_steps=80), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("system", "point", "expected"),
    [
        (Lorenz(), [1, 2, 3], [10, 23, -6.001]),
        (Lorenz(r=5, sigma=2, beta=0.5), [1, 2, 3], [2, 0, 0.5]),
        (VanDerPol(mu=2), [3, 2], [2, -35]),
        (Rossler(c=5, a=0.5, b=0.25), [1, 2, 3], [-5, 2, -11.75]),
        (Rossler(), [0, 0, 0], [0, 0, 0.2]),
        (Ring(rate=0.5), [1, 2], [-2, -4]),
        (Line(rate=0.5), [3, 4], [0, -2]),
        (Bistable(a=2), [3, 4], [-21, -4]),
        (Hopf(mu=2, omega=3), [1, 2], [-9, -3]),
        (Straight(speed=3), [7, -8, 9], [3**0.5] * 3),
    ],
    ids=by_label,
)
def test_drift_by_hand(system: System, point: list[float], expected: list[float]) -> None:
    found = system.drift(np.array([point, point], dtype=float))
    np.testing.assert_allclose(found, [expected, expected], rtol=1e-14)


@pytest.mark.parametrize("system", [*MEMBERS, Straight()], ids=by_label)
def test_drift_is_finite_and_of_each_trial_alone(system: System) -> None:
    starts = system.starts(np.random.default_rng(0).random((30, 5)))
    drift = system.drift(starts)
    assert drift.shape == starts.shape == (30, system.dimension)
    assert np.isfinite(drift).all()
    np.testing.assert_array_equal(drift[7:8], system.drift(starts[7:8]))


@pytest.mark.parametrize("system", [Lorenz(r=5), Lorenz(r=15), Lorenz(), Lorenz(r=50, sigma=7, beta=1.5)], ids=by_label)
def test_fixed_points_of_lorenz(system: Lorenz) -> None:
    side = (system.beta * (system.r - 1)) ** 0.5
    points = np.array([[0, 0, 0], [side, side, system.r - 1], [-side, -side, system.r - 1]])
    np.testing.assert_allclose(system.drift(points), 0, atol=1e-12)


@pytest.mark.parametrize("system", [*FAMILIES["rossler"], Rossler(c=4, a=0.3, b=0.4)], ids=by_label)
def test_fixed_points_of_rossler(system: Rossler) -> None:
    x = (system.c + np.array([-1, 1]) * (system.c**2 - 4 * system.a * system.b) ** 0.5) / 2
    np.testing.assert_allclose(system.drift(np.stack([x, -x / system.a, x / system.a], axis=1)), 0, atol=1e-12)


@pytest.mark.parametrize("r", [0.25, 0.75, 0.95])
def test_the_origin_attracts_all_of_lorenz_below_one(r: float) -> None:
    # x² / sigma + y² + z² falls along every trajectory, from wherever it starts.
    system = Lorenz(r=r)
    starts = np.random.default_rng(0).uniform(-20, 20, (10, 3))
    height = (np.square(trajectories(system, starts, time_steps=100)) / [system.sigma, 1, 1]).sum(2)
    assert (np.diff(height, axis=1) < 0).all()
    far_on = trajectories(system, starts, time_steps=2, time_step=20 / (1 - r))[:, -1]
    np.testing.assert_allclose(far_on, 0, atol=1e-4)


@pytest.mark.parametrize(("r", "is_stable"), [(1.1, True), (24.7, True), (24.8, False), (50, False)])
def test_the_two_points_of_lorenz_lose_stability_where_stated(r: float, is_stable: bool) -> None:
    system = Lorenz(r=r)
    side = (system.beta * (r - 1)) ** 0.5
    point = np.array([side, side, r - 1])
    shifts = 1e-4 * np.eye(3)
    jacobian = (system.drift(point + shifts) - system.drift(point - shifts)) / 2e-4  # exact for a quadratic drift
    assert (np.linalg.eigvals(jacobian).real.max() < 0) == is_stable


def test_limit_cycle_of_van_der_pol() -> None:
    # Amplitude 2.0086 and period 6.6633 for mu = 1, from everywhere.
    system = VanDerPol(mu=1)
    starts = system.starts(np.random.default_rng(0).random((5, 2)))
    settled = trajectories(system, starts, time_steps=2, time_step=40.0)[:, -1]
    cycle = trajectories(system, settled, time_steps=701, time_step=0.01)[:, :, 0]
    np.testing.assert_allclose(np.abs(cycle).max(1), 2.0086, atol=1e-4)
    again = trajectories(system, settled, time_steps=2, time_step=6.66329)[:, -1]
    np.testing.assert_allclose(again, settled, atol=1e-4)


@pytest.mark.parametrize("system", ONE_OF_EACH, ids=by_label)
def test_starts_fill_the_box_with_the_same_draws(system: System) -> None:
    uniform = np.random.default_rng(0).random((100, 4))
    low, high = np.array(system.box).T
    starts = system.starts(uniform)
    assert ((starts >= low) & (starts < high)).all()
    np.testing.assert_allclose((starts - low) / (high - low), uniform[:, : system.dimension], rtol=0, atol=1e-14)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), True, "1", None, [1.0]])
@pytest.mark.parametrize("system", ONE_OF_EACH, ids=by_label)
def test_a_parameter_that_is_no_number(system: System, value: object) -> None:
    for field in dataclasses.fields(system):
        message = rf"^{field.name}={re.escape(repr(value))} of {system.name} must be a finite number\.$"
        with pytest.raises(DynalignError, match=message):
            dataclasses.replace(system, **{field.name: value})


def test_labels_name_the_parameters() -> None:
    assert Lorenz().label == "lorenz(r=28, sigma=10, beta=2.667)"
    assert Hopf(mu=-0.5).label == "hopf(mu=-0.5, omega=4)"
    assert len({system.name for system in ONE_OF_EACH}) == len(ONE_OF_EACH)


def test_starts_need_a_draw_for_every_coordinate() -> None:
    with pytest.raises(DynalignError, match=r"draws of shape \(trials, 3 or more\), not \(2, 1\)"):
        Lorenz().starts(np.array([[0.3], [0.4]]))


def test_numpy_numbers_are_numbers() -> None:
    assert Lorenz(r=np.float32(4)).drift(np.ones((1, 3))).shape == (1, 3)
