"""Claim 7 on tables whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.studies.made_up import evidence, members, population, scatter, to_pool

from dynalign.studies import Mamba
from dynalign.studies.verdict import verdict

STUDY = Mamba()
(CLAIM,) = Mamba.claims
GROUPS = ["untrained", "master", "delay", "full"]
FAR = {
    "rnn": {"untrained": 0.6, "master": 0.2, "delay": 0.3, "full": 0.3},
    "mamba": {"untrained": 0.45, "master": 0.4, "delay": 0.44, "full": 0.46},
}


def judged(changes=None, *, mamba=GROUPS, rnn=GROUPS, noise=0.01):
    changes = changes or {}
    networks = [*members(mamba, seeds=8, pool=4, model="mamba"), *members(rnn, seeds=6, pool=4)]

    def far(column, member, other):
        base = FAR[member.model][member.group] + changes.get((member.model, member.group), 0.0)
        rng = np.random.default_rng([member.seed, other.seed, GROUPS.index(member.group)])
        # What all groups have in common leaves their ratios as they are.
        return base * (1 + scatter(member, other) + noise * rng.normal()) if column == "dsa" else 0.1

    parts = STUDY.parts(CLAIM, evidence(to_pool(networks, far), networks))
    return {part.name: part for part in parts}, verdict(parts)


def test_numbers_are_ratios_of_means():
    parts, _ = judged(noise=0.0)
    ratio, log = parts.values()
    assert list(parts) == ["untrained / pretrained, Mamba", "log ratio, RNN - Mamba"]
    assert ratio.estimate.value == pytest.approx(1.0)
    assert log.estimate.value == pytest.approx(np.log(0.6 / 0.2) - np.log(0.45 / 0.4))


def test_a_reservoir_is_reproduced():
    _, found = judged()
    assert found.outcome == "reproduced", found.why


def test_untrained_mambas_that_are_farther_are_outside():
    _, found = judged({("mamba", "untrained"): 0.3})
    assert found.parts[0].outcome == "outside"
    assert found.outcome == "not reproduced"


def test_rnns_that_change_no_more_are_outside():
    _, found = judged({("rnn", "untrained"): -0.4})
    assert [each.outcome for each in found.parts] == ["inside", "outside"]


def test_the_mark_decides_what_counts_as_no_farther():
    parts, _ = judged()
    assert parts["untrained / pretrained, Mamba"].region == (-np.inf, 1.1)


@pytest.mark.parametrize(
    ("given", "lost", "sentence"),
    [
        ({"mamba": ["master", "full"]}, [0, 1], "no networks of untrained of mamba"),
        ({"mamba": ["untrained", "master"]}, [0], "no networks of basic or anti or delay .* full_unfrozen of mamba"),
        ({"rnn": ["untrained", "full"]}, [1], "no networks of master of rnn"),
        ({"rnn": []}, [1], "no networks of untrained of rnn"),
    ],
)
def test_a_missing_group_leaves_its_parts_undecided(given, lost, sentence):
    _, found = judged(**given)
    assert [place for place, each in enumerate(found.parts) if each.part.estimate is None] == lost
    for place in lost:
        assert found.parts[place].outcome == "undecided"
        with pytest.raises(AssertionError, match=sentence):
            raise AssertionError(found.parts[place].why)


def test_distances_of_nothing_have_no_logarithm():
    _, found = judged({("mamba", "master"): -0.4})
    assert found.parts[1].part.estimate is None
    assert found.parts[1].outcome == "undecided"


def test_pairs_are_those_of_trained_networks_of_each_model():
    known = population([*members(GROUPS, model="mamba"), *members(GROUPS), *members(GROUPS, model="gru")])
    pairs = STUDY.pairs(known)
    assert {(pair.first.member.model, pair.second.member.model) for pair in pairs} == {
        ("mamba", "mamba"),
        ("rnn", "rnn"),
    }
    assert {pair.part for pair in pairs} == {"trained", "split half", "control"}
