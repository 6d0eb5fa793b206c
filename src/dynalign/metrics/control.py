"""What drives a system, as a least-squares fit sees it: an orthonormal basis of all that the input channels do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Drive:
    """Inputs, moment by moment, in coordinates in which no two say the same.

    Attributes
    ----------
    basis : Tensor, shape (moments, rank)
        Orthonormal columns.
    per_channel : Tensor, shape (channels, rank)
        The inputs times this are the basis; channels that are constant have no part in it.
    """

    basis: Tensor
    per_channel: Tensor


def drive_of(inputs: Tensor, *, floor: float) -> Drive:
    """Return the drive of inputs (moments, channels), whatever their units; none of rank 0 where nothing changes.

    Each channel is brought to one size first, so that it is not its units that decide what counts. Channels that are a
    combination of others, such as a one-hot code whose sum is constant, add nothing: the rank falls, and the
    ``per_channel`` map is the shortest.

    Parameters
    ----------
    inputs : Tensor, float64, shape (moments, channels)
        Centred; exactly 0 where a channel is constant.
    floor : float
        Relative size below which a direction of the inputs is a rounding error.
    """
    size = torch.linalg.vector_norm(inputs, dim=0)
    size = torch.where(size > 0, size, 1)
    left, values, right = torch.linalg.svd(inputs / size, full_matrices=False)
    rank = int((values > floor * values[:1]).sum())
    return Drive(left[:, :rank], right[:rank].mT / values[:rank] / size[:, None])
