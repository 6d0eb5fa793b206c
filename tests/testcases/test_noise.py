"""Noise: networks and epochs as stated, the AUC's crossing, and the judges on tables worked by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.testcases.tables import TINY, by_hand, chance, table

from dynalign.attractors import Line, Lorenz
from dynalign.errors import DynalignError
from dynalign.testcases import Comparison, LostError, Noise
from dynalign.testcases.noise import CLEAN, MIXING, NOISE, OBSERVATION, PROCESS, crossing
from dynalign.testcases.simulation import spread

CASE = Noise(levels=(0.1, 1.0), families=TINY.families)
MATERIAL = CASE.material(TINY, 0)
LIMITS = ("limit_observation", "limit_process")


def test_number_of_comparisons() -> None:
    found = Counter((c.part, c.level) for c in MATERIAL.comparisons)
    rising = {(part, level): 15 for part in (OBSERVATION, PROCESS) for level in CASE.levels}
    epochs = {(part, epoch): count for part, count in ((NOISE, 7), (MIXING, 42)) for epoch in (1.0, 2.0, 3.0)}
    assert found == {**epochs, (CLEAN, 0.0): 15, **rising}
    assert found.total() == 21 + 126 + (1 + 2 * 2) * 15


@pytest.mark.parametrize("unit_range", [False, True])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_networks_of_an_epoch_are_as_stated(unit_range: bool, epoch: int) -> None:
    case = replace(CASE, noise=(0.4, 0.2, 0.1))
    simulation = replace(TINY, trials=60, unit_range=unit_range)
    systems = case.material(simulation, 0).systems
    one, other = Lorenz(r=10), Lorenz(r=40)
    clean, added = (simulation.record(system, 0) for system in (one, other))
    if not unit_range:
        clean, added = clean / spread(clean), added / spread(added)
    level, share = case.noise[epoch - 1], case.mixing[epoch - 1]
    mean = 0.0 if unit_range else clean.mean((0, 1))
    expected = mean + (1 - level**2) ** 0.5 * (clean - mean)
    drift = share * (added - added[:, :1])
    noises = [
        systems[f"{one.label}, network 1, epoch {epoch}"] - expected,
        systems[f"{one.label}, network 2, epoch {epoch}"] - expected,
        systems[f"{one.label} + {other.label}, network 3, epoch {epoch}"] - expected - drift,
    ]
    for noise in noises:
        assert noise.std() == pytest.approx(level, rel=5 / (2 * noise.size) ** 0.5)
        assert noise.mean() == pytest.approx(0, abs=5 * level / noise.size**0.5)
    between = np.corrcoef([noise.ravel() for noise in noises])[np.triu_indices(3, 1)]
    assert np.abs(between).max() < 5 / noises[0].size ** 0.5


def test_rising_noise_is_of_the_level_stated() -> None:
    # Along the line nothing but noise moves: from one sample to the next, or all samples for themselves.
    simulation = replace(TINY, trials=100)
    systems = replace(CASE, families=("line", "ring")).material(simulation, 0).systems
    label = Line(rate=1).label
    clean = systems[f"{label}, {CLEAN}"]
    np.testing.assert_array_equal(clean, simulation.record(Line(rate=1), 0))
    for level in CASE.levels:
        steps = np.diff(systems[f"{label}, {PROCESS} {level:g}"][..., 0], axis=1)
        assert steps.std() == pytest.approx(level * spread(clean), rel=5 / (2 * steps.size) ** 0.5)
        seen = systems[f"{label}, {OBSERVATION} {level:g}"][..., 0]
        within = (seen - seen.mean(axis=1, keepdims=True)).std() * (32 / 31) ** 0.5
        assert within == pytest.approx(level * spread(clean), rel=5 / (2 * seen.size) ** 0.5)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0], np.inf),
        ([1.0, 0.9, 0.9, 0.9], np.inf),  # at the threshold is not below it
        ([0.89, 1.0, 1.0, 1.0], 0.0),
        ([1.0, 0.8, 1.0, 1.0], 0.005),  # no logarithm of 0: halfway from 0 to 0.01
        ([1.0, 1.0, 0.8, 0.5], 0.1**1.5),  # halfway from 0.01 to 0.1 in log level
        ([1.0, 1.0, 0.95, 0.75], 0.1 ** (1 - 0.25)),
        ([1.0, 0.9, 0.7, 1.0], 0.01),
        ([1.0, 0.85, 1.0, 0.1], 0.01 * 2 / 3),  # the first time counts
        ([1.0, np.nan, 0.5, 0.5], np.nan),
        ([0.0, 0.0, 0.0, np.nan], np.nan),
    ],
)
def test_crossing(curve: list[float], expected: float) -> None:
    found = crossing(np.array([0.0, 0.01, 0.1, 1.0]), np.array(curve), 0.9)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def rising(part: str, aucs: list[float]) -> list[tuple[str, float, bool, str, str, float]]:
    """Rows in which families {a, b} and {c, d} have given AUCs (multiples of 1/4) at levels 0, 0.1 and 1."""
    rows = []
    for level, auc in zip((0.0, 0.1, 1.0), aucs, strict=True):
        here = CLEAN if level == 0 else part
        between = [2.0] * round(4 * auc) + [0.0] * round(4 * (1 - auc))
        rows += [(here, level, False, "a", "b", 1.0), (here, level, False, "c", "d", 1.0)]
        rows += [(here, level, True, *pair, x) for pair, x in zip(("ac", "ad", "bc", "bd"), between, strict=True)]
    return rows


@pytest.mark.parametrize(("criterion", "part"), [("limit_observation", OBSERVATION), ("limit_process", PROCESS)])
@pytest.mark.parametrize(
    ("aucs", "expected"),
    [
        ([1, 1, 0.5], 0.1 * 10**0.2),
        ([1, 0.75, 0.5], 0.4 * 0.1),
        ([0.75, 1, 1], 0),
        ([1, 1, 1], np.inf),
    ],
)
def test_limits_by_hand(criterion: str, part: str, aucs: list[float], expected: float) -> None:
    rows = by_hand(*rising(part, aucs))
    assert CASE.judge(criterion, rows).value == pytest.approx(expected)
    curve = CASE.curve(part, rows)
    assert [(x, found.value) for x, found in curve] == [(0.1, aucs[1]), (1.0, aucs[2])]


def test_replicates_keep_the_families() -> None:
    # c and d, alone in their families, are drawn once each, a and b twice together: 4 of 5 pairs between are larger.
    pairs = [*((*pair, True, 2.0) for pair in ("ac", "ad", "bc", "bd")), ("c", "d", True, 0.0), ("a", "b", False, 1.0)]
    noisy = [(PROCESS, 0.1, apart, a, b, x) for a, b, apart, x in pairs]
    rows = by_hand(*noisy, *((CLEAN, 0.0, apart, a, b, x or 2.0) for _, _, apart, a, b, x in noisy))
    ((_, auc),) = CASE.curve(PROCESS, rows)
    for found, expected in ((auc, 0.8), (CASE.judge("limit_process", rows), 0.05)):
        assert set(np.round(found.draws[~np.isnan(found.draws)], 12)) == {expected}


def epochs(part: str, means: list[float]) -> list[tuple[str, float, bool, str, str, float]]:
    """Two rows per epoch that lie 0.5 below and above its mean."""
    lines = enumerate(means, start=1)
    return [
        (part, float(k), part == MIXING, *ab, mean + d) for k, mean in lines for ab, d in (("ab", -0.5), ("cd", 0.5))
    ]


@pytest.mark.parametrize(("part", "suffix"), [(NOISE, "noise"), (MIXING, "mixing")])
@pytest.mark.parametrize(
    ("means", "linear", "gap"), [([5, 3, 1], 1, 4), ([3, 1, 2], 0.25, 1), ([1, 2, 1], 0, 0), ([1, 2, 3], 1, -2)]
)
def test_epochs_by_hand(part: str, suffix: str, means: list[float], linear: float, gap: float) -> None:
    rows = by_hand(*epochs(part, means))
    assert CASE.judge(f"linear_{suffix}", rows).value == pytest.approx(linear)
    assert CASE.judge(f"gap_{suffix}", rows).value == pytest.approx(gap)
    assert [(x, found.value) for x, found in CASE.curve(part, rows)] == list(enumerate(means, start=1))


def test_contrast_is_of_the_last_epoch() -> None:
    rows = by_hand(*epochs(NOISE, [9, 5, 2]), *epochs(MIXING, [1, 7, 3]))
    assert CASE.judge("contrast", rows).value == pytest.approx(1.5)


def oracle(comparison: Comparison) -> float:
    """Other families are farther, mixing alone is seen, and less of it is less."""
    return {NOISE: 0.0, MIXING: 4 - comparison.level}.get(comparison.part, float(comparison.different))


def test_a_metric_that_knows_reaches_the_best() -> None:
    rows = table(MATERIAL.comparisons, oracle)
    found = {criterion: CASE.judge(criterion, rows) for criterion in (*LIMITS, "contrast", "linear_mixing")}
    expected = dict.fromkeys((*LIMITS, "contrast"), np.inf) | {"linear_mixing": pytest.approx(1)}
    assert {name: each.value for name, each in found.items()} == expected
    assert {name: each.low for name, each in found.items()} == expected
    assert CASE.judge("gap_noise", rows).value == 0
    assert CASE.judge("gap_mixing", rows).value == pytest.approx(2)


def test_random_numbers_reach_chance() -> None:
    rows = chance(MATERIAL.comparisons, seeds=4)
    assert [CASE.judge(criterion, rows).value for criterion in LIMITS] == [0, 0]
    contrast, gap = CASE.judge("contrast", rows), CASE.judge("gap_noise", rows)
    assert contrast.value == pytest.approx(1, abs=0.1)
    assert contrast.low < 1 < contrast.high
    assert gap.low < 0 < gap.high


@pytest.mark.parametrize(
    ("part", "level", "lost"),
    [
        (CLEAN, 0.0, set(LIMITS)),
        (PROCESS, 0.1, {"limit_process"}),
        (NOISE, 1.0, {"linear_noise", "gap_noise"}),
        (MIXING, 3.0, {"contrast", "linear_mixing", "gap_mixing"}),
    ],
)
def test_a_missing_number_loses_what_needs_it(part: str, level: float, lost: set[str]) -> None:
    first = next(c for c in MATERIAL.comparisons if (c.part, c.level) == (part, level))
    rng = np.random.default_rng(0)
    rows = table(MATERIAL.comparisons, lambda c: np.nan if c == first else rng.uniform(1, 2))
    for criterion in CASE.criteria:
        if criterion.name in lost:
            with pytest.raises(LostError, match=r"^too loud$"):
                CASE.judge(criterion.name, rows)
        else:
            assert not np.isnan(CASE.judge(criterion.name, rows).value)


@pytest.mark.parametrize(("part", "criterion"), [(OBSERVATION, "limit_observation"), (PROCESS, "limit_process")])
def test_a_pair_that_is_refused_under_noise_counts_as_chance_at_its_level(part: str, criterion: str) -> None:
    last = max(c.level for c in MATERIAL.comparisons if c.part == part)
    first = next(c for c in MATERIAL.comparisons if (c.part, c.level) == (part, last))
    told = table(MATERIAL.comparisons, lambda c: 2.0 if c.different else 1.0)
    refused = table(MATERIAL.comparisons, lambda c: np.nan if c == first else 2.0 if c.different else 1.0)
    assert CASE.judge(criterion, told).value == np.inf
    before = max(c.level for c in MATERIAL.comparisons if c.part == part and c.level < last)
    assert before < CASE.judge(criterion, refused).value < last
    assert dict(CASE.curve(part, refused))[last].value == 0.5


def test_limits_are_told_within_the_levels_tried() -> None:
    ranges = {c.name: (c.least, c.most) for c in CASE.criteria}
    assert {ranges.pop(name) for name in LIMITS} == {(0.1, 1.0)}
    assert set(ranges.values()) == {(-np.inf, np.inf)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise": (0.1, 0.2)}, "noise has 2 epochs and mixing 3; both need the same two or more"),
        ({"noise": (0.1,), "mixing": (1.0,)}, "noise has 1 epochs and mixing 1"),
        ({"families": ("ring",)}, r"families=\[ring\] of noise must name two or more families"),
        ({"families": ("ring", "torus")}, "There is no family torus"),
        ({"noise": (0.1, 0.0, 1.1)}, r"noise=\[0.1, 0.0, 1.1\] must hold levels between 0 and 1"),
        ({"noise": (0.1, -0.1, 0.0)}, "must hold levels between 0 and 1"),
        *(({"levels": levels}, "must rise, above 0 and up to 1 at most") for levels in ((), (0.0, 1.0), (0.5, 0.5))),
        *(({"levels": levels}, "must rise, above 0 and up to 1 at most") for levels in ((1.0, 0.1), (0.1, 2.0))),
    ],
)
def test_bad_noise(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        Noise(**arguments)
