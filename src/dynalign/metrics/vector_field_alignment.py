r"""The best orthogonal alignment of two linear vector fields, for many pairs at once.

The problem: given A and B (n x n), find C in O(n) that maximises

.. math:: f(C) = \langle A, C B C^\top\rangle

(Ostrow et al. 2023, arXiv 2306.10168, eq. 6, whose objective differs by constants). It is not convex, and its optimum
decides whether a distance means anything: a solver that stops short adds to every distance, also to 0. Hence

1. what no rotation changes, the multiples of the identity in A and B, is taken out. What is left is of norm 1.
2. many starts that are informed: symmetric functions of A that turn with A (its symmetric part, AᵀA, AAᵀ, ...), mixed
   with random weights; their eigenvectors are matched to those of the same mixture for B, with the signs that fit best.
   For B = CᵀAC with distinct eigenvalues every one of them is the optimum itself. Both components of O(n) are started
   in, because no continuous path joins them. Such a start hits the optimum as often as a random rotation or more, and
   saves a third of the way to it.
3. rounds: starts climb in single precision, some at a time, until several have ended at the best value of all. Easy
   pairs are done after one round, hard ones get more. The winner goes on in double precision until the angle is right.

Everything is batched: (pairs x starts, n, n). How to climb is in ``orthogonal_ascent``.

The last coordinates of the operators may be held, as axes of inputs are, which mean the same in both: C is 1 there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from dynalign.metrics.orthogonal_ascent import (
    close_in,
    conjugate,
    newton_steps,
    orthonormalised,
    power_steps,
    with_held,
)

_ROUND = 48  # starts of a pair that climb together
_AGREE = 5  # starts that must have ended at the best value before a pair counts as solved
_SAME = 5e-6  # values of f that differ by less are one optimum, in single precision
# Newton steps, Hessian products per step at most, and how many times what its quadratic model promises a start is
# trusted to gain: one that would even so not reach the pair's best goes no further. These numbers, and those above,
# solved the most pairs of trained networks in a given time.
_STAGES = ((4, 3, 3), (4, 4, 3), (4, 6, 3), (4, 8, 3), (20, 12, 0))
_ANGLE = 1e-7  # radians of error at which an alignment is finished
_NEAR = 1e-3  # radians; operators that come so near each other may well be conjugates, at an angle of 0
_CACHE = 2**18  # matrix elements that are worked on at once


@dataclass(frozen=True)
class Frame:
    """One system's side of an alignment: what depends on it alone.

    Attributes
    ----------
    operator : Tensor, shape (n, n)
    basis : Tensor, shape (n, n)
        Eigenbasis of the operator's symmetric part. In it the diagonal holds the rates of growth along the axes, which
        makes the diagonal of the Hessian a good picture of the whole.
    turned : Tensor, shape (n, n)
        The operator in that basis, less its multiple of the identity, of norm 1.
    seed : int
        Seed of the mixtures to start from.
    held : int
        So many of the last coordinates are no other system's to turn.
    """

    operator: Tensor
    basis: Tensor
    turned: Tensor
    seed: int
    held: int = 0
    _bases: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def bases(self, number: int) -> Tensor:
        """Return the eigenbases that round ``number`` starts from, shape (_ROUND / 2, n, n)."""
        if number not in self._bases:
            functions = _equivariants(self.turned, self.held)
            generator = torch.Generator().manual_seed(1000 * self.seed + number)
            weights = torch.randn(_ROUND // 2, len(functions), generator=generator, dtype=functions.dtype)
            weights[:, 0] = weights[:, 0].abs() + 0.5  # the symmetric part says most
            mixtures = torch.tensordot(weights.to(functions.device), functions, dims=1)
            self._bases[number] = with_held(torch.linalg.eigh(mixtures).eigenvectors, self.held)
        return self._bases[number]


class Optima(NamedTuple):
    """What all starts of one pair found.

    Attributes
    ----------
    best : Tensor, shape (n, n)
    runner_up : Tensor of shape (n, n), or None
        The next worse optimum, if any start ended at another one.
    at_best : int
        Starts that ended at the best.
    """

    best: Tensor
    runner_up: Tensor | None
    at_best: int


def frame(operator: Tensor, *, seed: int, held: int = 0) -> Frame:
    """Return what an alignment needs of one operator, float64 of shape (n, n), whichever the other one is.

    ``held`` is how many of the last coordinates mean the same in all systems. What they lead to counts as any other
    entry, and nothing may lead to them: their rows are 0.
    """
    free = len(operator) - held
    basis = with_held(torch.linalg.eigh(_symmetric(operator[:free, :free])).eigenvectors, held)
    turned = conjugate(basis.mT, operator)
    one = torch.eye(free, dtype=operator.dtype, device=operator.device)
    turned = turned - torch.nn.functional.pad(turned.diagonal()[:free].mean() * one, (0, held, 0, held))
    norm = torch.linalg.matrix_norm(turned)
    return Frame(operator, basis, turned / norm if norm > 0 else turned, seed, held)


def align(first: Sequence[Frame], second: Sequence[Frame], *, starts: int) -> Tensor:
    """Return the best C found for each operator of ``second`` and its partner in ``first``, shape (pairs, n, n).

    All operators are of one size. ``starts`` are starting points per pair at most.
    """
    like = first[0].turned
    best = like.new_empty(len(first), *like.shape, dtype=torch.float32)
    values = like.new_full((len(first), starts), -math.inf, dtype=torch.float32)
    pending = torch.arange(len(first), device=like.device)
    for number in range(math.ceil(starts / _ROUND)):
        ends, now = _round([first[k] for k in pending], [second[k] for k in pending], number, starts)
        top, where = now.max(dim=1)
        better = top > values[pending].amax(dim=1)
        best[pending[better]] = ends[better, where[better]]
        values[pending, number * _ROUND : number * _ROUND + now.shape[1]] = now
        known = values[pending]
        agree = (known >= known.amax(dim=1, keepdim=True) - _SAME).sum(dim=1)
        pending = pending[agree < _AGREE]
        if len(pending) == 0:
            break
    return _finished(first, second, best)


def optima(first: Frame, second: Frame, *, starts: int) -> Optima:
    """Let all starts of one pair climb, also where ``align`` would know enough, and return what they found."""
    rounds = [_round([first], [second], number, starts, patient=True) for number in range(math.ceil(starts / _ROUND))]
    ends, values = (torch.cat(parts, dim=1)[0] for parts in zip(*rounds, strict=True))
    lower = values.where(values < values.max() - _SAME, -math.inf)
    picked = ends[[int(values.argmax()), int(lower.argmax())]]
    best, runner_up = _finished([first] * 2, [second] * 2, picked)
    at_best = int((lower == -math.inf).sum())
    return Optima(best, runner_up if at_best < len(values) else None, at_best)


def _round(
    first: Sequence[Frame], second: Sequence[Frame], number: int, starts: int, *, patient: bool = False
) -> tuple[Tensor, Tensor]:
    """Climb from the starting points of round ``number``; return ends (pairs, points, n, n) and f (pairs, points).

    Unless ``patient``, a start from which its pair's best is out of reach is given up where it stands.
    """
    a, b = (torch.stack([frame.turned for frame in side]) for side in (first, second))
    held = first[0].held
    c = _starting_points(first, second, a, b, number)[:, : starts - number * _ROUND].float()
    a, b = a.float(), b.float()
    pairs, points = c.shape[:2]
    pair = torch.arange(pairs, device=c.device).repeat_interleave(points)
    c = c.flatten(0, 1)
    value = c.new_empty(len(c))
    for batch in _batches(c):
        c[batch] = power_steps(a[pair[batch]], b[pair[batch]], c[batch], steps=8, held=held)
    going = torch.arange(len(c), device=c.device)
    for steps, inner, hope in _STAGES:
        gain = torch.empty_like(value)
        for batch in _batches(c[going]):
            some = going[batch]
            c[some], value[some], gain[some] = newton_steps(
                a[pair[some]], b[pair[some]], c[some], steps=steps, inner=inner, angle=1e-5, held=held
            )
        if not patient:
            best = value.view(pairs, points).amax(dim=1)
            going = going[value[going] + hope * gain[going] >= best[pair[going]] - _SAME]
    return c.view(pairs, points, *c.shape[1:]), value.view(pairs, points)


def _batches(c: Tensor) -> Sequence[slice]:
    """Cut problems (problems, n, n) into batches that are large enough to keep a processor busy, and fit its cache."""
    together = max(1, _CACHE // c[0].numel()) if c.device.type == "cpu" else max(1, len(c))
    return [slice(k, k + together) for k in range(0, len(c), together)]


def _finished(first: Sequence[Frame], second: Sequence[Frame], c: Tensor) -> Tensor:
    """Climb on from ``c`` (pairs, n, n) in double precision, and return C for the operators as they were given."""
    a, b = (torch.stack([frame.turned for frame in side]) for side in (first, second))
    held = first[0].held
    c = newton_steps(a, b, orthonormalised(c.double(), 3), steps=60, inner=40, angle=_ANGLE, held=held).c
    c = orthonormalised(c, 2)
    apart = torch.linalg.matrix_norm(a - conjugate(c, b))
    near = (apart > 50 * torch.finfo(a.dtype).eps) & (apart < _NEAR)
    if near.any():
        c[near] = close_in(a[near], b[near], c[near], held=held)
    basis_a, basis_b = (torch.stack([frame.basis for frame in side]) for side in (first, second))
    finished: Tensor = basis_a @ c @ basis_b.mT
    return finished


def _symmetric(x: Tensor) -> Tensor:
    return (x + x.mT) / 2


def _equivariants(x: Tensor, held: int = 0) -> Tensor:
    """Return symmetric functions F with F(C X Cᵀ) = C F(X) Cᵀ, of trace 0 and norm 1, shape (functions, n, n).

    Where coordinates are held, which C leaves alone, it is the free block of such functions: n is less by ``held``.
    """
    symmetric, skew = _symmetric(x), (x - x.mT) / 2
    left, right, square = x @ x.mT, x.mT @ x, x @ x
    functions = torch.stack(
        [
            symmetric,
            left,
            right,
            _symmetric(square),
            2 * _symmetric(symmetric @ skew),
            skew @ skew,
            _symmetric(symmetric @ skew @ skew),
            _symmetric(x @ left),
            _symmetric(right @ x),
            _symmetric(square @ x),
        ]
    )
    free = len(x) - held
    functions = functions[:, :free, :free]
    traces = functions.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    functions = functions - traces * torch.eye(free, dtype=x.dtype, device=x.device)
    unit: Tensor = functions / torch.linalg.matrix_norm(functions, keepdim=True).clamp_min(1e-12)
    return unit


def _starting_points(first: Sequence[Frame], second: Sequence[Frame], a: Tensor, b: Tensor, number: int) -> Tensor:
    """Return alignments of the matched eigenbases of round ``number``: the best signs, and the other determinant's.

    With both operators in their eigenbases, signs s score Σ s_i s_j A_ij B_ij.
    """
    bases_a, bases_b = (torch.stack([frame.bases(number) for frame in side]) for side in (first, second))
    overlap = _symmetric(conjugate(bases_a.mT, a[:, None]) * conjugate(bases_b.mT, b[:, None]))
    overlap = overlap - torch.diag_embed(overlap.diagonal(dim1=-2, dim2=-1))  # signs cancel on the diagonal
    held = first[0].held
    signs = _best_signs(overlap, held)
    loss = (signs * (overlap @ signs))[..., : overlap.shape[-1] - held, :]
    cheapest = torch.zeros_like(signs).scatter_(-2, loss.argmin(-2, keepdim=True), 2)
    both = [(bases_a * s.mT) @ bases_b.mT for s in (signs, signs * (1 - cheapest))]
    return torch.stack(both, dim=2).flatten(1, 2)


def _best_signs(overlap: Tensor, held: int = 0) -> Tensor:
    """Return signs s, shape (..., n, 1), with a large s·W s: those of W's leading eigenvector, mended flip by flip.

    The iteration starts from one axis: the same points come out, whichever signs an eigenbasis came with. Coordinates
    that are held have one sign, 1, and so count as one coordinate, to which all others are set.
    """
    if held:
        free = overlap.shape[-1] - held
        to_held = overlap[..., :free, free:].sum(-1, keepdim=True)
        corner = torch.zeros_like(to_held[..., :1, :])
        one_held = torch.cat(
            [torch.cat([overlap[..., :free, :free], to_held], -1), torch.cat([to_held.mT, corner], -1)], -2
        )
        signs = _best_signs(one_held)
        signs = signs[..., :-1, :] * signs[..., -1:, :]
        return torch.cat([signs, torch.ones_like(overlap[..., free:, :1])], -2)
    n = overlap.shape[-1]
    sums = overlap.abs().sum(-1, keepdim=True)
    shift = sums.amax(-2, keepdim=True) / 3  # makes the leading eigenvalue the largest in size
    vector = torch.zeros_like(sums).scatter_(-2, sums.argmax(-2, keepdim=True), 1.0)
    for _ in range(16):
        vector = overlap @ vector + shift * vector
        vector = vector / torch.linalg.vector_norm(vector, dim=-2, keepdim=True).clamp_min(1e-300)
    signs = torch.where(vector < 0, -1.0, 1.0).to(overlap)
    for _ in range(n):
        gain, where = (-signs * (overlap @ signs)).max(-2, keepdim=True)  # of flipping one sign
        if not (gain > 1e-12).any():
            break
        signs = signs * (1 - torch.zeros_like(signs).scatter_(-2, where, 2 * (gain > 1e-12).to(signs)))
    return signs
