"""Measuring: every system and pair once, and no number lost for the sake of another."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.testcases.tables import TINY

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, Metric
from dynalign.testcases import Comparison, Families, Material, Measured, as_rows
from dynalign.testcases import measure_material as measure

NAMES = [f"system {k}" for k in range(14)]  # with itself and each other, more pairs than are measured together


def material(*pairs: tuple[str, str]) -> Material:
    """The pairs in two parts, and again in the first with another level."""
    systems = {name: np.full((1, 1, 1), float(k)) for k, name in enumerate(NAMES)}
    comparisons = [
        Comparison(a, b, part, level, a != b, a, b)
        for part, level in (("one", 0.0), ("two", 0.0), ("one", 1.0))
        for a, b in pairs or [(a, b) for i, a in enumerate(NAMES) for b in NAMES[i:]]
    ]
    return Material(systems, comparisons)


@dataclass(frozen=True)
class Plain(Metric):
    """The difference of two numbers, first less second; it counts what it is asked."""

    asked: Counter[Any] = field(default_factory=Counter, compare=False)

    def prepare(self, x: Any, *, where: str = "x") -> float:
        self.asked[where] += 1
        return float(x[0, 0, 0])

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        self.asked.update(pairs)
        return np.array([self.distance(a, b) for a, b in pairs])

    def distance(self, a: float, b: float) -> float:
        return a - b


@dataclass(frozen=True)
class Touchy(Plain):
    """One whose distances fail for system 3, in a way of choice."""

    fail: Callable[[], float] = float

    def distance(self, a: float, b: float) -> float:
        return self.fail() if 3 in (a, b) else a - b


@dataclass(frozen=True)
class Picky(Plain):
    """One that will not prepare system 3, in a way of choice."""

    error: Exception = field(default_factory=Exception)

    def prepare(self, x: Any, *, where: str = "x") -> float:
        if super().prepare(x, where=where) == 3:
            raise self.error
        return float(x[0, 0, 0])


@dataclass(frozen=True)
class Shapeless(Plain):
    """One that returns something of another shape."""

    shape: Callable[[np.ndarray], Any] = np.ndarray.tolist

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> Any:
        return self.shape(super().distances(pairs))


def raises(error: Exception) -> Callable[[], float]:
    def fail() -> float:
        raise error

    return fail


def test_every_system_and_every_pair_once() -> None:
    metric, whole = Plain(), material()
    measured = measure(metric, whole)
    pairs = [(float(i), float(k)) for i in range(14) for k in range(i, 14)]
    assert metric.asked == Counter([*NAMES, *pairs])
    assert measured.pairs == len(pairs) == 105
    assert len(measured.rows) == 3 * 105
    for row, comparison in zip(measured.rows, whole.comparisons, strict=True):
        expected = float(NAMES.index(comparison.first) - NAMES.index(comparison.second))
        assert row == {**comparison._asdict(), "dissimilarity": expected, "reason": ""}
    assert measured.seconds > 0
    assert measured.warnings == []


def test_pairs_are_measured_in_the_order_in_which_they_stand() -> None:
    found = measure(Plain(), material(("system 2", "system 5"), ("system 5", "system 2")))
    assert [row["dissimilarity"] for row in found.rows] == [-3, 3] * 3
    assert found.pairs == 2


def test_systems_that_are_not_compared_are_left_alone() -> None:
    metric = Plain()
    measure(metric, material(("system 2", "system 5")))
    assert set(metric.asked) == {"system 2", "system 5", (2, 5)}


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (Touchy(fail=lambda: np.nan), "returned nan"),
        (Touchy(fail=lambda: -np.inf), "returned -inf"),
        (Touchy(fail=raises(DynalignError("too short"))), "too short"),
        (Touchy(fail=raises(ValueError())), "ValueError: "),
        (Touchy(fail=raises(np.linalg.LinAlgError("SVD did not converge"))), "SVD did not converge"),
        (Touchy(fail=raises(KeyError("x"))), "KeyError: 'x'"),
        (Touchy(fail=raises(MemoryError())), "There was not enough memory (MemoryError)."),
        (Picky(error=DynalignError("system 3 is constant")), "system 3 is constant"),
        (Picky(error=ZeroDivisionError("by zero")), "ZeroDivisionError: by zero"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_failure_loses_its_pairs_alone(metric: Metric, reason: str) -> None:
    assert measure(Plain(), material()).rows == [
        {**row, "dissimilarity": expected, "reason": ""}
        for row, expected in zip(
            measure(metric, material()).rows,
            (a - b for _ in range(3) for a in range(14) for b in range(a, 14)),
            strict=True,
        )
    ]
    for row in measure(metric, material()).rows:
        lost = "system 3" in (row["first"], row["second"])
        assert row["reason"] == (reason if lost else "")
        assert (row["dissimilarity"] is None) == lost


def test_a_system_that_was_refused_is_not_asked_for_again() -> None:
    metric = Picky(error=DynalignError("no"))
    measure(metric, material())
    assert all(metric.asked[name] == 1 for name in NAMES)
    assert not [key for key in metric.asked if isinstance(key, tuple) and 3 in key]


@pytest.mark.parametrize(
    "shape",
    [lambda x: np.append(x, 0.0), lambda x: np.stack([x, x]), lambda x: x[1:], lambda _: None, lambda _: "three"],
)
def test_wrong_shapes_are_lost(shape: Callable[[np.ndarray], Any]) -> None:
    for row in measure(Shapeless(shape=shape), material()).rows:
        assert row["dissimilarity"] is None
        assert row["reason"]


def test_lists_are_numbers_too() -> None:
    assert measure(Shapeless(), material()).rows == measure(Plain(), material()).rows


@dataclass(frozen=True)
class Loud(Plain):
    """One that warns of every system and pair."""

    def prepare(self, x: Any, *, where: str = "x") -> float:
        warnings.warn(f"{where} is short", RuntimeWarning, stacklevel=1)
        return super().prepare(x, where=where)

    def distance(self, a: float, b: float) -> float:
        warnings.warn("stopped early", DeprecationWarning, stacklevel=1)
        return a - b


def test_warnings_are_collected_once_each_and_none_leaks() -> None:
    some = material(("system 2", "system 5"), ("system 5", "system 7"))
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        first, second = (measure(Loud(), some).warnings for _ in range(2))
    assert first == second == ["system 2 is short", "system 5 is short", "system 7 is short", "stopped early"]
    assert leaked == []


def test_a_test_case_gives_the_numbers_of_the_metric_itself() -> None:
    whole = Families().material(TINY, 0)
    for row in measure(CKA(), whole).rows:
        expected = CKA()(whole.systems[row["first"]], whole.systems[row["second"]])
        assert row["dissimilarity"] == pytest.approx(expected, abs=1e-12)


def test_table_of_what_was_measured() -> None:
    measured = measure(Touchy(fail=lambda: np.nan), material(("system 2", "system 3"), ("system 2", "system 5")))
    rows = as_rows(measured, metric="touchy", case="made up", seed=7)
    names = ["metric", "testcase", "seed", "first", "second", "part", "level", "different", "a", "b"]
    assert list(rows.columns) == [*names, "dissimilarity", "reason"]
    assert rows.iloc[0].drop("dissimilarity").tolist() == (
        ["touchy", "made up", 7, "system 2", "system 3", "one", 0.0, True, "system 2", "system 3", "returned nan"]
    )
    np.testing.assert_array_equal(rows["dissimilarity"], [np.nan, -3] * 3)
    assert rows["dissimilarity"].dtype == np.float64
    assert rows["different"].dtype == bool


def test_table_of_nothing_but_losses() -> None:
    rows = as_rows(measure(Touchy(fail=lambda: np.nan), material(("system 3", "system 3"))), metric="", case="", seed=0)
    assert rows["dissimilarity"].dtype == np.float64
    assert rows["dissimilarity"].isna().all()


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: plain.update(rows=[]),
        lambda plain: plain.update(rows=plain["rows"][:-1]),
        lambda plain: plain["rows"][0].update(dissimilarity=float("nan")),
        lambda plain: plain["rows"][0].update(dissimilarity=None),
        lambda plain: plain["rows"][0].pop("first"),
        lambda plain: plain.pop("pairs"),
        lambda plain: plain.update(rows=None),
    ],
)
def test_what_is_not_whole_is_refused(damage: Callable[[dict[str, Any]], object]) -> None:
    pairs = [(a, b) for i, a in enumerate(NAMES[:3]) for b in NAMES[i:3]]
    systems = {name: np.full((1, 1, 1), float(k)) for k, name in enumerate(NAMES)}
    small = Material(systems, [Comparison(a, b, "one", 0.0, a != b, a, b) for a, b in pairs])
    plain = json.loads(json.dumps(asdict(measure(Plain(), small))))
    assert Measured.of(plain).rows == plain["rows"]
    damage(plain)
    with pytest.raises((ValueError, TypeError, KeyError)):
        Measured.of(plain)
