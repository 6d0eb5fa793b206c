"""Which networks a study has, and where along their training they are looked at."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.studies.made_up import members, population, run

from dynalign.errors import DynalignError
from dynalign.studies import POOL, Look, Member, Population, Scale

NETWORKS = {"rnn": {"seeds": 3, "groups": ["untrained", "full"]}, "gru": {"seeds": 2, "groups": ["master"]}}
LATE = Member("rnn", "full", 0)


@pytest.fixture
def late() -> Population:
    """A network that was pretrained for four epochs and then trained for ten, whose accuracy rises and falls again."""
    before = run("b" * 16, [0.5, 0.7, 0.8, 0.9, 0.3])
    after = run("a" * 16, [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.8, 0.7, 0.85, 0.85], before)
    return Population({LATE: after}, {}, ideal=0.9, gate=0.9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": 1}, "pool=1 must be at least 2"),
        ({"networks": {"rnn": {"seeds": 3, "groups": ["full"], "colour": 1}}}, "networks.rnn .*no colour"),
        ({"networks": {"rnn": {"seeds": 1, "groups": ["full"]}}}, "networks.rnn.seeds=1 must be at least 2"),
        ({"networks": {"rnn": {"groups": ["full"]}}}, "networks.rnn.seeds=None"),
        ({"networks": {"rnn": {"seeds": 2, "groups": []}}}, "networks.rnn.groups is empty"),
    ],
)
def test_a_scale_without_enough_to_compare_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        Scale(**settings)  # type: ignore[arg-type]


def test_each_models_pool_comes_first_and_has_seeds_of_its_own() -> None:
    scale = Scale(pool=2, networks=NETWORKS)
    rnn = scale.members(["rnn", "mamba"])
    assert [tuple(member) for member in rnn[:3]] == [("rnn", POOL, 1000), ("rnn", POOL, 1001), ("rnn", "untrained", 0)]
    assert len(rnn) == 2 + 2 * 3
    assert scale.members(["gru", "rnn"]) == [*rnn, *scale.members(["gru"])]
    assert len(scale.members(["gru"])) == 2 + 2
    assert scale.members(["mamba"]) == []
    used = {member.seed for member in rnn if member.group != POOL}
    assert not used & {member.seed for member in rnn if member.group == POOL}


def test_the_pool_is_trained_as_masters() -> None:
    assert Member("rnn", POOL, 1000).curriculum == "master"
    assert Member("rnn", "full", 0).curriculum == "full"


def test_groups_are_those_of_a_model_without_its_pool() -> None:
    known = population([*members(["master", "full"]), *members(["delay"], model="gru")])
    assert known.groups("rnn") == ["master", "full"]
    assert known.groups("gru") == ["delay"]
    assert known.groups("mamba") == []
    assert known.of("rnn", "full") == [Member("rnn", "full", 0), Member("rnn", "full", 1)]
    assert len(known.of("gru", POOL)) == 2


def test_the_last_phase_begins_where_pretraining_ended(late: Population) -> None:
    assert late.start(LATE) == 4
    assert late.last(LATE) == Look(LATE, 14)
    scratch = population([Member("rnn", "master", 0)])
    assert scratch.start(Member("rnn", "master", 0)) == 0


@pytest.mark.parametrize(("fraction", "epoch"), [(0.0, 4), (0.2, 6), (0.44, 8), (0.46, 9), (1.0, 14)])
def test_fractions_are_of_the_steps_of_the_last_phase(late: Population, fraction: float, epoch: int) -> None:
    assert late.at_fraction(LATE, fraction) == Look(LATE, epoch)


def test_fractions_go_by_steps_and_not_by_checkpoints(late: Population) -> None:
    uneven = late.runs[LATE].history.copy()
    uneven.loc[uneven["epoch"] > 4, "step"] = [1000, *range(1001, 1010)]
    known = replace(late, runs={LATE: replace(late.runs[LATE], history=uneven)})
    assert known.at_fraction(LATE, 0.5).epoch == 4 + 1
    assert known.at_fraction(LATE, 0.4).epoch == 4


def test_an_untrained_network_is_the_same_at_every_fraction() -> None:
    member = Member("rnn", "untrained", 0)
    known = population([member])
    assert {known.at_fraction(member, fraction) for fraction in (0.0, 0.6, 1.0)} == {Look(member, 0)}


@pytest.mark.parametrize(("accuracy", "epoch"), [(0.3, 4), (0.78, 9), (0.8, 9), (0.84, 13), (0.5, 6), (2.0, 10)])
def test_the_first_checkpoint_nearest_in_accuracy(late: Population, accuracy: float, epoch: int) -> None:
    assert late.at_accuracy(LATE, accuracy) == Look(LATE, epoch)  # 0.9 was reached in pretraining as well, at 3


def test_accuracy_is_that_of_a_checkpoint_and_unknown_with_other_weights(late: Population) -> None:
    assert late.accuracy(Look(LATE, 9)) == 0.8
    assert late.accuracy(Look(LATE, 9, probe=1)) == 0.8
    assert math.isnan(late.accuracy(Look(LATE, 9, control="no recurrence")))


def test_a_network_has_learned_if_it_is_near_the_ideal_at_its_end(late: Population) -> None:
    assert late.passes(LATE)  # 0.85 of 0.9 x 0.9 = 0.81
    assert not replace(late, gate=0.95).passes(LATE)  # 0.855; it had 0.9 on the way
    assert not replace(late, ideal=math.nan).passes(LATE)  # then the ideal is 1
    assert replace(late, ideal=math.nan, gate=0.85).passes(LATE)


def test_an_untrained_network_has_nothing_to_learn() -> None:
    member = Member("rnn", "untrained", 0)
    known = population([member])
    assert known.accuracy(known.last(member)) < known.gate * known.ideal
    assert known.passes(member)
