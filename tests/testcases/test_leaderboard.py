"""The leaderboard on cells made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from tests.testcases.tables import table

from dynalign.metrics import Description
from dynalign.statistics import Estimate, mean
from dynalign.testcases import (
    Cell,
    Comparison,
    Criterion,
    Leaderboard,
    LostError,
    Material,
    Simulation,
    TestCase,
    build_leaderboard,
    judge,
)
from dynalign.testcases.base import complete, resampled, values_of

SOME = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


@dataclass(frozen=True)
class Means(TestCase):
    """Every criterion is the mean of its part."""

    name: ClassVar[str] = "means"
    criteria: ClassVar[Sequence[Criterion]] = (  # type: ignore[misc]
        Criterion("big", "big", "higher", "The more, the better.", headline=True),
        Criterion("small", "small", "lower", "The less, the better.", headline=True),
        Criterion("aside", "aside", "higher", "Of no weight in the order."),
    )

    def material(self, simulation: Simulation, seed: int) -> Material:
        raise NotImplementedError

    def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
        chosen = complete(rows, part=criterion)
        return resampled(chosen, partial(mean, values_of(chosen)))


@dataclass(frozen=True)
class Other(Means):
    """Another test case with the same criteria."""

    name: ClassVar[str] = "others"


def cell(
    metric: str,
    parts: Mapping[str, float | Sequence[float]],
    *,
    case: TestCase | None = None,
    seed: int = 0,
    **facts: object,
) -> Cell:
    """A cell with some numbers, or six of one mean, for every part."""
    rows = []
    for part, values in parts.items():
        numbers = list(np.array(SOME) - 2.5 + values) if isinstance(values, float | int) else list(values)
        comparisons = [Comparison(str(k), str(k), part, 0.0, True, str(k), str(k)) for k in range(len(numbers))]
        numbers_of = iter(numbers)
        rows.append(table(comparisons, lambda _, numbers_of=numbers_of: next(numbers_of), seed=seed))
    return Cell(metric, case or Means(), seed, pd.concat(rows), about(metric), pairs=10, seconds=1.0, **facts)


def about(metric: str) -> Description:
    return Description(metric, metric, "none", metric, "It measures.", "", "geometry")


def lost(metric: str, reason: str, seed: int = 0) -> Cell:
    return Cell(metric, Means(), seed, table([], lambda _: 0.0), about(metric), lost=reason)


def parts(big: float, small: float, aside: float = 0.0) -> dict[str, float]:
    return {"big": big, "small": small, "aside": aside}


def places(board: Leaderboard) -> list[tuple[str, float]]:
    return list(zip(board.metrics["metric"], board.metrics["place"], strict=True))


def score(board: Leaderboard, metric: str, criterion: str = "big") -> pd.Series:
    scores = board.scores[board.scores["testcase"] == "means"]
    (found,) = (row for _, row in scores[(scores["metric"] == metric) & (scores["criterion"] == criterion)].iterrows())
    return found


@pytest.mark.parametrize(
    ("of_metrics", "expected"),
    [
        ({"a": parts(1, 9), "b": parts(2, 8), "c": parts(3, 7)}, [("c", 1), ("b", 2), ("a", 3)]),
        ({"a": parts(1, 7), "b": parts(2, 8), "c": parts(3, 9)}, [("a", 2), ("b", 2), ("c", 2)]),
        ({"a": parts(1, 9), "b": parts(3, 7), "c": parts(3, 7)}, [("b", 1.5), ("c", 1.5), ("a", 3)]),
        ({"a": parts(1, 7, 9), "b": parts(2, 7, 5)}, [("b", 1.25), ("a", 1.75)]),
    ],
)
def test_metrics_stand_by_their_mean_place(
    of_metrics: dict[str, dict[str, float]], expected: list[tuple[str, float]]
) -> None:
    assert places(build_leaderboard([cell(metric, values) for metric, values in of_metrics.items()])) == expected


def test_places_are_over_all_test_cases() -> None:
    one, other = Means(), Other()
    cells = [
        *(cell("a", parts(2, 1), case=case) for case in (one, other)),
        *(cell("b", parts(big, 2), case=case) for case, big in ((one, 1), (other, 3))),
    ]
    board = build_leaderboard(cells)
    assert places(board) == [("a", 1.25), ("b", 1.75)]
    assert board.cases == {"means": one, "others": other}
    assert board.scores.groupby(["testcase", "criterion"]).size().to_dict() == {
        (case, criterion.name): 2 for case in ("means", "others") for criterion in Means.criteria
    }


def test_seeds_are_judged_together() -> None:
    cells = [cell("a", parts(big, 1), seed=seed) for seed, big in enumerate((1, 2, 6))]
    found = score(build_leaderboard(cells), "a")
    assert found["value"] == pytest.approx(3)
    assert found["low"] < 2 < 4 < found["high"]
    assert judge(cells, "big").value == pytest.approx(3)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([lost("b", "took longer than 3 s")], "took longer than 3 s"),
        ([cell("b", parts(9, 0)), lost("b", "its process died", seed=1)], "its process died"),
        ([cell("b", {"big": [1.0, np.nan], "small": [np.nan], "aside": [np.nan]})], "too loud"),
        ([cell("b", {"aside": 1.0})], "nothing was measured"),
        ([cell("b", parts(9, 0), case=Other())], "was not put to this test case"),
    ],
)
def test_what_is_lost_comes_last_with_the_reason(cells: list[Cell], reason: str) -> None:
    board = build_leaderboard([*cells, cell("a", parts(-1e6, 1e6)), cell("c", parts(-2e6, 2e6))])
    for criterion in ("big", "small"):
        found = score(board, "b", criterion)
        assert found["reason"] == reason
        assert np.isnan([found["value"], found["low"], found["high"]]).all()
        assert not found["leads"]
        assert score(board, "a", criterion)["reason"] == ""
        assert score(board, "a", criterion)["leads"]
    if "others" not in board.cases:
        assert places(board) == [("a", 1), ("c", 2), ("b", 3)]
    assert "b" not in set(board.differences.query("testcase == 'means'")[["first", "second"]].to_numpy().ravel())


def test_the_lost_share_the_last_places() -> None:
    board = build_leaderboard([lost("a", "no"), cell("b", parts(1, 1)), lost("c", "no")])
    assert places(board) == [("b", 1), ("a", 2.5), ("c", 2.5)]


def test_cases_without_inputs_do_not_count_for_metrics_that_need_them() -> None:
    @dataclass(frozen=True)
    class Fed(Other):
        has_inputs: ClassVar[bool] = True

    needy = replace(about("b"), needs_inputs=True)
    cells = [
        *(cell("a", parts(1, 1), case=case) for case in (Means(), Fed())),
        replace(lost("b", "has no inputs"), description=needy),
        replace(cell("b", parts(9, 0), case=Fed()), description=needy),
    ]
    board = build_leaderboard(cells)
    assert places(board) == [("b", 1), ("a", 1.5)]
    assert score(board, "b")["reason"] == "has no inputs"


def test_the_infinite_are_best_together() -> None:
    @dataclass(frozen=True)
    class Endless(Means):
        def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
            found = super().judge(criterion, rows)
            return found if found.value < 5 else Estimate(np.inf, np.full_like(found.draws, np.inf))

    values = {"a": 5, "b": 1, "c": 9}
    board = build_leaderboard([cell(name, {"big": big}, case=Endless()) for name, big in values.items()])
    assert [score(board, name)["value"] for name in values] == [np.inf, pytest.approx(1), np.inf]
    assert [bool(score(board, name)["leads"]) for name in values] == [True, False, True]
    gaps = board.differences.set_index(["first", "second"])[["value", "low", "high"]]
    np.testing.assert_array_equal(gaps.loc[("a", "c")], 0)
    np.testing.assert_array_equal(gaps.loc[("b", "a")], -np.inf)
    places_of_big = {"a": 1.5, "c": 1.5, "b": 3}  # and 2 each where nothing was measured
    assert dict(places(board)) == {name: (place + 2) / 2 for name, place in places_of_big.items()}


def test_undefined_criteria_are_lost() -> None:
    @dataclass(frozen=True)
    class Undefined(Means):
        def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
            return Estimate(np.nan, np.ones(5))

    board = build_leaderboard([cell("a", parts(1, 1), case=Undefined())])
    assert set(board.scores["reason"]) == {"the dissimilarities leave it undefined"}
    assert not board.scores["leads"].any()
    with pytest.raises(LostError, match="leave it undefined"):
        judge([cell("a", parts(1, 1), case=Undefined())], "big")


@pytest.mark.parametrize(("criterion", "sign"), [("big", 1), ("small", -1)])
def test_the_best_leads_with_those_that_cannot_be_told_from_it(criterion: str, sign: int) -> None:
    # Their intervals overlap all; the difference of the third is the same in every row, so that it is known for sure.
    best = sign * np.array(SOME)
    others = {"noisy": best - sign * np.array([2, -1, 1, -1, -1, 1]), "steady": best - sign * 0.01, "equal": best}
    board = build_leaderboard([cell(name, {criterion: list(x)}) for name, x in {"best": best, **others}.items()])
    leads = {name: bool(score(board, name, criterion)["leads"]) for name in ("best", *others)}
    assert leads == {"best": True, "noisy": True, "steady": False, "equal": True}
    values = {name: score(board, name, criterion) for name in ("best", "steady")}
    assert values["steady"]["low"] < values["best"]["value"] < values["steady"]["high"]


def test_differences_are_antisymmetric_and_of_headline_criteria() -> None:
    cells = [cell("a", parts(1, 3)), cell("b", {**parts(0, 2), "big": [0.0, 5, 1, 7, 2, 2]}), cell("c", parts(4, 4))]
    found = build_leaderboard(cells).differences.set_index(["criterion", "first", "second"])
    assert set(found["testcase"]) == {"means"}
    assert len(found) == 2 * 6
    for (criterion, first, second), row in found.iterrows():
        back = found.loc[(criterion, second, first)]
        expected = [-back["value"], -back["high"], -back["low"]]
        np.testing.assert_allclose([row["value"], row["low"], row["high"]], expected, atol=0.2)
        assert row["value"] == -back["value"]
        assert row["low"] <= row["value"] <= row["high"]
    steady = found.loc[("big", "a", "c")]  # resampled together, what varies in both is gone
    np.testing.assert_allclose([steady["value"], steady["low"], steady["high"]], -3, atol=1e-12)
    assert found.loc[("big", "b", "a")]["high"] - found.loc[("big", "b", "a")]["low"] > 0.5


def test_facts_of_every_metric() -> None:
    cells = [
        Cell(
            "a", Means(), 0, cell("a", parts(1, 1)).rows, about("a"), pairs=10, seconds=2.0, warnings=["short", "long"]
        ),
        Cell(
            "a",
            Means(),
            1,
            cell("a", parts(1, 1), seed=1).rows,
            about("a"),
            pairs=30,
            seconds=4.0,
            warnings=["long", "odd"],
        ),
        Cell("b", Means(), 0, cell("b", parts(0, 2)).rows, about("b"), pairs=10, seconds=1.0),
        Cell("b", Means(), 1, table([], lambda _: 0.0), about("b"), pairs=0, seconds=500.0, lost="no"),
        lost("c", "no"),
    ]
    facts = build_leaderboard(cells).metrics.set_index("metric")
    assert facts.loc["a"].drop("place").tolist() == [0.15, 40, 2, ["short", "long", "odd"]]
    assert facts.loc["b"].drop("place").tolist() == [0.1, 10, 2, []]
    assert np.isnan(facts.loc["c", "seconds_per_pair"])
    assert facts.loc["c", "pairs"] == 0


def test_one_metric_alone_leads() -> None:
    board = build_leaderboard([cell("a", parts(1, 1))])
    assert board.scores["leads"].all()
    assert places(board) == [("a", 1)]
    assert board.differences.empty
    assert list(board.differences.columns) == ["testcase", "criterion", "first", "second", "value", "low", "high"]


def test_no_cells_no_scores() -> None:
    board = build_leaderboard([])
    assert board.scores.empty
    assert board.metrics.empty
    assert list(board.scores.columns)[:3] == ["metric", "testcase", "criterion"]
