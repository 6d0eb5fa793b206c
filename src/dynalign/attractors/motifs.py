"""Motifs: pieces of trajectory, attached to each other in sequence, so that what two wholes share is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dynalign.attractors.base import Array
from dynalign.errors import DynalignError


def attach(pieces: Sequence[Array]) -> Array:
    """Return the pieces, each (trials, time, units), one after the other: each starts where the one before ended.

    The result has the sum of the pieces' time steps, less one at each seam, where end and start are the same state.

    Raises
    ------
    DynalignError
        If there is no piece, or pieces differ in trials or units.
    """
    if not pieces:
        raise DynalignError("There are no pieces to attach; give at least one.")
    shapes = {piece.shape[::2] for piece in pieces}
    if len(shapes) > 1:
        raise DynalignError(f"Pieces must agree in (trials, units), but there are {sorted(shapes)}.")
    whole = [pieces[0]]
    for piece in pieces[1:]:
        moved = piece - piece[:, :1] + whole[-1][:, -1:]
        whole.append(moved[:, 1:])
    return np.concatenate(whole, axis=1)


def to_unit_range(states: Array) -> Array:
    """Return states moved and scaled, all units alike, to lie between 0 and 1.

    Raises
    ------
    DynalignError
        If they do not change at all.
    """
    low, high = states.min(), states.max()
    if not high > low:
        raise DynalignError("States that do not change at all have no range to scale.")
    scaled: Array = (states - low) / (high - low)
    return scaled
