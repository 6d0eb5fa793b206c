"""Families: three of a kind, in the regime that their name states."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dynalign.attractors import FAMILIES, LORENZ, Line, Lorenz, Ring, System, members, middle, trajectories
from dynalign.errors import DynalignError


@pytest.mark.parametrize("family", FAMILIES)
def test_three_of_a_kind_that_differ_in_one_parameter(family: str) -> None:
    systems = FAMILIES[family]
    assert len(systems) == 3
    assert len({type(system) for system in systems}) == 1
    varied = [len(set(values)) for values in zip(*map(dataclasses.astuple, systems), strict=True)]
    assert sorted(varied) == [1] * (len(varied) - 1) + [3]


@pytest.mark.parametrize(
    ("family", "low", "high"),
    [("lorenz_origin", 0, 1), ("lorenz_two_points", 1, 24.06), ("lorenz_chaos", 24.74, 99)],
)
def test_the_families_of_lorenz_keep_to_their_regime(family: str, low: float, high: float) -> None:
    assert family in LORENZ
    for system in FAMILIES[family]:
        assert isinstance(system, Lorenz)
        assert low < system.r < high
        assert (system.sigma, system.beta) == (10, 2.667)


@pytest.mark.parametrize("system", FAMILIES["lorenz_two_points"])
def test_two_points_attract(system: Lorenz) -> None:
    starts = np.random.default_rng(0).uniform(-10, 10, (20, 3))
    x, y, z = trajectories(system, starts, time_steps=2, time_step=60.0, tolerance=1e-7)[:, -1].T
    side = (system.beta * (system.r - 1)) ** 0.5
    np.testing.assert_allclose([np.abs(x), np.abs(y), z], [[side] * 20, [side] * 20, [system.r - 1] * 20], atol=1e-4)
    assert set(np.sign(x)) == {-1, 1}


@pytest.mark.parametrize(
    ("family", "time", "is_chaos"),
    [
        ("lorenz_two_points", 30.0, False),
        ("lorenz_chaos", 30.0, True),
        ("rossler", 300.0, True),
        ("van_der_pol", 100.0, False),
    ],
)
def test_only_chaos_takes_neighbours_apart(family: str, time: float, is_chaos: bool) -> None:
    for system in FAMILIES[family]:
        near = system.starts(np.array([[0.3, 0.4, 0.5], [0.3 + 1e-6, 0.4, 0.5]]))
        first, second = trajectories(system, near, time_steps=21, time_step=time / 20)
        apart = np.linalg.norm(first - second, axis=1)[11:].max()
        assert apart > 1 if is_chaos else apart < 1e-4


def test_members_come_with_their_family_in_order() -> None:
    expected: list[tuple[str, System]] = [("ring", Ring(rate)) for rate in (0.5, 0.75, 1)]
    expected += [("line", Line(rate)) for rate in (0.5, 0.75, 1)]
    assert members(["ring", "line"]) == expected
    assert len(members(tuple(FAMILIES))) == 3 * len(FAMILIES)
    assert members([]) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_middle_lies_between_the_others(family: str) -> None:
    assert middle(family) in FAMILIES[family]
    values = [dataclasses.astuple(system) for system in FAMILIES[family]]
    np.testing.assert_array_equal(dataclasses.astuple(middle(family)), np.median(values, axis=0))


def test_families_that_there_are_not() -> None:
    with pytest.raises(DynalignError, match=r"no family circle; there is lorenz_origin, .*, bistable\."):
        members(["ring", "circle"])
    with pytest.raises(DynalignError, match="no family circle"):
        middle("circle")
    with pytest.raises(DynalignError, match=r"families=\[ring, line, ring\] names a family twice"):
        members(["ring", "line", "ring"])
