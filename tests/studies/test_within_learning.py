"""Networks against themselves while they learn."""

from __future__ import annotations

from itertools import combinations

from tests.studies.made_up import members, population

from dynalign.studies import POOL, WithinLearning
from dynalign.studies.over_learning import FRACTIONS


def test_every_checkpoint_of_a_network_meets_every_later_one():
    known = population(members(["untrained", "master", "full"]))
    pairs = WithinLearning(models=["rnn", "gru"]).pairs(known)
    assert len(pairs) == 2 * 2 * 15
    assert {pair.first.member.group for pair in pairs} == {"master", "full"}
    assert all(pair.first.member == pair.second.member for pair in pairs)
    (member, *_) = known.of("rnn", "full")
    mine = [pair for pair in pairs if pair.first.member == member]
    places = [(float(pair.part.removeprefix("within ")), pair.x) for pair in mine]
    assert places == list(combinations(FRACTIONS, 2))
    for (earlier, later), pair in zip(places, mine, strict=True):
        assert pair[:2] == (known.at_fraction(member, earlier), known.at_fraction(member, later))


def test_the_pool_is_no_group():
    known = population(members(["master"]))
    assert POOL not in {pair.first.member.group for pair in WithinLearning().pairs(known)}


def test_only_models_that_were_asked_for():
    known = population(members(["master"], model="gru"))
    assert WithinLearning(models=["rnn"]).pairs(known) == []
    assert len(WithinLearning(models=["gru"]).pairs(known)) == 2 * 15


def test_it_claims_nothing():
    assert not WithinLearning.claims
