r"""The best orthogonal alignment of two linear vector fields, for many pairs at once.

The problem: given A and B (n x n), find C in O(n) that maximises

.. math:: f(C) = \langle A, C B C^\top\rangle

(Ostrow et al. 2023, arXiv 2306.10168, eq. 6, whose objective differs by constants). It is not convex, and its optimum
decides whether a distance means anything: a solver that stops short adds to every distance, also to 0. Hence

1. many starts that are informed: the eigenvectors of symmetric functions of A that turn with A (its symmetric part,
   AᵀA, AAᵀ, ...), matched to those of B, with the signs that fit best. For B = CᵀAC with distinct eigenvalues they
   are the optimum itself. Both components of O(n) are started in, because no continuous path joins them.
2. L-BFGS in the Lie algebra: with M = C B Cᵀ and C -> exp(Ω) C, Ω skew, the gradient is the skew part of
   A Mᵀ - Mᵀ A (doubled), and the second derivative along each E_ij - E_ji is known in closed form; its inverse is the
   first guess at the Hessian's, which takes care of operators whose modes differ in size.
3. a race: starts that have fallen behind are dropped, so that the work goes where the optimum may be.

Everything is batched: (pairs x starts, n, n).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# After this many iterations, this many starts per pair go on. The last stage ends when the gradient has vanished.
_RACE = ((25, 8), (60, 3), (400, 1))
_MEMORY = 10  # updates that L-BFGS remembers
_TOLERANCE = 1e-10  # of the gradient's norm; operators have norm 1
_ARMIJO = 1e-4


def align(a: Tensor, b: Tensor, *, starts: int, seed: int) -> Tensor:
    """Return C B Cᵀ at the best C found, for each pair.

    Parameters
    ----------
    a, b : Tensor, float64, shape (pairs, n, n)
        Operators of Frobenius norm 1.
    starts : int
        Starting points per pair.
    seed : int
        Seed of the random ones among them.

    Returns
    -------
    Tensor, shape (pairs, n, n)
    """
    pairs, n, _ = a.shape
    # In the eigenbasis of its symmetric part an operator's diagonal holds the rates of growth along the axes, which
    # makes the diagonal of the Hessian a good picture of the whole.
    basis_a, basis_b = _eigenbasis(_symmetric(a)), _eigenbasis(_symmetric(b))
    turned_a, turned_b = _conjugate(basis_a.mT, a), _conjugate(basis_b.mT, b)
    c = _starting_points(turned_a, turned_b, starts, seed)  # (pairs, starts, n, n)
    for iterations, keep in _RACE:
        count = c.shape[1]
        wide_a = turned_a.unsqueeze(1).expand(-1, count, -1, -1).reshape(-1, n, n)
        wide_b = turned_b.unsqueeze(1).expand(-1, count, -1, -1).reshape(-1, n, n)
        flat, values = _maximise(wide_a, wide_b, c.reshape(-1, n, n), iterations)
        values = values.reshape(pairs, count)
        best = values.topk(min(keep, count), dim=1).indices
        c = flat.reshape(pairs, count, n, n).gather(1, best[:, :, None, None].expand(-1, -1, n, n))
    return _conjugate(basis_a @ c[:, 0], turned_b)


def _symmetric(x: Tensor) -> Tensor:
    return (x + x.mT) / 2


def _skew(x: Tensor) -> Tensor:
    return (x - x.mT) / 2


def _conjugate(c: Tensor, x: Tensor) -> Tensor:
    return c @ x @ c.mT


def _inner(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(dim=(-2, -1))


def _eigenbasis(symmetric: Tensor) -> Tensor:
    basis: Tensor = torch.linalg.eigh(symmetric).eigenvectors
    return basis


# --- where to start -----------------------------------------------------------------------------------------------


def _starting_points(a: Tensor, b: Tensor, starts: int, seed: int) -> Tensor:
    """Return (pairs, starts, n, n): informed starts first, random rotations and reflections to fill up."""
    pairs, n, _ = a.shape
    points: list[Tensor] = []
    for f_a, f_b in zip(_equivariants(a), _equivariants(b), strict=True):
        points += _matched_bases(a, b, _eigenbasis(f_a), _eigenbasis(f_b))
    points.append(torch.eye(n, dtype=a.dtype, device=a.device).expand(pairs, n, n))
    if len(points) < starts:
        generator = torch.Generator().manual_seed(seed)
        gaussian = torch.randn(starts - len(points), n, n, generator=generator, dtype=a.dtype).to(a.device)
        q, r = torch.linalg.qr(gaussian)
        haar = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
        points += [draw.expand(pairs, n, n) for draw in haar]
    return torch.stack(points[:starts], dim=1)


def _equivariants(x: Tensor) -> list[Tensor]:
    """Return symmetric functions F with F(C X Cᵀ) = C F(X) Cᵀ, the most telling ones first."""
    symmetric, skew = _symmetric(x), _skew(x)
    left, right = x @ x.mT, x.mT @ x
    square = _symmetric(x @ x)
    mixed = symmetric @ skew - skew @ symmetric  # symmetric too; 0 for normal operators
    return [symmetric, left, right, symmetric + mixed, square + mixed, symmetric + left - right, mixed]


def _matched_bases(a: Tensor, b: Tensor, basis_a: Tensor, basis_b: Tensor) -> list[Tensor]:
    """Return alignments of two eigenbases, axis by axis: the best signs, and those of the other determinant.

    With both operators in their eigenbases, signs s score Σ s_i s_j A_ij B_ij. The leading eigenvector of this matrix
    solves that for real s; its signs are then mended one flip at a time while that helps.
    """
    overlap = _conjugate(basis_a.mT, a) * _conjugate(basis_b.mT, b)
    overlap = _symmetric(overlap)
    overlap = overlap - torch.diag_embed(overlap.diagonal(dim1=-2, dim2=-1))  # signs cancel on the diagonal
    signs = torch.linalg.eigh(overlap).eigenvectors[..., -1].sign()
    signs = torch.where(signs == 0, torch.ones_like(signs), signs)
    for _ in range(2 * a.shape[-1]):
        gain = -signs * (overlap @ signs.unsqueeze(-1)).squeeze(-1)  # of flipping one sign
        best, where = gain.max(dim=-1)
        flip = torch.nn.functional.one_hot(where, a.shape[-1]).to(signs) * (best > 1e-15).unsqueeze(-1)
        signs = signs * (1 - 2 * flip)
    loss = signs * (overlap @ signs.unsqueeze(-1)).squeeze(-1)
    cheapest = torch.nn.functional.one_hot(loss.argmin(dim=-1), a.shape[-1]).to(signs)
    return [(basis_a * s.unsqueeze(-2)) @ basis_b.mT for s in (signs, signs * (1 - 2 * cheapest))]


# --- how to climb -------------------------------------------------------------------------------------------------


class _Update(NamedTuple):
    """What L-BFGS remembers of an iteration: the step, the change of the gradient, and 1 over their product."""

    step: Tensor
    change: Tensor
    weight: Tensor


def _gradient(a: Tensor, m: Tensor) -> Tensor:
    """Return the gradient of f with respect to Ω, in the metric of the Frobenius product."""
    return _skew(a @ m.mT - m.mT @ a)


def _curvature(a: Tensor, m: Tensor) -> Tensor:
    """Return minus the second derivative of f along each E_ij - E_ji, per unit of Frobenius norm squared (2)."""
    product = a * m
    sums = product.sum(-1) + product.sum(-2)
    diagonal_a, diagonal_m = a.diagonal(dim1=-2, dim2=-1), m.diagonal(dim1=-2, dim2=-1)
    cross = a * m.mT
    outer = diagonal_a.unsqueeze(-1) * diagonal_m.unsqueeze(-2)
    full = sums.unsqueeze(-1) + sums.unsqueeze(-2) + 2 * (cross + cross.mT - outer - outer.mT)
    return full / 2


def _retract(c: Tensor, omega: Tensor) -> Tensor:
    """Return the Cayley transform of ``omega`` times ``c``: a step along O(n) that agrees with exp to second order."""
    half = omega / 2
    one = torch.eye(c.shape[-1], dtype=c.dtype, device=c.device)
    stepped: Tensor = torch.linalg.solve(one - half, c + half @ c)
    return stepped


def _orthonormalised(c: Tensor) -> Tensor:
    """Take away what rounding has added: one Newton-Schulz step towards the nearest orthogonal matrix."""
    return 1.5 * c - 0.5 * c @ (c.mT @ c)


def _maximise(a: Tensor, b: Tensor, c: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Climb from each ``c``; return where it led, and f there.

    Problems that have converged leave the batch, so that the slow ones do not hold up the others.
    """
    result, final = c.clone(), torch.empty(len(c), dtype=c.dtype, device=c.device)
    active = torch.arange(len(c), device=c.device)
    m = _conjugate(c, b)
    value, gradient = _inner(a, m), _gradient(a, m)
    memory: list[_Update] = []
    for _ in range(iterations):
        direction = _direction(gradient, _curvature(a, m), memory)
        slope = _inner(gradient, direction)
        uphill = slope > 0
        direction = torch.where(uphill[:, None, None], direction, gradient)
        slope = torch.where(uphill, slope, _inner(gradient, gradient))
        # A rotation by more than a right angle says nothing about the neighbourhood that the step was made for.
        length = torch.linalg.matrix_norm(direction).clamp_min(1e-300)
        step = (2.0 / length).clamp_max(1.0)
        new_c, new_m, new_value, step = _line_search(a, b, c, direction, slope, value, step)
        new_gradient = _gradient(a, new_m)
        moved = step[:, None, None] * direction
        change = gradient - new_gradient
        product = _inner(moved, change)
        weight = torch.where(product > 1e-300, 1 / product.clamp_min(1e-300), torch.zeros_like(product))
        memory = [*memory[-(_MEMORY - 1) :], _Update(moved, change, weight)]
        c, m, value, gradient = _orthonormalised(new_c), new_m, new_value, new_gradient
        going = (torch.linalg.matrix_norm(gradient) > _TOLERANCE) & (step > 0)
        if not going.all():
            done = ~going
            result[active[done]], final[active[done]] = c[done], value[done]
            active = active[going]
            if len(active) == 0:
                return result, final
            a, b, c, m, value, gradient = (x[going] for x in (a, b, c, m, value, gradient))
            memory = [_Update(*(part[going] for part in update)) for update in memory]
    result[active], final[active] = c, value
    return result, final


