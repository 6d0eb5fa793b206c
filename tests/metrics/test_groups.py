"""Systems by group: worked by hand, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from tests.metrics.systems import spiral
from tests.metrics.test_halves import MeanGap

from dynalign.errors import DynalignError
from dynalign.metrics import DSA, compare_groups


def system(value: float) -> np.ndarray:
    return np.full((2, 3, 1), value)


# On a line: 0 and 2; 10 and 11 and 15.
LINE = {"low": [system(0), system(2)], "high": [system(10), system(11), system(15)]}


def test_worked_by_hand() -> None:
    found = compare_groups(MeanGap(), LINE)
    assert found.names == ["low 0", "low 1", "high 0", "high 1", "high 2"]
    assert found.matrix[0].tolist() == [0, 2, 10, 11, 15]
    assert found.within.value == (2 + 1 + 5 + 4) / 4
    assert found.between.value == (10 + 11 + 15 + 8 + 9 + 13) / 6
    assert found.ratio.value == pytest.approx(11 / 3)
    assert found.difference.value == pytest.approx(8)
    np.testing.assert_allclose(found.means, [[2, 11], [11, 10 / 3]])
    for each in (found.within, found.between, found.ratio, found.difference):
        assert each.low <= each.value <= each.high
    assert found.between.low >= 8
    assert found.between.high <= 15


def test_the_bootstrap_draws_systems_within_groups() -> None:
    """Of two and two systems, a draw weighs each of the four pairs by products of how often each was drawn."""
    found = compare_groups(MeanGap(), {"a": [system(0), system(1)], "b": [system(4), system(9)]})
    # Between: (a0 or a1 or both) from (b0 or b1 or both).
    assert set(np.round(found.between.draws, 9)) == {3, 3.5, 4, 5.5, 6, 6.5, 8, 8.5, 9}
    # Within: 1 where only a kept both, 5 where only b did, 3 where both did; unknown where neither.
    known = found.within.draws[~np.isnan(found.within.draws)]
    assert set(known) == {1, 5, 3}


def test_seeds_of_two_systems_are_told_apart() -> None:
    groups = {
        "slow": [spiral(0.98, 0.3, seed=seed) for seed in range(3)],
        "fast": [spiral(0.9, 0.8, seed=seed) for seed in range(3, 6)],
    }
    found = compare_groups(DSA(n_delays=2, rank=2), groups)
    assert found.ratio.low > 5
    one = compare_groups(DSA(n_delays=2, rank=2), {"a": groups["slow"][:2], "b": groups["slow"][1:]})
    assert one.ratio.value < 3


def test_a_table_of_pairs() -> None:
    table = compare_groups(MeanGap(), LINE).to_frame()
    assert len(table) == 10
    row = table[(table["first"] == "low 1") & (table["second"] == "high 2")].iloc[0]
    assert (row["first_group"], row["second_group"], row["kind"], row["dissimilarity"]) == (
        "low",
        "high",
        "between",
        13,
    )
    assert table["kind"].value_counts().to_dict() == {"between": 6, "within": 4}


def test_a_person_can_read_it() -> None:
    lines = str(compare_groups(MeanGap(), LINE)).splitlines()
    assert lines[0].startswith("Mean gap within groups 3 [")
    assert ", between 11 [" in lines[0]
    assert lines[0].endswith("] times as far")
    assert [line.split() for line in lines[1:]] == [
        ["means", "low", "high"],
        ["low", "2", "11"],
        ["high", "11", "3.33"],
    ]


def test_bad_input_gets_one_sentence() -> None:
    with pytest.raises(DynalignError, match="there is 1; give two or more"):
        compare_groups(MeanGap(), {"a": LINE["low"]})
    with pytest.raises(DynalignError, match="Group b has 1 system; a distance within a group needs two or more"):
        compare_groups(MeanGap(), {"a": LINE["low"], "b": [system(1)]})
    with pytest.raises(DynalignError, match="b 1 is constant"):
        compare_groups(
            DSA(), {"a": [spiral(0.9, 0.5, seed=0, trials=20)] * 2, "b": [spiral(0.9, 0.5, seed=1), system(1)]}
        )
