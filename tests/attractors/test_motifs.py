"""Motifs: seams without a jump, and one scale for all units."""

from __future__ import annotations

import numpy as np
import pytest

from dynalign.attractors import Lorenz, Straight, attach, to_unit_range, trajectories
from dynalign.errors import DynalignError


def piece(*states: list[float]) -> np.ndarray:
    """One trial."""
    return np.array([states], dtype=float)


def test_attach_by_hand() -> None:
    first, second, third = piece([0, 0], [1, 2]), piece([5, 5], [6, 4], [8, 8]), piece([-1, 0], [0, 0])
    expected = piece([0, 0], [1, 2], [2, 1], [4, 5], [5, 5])
    np.testing.assert_array_equal(attach([first, second, third]), expected)
    np.testing.assert_array_equal(second, piece([5, 5], [6, 4], [8, 8]))  # what was given stays
    np.testing.assert_array_equal(attach((first,)), first)


def test_pieces_keep_their_steps_and_meet_at_the_seams() -> None:
    uniform = np.random.default_rng(0).random((7, 3))
    lengths = (20, 2, 35)
    pieces = [
        trajectories(system, system.starts(uniform), time_steps=length)
        for system, length in zip((Lorenz(), Straight(), Lorenz(r=10)), lengths, strict=True)
    ]
    whole = attach(pieces)
    assert whole.shape == (7, sum(lengths) - 2, 3)
    np.testing.assert_array_equal(whole[:, :20], pieces[0])
    np.testing.assert_allclose(np.diff(whole, axis=1), np.concatenate([np.diff(p, axis=1) for p in pieces], axis=1))


def test_a_piece_of_one_sample_adds_nothing() -> None:
    long, point = piece([0, 0], [1, 2]), piece([7, 7])
    np.testing.assert_array_equal(attach([long, point]), long)
    np.testing.assert_array_equal(attach([point, long]), long + 7)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "no pieces to attach"),
        ([(3, 5, 2), (3, 5, 4)], r"agree in \(trials, units\), but there are \[\(3, 2\), \(3, 4\)\]"),
        ([(3, 5, 2), (3, 6, 2), (1, 5, 2)], r"agree in \(trials, units\), but there are \[\(1, 2\), \(3, 2\)\]"),
    ],
)
def test_pieces_that_do_not_fit(shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        attach([np.zeros(shape) for shape in shapes])


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (False, [[[0, 0.25], [0.5, 0.75]], [[0.25, 0.25], [0.25, 1]]]),  # both trials from -2 to 6
        (True, [[[0, 1 / 3], [2 / 3, 1]], [[0, 0], [0, 1]]]),  # from -2 to 4, and from 0 to 6
    ],
)
def test_unit_range_by_hand(each: bool, expected: list) -> None:
    states = np.array([[[-2.0, 0.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 6.0]]])
    np.testing.assert_array_equal(to_unit_range(states, each=each), expected)


@pytest.mark.parametrize(
    ("states", "each"),
    [(np.zeros((2, 3, 2)), False), (np.full((1, 1, 1), 4.2), True), (np.array([[[0.0], [1.0]], [[1.0], [1.0]]]), True)],
)
def test_states_without_a_range(states: np.ndarray, each: bool) -> None:
    with pytest.raises(DynalignError, match="do not change at all"):
        to_unit_range(states, each=each)


def test_a_piece_of_one_sample_changes_nothing() -> None:
    long, point = np.arange(6.0).reshape(1, 3, 2), np.ones((1, 1, 2))
    np.testing.assert_array_equal(attach([long, point, long]), attach([long, long]))
