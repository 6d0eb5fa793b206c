"""Families: all pairs under both kinds of starts, and their judges on tables worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from tests.testcases.tables import TINY, by_hand, chance, table

from dynalign.attractors import FAMILIES
from dynalign.metrics import CKA
from dynalign.testcases import Families, LostError, as_rows, measure_material
from dynalign.testcases.families import FRESH, MATCHED, family_of

CASE = Families()
MATERIAL = CASE.material(TINY, 0)
FAMILY = {system.label: family for family, systems in FAMILIES.items() for system in systems}
CRITERIA = [criterion.name for criterion in CASE.criteria]


@dataclass(frozen=True)
class Oracle(CKA):
    """A metric that reads the names of systems and knows the families."""

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        return FAMILY[where.rpartition(", ")[0]]

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        return np.array([float(a != b) for a, b in pairs])


def test_all_pairs_twice() -> None:
    assert len(MATERIAL.systems) == 2 * 6
    assert len(MATERIAL.comparisons) == 2 * 6 * 7 // 2
    for comparison in MATERIAL.comparisons:
        assert comparison.first == f"{comparison.a}, {comparison.part}"
        assert comparison.second == f"{comparison.b}, {comparison.part}"
        assert comparison.different == (FAMILY[comparison.a] != FAMILY[comparison.b])
    pairs = [(c.part, frozenset((c.a, c.b))) for c in MATERIAL.comparisons]
    labels = [label for label, family in FAMILY.items() if family in TINY.families]
    assert set(pairs) == {(part, frozenset(pair)) for part, *pair in product((MATCHED, FRESH), labels, labels)}
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("part", [MATCHED, FRESH])
def test_systems_share_trials_only_with_matched_starts(part: str) -> None:
    starts = [s[:, 0] for name, s in MATERIAL.systems.items() if name.startswith("lorenz") and name.endswith(part)]
    gaps = [np.abs(one - other).max() for i, one in enumerate(starts) for other in starts[:i]]
    assert len(gaps) == 3
    assert max(gaps) < 1e-12 if part == MATCHED else min(gaps) > 0.1


@pytest.mark.parametrize(("part", "suffix"), [(MATCHED, ""), (FRESH, "_fresh")])
def test_worked_by_hand(part: str, suffix: str) -> None:
    # Within {a, b} 1 and within {c, d} 3; between them 2, 3, 4, 7. A system with itself does not count.
    rows = by_hand(
        *((part, 0.0, False, name, name, 100.0) for name in "abcd"),
        (part, 0.0, False, "a", "b", 1.0),
        (part, 0.0, True, "a", "c", 2.0),
        (part, 0.0, True, "a", "d", 3.0),
        (part, 0.0, True, "b", "c", 4.0),
        (part, 0.0, True, "b", "d", 7.0),
        (part, 0.0, False, "c", "d", 3.0),
    )
    assert CASE.judge(f"auc{suffix}", rows).value == pytest.approx((4 + 2.5) / 8)
    assert CASE.judge(f"ratio{suffix}", rows).value == pytest.approx(4 / 2)
    for other in {"", "_fresh"} - {suffix}:
        with pytest.raises(LostError, match="nothing was measured"):
            CASE.judge(f"auc{other}", rows)


def test_a_metric_that_knows_the_families_is_perfect() -> None:
    rows = as_rows(measure_material(Oracle(), MATERIAL), metric="oracle", case="families", seed=0)
    for criterion in CRITERIA:
        found = CASE.judge(criterion, rows)
        best = 1.0 if criterion.startswith("auc") else np.inf
        assert found.value == found.low == found.high == best


def test_random_numbers_reach_chance() -> None:
    rows = chance(MATERIAL.comparisons, seeds=20)
    for criterion in CRITERIA:
        found = CASE.judge(criterion, rows)
        expected = 0.5 if criterion.startswith("auc") else 1.0
        assert found.value == pytest.approx(expected, abs=0.1)
        assert found.low < expected < found.high


def test_turned_round_is_worst() -> None:
    rows = table(MATERIAL.comparisons, lambda c: 2.0 - c.different)
    assert CASE.judge("auc", rows).value == 0
    assert CASE.judge("ratio", rows).value == 0.5


@pytest.mark.parametrize("lost", [MATCHED, FRESH])
def test_a_missing_number_loses_its_part_with_the_reason(lost: str) -> None:
    first = next(c for c in MATERIAL.comparisons if c.part == lost and c.different)
    rows = table(MATERIAL.comparisons, lambda c: np.nan if c == first else 1.0 + c.different)
    for criterion in CRITERIA:
        if criterion.endswith("_fresh") == (lost == FRESH):
            with pytest.raises(LostError, match=r"^too loud$"):
                CASE.judge(criterion, rows)
        else:
            assert CASE.judge(criterion, rows).value in (1, 2)


def test_replicates_keep_the_families() -> None:
    rows = table(MATERIAL.comparisons, lambda c: 1.0 + c.different)
    groups = family_of(rows)
    assert {frozenset(a for a in FAMILY if groups.get(a) == group) for group in groups.values()} == {
        frozenset(system.label for system in FAMILIES[family]) for family in TINY.families
    }
    # c and d, alone in their families, are drawn once each, a and b twice together: 4 of 5 pairs between are larger.
    pairs = [*((*pair, True, 2.0) for pair in ("ac", "ad", "bc", "bd")), ("c", "d", True, 0.0), ("a", "b", False, 1.0)]
    draws = CASE.judge("auc", by_hand(*((MATCHED, 0.0, apart, a, b, x) for a, b, apart, x in pairs))).draws
    assert set(np.round(draws[~np.isnan(draws)], 12)) == {0.8}
    assert np.isnan(draws).mean() == pytest.approx(0.5, abs=0.05)  # a or b twice makes no pair within
