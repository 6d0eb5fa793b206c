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
        If there is no piece, one has not these three axes, or they differ in trials or units.
    """
    if not pieces:
        raise DynalignError("There are no pieces to attach; give at least one.")
    wrong = [piece.shape for piece in pieces if piece.ndim != 3 or not piece.shape[1]]
    if wrong:
        raise DynalignError(
            f"A piece has shape {wrong[0]}, but pieces have three axes, (trials, time, units), and time."
        )
    shapes = {piece.shape[::2] for piece in pieces}
    if len(shapes) > 1:
        raise DynalignError(f"Pieces must agree in (trials, units), but there are {sorted(shapes)}.")
    whole, end = [pieces[0]], pieces[0][:, -1:]
    for piece in pieces[1:]:
        moved = piece - piece[:, :1] + end
        whole.append(moved[:, 1:])
        end = moved[:, -1:]
    return np.concatenate(whole, axis=1)


def to_unit_range(states: Array, *, each: bool = False) -> Array:
    """Return states (trials, time, units) moved and scaled, all units alike, to lie between 0 and 1.

    Parameters
    ----------
    each : bool
        Whether every trajectory is moved and scaled on its own, instead of all together.

    Raises
    ------
    DynalignError
        If they, or a trajectory on its own, do not change at all, or are not finite.
    """
    if not (states.size and np.isfinite(states).all()):
        raise DynalignError(f"Only finite states have a range to scale; these, of shape {states.shape}, are not.")
    axes = (1, 2) if each else None
    low, high = states.min(axis=axes, keepdims=True), states.max(axis=axes, keepdims=True)
    if not (high > low).all():
        raise DynalignError("States that do not change at all have no range to scale.")
    scaled: Array = (states - low) / (high - low)
    return scaled
