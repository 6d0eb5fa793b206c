"""From tables to the numbers that claims are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.studies.made_up import COLUMNS, evidence, members, scatter, to_pool

from dynalign.errors import DynalignError
from dynalign.inference import crossed
from dynalign.metrics import DSA
from dynalign.studies.base import contrast, part_of
from dynalign.studies.comparing import MissingError
from dynalign.studies.verdict import verdict

GROUPS = ["untrained", "basic", "delay"]
FAR = {"untrained": 0.3, "basic": 0.1, "delay": 0.2}


def far(column, member, other):
    return FAR[member.group] + 0.01 * member.seed + 0.001 * (other.seed - 1000)


@pytest.fixture
def networks():
    return members(GROUPS, seeds=3)


def test_a_set_of_groups_is_the_mean_of_those_that_there_are(networks) -> None:
    known = evidence(to_pool(networks, far), networks)
    design = known.design("dsa", "rnn", [("untrained",), ("basic", "delay", "anti")], part="trained")
    assert design.shape == (2, 3, 2)
    np.testing.assert_allclose(design[0], [[0.3, 0.301], [0.31, 0.311], [0.32, 0.321]])
    np.testing.assert_allclose(design[1], design[0] - 0.15)


def test_seeds_are_those_that_all_groups_have(networks) -> None:
    kept = [member for member in networks if (member.group, member.seed) != ("basic", 0)]
    known = evidence(to_pool(kept, far), kept)
    design = known.design("dsa", "rnn", [("untrained",), ("basic", "delay")], part="trained")
    np.testing.assert_allclose(design[:, :, 0], [[0.31, 0.32], [0.16, 0.17]])
    few = [member for member in kept if (member.group, member.seed) != ("delay", 1)]
    with pytest.raises(MissingError, match="fewer than two seeds have all groups"):
        evidence(to_pool(few, far), few).design("dsa", "rnn", [("untrained",), ("basic", "delay")], part="trained")


def test_a_set_without_groups_is_missing(networks) -> None:
    known = evidence(to_pool(networks, far), networks)
    with pytest.raises(MissingError, match="there are no networks of full or anti of rnn"):
        known.design("dsa", "rnn", [("untrained",), ("full", "anti")], part="trained")


def test_groups_without_a_pool_are_missing(networks) -> None:
    alone = [member for member in networks if member.group != "pool"]
    with pytest.raises(MissingError, match="were compared with the pool"):
        evidence(to_pool(networks, far)[:0], alone).design("dsa", "rnn", [("untrained",)], part="trained")


def test_metrics_of_geometry_are_the_others(networks) -> None:
    assert evidence([], networks).others == ["cka", "procrustes"]


def test_a_published_effect_is_a_share_of_the_distance_of_untrained_networks(networks) -> None:
    known = evidence(to_pool(networks, lambda *_: 0.607 / 2), networks)
    assert known.on_our_scale(0.1, "rnn") == pytest.approx(0.05)


def test_without_untrained_networks_angles_are_taken_as_they_are() -> None:
    networks = members(["full"])
    known = evidence(to_pool(networks, lambda *_: 0.3), networks)
    assert known.on_our_scale(np.pi / 2, "rnn") == pytest.approx(1.0)
    radians = {**COLUMNS, "dsa": replace(COLUMNS["dsa"], metric=DSA(scale="radians"))}
    assert replace(known, columns=radians).on_our_scale(0.1, "rnn") == 0.1


def test_a_part_whose_number_cannot_be_had_says_why() -> None:
    def missing():
        raise DynalignError("there are no networks of full.")

    part = part_of("fall", "How far it falls.", (0.0, np.inf), missing, published=0.1)
    assert (part.estimate, part.missing) == (None, "there are no networks of full")
    found = verdict([part])
    assert found.outcome == "undecided"
    assert found.parts[0].why == "It could not be computed: there are no networks of full."


def test_a_fault_in_the_code_is_no_missing_number() -> None:
    with pytest.raises(ZeroDivisionError):
        part_of("fall", "How far it falls.", (0.0, np.inf), lambda: 1 / 0)  # type: ignore[arg-type, return-value]


def test_a_contrast_is_tested_upwards_over_seeds() -> None:
    networks = members(["untrained"], seeds=6, pool=3)
    noise = np.array([[scatter(a, b) for b in networks[:3]] for a in networks[3:]])
    design = np.stack([0.5 + noise, 0.4 + noise[::-1]])
    estimate, p = contrast(design, lambda means: means[:, 0] - means[:, 1])
    assert estimate.value == pytest.approx(0.1)
    assert estimate.interval() == crossed(lambda means: means[:, 0] - means[:, 1], design).interval()
    assert p == 2**-6
    _, below = contrast(design[::-1], lambda means: means[:, 0] - means[:, 1])
    assert below == 1.0
