"""Where the states of recordings go: means of conditions in components of their own, whatever trials are like."""

from __future__ import annotations

import numpy as np
import pytest

from dynalign.comparison.trajectories import read_trajectories, trajectories_of, trajectory_table
from dynalign.data import Recording


def paths(lengths: list[int], units: int = 6) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, units)).cumsum(axis=0) for length in lengths]


def test_means_of_conditions_keep_their_distances() -> None:
    """In all of their components, of which there are three here, means lie as far apart as they do."""
    trials = paths([20] * 6, units=3)
    found = trajectories_of(Recording("x", trials, list("ababab")))
    assert found.conditions == ["a", "b"]
    assert found.states.shape == (1, 2, 20, 3)
    assert found.explained == pytest.approx(1)
    a, b = (np.mean(trials[first::2], axis=0) for first in (0, 1))
    shown = found.states[0]
    np.testing.assert_allclose(np.linalg.norm(shown[0] - shown[1], axis=1), np.linalg.norm(a - b, axis=1))


def test_a_mean_goes_as_far_as_half_of_its_trials_and_leaves_gaps_out() -> None:
    trials = paths([10, 20, 30, 40], units=4)
    trials[1][5, 2] = np.nan
    found = trajectories_of(Recording("x", trials, ["a"] * 4), steps=100)
    assert found.times[-1] == 29  # two of four are that long
    alone = trajectories_of(Recording("x", trials[1:2], ["a"]))
    assert np.flatnonzero(np.isnan(alone.states[0, 0, :, 0])).tolist() == [5]


def test_without_conditions_some_trials_are_shown() -> None:
    found = trajectories_of(Recording("x", paths([30] * 25)), conditions=4, steps=10)
    assert found.conditions == ["trial 0", "trial 8", "trial 16", "trial 24"]
    assert found.known == 25
    assert (found.times[0], found.times[-1], len(found.times)) == (0, 29, 10)
    assert 0 < found.explained[0] < 1


def test_one_unit_is_shown_along_one_component() -> None:
    found = trajectories_of(Recording("x", paths([9, 9], units=1)))
    assert np.ptp(found.states[..., 0]) > 0
    assert not found.states[..., 1:].any()


def test_the_table_holds_all_of_it() -> None:
    trials = paths([12, 8, 12])
    trials[2][4] = np.nan
    recordings = [Recording("x", trials, ["a", "b", "c"]), Recording("y", paths([5, 5]))]
    again = read_trajectories(trajectory_table(recordings))
    for each in recordings:
        found = trajectories_of(each)
        assert again[each.name].conditions == found.conditions
        np.testing.assert_allclose(again[each.name].states, found.states)
        assert again[each.name].explained == pytest.approx(found.explained)
