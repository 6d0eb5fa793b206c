"""Composition: how many pairs share what, motifs that keep their steps, and judges on made-up dissimilarities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.testcases.tables import TINY, by_hand, chance, table

from dynalign.attractors import Lorenz, Straight
from dynalign.errors import DynalignError
from dynalign.testcases import Comparison, Composition, LostError
from dynalign.testcases.composition import ORDERED, UNORDERED

CASE = Composition()
EVERY = Composition(pairs_per_kind=None).material(TINY, 0)
# Pairs that share (motifs in any order, motifs in place), counted by hand; 60 sequences make 1770 pairs.
KINDS = {(1, 0): 360, (1, 1): 180, (2, 0): 540, (2, 1): 360, (2, 2): 180, (3, 0): 60, (3, 1): 90}


def kinds(comparisons: list[Comparison]) -> Counter[tuple[int, int]]:
    found = Counter()
    for first, second in {(c.first, c.second) for c in comparisons}:
        a, b = first.split(" → "), second.split(" → ")
        found[len({*a} & {*b}), sum(x == y for x, y in zip(a, b, strict=True))] += 1
    return found


@pytest.mark.parametrize("count", [1, 4, 100, None])
def test_pairs_of_each_kind(count: int | None) -> None:
    comparisons = Composition(pairs_per_kind=count).material(TINY, 0).comparisons
    expected = {kind: number if count is None else min(count, number) for kind, number in KINDS.items()}
    assert kinds(comparisons) == expected
    assert len(comparisons) == 2 * sum(expected.values())
    assert sum(KINDS.values()) == 60 * 59 // 2


def test_levels_are_what_is_shared() -> None:
    for c in EVERY.comparisons:
        a, b = c.first.split(" → "), c.second.split(" → ")
        in_place = sum(x == y for x, y in zip(a, b, strict=True))
        assert c.level == {UNORDERED: len({*a} & {*b}), ORDERED: in_place}[c.part]
        assert len({*a}) == len({*b}) == 3
        assert (c.a, c.b) == (c.first, c.second)


def motif_steps() -> dict[str, np.ndarray]:
    """From sample to sample, each motif over its range; the zigzag's four quarters share the samples at their seams."""
    curve, line = Lorenz(r=0.5), Straight()
    steps = {"line": line, "curve": curve, "spiral 5": Lorenz(r=5), "spiral 15": Lorenz(r=15)}
    steps = {name: np.diff(TINY.record(system, 0), axis=1) for name, system in steps.items()}
    quarters = [np.diff(TINY.record(system, 0, time_steps=9), axis=1) for system in (line, curve)]
    steps["zigzag"] = np.concatenate([*quarters, *quarters], axis=1)[:, :31]
    starts = {"line": TINY.record(line, 0)[:, :1], "curve": TINY.record(curve, 0)[:, :1]}
    starts["zigzag"] = starts["line"]
    starts |= {f"spiral {r}": TINY.record(Lorenz(r=r), 0)[:, :1] for r in (5, 15)}
    whole = {
        name: np.concatenate([starts[name], starts[name] + np.cumsum(steps[name], axis=1)], axis=1) for name in steps
    }
    return {name: steps[name] / np.ptp(whole[name]) for name in steps}


def test_sequences_are_continuous() -> None:
    # Every step, the seams' included, is three steps of the motifs, over the range of the whole.
    motifs = motif_steps()
    assert len(EVERY.systems) == 60
    for name, states in EVERY.systems.items():
        assert states.shape == (4, 32, 3)
        assert (states.min(), states.max()) == (0, 1)
        steps = np.concatenate([motifs[motif] for motif in name.split(" → ")], axis=1)
        expected = steps.reshape(4, 31, 3, 3).sum(axis=2)
        found = np.diff(states, axis=1)
        np.testing.assert_allclose(found, expected * np.ptp(found) / np.ptp(expected), atol=1e-7)


