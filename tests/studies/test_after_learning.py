"""Groups after learning: who is compared with whom, and claim 4 on tables whose answer is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tests.studies.made_up import COLUMNS, evidence, members, population, scatter, to_pool

from dynalign.metrics import DSA
from dynalign.studies import CONTROLS, POOL, AfterLearning, Member
from dynalign.studies.verdict import verdict

GROUPS = ["untrained", "master_frozen", "basic", "delay", "full"]
FALLING = {"untrained": 0.4, "master_frozen": 0.3, "basic": 0.25, "delay": 0.15, "full": 0.1}
STUDY = AfterLearning(models=["rnn"])
(CLAIM,) = AfterLearning.claims


def judged(far, *, groups=GROUPS, seeds=8, pool=4, **changes):
    networks = members(groups, seeds=seeds, pool=pool)
    parts = STUDY.parts(CLAIM, evidence(to_pool(networks, far), networks, **changes))
    return {part.name: part for part in parts}, verdict(parts)


def falling(column, member, other):
    """DSA falls as the claim wants it; for the others, all groups are alike."""
    return scatter(member, other) + (FALLING[member.group] if column == "dsa" else 0.4)


def test_all_with_all_once_and_the_pool_second():
    networks = [*members(["untrained", "master", "full"]), *members(["full"], model="gru")]
    pairs = STUDY.pairs(population(networks))
    trained = [pair for pair in pairs if pair.part == "trained"]
    assert len(trained) == 8 * 7 / 2
    assert len({frozenset(pair[:2]) for pair in trained}) == len(trained)
    assert {member.model for pair in pairs for member in (pair.first.member, pair.second.member)} == {"rnn"}
    kinds = Counter((pair.first.member.group, pair.second.member.group) for pair in trained)
    assert kinds["full", POOL] == kinds["untrained", POOL] == kinds["master", POOL] == 2 * 2
    assert all(second == POOL for first, second in kinds if first == POOL)
    assert all(look.epoch == (0 if look.member.group == "untrained" else look.epoch) for p in trained for look in p[:2])
    known = population(networks)
    assert all(look == known.last(look.member) for pair in trained for look in pair[:2])


def test_masters_are_compared_with_themselves_on_other_trials():
    split = [pair for pair in STUDY.pairs(population(members(["master", "full"]))) if pair.part == "split half"]
    assert len(split) == 2 + 2
    for first, second, *_ in split:
        assert first.member.group in ("master", POOL)
        assert (first.probe, second) == (0, first._replace(probe=1))


def test_controls_of_masters_are_compared_with_the_pool():
    known = population(members(["master", "full"], seeds=3))
    control = [pair for pair in STUDY.pairs(known) if pair.part == "control"]
    assert len(control) == 3 * 3 * 2
    assert Counter(pair.first.control for pair in control) == dict.fromkeys(CONTROLS, 6)
    for pair in control:
        assert pair.first.member.group == "master"
        assert pair.first._replace(control="") == known.last(pair.first.member)
        assert pair.second == known.last(pair.second.member)
        assert pair.second.member.group == POOL


def test_each_model_by_itself():
    networks = [*members(["full"]), *members(["full"], model="gru")]
    pairs = AfterLearning(models=["rnn", "gru"]).pairs(population(networks))
    assert {(pair.first.member.model, pair.second.member.model) for pair in pairs} == {("rnn", "rnn"), ("gru", "gru")}


def test_without_networks_there_is_nothing_to_compare():
    assert STUDY.pairs(population(members(["full"], model="gru"))) == []


def test_numbers_are_those_that_were_put_in():
    parts, _ = judged(falling)
    assert list(parts) == [
        "untrained - master & frozen", "master & frozen - partial", "partial - full", "range of CKA",
        "range of Procrustes",
    ]  # fmt: skip
    values = [part.estimate.value for part in parts.values()]
    np.testing.assert_allclose(values, [0.1, 0.1, 0.1, 0, 0], atol=1e-12)
    assert [part.p for part in parts.values()] == [2**-8] * 3 + [None] * 2


def test_one_fall_is_exactly_what_each_seed_has():
    def far(column, member, other):
        return scatter(member, other) + 0.1 * (member.group == "untrained")

    parts, _ = judged(far, groups=["untrained", "master_frozen"])
    assert parts["untrained - master & frozen"].estimate.value == pytest.approx(0.1, abs=1e-12)


def test_published_falls_are_shares_of_the_distance_of_untrained_networks():
    def far(column, member, other):
        return 0.607 / 2 + scatter(member, other) - scatter(member, other)

    parts, _ = judged(far)
    published = [parts[name].published for name in list(parts)[:3]]
    np.testing.assert_allclose(published, [0.18 / 2, 0.103 / 2, 0.053 / 2])
    assert parts["range of CKA"].published is None


def noisy(column, member, other):
    rng = np.random.default_rng([member.seed, other.seed, GROUPS.index(member.group)])
    return falling(column, member, other) + 0.002 * rng.normal()


def test_what_falls_as_the_claim_wants_it_is_reproduced():
    _, found = judged(noisy)
    assert found.outcome == "reproduced", found.why


def test_a_group_on_the_wrong_side_is_outside():
    def wrong(column, member, other):
        return noisy(column, member, other) + 0.4 * (column == "dsa" and member.group == "full")

    _, found = judged(wrong)
    outcomes = {each.part.name: each.outcome for each in found.parts}
    assert outcomes.pop("partial - full") == "outside"
    assert set(outcomes.values()) == {"inside"}
    assert found.outcome == "not reproduced"


def test_another_metric_that_tells_groups_apart_is_outside():
    def wrong(column, member, other):
        return noisy(column, member, other) + 0.2 * (column == "cka" and member.group == "untrained")

    _, found = judged(wrong)
    assert [each.part.name for each in found.parts if each.outcome == "outside"] == ["range of CKA"]


def test_scattered_networks_leave_it_undecided():
    def wide(column, member, other):
        swing = 0.3 * (-1) ** (member.seed + GROUPS.index(member.group))
        return 1.0 + falling(column, member, other) + (swing if column == "dsa" else 0.0)

    _, found = judged(wide, seeds=6)
    assert [each.outcome for each in found.parts[:3]] == ["undecided"] * 3
    assert found.outcome == "undecided", found.why


def test_few_seeds_cannot_pass_the_test():
    _, found = judged(noisy, seeds=4)
    assert [each.outcome for each in found.parts[:3]] == ["undecided"] * 3  # 2**-4, three tests
    assert "does not bear it out" in found.parts[0].why


@pytest.mark.parametrize("missing", ["untrained", "master_frozen", "full"])
def test_a_missing_group_leaves_its_parts_undecided_with_a_sentence(missing):
    _, found = judged(noisy, groups=[group for group in GROUPS if group != missing])
    lost = [each for each in found.parts if each.part.estimate is None]
    assert {each.outcome for each in lost} == {"undecided"}
    assert all(f"there are no networks of {missing} of rnn" in each.why for each in lost)
    assert {each.part.name for each in lost} >= {"range of CKA", "range of Procrustes"}
    assert len(lost) == 2 + (2 if missing == "master_frozen" else 1)
    assert found.outcome == "undecided"


def test_some_partial_groups_are_enough():
    parts, _ = judged(noisy, groups=[group for group in GROUPS if group != "basic"])
    assert parts["partial - full"].estimate.value == pytest.approx(0.05, abs=0.002)


def test_a_lost_number_leaves_its_part_undecided():
    networks = members(GROUPS, seeds=8, pool=4)
    known = evidence(to_pool(networks, noisy), networks)
    here = (known.rows["group"] == "full") & (known.rows["column"] == "dsa") & (known.rows["seed"] == 3)
    known.rows.loc[here, ["dissimilarity", "reason"]] = [np.nan, "it has diverged"]
    found = verdict(STUDY.parts(CLAIM, known))
    assert [each.part.name for each in found.parts if each.part.estimate is None] == ["partial - full"]
    assert "it has diverged" in found.parts[2].why


def test_the_column_that_is_judged_can_be_another_one():
    networks = members(GROUPS, seeds=8, pool=4)
    rows = [
        {**row, "column": {"dsa": "dsa_delay"}.get(row["column"], row["column"])} for row in to_pool(networks, noisy)
    ]
    columns = {**COLUMNS, "dsa_delay": replace(COLUMNS["dsa"], name="dsa_delay", metric=DSA(rank=3))}
    known = evidence(rows, networks, columns=columns, dsa="dsa_delay")
    assert verdict(STUDY.parts(CLAIM, known)).outcome == "reproduced"
    assert verdict(STUDY.parts(CLAIM, replace(known, dsa="dsa"))).outcome == "undecided"


def test_only_the_first_model_is_judged():
    networks = [*members(GROUPS, seeds=8, pool=4), *members(GROUPS, seeds=8, pool=4, model="gru")]

    def far(column, member, other):
        return noisy(column, member, other) if member.model == "gru" else 0.5 + scatter(member, other)

    known = evidence(to_pool(networks, far), networks)
    assert verdict(AfterLearning(models=["gru", "rnn"]).parts(CLAIM, known)).outcome == "reproduced"
    assert verdict(AfterLearning(models=["rnn", "gru"]).parts(CLAIM, known)).outcome != "reproduced"
    assert Member("gru", POOL, 1000) in known.population.runs


def test_without_metrics_of_geometry_nothing_is_reproduced():
    networks = members(GROUPS, seeds=8, pool=4)
    known = evidence(to_pool(networks, falling), networks)
    found = verdict(STUDY.parts(CLAIM, replace(known, columns={"dsa": known.columns["dsa"]})))
    assert found.outcome == "undecided"
    assert [each.part.name for each in found.parts if each.outcome == "undecided"] == ["other metrics"]
