"""Halves of the trials: disjoint, of one size, of states and inputs alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Driven, InputDSA
from dynalign.metrics.base import Metric
from dynalign.metrics.halves import count, drawn_halves, floor_distances, half_size, take, trials_of


@dataclass(frozen=True)
class MeanGap(Metric):
    """The distance of two means: what a person can work out."""

    name: ClassVar[str] = "mean_gap"
    title: ClassVar[str] = "Mean gap"
    full_title: ClassVar[str] = "Gap of means"
    compares: ClassVar[Any] = "geometry"
    about: ClassVar[str] = "Subtracts means."
    blind_spot: ClassVar[str] = "All else."
    needs_matched_trials: ClassVar[bool] = False

    def prepare(self, x: Any, *, where: str = "x") -> float:
        return float(np.mean(x))

    def distances(self, pairs: Any) -> np.ndarray:
        return np.array([abs(x - y) for x, y in pairs])


@pytest.mark.parametrize("trials", [2, 7, 8])
def test_halves_are_disjoint_and_of_one_size(trials: int) -> None:
    halves = list(drawn_halves(trials, half_size([trials]), 10, seed=0))
    assert len(halves) == 10
    for first, second in halves:
        assert len(first) == len(second) == trials // 2
        assert len({*first, *second}) == 2 * (trials // 2)
        assert {*first, *second} <= set(range(trials))
    assert trials == 2 or len({tuple(sorted(first)) for first, _ in halves}) > 1


def test_the_floor_of_two_trials_is_their_distance() -> None:
    x = np.zeros((2, 3, 1))
    x[1] = 5
    np.testing.assert_array_equal(floor_distances(MeanGap(), x, splits=3), [5, 5, 5])


def test_the_floor_of_four_trials_is_one_of_three_that_there_are() -> None:
    x = np.array([0.0, 1, 10, 100])[:, None, None] * np.ones((4, 3, 2))
    found = floor_distances(MeanGap(), x, splits=40)
    # {0, 1} | {10, 100}, {0, 10} | {1, 100}, {0, 100} | {1, 10}
    assert set(np.round(found, 12)) == {54.5, 45.5, 44.5}


def test_the_same_seed_gives_the_same_halves() -> None:
    x = np.random.default_rng(0).normal(size=(12, 10, 3))
    metric = DSA(n_delays=2, rank=3, estimator="havok")
    first = floor_distances(metric, x, splits=3)
    np.testing.assert_array_equal(floor_distances(metric, x, splits=3), first)
    assert not np.array_equal(floor_distances(metric, x, splits=3, seed=1), first)


def test_inputs_are_halved_with_their_states() -> None:
    states, inputs = np.arange(6.0).reshape(6, 1, 1), 10 * np.arange(6.0).reshape(6, 1, 1)
    half = take(trials_of(Driven(torch.from_numpy(states), inputs), "x"), np.array([4, 1]))
    assert half.states.ravel().tolist() == [4, 1]
    assert half.inputs.ravel().tolist() == [40, 10]
    rng = np.random.default_rng(0)
    driven = Driven(rng.normal(size=(12, 10, 3)), rng.normal(size=(12, 10, 2)))
    assert (floor_distances(InputDSA(rank=2), driven, splits=2) > 0).all()


def test_a_list_of_trials_stays_one() -> None:
    """So that trials may differ in length, where a metric takes such."""
    trials = [np.full((length, 1), float(length)) for length in (2, 3, 4)]
    half = take(trials_of(trials, "x"), np.array([2, 0]))
    assert [len(trial) for trial in half] == [4, 2]
    assert count(trials_of(tuple(trials), "x")) == 3


def test_what_cannot_be_halved_is_refused() -> None:
    x = np.zeros((4, 3, 2))
    with pytest.raises(DynalignError, match=r"CKA compares trial by trial, but two halves .* give again="):
        floor_distances(CKA(), x, splits=2)
    with pytest.raises(DynalignError, match="there is 1; give two or more"):
        floor_distances(MeanGap(), x[:1], splits=2)
    with pytest.raises(DynalignError, match=r"x has shape \(3, 2\)"):
        floor_distances(MeanGap(), x[0], splits=2)
    with pytest.raises(DynalignError, match="x has 4 trials and the input to it 3"):
        floor_distances(InputDSA(), Driven(x, x[:3]), splits=2)
    with pytest.raises(DynalignError, match="splits=0 must be"):
        floor_distances(MeanGap(), x, splits=0)
    with pytest.raises(DynalignError, match=r"one half of the states \(split 0\) is constant"):
        floor_distances(DSA(), x, splits=2, where="the states")