def _direction(gradient: Tensor, curvature: Tensor, memory: list[_Update]) -> Tensor:
    """Return the L-BFGS direction (Nocedal & Wright 2006, algorithm 7.4), which starts from the diagonal Hessian."""
    q = gradient
    shares = []
    for update in reversed(memory):
        share = update.weight * _inner(update.step, q)
        q = q - share[:, None, None] * update.change
        shares.append(share)
    size = curvature.abs()
    direction = q / (size + 1e-3 * size.amax(dim=(-2, -1), keepdim=True) + 1e-12)
    for update, share in zip(memory, reversed(shares), strict=True):
        correction = share - update.weight * _inner(update.change, direction)
        direction = direction + correction[:, None, None] * update.step
    return direction


def _line_search(
    a: Tensor, b: Tensor, c: Tensor, direction: Tensor, slope: Tensor, value: Tensor, step: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Halve each step until f has grown enough; a step of 0 says that rounding leaves nothing to gain."""
    new_c = _retract(c, step[:, None, None] * direction)
    new_m = _conjugate(new_c, b)
    new_value = _inner(a, new_m)
    for _ in range(12):
        # Near the optimum f is flat to rounding; a step that keeps it is taken, for the gradient's sake.
        poor = new_value < value + _ARMIJO * step * slope - 4e-16
        if not poor.any():
            break
        step = torch.where(poor, step / 4, step)
        trial = _retract(c[poor], step[poor][:, None, None] * direction[poor])
        new_c[poor] = trial
        new_m[poor] = _conjugate(trial, b[poor])
        new_value[poor] = _inner(a[poor], new_m[poor])
    else:
        poor = new_value < value
        step = torch.where(poor, torch.zeros_like(step), step)
        stay = poor[:, None, None]
        new_c = torch.where(stay, c, new_c)
        new_m = torch.where(stay, _conjugate(c, b), new_m)
        new_value = torch.where(poor, value, new_value)
    return new_c, new_m, new_value, step
