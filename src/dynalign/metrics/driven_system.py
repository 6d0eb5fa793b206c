"""Two operators of one driven system, its own and that of its inputs, and how pairs of them are brought together."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from dynalign.metrics.operators import System
from dynalign.metrics.vector_field_alignment import Frame, frame


@dataclass(frozen=True, eq=False)
class DrivenSystem(System):
    r"""A system with its input operator (rank, channels), to be aligned jointly.

    An alignment sees the two as one operator, bordered by the axes of the inputs, which it may not turn:

    .. math:: \begin{pmatrix} A & B \\ 0 & 0 \end{pmatrix}
    """

    input_operator: Tensor = field(kw_only=True)

    @property
    def channels(self) -> int:
        """How many inputs it has."""
        return self.input_operator.shape[1]

    def padded(self, size: int) -> Tensor:
        """Return both operators as one, with directions without data added to the states, up to ``size`` of them."""
        both = torch.cat([super().padded(size), self.padded_input(size)], dim=1)
        return torch.nn.functional.pad(both, (0, 0, 0, self.channels))

    def padded_input(self, size: int) -> Tensor:
        """Return the input operator (size, channels)."""
        return torch.nn.functional.pad(self.input_operator, (0, 0, 0, size - len(self.input_operator)))

    def frame(self, size: int, seed: int) -> Frame:
        """Return this system's side of an alignment of operators of ``size``."""
        if (size, seed) not in self._frames:
            self._frames[size, seed] = frame(self.padded(size).detach(), seed=seed, held=self.channels)
        return self._frames[size, seed]


def nearest_turn(a: Tensor, b: Tensor) -> Tensor:
    """Return the orthogonal C that brings C B nearest to A, for matrices (..., n, channels).

    The closed form is that of the orthogonal Procrustes problem (Schönemann 1966): C = U Vᵀ, where A Bᵀ = U S Vᵀ.
    """
    left, _, right = torch.linalg.svd(a.detach() @ b.detach().mT)
    turn: Tensor = left @ right
    return turn
