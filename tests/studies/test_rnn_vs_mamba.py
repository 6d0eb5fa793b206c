"""Networks of different models with each other."""

from __future__ import annotations

from collections import Counter

from tests.studies.made_up import members, population

from dynalign.studies import POOL, RnnVsMamba


def test_all_groups_that_both_have_meet_all_networks_of_theirs():
    networks = [
        *members(["untrained", "full", "basic"], seeds=2),
        *members(["full", "untrained"], seeds=3, model="mamba"),
        *members(["untrained"], seeds=2, model="gru"),
    ]
    known = population(networks)
    pairs = RnnVsMamba(models=["rnn", "mamba", "gru"]).pairs(known)
    kinds = Counter(
        (p.first.member.model, p.first.member.group, p.second.member.model, p.second.member.group) for p in pairs
    )
    both = ("untrained", "full")
    assert kinds == {
        **{("rnn", first, "mamba", second): 2 * 3 for first in both for second in both},
        ("rnn", "untrained", "gru", "untrained"): 2 * 2,
        ("mamba", "untrained", "gru", "untrained"): 3 * 2,
    }
    assert len(set(pairs)) == len(pairs)
    assert all(look == known.last(look.member) for pair in pairs for look in pair[:2])
    assert {pair.part for pair in pairs} == {"across models"}
    assert POOL not in {look.member.group for pair in pairs for look in pair[:2]}


def test_one_model_alone_has_nothing_to_meet():
    assert RnnVsMamba().pairs(population(members(["full"]))) == []
