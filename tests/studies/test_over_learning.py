"""Groups over learning: at which checkpoints they are compared, and claims 5 and 6 on tables whose answer is known."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import COLUMNS, evidence, members, population, row, scatter, to_pool

from dynalign.studies import POOL, OverLearning
from dynalign.studies.comparing import MissingError
from dynalign.studies.over_learning import FRACTIONS
from dynalign.studies.verdict import verdict

STUDY = OverLearning()
ORDER, SLOPE = OverLearning.claims
GROUPS = ["master_frozen", "basic", "delay", "full"]
FALLING = {"master_frozen": 0.3, "basic": 0.25, "delay": 0.15, "full": 0.1}


def parts_of(pairs, part):
    return [pair for pair in pairs if pair.part == part]


def test_each_network_meets_the_pool_at_every_fraction_in_accuracy_and_as_it_was_pretrained():
    networks = [*members(["untrained", "master", *GROUPS]), *members(["full"], model="gru")]
    pairs = STUDY.pairs(population(networks))
    assert len(pairs) == 4 * 2 * 2 * (len(FRACTIONS) + 2)  # groups that share pretraining, seeds, pool
    assert len(set(pairs)) == len(pairs)
    assert {pair.first.member.group for pair in pairs} == set(GROUPS)
    assert {pair.second.member.group for pair in pairs} == {POOL}
    assert {pair.first.member.model for pair in pairs} == {"rnn"}
    counts = Counter(pair.x for pair in parts_of(pairs, "matched fraction"))
    assert counts == dict.fromkeys(FRACTIONS, 4 * 2 * 2)


def test_both_are_at_the_same_fraction_of_their_last_phases():
    known = population(members(["full"]))
    for first, second, _, x in parts_of(STUDY.pairs(known), "matched fraction"):
        assert first == known.at_fraction(first.member, x)
        assert second == known.at_fraction(second.member, x)
    ends = [pair for pair in parts_of(STUDY.pairs(known), "matched fraction") if pair.x == 0.0]
    assert {(first.epoch, second.epoch) for first, second, *_ in ends} == {(1, 0)}  # pretraining has taken one epoch


def test_a_trained_network_meets_masters_when_they_were_as_good():
    networks = members(["full"])
    worse = networks[-1]
    known = population(networks, {worse: 0.72})
    matched = {pair.first.member: pair for pair in parts_of(STUDY.pairs(known), "matched accuracy")}
    assert matched[worse].first == known.last(worse)
    assert known.accuracy(matched[worse].second) == 0.7
    assert matched[networks[-2]].second.epoch == 4
    assert {pair.x for pair in matched.values()} == {1.0}


def test_a_network_after_pretraining_meets_trained_masters():
    known = population(members(["full"]))
    for first, second, _, x in parts_of(STUDY.pairs(known), "after pretraining"):
        assert (first.epoch, x) == (known.start(first.member), 0.0)
        assert second == known.last(second.member)


def test_without_a_pool_there_is_nothing_to_compare():
    assert STUDY.pairs(population(members(["full"], pool=0))) == []


def judged(far, *, matched=None, groups=GROUPS, seeds=10, claim=ORDER):
    networks = members(groups, seeds=seeds, pool=4)
    rows = to_pool(networks, far, part="matched fraction", x=1.0)
    rows += to_pool(networks, matched or far, part="matched accuracy", x=1.0)
    rows += to_pool(networks, lambda *_: 9.0, part="matched fraction", x=0.8)  # of another stage
    found = STUDY.parts(claim, evidence(rows, networks))
    return {part.name: part for part in found}, verdict(found)


def falling(column, member, other):
    rng = np.random.default_rng([member.seed, other.seed, GROUPS.index(member.group)])
    noise = scatter(member, other) + 0.002 * rng.normal()
    return noise + (FALLING[member.group] if column == "dsa" else 0.4)


def test_the_order_is_reproduced_where_it_holds():
    parts, found = judged(falling)
    assert list(parts) == [
        "0 % - partial, matched fraction", "partial - 100 %, matched fraction", "0 % - partial, matched accuracy",
        "partial - 100 %, matched accuracy", "DSA - CKA", "DSA - Procrustes",
    ]  # fmt: skip
    values = [part.estimate.value for part in parts.values()]
    np.testing.assert_allclose(values[:4], 0.1, atol=0.003)
    # By the other metrics the groups are alike, so that the difference of logarithms is DSA's own.
    own = np.log(FALLING["master_frozen"] / FALLING["full"])
    np.testing.assert_allclose(values[4:], own, rtol=0.05)
    assert found.outcome == "reproduced", found.why


def test_the_order_has_to_hold_at_the_same_accuracy_too():
    _, found = judged(falling, matched=lambda column, member, other: 0.3 - falling(column, member, other))
    outcomes = {each.part.name: each.outcome for each in found.parts}
    assert outcomes["partial - 100 %, matched accuracy"] == "outside"
    assert outcomes["partial - 100 %, matched fraction"] == "inside"


def test_another_metric_that_orders_groups_as_much_is_outside():
    def as_much(column, member, other):
        return falling("dsa" if column == "cka" else column, member, other) + 0.1 * (
            column == "cka" and member.group == "master_frozen"
        )

    _, found = judged(as_much)
    assert [each.part.name for each in found.parts if each.outcome == "outside"] == ["DSA - CKA"]


@pytest.mark.parametrize("missing", ["master_frozen", "full"])
def test_a_missing_group_leaves_its_parts_undecided(missing):
    _, found = judged(falling, groups=[name for name in GROUPS if name != missing])
    lost = [each for each in found.parts if each.part.estimate is None]
    assert len(lost) == 4
    assert all(f"no networks of {missing} of rnn" in each.why for each in lost)
    assert found.outcome == "undecided"


def over_learning(slopes, along=0.1, *, seeds=8, groups=GROUPS):
    """Dissimilarities that are a + slope x gap + along x fraction, with a of each seed and master, and the networks."""
    networks = members(groups, seeds=seeds, pool=3)
    pool = [member for member in networks if member.group == POOL]
    rows = []
    for column in COLUMNS:
        for member in networks:
            for other in pool if member.group != POOL else ():
                own = 0.3 + 0.05 * member.seed + 0.02 * (other.seed - 1000)
                places = [("matched fraction", x) for x in FRACTIONS] + [("after pretraining", 0.0)]
                for part, x in places:
                    ahead = 0.1 * GROUPS.index(member.group) * (1 - x) + 0.01 * (member.seed % 3)
                    accuracy, theirs = 0.5 + 0.4 * x + ahead, 0.5 + 0.4 * (x if part == "matched fraction" else 1.0)
                    slope = slopes[column] + 0.01 * ((member.seed * 5 + other.seed) % 7 - 3) / 3
                    value = own + slope * abs(accuracy - theirs) + along * x
                    rows.append(
                        row(column, member, other, value, part=part, x=x, accuracy=accuracy, other_accuracy=theirs)
                    )
    return rows, networks


RISING = {"dsa": 0.2, "cka": -0.1, "procrustes": 0.0}


def test_the_slope_of_each_seed_and_master_is_recovered():
    rows, networks = over_learning(RISING, along=-0.7)
    table = STUDY.slopes(evidence(rows, networks).rows, "dsa")
    expected = [[0.2 + 0.01 * ((seed * 5 + master) % 7 - 3) / 3 for master in (1000, 1001, 1002)] for seed in range(8)]
    np.testing.assert_allclose(table, expected, atol=1e-12)


def test_what_merely_goes_on_while_accuracy_rises_is_no_slope():
    rows, networks = over_learning(dict.fromkeys(COLUMNS, 0.0), along=1.0)
    assert abs(STUDY.slopes(evidence(rows, networks).rows, "cka").mean()) < 0.005


def test_only_dsa_rises_with_the_difference_in_accuracy():
    rows, networks = over_learning(RISING)
    parts = STUDY.parts(SLOPE, evidence(rows, networks))
    assert [part.name for part in parts] == [
        "slope of DSA", "slope of CKA", "DSA - CKA", "slope of Procrustes", "DSA - Procrustes",
    ]  # fmt: skip
    values = [part.estimate.value for part in parts]
    np.testing.assert_allclose([values[0], values[1], values[3]], [0.2, -0.1, 0.0], atol=0.005)
    table = evidence(rows, networks).rows
    means = table.groupby("column")["dissimilarity"].mean()
    shares = {name: slope / means[name] for name, slope in RISING.items()}
    expected = [shares["dsa"] - shares[other] for other in ("cka", "procrustes")]
    np.testing.assert_allclose([values[2], values[4]], expected, rtol=0.05)
    assert verdict(parts).outcome == "reproduced"


def test_another_metric_that_rises_is_outside():
    rows, networks = over_learning({**RISING, "procrustes": 0.15})
    found = verdict(STUDY.parts(SLOPE, evidence(rows, networks)))
    assert [each.part.name for each in found.parts if each.outcome == "outside"] == ["slope of Procrustes"]


def test_dsa_that_falls_is_outside():
    rows, networks = over_learning({**RISING, "dsa": -0.2})
    found = verdict(STUDY.parts(SLOPE, evidence(rows, networks)))
    assert found.parts[0].outcome == "outside"


def test_networks_after_pretraining_count_and_matched_accuracy_does_not():
    rows, networks = over_learning(RISING)
    known = evidence(rows, networks).rows
    foreign = known.assign(part="matched accuracy", dissimilarity=100.0)
    both = pd.concat([known, foreign], ignore_index=True)
    np.testing.assert_array_equal(STUDY.slopes(both, "dsa"), STUDY.slopes(known, "dsa"))
    early = both["part"] == "after pretraining"
    moved = both.assign(dissimilarity=both["dissimilarity"] + both["accuracy"] * early)
    assert not np.allclose(STUDY.slopes(moved, "dsa"), STUDY.slopes(known, "dsa"))


def test_accuracies_that_do_not_differ_have_no_slope():
    rows, networks = over_learning(RISING)
    flat = evidence(rows, networks)
    flat.rows["other_accuracy"] = flat.rows["accuracy"]
    with pytest.raises(MissingError, match="accuracies do not differ"):
        STUDY.slopes(flat.rows, "dsa")
    found = verdict(STUDY.parts(SLOPE, flat))
    assert found.outcome == "undecided"
    assert all(each.part.estimate is None and "accuracies do not differ" in each.why for each in found.parts)


def test_a_lost_number_and_an_empty_table_are_missing():
    rows, networks = over_learning(RISING, seeds=2)
    known = evidence(rows, networks).rows
    known.loc[5, ["dissimilarity", "reason"]] = [np.nan, "it has diverged."]
    with pytest.raises(MissingError, match=r"^it has diverged$"):
        STUDY.slopes(known, "dsa")
    with pytest.raises(MissingError, match="nothing was compared over learning"):
        STUDY.slopes(known[:0], "dsa")
