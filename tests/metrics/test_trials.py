"""Trials of unequal lengths and with gaps: what is made of them, and what is said where that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.metrics import DSA, Driven, InputDSA, segments
from dynalign.metrics.trials import check_trials

X = np.random.default_rng(0).normal(size=(4, 9, 3))
TRIALS = [X[0], X[1][:7], X[2][:7], X[3][:5]]


def test_a_gap_makes_two_trials_of_one() -> None:
    mask = np.zeros((4, 9), dtype=bool)
    mask[0, 4], mask[1, :2], mask[2, 8], mask[3] = True, True, True, True
    found = segments(X, mask=mask)
    expected = [X[0, :4], X[0, 5:], X[1, 2:], X[2, :8]]
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_time_step_of_which_one_unit_is_missing_is_missing() -> None:
    padded = X.copy()
    padded[0, 3, 1] = np.nan
    found = segments(padded, mask=np.isnan(padded))
    assert [len(trial) for trial in found] == [3, 5, 9, 9, 9]


def test_trials_are_centred_together_and_sorted_by_length() -> None:
    trials = check_trials(TRIALS, where="x", metric="DSA", center=True)
    assert [block.shape for block in trials.states] == [(1, 5, 3), (2, 7, 3), (1, 9, 3)]
    every = np.concatenate(TRIALS)
    np.testing.assert_allclose(trials.states[1][1] * trials.size, TRIALS[2] - every.mean(0), atol=1e-12)
    whole = check_trials(X, where="x", metric="DSA", center=False)
    np.testing.assert_allclose(whole.states[0] * whole.size, X, atol=1e-12)


def test_inputs_stay_with_their_trials() -> None:
    inputs = [np.random.default_rng(1).normal(size=(len(trial), 2)) for trial in TRIALS]
    trials = check_trials(Driven(TRIALS, inputs), where="x", metric="InputDSA", center=False, driven=True)
    assert trials.inputs is not None
    scale = np.abs(np.concatenate(inputs)).max()
    np.testing.assert_allclose(trials.inputs[1][0] * scale, inputs[1], atol=1e-12)
    np.testing.assert_allclose(trials.inputs[2][0] * scale, inputs[0], atol=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([X[0], X[1][:5, :2]], r"x\[0\] has 3 units and x\[1\] has 2; all trials of a system need the same units"),
        ([X[0], np.where(X[1] == X[1, 2, 1], np.nan, X[1])[:5]], r"first at .* \(1, 2, 1\); dynalign.metrics.segments"),
        ([X[0].tolist(), [[1.0, 2.0, 3.0], [1.0]]], r"x\[1\] is ragged: every time step of a trial needs the same"),
        ([X[0][:5], X[1][:6]], "x has 6 time steps per trial, too few for n_delays=5"),
    ],
)
def test_trials_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        DSA()(given, X)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((4, 8), dtype=bool), r"x has shape \(4, 9, 3\) and its mask \(4, 8\)"),
        (np.zeros((4, 9)), "The mask holds float64 values, but it needs bool"),
        (np.ones((4, 9), dtype=bool), "The mask leaves no time step of x"),
    ],
)
def test_masks_that_do_not_fit(mask: np.ndarray, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        segments(X, mask=mask)


def test_inputs_of_other_lengths() -> None:
    with pytest.raises(DynalignError, match="x has trials of 5 to 9 time steps, and the input to it has others"):
        InputDSA()(Driven(TRIALS, [trial[:5] for trial in TRIALS]), Driven(X, X))
