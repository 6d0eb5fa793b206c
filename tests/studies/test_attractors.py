"""Claims 1 to 3 on tables whose answer is known, and where what was measured is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Procrustes
from dynalign.store import RunStore
from dynalign.studies import CLAIMS, Attractors, Marks
from dynalign.studies.verdict import verdict
from dynalign.testcases import Comparison, Composition, Simulation

FAMILIES, NOISES, MOTIFS = CLAIMS
TINY = Simulation(("ring", "hopf_cycle"), trials=4, time_steps=32)
STUDY = Attractors(TINY, seeds=2)
METRICS = ("dsa", "cka", "procrustes")


def table(case, comparisons, value):
    """Rows of every metric and of two seeds, with a little scatter."""
    rows = []
    for metric in METRICS:
        for seed in range(2):
            rng = np.random.default_rng(seed)
            for each in comparisons:
                found = value(metric, each) * (1 + 0.01 * rng.normal())
                rows.append(
                    {"metric": metric, "testcase": case, "seed": seed, **each._asdict(), "dissimilarity": found,
                     "reason": ""}
                )  # fmt: skip
    return pd.DataFrame(rows)


def judged(claim, rows, study=STUDY):
    parts = study.parts(claim, rows, Marks())
    return {part.name: part for part in parts}, verdict(parts)


def families(ratios, part="matched starts"):
    systems = [f"{family}{copy}" for family in "abcd" for copy in range(3)]
    pairs = [Comparison(a, b, part, 0.0, a[0] != b[0], a, b) for i, a in enumerate(systems) for b in systems[i:]]
    return table("families", pairs, lambda metric, pair: 0.2 * (ratios[metric] if pair.different else pair.a != pair.b))


def noise(curves):
    labels = [f"system {place}" for place in range(7)]
    pairs = [
        Comparison(f"{label} 1", f"{label} 2", "noise only", float(epoch), False, label, label)
        for label in labels
        for epoch in range(1, len(STUDY.noise) + 1)
    ]
    return table("noise", pairs, lambda metric, pair: curves[metric][int(pair.level) - 1])


def motifs(falls):
    names = [f"sequence {place}" for place in range(12)]
    pairs = [
        Comparison(a, b, "unordered", float(1 + (i + j) % 3), True, a, b)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j
    ]
    return table("composition", pairs, lambda metric, pair: 0.6 - falls[metric] * (pair.level - 1) / 2)


def test_families_that_dsa_tells_apart_best():
    parts, found = judged(FAMILIES, families({"dsa": 2.5, "cka": 1.1, "procrustes": 1.3}))
    assert parts["ratio of DSA"].estimate.value == pytest.approx(2.5, rel=0.02)
    assert parts["DSA - the larger other"].estimate.value == pytest.approx(1.2, abs=0.05)
    assert found.outcome == "reproduced", found.why


@pytest.mark.parametrize(
    ("ratios", "outside"),
    [
        ({"dsa": 1.5, "cka": 1.1, "procrustes": 1.1}, "ratio of DSA"),
        ({"dsa": 2.5, "cka": 1.1, "procrustes": 3.0}, "DSA - the larger other"),
        ({"dsa": 2.5, "cka": 3.0, "procrustes": 1.1}, "DSA - the larger other"),
    ],
)
def test_families_that_it_does_not(ratios, outside):
    _, found = judged(FAMILIES, families(ratios))
    assert [each.part.name for each in found.parts if each.outcome == "outside"] == [outside]


def test_fresh_starts_are_judged_where_the_simulation_has_them():
    study = Attractors(Simulation(("ring", "hopf_cycle"), starts="fresh"), seeds=2)
    rows = families({"dsa": 2.5, "cka": 1.1, "procrustes": 1.3}, "fresh starts")
    assert judged(FAMILIES, rows, study)[1].outcome == "reproduced"
    _, found = judged(FAMILIES, rows)
    assert found.outcome == "undecided"
    assert "nothing was measured" in found.parts[0].why


LEVELS = np.array(STUDY.noise)
LINE = 1.0 + LEVELS
STEEP = {"dsa": LINE, "cka": 1e-3 + LEVELS**3, "procrustes": 1e-3 + LEVELS**0.2}


def test_dsa_that_falls_most_linearly_and_moves_least():
    parts, found = judged(NOISES, noise(STEEP))
    assert parts["slope of DSA"].estimate.value == pytest.approx(1.0, abs=0.1)
    moved = {name: 1 - curve.min() / curve.max() for name, curve in STEEP.items()}
    expected = moved["cka"] - moved["dsa"]
    assert parts["relative range, CKA - DSA"].estimate.value == pytest.approx(expected, abs=0.02)
    assert {each.part.name for each in found.parts if each.outcome != "inside"} <= {
        "R², DSA - CKA",
        "R², DSA - Procrustes",
    }
    assert parts["R², DSA - CKA"].estimate.value > 0


def test_a_metric_that_rises_as_noise_falls_is_outside():
    _, found = judged(NOISES, noise({**STEEP, "cka": 2.0 - LEVELS}))
    assert found.parts[1].part.name == "slope of CKA"
    assert found.parts[1].outcome == "outside"


def test_dsa_that_moves_most_is_outside():
    _, found = judged(NOISES, noise({"dsa": STEEP["procrustes"], "cka": LINE, "procrustes": LINE}))
    outside = {each.part.name for each in found.parts if each.outcome == "outside"}
    assert outside >= {"relative range, CKA - DSA", "relative range, Procrustes - DSA"}


def test_motifs_of_which_dsa_falls_three_times_as_far():
    parts, found = judged(MOTIFS, motifs({"dsa": 0.4, "cka": 0.05, "procrustes": 0.1}))
    assert list(parts) == ["DSA - 3 x CKA", "DSA - 3 x Procrustes"]
    assert parts["DSA - 3 x CKA"].estimate.value == pytest.approx(0.25, abs=0.03)
    assert parts["DSA - 3 x Procrustes"].estimate.value == pytest.approx(0.1, abs=0.03)
    assert found.outcome == "reproduced", found.why


def test_twice_as_far_is_not_enough():
    _, found = judged(MOTIFS, motifs({"dsa": 0.4, "cka": 0.2, "procrustes": 0.05}))
    assert [each.outcome for each in found.parts] == ["outside", "inside"]


def test_a_metric_that_lost_a_number_leaves_its_parts_undecided():
    rows = motifs({"dsa": 0.4, "cka": 0.05, "procrustes": 0.1})
    rows.loc[rows.index[rows["metric"] == "cka"][3], ["dissimilarity", "reason"]] = [np.nan, "it took too long"]
    parts, found = judged(MOTIFS, rows)
    assert parts["DSA - 3 x CKA"].estimate is None
    assert "it took too long" in found.parts[0].why
    assert [each.outcome for each in found.parts] == ["undecided", "inside"]


def test_at_least_one_draw():
    with pytest.raises(DynalignError, match="seeds=0 must be at least 1"):
        Attractors(TINY, seeds=0)


def test_what_was_measured_is_found_again(tmp_path, monkeypatch):
    study = Attractors(
        TINY, dsa=DSA(rank=2, n_delays=1, starts=1), cka=CKA(), procrustes=Procrustes(), noise=(0.1, 0.01),
        composition=Composition(pairs_per_kind=2), seeds=1,
    )  # fmt: skip
    told = []
    rows = study.measure(RunStore(tmp_path), lambda *what: told.append(what))
    assert told[-1] == ("test cases", 9, 9)
    assert set(rows["testcase"]) == {"families", "noise", "composition"}
    assert set(rows["metric"]) == set(METRICS)
    assert set(rows.loc[rows["part"] == "noise only", "level"]) == {1.0, 2.0}
    monkeypatch.setattr("dynalign.testcases.Workers.measure", None)  # nothing may be measured
    again = study.measure(RunStore(tmp_path))
    pd.testing.assert_frame_equal(again, rows)
    for claim in CLAIMS:
        assert verdict(study.parts(claim, rows, Marks())).why
