"""Verdicts on every network and on those that learned their task, and what is written down of them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.studies.made_up import COLUMNS, evidence, members, population, to_pool
from tests.studies.test_after_learning import GROUPS, noisy
from tests.studies.test_over_learning import RISING, over_learning

from dynalign.metrics import DSA, InputDSA
from dynalign.statistics import Estimate
from dynalign.studies import POOL, AfterLearning, Member, OverLearning, Rule, WithinLearning, accuracies, as_plain
from dynalign.studies.judging import EVERY, GATED, Judged, gated, judge_studies
from dynalign.studies.verdict import Part, verdict

STUDY = AfterLearning(models=["rnn"])
(CLAIM,) = AfterLearning.claims
FAILED = Member("rnn", "full", 2)


def known_of(reached, *, far=noisy, seeds=8, pool=4):
    networks = members(GROUPS, seeds=seeds, pool=pool)
    return replace(evidence(to_pool(networks, far), networks), population=population(networks, reached))


def test_networks_that_did_not_learn_are_left_out_of_both_sides():
    pooled = Member("rnn", POOL, 1001)
    known = known_of({FAILED: 0.8, pooled: 0.8})
    left = gated(known)
    assert set(known.population.runs) - set(left.population.runs) == {FAILED, pooled}
    named = set(left.rows[["group", "seed"]].itertuples(index=False, name=None))
    assert ("full", 2) not in named
    assert ("full", 3) in named
    assert set(left.rows["other_seed"]) == {1000, 1002, 1003}
    assert len(left.rows) == 3 * (5 * 8 - 1) * 3
    assert len(known.rows) == 3 * 5 * 8 * 4


def test_untrained_networks_stay():
    left = gated(known_of({}))
    assert len(left.rows) == 3 * 5 * 8 * 4
    assert len(left.population.of("rnn", "untrained")) == 8


def test_without_rows_there_is_nothing_to_leave_out():
    networks = members(GROUPS)
    assert not len(gated(evidence([], networks)).rows)


def test_a_group_whose_networks_all_failed_leaves_the_gated_verdict_undecided():
    known = known_of({Member("rnn", "full", seed): 0.8 for seed in range(8)})
    every, learned = judge_studies([STUDY], known, Rule())
    assert (every.networks, learned.networks) == (EVERY, GATED)
    assert every.verdict.outcome == "reproduced"
    assert learned.verdict.outcome == "undecided"
    assert "no networks of full of rnn" in learned.verdict.parts[2].why


def test_one_that_did_not_learn_can_change_the_verdict():
    def far(column, member, other):
        return noisy(column, member, other) + 5.0 * (member == FAILED and column == "dsa")

    every, learned = judge_studies([STUDY], known_of({FAILED: 0.8}, far=far), Rule())
    assert every.verdict.outcome != "reproduced"
    assert learned.verdict.outcome == "reproduced"


def test_a_pool_that_did_not_learn_leaves_no_number():
    known = known_of({Member("rnn", POOL, 1000 + place): 0.8 for place in range(4)})
    _, learned = judge_studies([STUDY], known, Rule())
    assert learned.verdict.outcome == "undecided"
    assert all("compared with the pool" in each.why for each in learned.verdict.parts)
    assert all(each.part.estimate is None for each in learned.verdict.parts)


def test_every_column_of_dsa_is_judged_the_chosen_one_first():
    columns = {
        "dsa_delay": replace(COLUMNS["dsa"], name="dsa_delay", metric=DSA(rank=3)),
        **COLUMNS,
        "dsa_inputs": replace(COLUMNS["dsa"], name="dsa_inputs", metric=InputDSA()),
    }
    found = judge_studies([STUDY], replace(known_of({}), columns=columns), Rule())
    assert [each.column for each in found][:2] == ["dsa", "dsa_delay"]
    assert {each.column for each in found} >= {"dsa", "dsa_delay"}
    assert not {each.column for each in found} & {"cka", "procrustes"}
    others = [each for each in found if each.column == "dsa_delay"]
    assert {each.verdict.outcome for each in others} == {"undecided"}  # it has no rows


def test_claims_stand_by_their_numbers_and_the_rule_is_heeded():
    rows, networks = over_learning(RISING)
    studies = [OverLearning(), WithinLearning(), STUDY]
    found = judge_studies(studies, evidence(rows, networks), Rule())
    assert [each.claim.number for each in found] == [4, 5, 6]
    assert found[2].verdict.outcome == "reproduced"
    strict = judge_studies(studies, evidence(rows, networks), Rule(alpha=0.001))
    assert strict[2].verdict.outcome == "undecided"  # eight seeds: p is at least 2**-8


def test_a_verdict_as_plain_data():
    number = Part("fall", "How far.", (0.0, np.inf), Estimate(0.2, np.linspace(0.1, 0.3, 41)), 0.01, published=0.3)
    lost = Part("range", "How wide.", (-np.inf, 0.06), None, missing="there is none")
    endless = Part("more", "How much.", (0.0, np.inf), Estimate(0.2, np.array([0.1, np.inf, np.inf])))
    plain = as_plain(Judged(CLAIM, "dsa", EVERY, verdict([number, lost, endless])))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["claim"], plain["column"], plain["networks"], plain["outcome"]) == (4, "dsa", EVERY, "undecided")
    first, second, third = plain["parts"]
    assert first["region"] == [0.0, None]
    assert first["low"] < first["value"] == 0.2 < first["high"]
    assert (first["published"], first["p"], first["outcome"]) == (0.3, 0.02, "inside")  # Holm: two tests
    assert (second["value"], second["low"], second["high"], second["p"]) == (None,) * 4
    assert "there is none" in second["why"]
    assert third["high"] is None


def test_accuracies_have_a_row_for_every_network():
    networks = members(["untrained", "full"])
    lost = Member("rnn", "full", 9)
    known = replace(population(networks, {Member("rnn", "full", 1): 0.7}), lost={lost: "it <broke>"})
    table = accuracies(known).set_index(["group", "seed"])
    assert len(table) == len(networks) + 1
    assert table.loc[("full", 0), ["accuracy", "learned", "epochs"]].tolist() == [0.9, True, 6]
    assert table.loc[("full", 1), ["accuracy", "learned"]].tolist() == [0.7, False]
    assert table.loc[("untrained", 0), ["accuracy", "learned", "epochs"]].tolist() == [0.5, True, 0]
    missing = table.loc[("full", 9)]
    assert (missing["reason"], missing["learned"], missing["key"]) == ("it <broke>", False, "")
    assert np.isnan(missing["accuracy"])
    assert np.isnan(missing["epochs"])
    assert (table["ideal_accuracy"] == 0.9).all()


def test_if_all_networks_are_missing_the_table_has_the_same_columns():
    networks = members(["full"])
    known = population(networks)
    nothing = replace(known, runs={}, lost=dict.fromkeys(networks, "no"))
    assert set(accuracies(nothing)) == set(accuracies(known))


@pytest.mark.parametrize("study", [STUDY, OverLearning(), WithinLearning()])
def test_studies_of_no_networks_are_undecided_or_claim_nothing(study):
    known = evidence([], [])
    assert study.pairs(known.population) == []
    for each in judge_studies([study], known, Rule()):
        assert each.verdict.outcome == "undecided"
        assert all(part.part.estimate is None and part.why for part in each.verdict.parts)
