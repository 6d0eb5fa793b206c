r"""Delay vectors of trials, and their inner products without ever forming them.

The Gram matrix of delay vectors :math:`(x_t, x_{t-\tau}, \ldots, x_{t-(d-1)\tau})` consists of d x d blocks
:math:`\sum_t x_{t-i\tau} x_{t-j\tau}^\top`, and a block differs from its neighbour along the diagonal by the first
and last few time steps only.

Trials of one length are one tensor (trials, time, units), and a recording is a list of them: what is summed over trials
is summed over these, and no delay vector reaches from one trial into another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dynalign.errors import DynalignError

Blocks = Sequence[Tensor]
"""Trials, those of one length together: tensors (trials, time, units)."""


@dataclass(frozen=True)
class Embedding:
    """How delay vectors are made: ``n_delays`` states, ``interval`` time steps apart."""

    n_delays: int
    interval: int

    def needed(self, horizon: int = 1) -> int:
        """Return how many time steps a trial needs, so that a delay vector has another ``horizon`` steps later."""
        return (self.n_delays - 1) * self.interval + 1 + horizon

    def check(self, longest: int, horizon: int, where: str) -> None:
        """Raise a DynalignError unless the ``longest`` trial has time steps enough."""
        needed = self.needed(horizon)
        if longest < needed:
            most = (longest - 1 - horizon) // self.interval + 1
            remedy = f"use n_delays <= {most}" if most >= 1 else f"dynamics need at least {1 + horizon}"
            raise DynalignError(
                f"{where} has {longest} time steps per trial, too few for n_delays={self.n_delays} at "
                f"delay_interval={self.interval}{'' if horizon == 1 else f' and horizon={horizon}'}, which need at "
                f"least {needed}; {remedy}."
            )

    def long(self, blocks: Blocks, horizon: int = 1) -> list[Tensor]:
        """Return the trials that have time steps enough."""
        return [block for block in blocks if block.shape[1] >= self.needed(horizon)]

    def count(self, states: Blocks) -> int:
        """Return how many delay vectors trials have."""
        return sum(len(block) * (block.shape[1] - (self.n_delays - 1) * self.interval) for block in states)

    def rows(self, states: Blocks) -> Tensor:
        """Return the delay vectors of all trials, one after the other (delay vectors, n_delays units)."""
        return torch.cat([flat(self(block)) for block in states])

    def __call__(self, states: Tensor) -> Tensor:
        """Return the delay vectors (trials, time - (n_delays - 1) interval, n_delays units), oldest first.

        At an interval of 1 this is a view: neighbouring delay vectors overlap in memory.
        """
        windows = states.unfold(1, (self.n_delays - 1) * self.interval + 1, 1)  # (trials, steps, units, window)
        return windows[..., :: self.interval].mT.flatten(2)

    def gram(self, left: Blocks, right: Blocks | None = None) -> Tensor:
        """Return the inner products, over all trials and steps, of the coordinates of two systems' delay vectors.

        Parameters
        ----------
        left : tensors of shape (trials, time, units)
        right : tensors of shape (trials, time, units), optional
            ``left`` itself if not given.

        Returns
        -------
        Tensor, shape (n_delays units, n_delays units)
        """
        if right is None:
            return torch.stack([self._gram(block, block) for block in left]).sum(0)
        return torch.stack([self._gram(x, y) for x, y in zip(left, right, strict=True)]).sum(0)

    def _gram(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the inner products of the delay vectors of two blocks, which may be one and the same."""
        itself = right is left
        steps = left.shape[1] - (self.n_delays - 1) * self.interval
        if 2 * self.interval >= steps or self.n_delays < 3:
            return flat(self(left)).mT @ flat(self(right))
        units, d = left.shape[2], self.n_delays
        # Time first, so that any run of time steps is one block of memory.
        x = left.transpose(0, 1).contiguous()
        y = x if itself else right.transpose(0, 1).contiguous()

        def lagged(i: int, j: int) -> Tensor:
            a, b = i * self.interval, j * self.interval
            return flat(x[a : a + steps]).mT @ flat(y[b : b + steps])

        # Blocks (i, j) -> (i+1, j+1): the window starts `interval` later, so it loses steps there and gains them at its
        # end. What all windows lose and gain is the Gram matrix of two short pieces of the trials.
        losses, gains = (
            _blocks(flat(self._piece(left, begin)).mT @ flat(self._piece(right, begin)), d - 1, units)
            for begin in (0, steps)
        )
        top = torch.stack([lagged(0, j) for j in range(d)])
        side = top[1:].mT if itself else torch.stack([lagged(i, 0) for i in range(1, d)])
        rows = [top]
        for i in range(1, d):
            moved = rows[-1][:-1] + gains[i - 1] - losses[i - 1]
            rows.append(torch.cat([side[i - 1 : i], moved]))
        return torch.stack(rows).permute(0, 2, 1, 3).reshape(d * units, d * units)

    def products(self, states: Blocks, others: Tensor) -> Tensor:
        """Return the inner products, over all trials and steps, of delay vectors with ``others``.

        Parameters
        ----------
        states : tensors of shape (trials, time, units)
        others : Tensor, shape (delay vectors, columns)

        Returns
        -------
        Tensor, shape (n_delays units, columns)
        """
        begins = range(0, self.n_delays * self.interval, self.interval)
        parts = torch.split(others, [self.count([block]) for block in states])
        sums = []
        for block, part in zip(states, parts, strict=True):
            steps = block.shape[1] - (self.n_delays - 1) * self.interval
            sums.append(torch.cat([flat(block[:, begin : begin + steps]).mT @ part for begin in begins]))
        return torch.stack(sums).sum(0)

    def newest(self, states: Blocks) -> Tensor:
        """Return the newest state in each delay vector but the first ones of trials (delay vectors, units).

        Of inputs, these are those that lead to these delay vectors.
        """
        return torch.cat([flat(block[:, (self.n_delays - 1) * self.interval + 1 :]) for block in states])

    def _piece(self, states: Tensor, begin: int) -> Tensor:
        """Return `interval` steps from `begin` on, embedded with one delay less (trials, interval, (d - 1) units)."""
        stop = begin + (self.n_delays - 1) * self.interval
        return Embedding(self.n_delays - 1, self.interval)(states[:, begin:stop])


def flat(x: Tensor) -> Tensor:
    """Return (..., columns) as (rows, columns)."""
    return x.reshape(-1, x.shape[-1])


def cut(states: Blocks, start: int, stop: int) -> list[Tensor]:
    """Return trials without their first ``start`` and their last ``stop`` time steps."""
    return [block[:, start : block.shape[1] - stop] for block in states]


def _blocks(gram: Tensor, count: int, units: int) -> Tensor:
    """Return the blocks (count, count, units, units) of a square matrix."""
    return gram.reshape(count, units, count, units).permute(0, 2, 1, 3)
