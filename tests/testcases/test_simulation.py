"""Simulations by closed forms, and what holds for the material of every test case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.testcases.tables import TINY, same, table

from dynalign.attractors import FAMILIES, Hopf, Line, Lorenz, System, VanDerPol, middle
from dynalign.errors import DynalignError
from dynalign.testcases import Composition, Families, Invariances, LostError, Noise, Simulation, TestCase
from dynalign.testcases.simulation import spread

CASES = [
    Families(),
    Noise(levels=(0.1, 1.0), families=("lorenz_origin", "hopf_cycle")),
    Composition(pairs_per_kind=3),
    Invariances(),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def box_shares(system: System, simulation: Simulation, seed: int = 0, **arguments: Any) -> np.ndarray:
    """Where in its box a system starts, each coordinate from 0 to 1."""
    low, high = np.array(system.box).T
    return (simulation.record(system, seed, time_steps=2, **arguments)[:, 0] - low) / (high - low)


@pytest.mark.parametrize("family", FAMILIES)
def test_matched_starts_agree_in_trial_k_and_fresh_do_not(family: str) -> None:
    system, other = middle(family), Lorenz()
    shared = slice(0, system.dimension)
    matched, fresh = TINY, replace(TINY, starts="fresh")
    np.testing.assert_allclose(box_shares(system, matched), box_shares(other, matched)[:, shared], atol=1e-12)
    np.testing.assert_array_equal(box_shares(system, fresh), box_shares(system, fresh))
    for starts in (box_shares(other, fresh), box_shares(system, matched), box_shares(system, fresh, seed=1)):
        assert np.abs(box_shares(system, fresh) - starts[:, shared]).min() > 1e-4
    assert np.abs(box_shares(system, matched) - box_shares(system, matched, seed=1)).min() > 1e-4


def test_one_recording_can_depart_from_the_simulation() -> None:
    fresh = replace(TINY, starts="fresh")
    np.testing.assert_array_equal(TINY.record(Line(), 0, matched=False), fresh.record(Line(), 0))
    np.testing.assert_array_equal(fresh.record(Line(), 0, matched=True), TINY.record(Line(), 0))
    assert TINY.record(Line(), 0).shape == (4, 32, 2)
    assert replace(TINY, trials=7).record(Line(), 0, time_steps=5).shape == (7, 5, 2)
    longer = TINY.record(Line(), 0, time_steps=40)
    np.testing.assert_allclose(longer[:, :32], TINY.record(Line(), 0), atol=1e-8)


@pytest.mark.parametrize("time_step", [None, 0.3])
def test_recordings_are_the_solution(time_step: float | None) -> None:
    # Towards the line, distance falls exponentially; along it, nothing moves.
    states = replace(TINY, time_step=time_step).record(Line(rate=0.5), 0)
    elapsed = (time_step or Line.time_step) * np.arange(32)
    np.testing.assert_allclose(states[..., 0], np.repeat(states[:, :1, 0], 32, axis=1), atol=1e-12)
    np.testing.assert_allclose(states[..., 1], states[:, :1, 1] * np.exp(-0.5 * elapsed), atol=1e-7)


def test_the_studys_way() -> None:
    study = replace(TINY, integrator="euler", starts="fresh", time_step=0.02)
    states = study.record(Lorenz(), 0)
    np.testing.assert_allclose(
        states[:, 1:], states[:, :-1] + 0.02 * np.stack([Lorenz().drift(x) for x in states])[:, :-1]
    )
    scaled = replace(study, unit_range=True).record(Lorenz(), 0)
    for trial, its_own in zip(scaled, states, strict=True):
        np.testing.assert_allclose(trial, (its_own - its_own.min()) / np.ptp(its_own), atol=1e-12)


def test_tolerance_is_passed_on() -> None:
    rough, fine, finest = (replace(TINY, tolerance=t).record(VanDerPol(mu=2), 0) for t in (1e-3, 1e-9, 1e-11))
    assert 1000 * np.abs(fine - finest).max() < np.abs(rough - finest).max()


def test_spread_by_hand() -> None:
    # Standard deviations 3 and 4 of the two units: the root of (9 + 16) / 2.
    assert spread(np.array([[[1.0, 10.0], [7.0, 18.0]]])) == pytest.approx(12.5**0.5)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0])
def test_observation_noise_keeps_the_variance(level: float) -> None:
    many = replace(TINY, trials=200)
    states = many.record(Hopf(), 0)
    before = states.copy()
    seen = many.observe(states, level, np.random.default_rng(0))
    np.testing.assert_array_equal(states, before)
    assert spread(seen) == pytest.approx(spread(states), rel=0.03)
    kept = np.corrcoef(states.ravel(), seen.ravel())[0, 1]
    assert kept == pytest.approx((1 - level**2) ** 0.5, abs=5 / states.size**0.5)
    np.testing.assert_allclose(seen.mean((0, 1)), states.mean((0, 1)), atol=0.05)


def test_observation_noise_on_the_unit_range_is_the_studys() -> None:
    study = replace(TINY, trials=300, unit_range=True)
    states = study.record(Hopf(), 0)
    noise = study.observe(states, 0.6, np.random.default_rng(0)) - 0.8 * states
    assert noise.std() == pytest.approx(0.6, rel=5 / (2 * noise.size) ** 0.5)
    assert noise.mean() == pytest.approx(0, abs=5 * 0.6 / noise.size**0.5)


@pytest.mark.parametrize("level", [0.01, 0.3])
def test_process_noise_is_of_the_level_stated(level: float) -> None:
    # Along the line, nothing but the noise moves.
    many = replace(TINY, trials=200)
    clean = many.record(Line(), 0)
    noisy = many.record_noisy(Line(), 0, level, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy[:, 0], clean[:, 0])
    steps = np.diff(noisy[..., 0], axis=1)
    assert steps.std() == pytest.approx(level * spread(clean), rel=5 / (2 * steps.size) ** 0.5)
    np.testing.assert_array_equal(noisy, many.record_noisy(Line(), 0, level, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"families": ["ring"]}, r"families=\[ring\] must name two or more families"),
        ({"families": []}, r"families=\[\] must name two or more"),
        ({"families": ["ring", "torus"]}, "There is no family torus; there is lorenz_origin, "),
        ({"families": ["ring", "ring"]}, r"families=\[ring, ring\] names a family twice"),
        ({"trials": 0}, "trials >= 1 and time_steps >= 2, not 0 and 32"),
        ({"time_steps": 1}, "not 4 and 1"),
        ({"integrator": "heun"}, "integrator=heun is unknown; use adaptive or euler"),
        ({"starts": "same"}, "starts=same is unknown; use matched or fresh"),
    ],
)
def test_bad_simulations(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        replace(TINY, **arguments)


@every_case
@pytest.mark.parametrize("simulation", [TINY, replace(TINY, unit_range=True, integrator="euler", time_step=0.02)])
def test_material_is_of_its_seed(case: TestCase, simulation: Simulation) -> None:
    first = case.material(simulation, 0)
    assert same(first, case.material(simulation, 0))
    other = case.material(simulation, 1)
    changed = [not np.array_equal(first.systems[name], other.systems.get(name)) for name in first.systems]
    assert all(changed)


@every_case
def test_material_holds_what_is_compared(case: TestCase) -> None:
    systems, comparisons = case.material(TINY, 0)
    assert {name for comparison in comparisons for name in comparison[:2]} == set(systems)
    assert all(np.isfinite(states).all() and states.ndim == 3 for states in systems.values())
    assert len(set(comparisons)) == len(comparisons)


@every_case
def test_criteria_and_panels_are_judged_or_lost_with_a_reason(case: TestCase) -> None:
    _, comparisons = case.material(TINY, 0)
    rng = np.random.default_rng(0)
    rows, lost = table(comparisons, lambda _: rng.uniform(0.5, 1.5)), table(comparisons, lambda _: np.nan)
    names = [criterion.name for criterion in case.criteria]
    assert len(set(names)) == len(names)
    assert any(criterion.headline for criterion in case.criteria)
    for name in names:
        found = case.judge(name, rows)
        assert not np.isnan(found.value)
        assert found.low <= found.high
        with pytest.raises(LostError, match=r"^too loud$"):
            case.judge(name, lost)
        with pytest.raises(LostError, match=r"^nothing was measured$"):
            case.judge(name, rows[:0])
    for panel in case.panels:
        xs = [x for x, _ in case.curve(panel.name, rows)]
        assert len(xs) > 1
        assert xs == sorted(xs)
        with pytest.raises(LostError, match=r"^too loud$"):
            case.curve(panel.name, lost)


def test_a_panel_that_is_none() -> None:
    with pytest.raises(LostError, match="families has no panel auc"):
        Families().curve("auc", table([], lambda _: 0.0))