@pytest.mark.parametrize("time_steps", [28, 29, 33, 30, 31])
def test_sequences_are_of_one_length(time_steps: int) -> None:
    systems = CASE.material(replace(TINY, time_steps=time_steps), 0).systems
    assert {states.shape for states in systems.values()} == {(4, time_steps, 3)}


def test_mean_over_trials() -> None:
    means = Composition(pairs_per_kind=None, average_trials=True).material(TINY, 0).systems
    for name, states in EVERY.systems.items():
        np.testing.assert_allclose(means[name], states.mean(axis=0)[None])


def falling(c: Comparison) -> float:
    return 4.0 - c.level


@pytest.mark.parametrize(
    ("value", "rho", "fall"),
    [
        (falling, 1, 2 / 3),
        (lambda c: falling(c) ** 3, 1, 26 / 27),
        (lambda c: 3 - c.level, 1, 1),
        (lambda c: 1 + c.level, -1, -1),
    ],
)
def test_dissimilarities_that_follow_what_is_shared(
    value: Callable[[Comparison], float], rho: float, fall: float
) -> None:
    rows = table(CASE.material(TINY, 0).comparisons, value)
    for criterion in ("rho_unordered", "rho_ordered"):
        found = CASE.judge(criterion, rows)
        np.testing.assert_allclose([found.value, found.low, found.high], rho)
    assert CASE.judge("fall", rows).value == pytest.approx(fall)
    assert CASE.judge("linear", rows).value == pytest.approx(
        np.corrcoef([1, 2, 3], [value(Comparison("", "", UNORDERED, x, True, "", "")) for x in (1, 2, 3)])[0, 1] ** 2
    )


def test_worked_by_hand() -> None:
    # Means 4, 5, 2 at one, two, three shared: ranks 3, 4, 1, 2 against 1, 2, 2, 3 motifs.
    rows = by_hand(
        (UNORDERED, 1.0, True, "a", "b", 4.0),
        (UNORDERED, 2.0, True, "a", "c", 3.0),
        (UNORDERED, 2.0, True, "b", "c", 7.0),
        (UNORDERED, 3.0, True, "a", "d", 2.0),
    )
    ranks, shared = [3, 2, 4, 1], [1, 2.5, 2.5, 4]
    assert CASE.judge("rho_unordered", rows).value == pytest.approx(-np.corrcoef(ranks, shared)[0, 1])
    assert CASE.judge("fall", rows).value == pytest.approx(0.5)
    assert CASE.judge("linear", rows).value == pytest.approx(np.corrcoef([1, 2, 3], [4, 5, 2])[0, 1] ** 2)
    assert [(x, found.value) for x, found in CASE.curve(UNORDERED, rows)] == [(1, 4), (2, 5), (3, 2)]
    with pytest.raises(LostError, match="nothing was measured"):
        CASE.judge("rho_ordered", rows)


def test_random_numbers_reach_chance() -> None:
    rows = chance(CASE.material(TINY, 0).comparisons, seeds=2)
    for criterion in ("rho_unordered", "rho_ordered", "fall"):
        found = CASE.judge(criterion, rows)
        assert found.value == pytest.approx(0, abs=0.1)
        assert found.low < 0 < found.high


def test_a_missing_number_loses_its_part_with_the_reason() -> None:
    lost = next(c for c in EVERY.comparisons if c.part == ORDERED)
    rows = table(EVERY.comparisons[:200], lambda c: np.nan if c == lost else falling(c))
    with pytest.raises(LostError, match=r"^too loud$"):
        CASE.judge("rho_ordered", rows)
    with pytest.raises(LostError, match=r"^too loud$"):
        CASE.curve(ORDERED, rows)
    assert len(CASE.curve(UNORDERED, rows)) == 1


@pytest.mark.parametrize("count", [0, -5])
def test_bad_number_of_pairs(count: int) -> None:
    with pytest.raises(DynalignError, match=f"pairs_per_kind={count} must be at least 1, or null for all pairs"):
        Composition(pairs_per_kind=count)
