"""Driven systems: what is compared, what metrics are shown, and the judges on tables worked by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from tests.testcases.tables import TINY, by_hand, chance, table

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, Driven, InputDSA
from dynalign.testcases import DrivenSystems, Families, LostError, Simulation, as_rows, measure_material
from dynalign.testcases.driven import CHANNELS, INPUTS, PART, SATURATING, SYSTEMS, UNITS, WEIGHTS, WHOLE

CASE = DrivenSystems()
SHORT = Simulation(TINY.families, trials=30, time_steps=60)
MATERIAL = CASE.material(TINY, 0)
CRITERIA = [criterion.name for criterion in CASE.criteria]
PARTS = {"auc": WHOLE, "ratio": WHOLE, "auc_part": PART, "ratio_part": PART, "auc_weights": WEIGHTS}


def test_one_system_under_other_inputs_and_others_under_the_same() -> None:
    kinds, pairs = len(INPUTS), len(list(combinations(SYSTEMS, 2)))
    near = len(SYSTEMS) * kinds * (kinds - 1) // 2
    far = {WHOLE: kinds * pairs, PART: kinds * pairs, WEIGHTS: kinds * len(SYSTEMS)}
    counts = Counter((c.part, c.different) for c in MATERIAL.comparisons)
    assert counts == {
        **{(part, False): near for part in far},
        **{(part, True): number for part, number in far.items()},
    }
    for c in MATERIAL.comparisons:
        first, second = (name.split(", ") for name in (c.first, c.second))
        assert (c.a, c.b) == (first[0], second[0])
        assert (first[1] == second[1]) == c.different
        assert (c.a == c.b) == (not c.different or c.part == WEIGHTS)
    assert len({(c.part, c.first, c.second) for c in MATERIAL.comparisons}) == len(MATERIAL.comparisons)


def test_all_systems_have_the_very_same_inputs_of_a_kind() -> None:
    for kind in INPUTS:
        shown = [s for name, s in MATERIAL.systems.items() if name.split(", ")[1] == f"{kind} inputs"]
        assert len(shown) == 3 * len(SYSTEMS)
        assert all(s.inputs is shown[0].inputs for s in shown)
    for name, s in MATERIAL.systems.items():
        units = UNITS // 2 if name.endswith(PART) else UNITS
        assert np.shape(s.states) == (TINY.trials, TINY.time_steps, units)
        assert np.shape(s.inputs) == (TINY.trials, TINY.time_steps, CHANNELS)


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_have_variance_1_and_no_mean(kind: str) -> None:
    made = INPUTS[kind]((400, 200, 3), np.random.default_rng(0))
    assert made.shape == (400, 200, 3)
    np.testing.assert_allclose(made.std((0, 1)), 1, atol=0.05)
    np.testing.assert_allclose(made.mean((0, 1)), 0, atol=0.05)
    assert np.abs(np.corrcoef(made.reshape(-1, 3).T) - np.eye(3)).max() < 0.05


def test_systems_are_stable_and_seeds_differ() -> None:
    for operator in SYSTEMS.values():
        assert operator.shape == (UNITS, UNITS)
        assert np.abs(np.linalg.eigvals(operator)).max() < 0.99
    again, other = CASE.material(TINY, 0), CASE.material(TINY, 1)
    for name, s in MATERIAL.systems.items():
        np.testing.assert_array_equal(s.states, again.systems[name].states)
        assert np.abs(s.states - other.systems[name].states).max() > 0.1


def test_without_noise_the_operators_are_the_systems_own() -> None:
    material = DrivenSystems(noise=0.0).material(SHORT, 0)
    metric = InputDSA(rank=UNITS, center=False)
    for name in set(SYSTEMS) - {SATURATING}:
        one, other = (material.systems[f"{name}, {kind} inputs, {WHOLE}"] for kind in ("white", "sine"))
        found = np.sort_complex(np.linalg.eigvals(metric.prepare(one).operator.numpy()))
        expected = np.sort_complex(np.linalg.eigvals(SYSTEMS[name] / np.linalg.norm(SYSTEMS[name])))
        if name != "a chain":  # whose eigenvalues are one, so that they are not to be had to many digits
            np.testing.assert_allclose(found, expected, atol=1e-6)
        assert metric(one, other) < 1e-4


def test_what_knows_the_inputs_tells_systems_apart_and_what_does_not_is_misled() -> None:
    material = CASE.material(SHORT, 0)

    def scores(metric: Any) -> dict[str, float]:
        rows = as_rows(measure_material(metric, material), metric="any", case="driven", seed=0)
        return {name: CASE.judge(name, rows).value for name in ("auc", "auc_part", "auc_weights")}

    own, joint, geometry = (
        scores(metric) for metric in (InputDSA(rank=1.0), InputDSA(rank=1.0, compare="joint"), CKA())
    )
    assert min(own["auc"], joint["auc"]) > 0.95
    assert own["auc_weights"] < 0.7 < 0.95 < joint["auc_weights"]
    assert geometry["auc"] < 0.2


@dataclass(frozen=True)
class Looking(CKA):
    """A metric that keeps the kinds of what it was shown."""

    inputs: bool = False

    @property
    def needs_inputs(self) -> bool:  # type: ignore[override]
        return self.inputs

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        return isinstance(x, Driven)

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        return np.array([float(a and b) for a, b in pairs])


@pytest.mark.parametrize("inputs", [False, True])
def test_inputs_are_shown_to_whom_they_say_something(inputs: bool) -> None:
    assert {row["dissimilarity"] for row in measure_material(Looking(inputs=inputs), MATERIAL).rows} == {float(inputs)}


def test_metrics_that_need_inputs_lose_what_has_none() -> None:
    assert CASE.has_inputs
    assert not Families.has_inputs
    measured = measure_material(InputDSA(), Families().material(TINY, 0))
    assert not measured.complete
    assert {row["dissimilarity"] for row in measured.rows} == {None}
    rows = as_rows(measured, metric="InputDSA", case="families", seed=0)
    with pytest.raises(LostError, match=r"^needs inputs, and the systems of this test case run without any$"):
        Families().judge("auc", rows)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_worked_by_hand(criterion: str) -> None:
    part = PARTS[criterion]
    rows = by_hand(
        (part, 0.0, False, "a", "a", 1.0),
        (part, 0.0, False, "b", "b", 3.0),
        (part, 0.0, True, "a", "b", 2.0),
        (part, 0.0, True, "a", "c", 4.0),
    )
    assert CASE.judge(criterion, rows).value == pytest.approx(3 / 4 if criterion.startswith("auc") else 3 / 2)
    for other in set(CRITERIA):
        if PARTS[other] != part:
            with pytest.raises(LostError, match="nothing was measured"):
                CASE.judge(other, rows)


def test_random_numbers_reach_chance() -> None:
    rows = chance(MATERIAL.comparisons, seeds=10)
    for criterion in CRITERIA:
        found = CASE.judge(criterion, rows)
        expected = 0.5 if criterion.startswith("auc") else 1.0
        assert found.value == pytest.approx(expected, abs=0.1)
        assert found.low < expected < found.high


def test_a_missing_number_loses_its_part_with_the_reason() -> None:
    first = next(c for c in MATERIAL.comparisons if c.part == PART)
    rows = table(MATERIAL.comparisons, lambda c: np.nan if c == first else 1.0 + c.different)
    for criterion in CRITERIA:
        if PARTS[criterion] == PART:
            with pytest.raises(LostError, match=r"^too loud$"):
                CASE.judge(criterion, rows)
        else:
            assert CASE.judge(criterion, rows).value in (1, 2)


@pytest.mark.parametrize("noise", [-0.1, np.inf, np.nan])
def test_noise_must_be_a_number(noise: float) -> None:
    with pytest.raises(DynalignError, match=r"noise=.* of driven systems must be a number >= 0"):
        DrivenSystems(noise=noise)


def test_fewer_kinds_of_inputs() -> None:
    some = DrivenSystems(inputs=["white", "slow"]).material(TINY, 0)
    assert len(some.systems) == len(MATERIAL.systems) / 2
    assert all(c.first in some.systems and c.second in some.systems for c in some.comparisons)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["white", "slo"], r"inputs=slo of driven systems is unknown; did you mean slow\?"),
        (["white"], r"inputs=\[white\] of driven systems must be two or more kinds"),
        (["white", "white", "slow"], "must be two or more kinds"),
    ],
)
def test_inputs_that_there_are_not(inputs: list[str], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        DrivenSystems(inputs=inputs)
