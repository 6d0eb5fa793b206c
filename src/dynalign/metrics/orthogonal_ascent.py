r"""Climbing :math:`f(C) = \langle A, C B C^\top\rangle` over the orthogonal group, for a batch of problems at once.

Far from an optimum, power steps: C goes to the orthogonal matrix nearest to the gradient of f (in C itself) plus a
little of C (the generalised power method, Journee et al. 2010, arXiv 0811.4724, algorithm 1). Near it, Newton's method
in a trust region. With M = C B Cᵀ and C -> exp(Ω) C, Ω skew, f changes by

.. math:: \langle G, \Omega\rangle + \tfrac12 \langle\Omega, H\Omega\rangle, \quad
          G = \mathrm{skew}(A M^\top - M^\top A), \quad
          H\Omega = \mathrm{skew}(A N^\top - N^\top A) - \tfrac12 [\Omega, G], \quad N = [\Omega, M].

A product with H costs five products of n x n matrices, so Newton's equations are solved by conjugate gradients within
a trust region (Steihaug 1983; Nocedal & Wright 2006, algorithm 7.2), preconditioned by the diagonal of H, which is
known in closed form. Nothing is factored or inverted: all work is products of matrices, which is what processors are
best at.

The last coordinates may be held: C is then block diagonal, with 1 there, and so are all Ω. That is how f takes a linear
term. Of operators bordered by matrices of inputs, with C restricted to leave those alone, it is

.. math:: \left\langle \begin{pmatrix} A & K \\ 0 & 0 \end{pmatrix},
          \begin{pmatrix} C & \\ & 1 \end{pmatrix} \begin{pmatrix} B & L \\ 0 & 0 \end{pmatrix}
          \begin{pmatrix} C & \\ & 1 \end{pmatrix}^\top \right\rangle
          = \langle A, C B C^\top\rangle + \langle K, C L\rangle.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

# How much of C a power step keeps, times sqrt(n). Much makes it sure to climb, little makes it fast.
_INERTIA = 0.2
# x -> 3.4445 x - 4.7750 x³ + 2.0315 x⁵, three times, brings singular values from 0.03 to 1 into 0.7 to 1.2 (Jordan et
# al. 2024, the Muon optimiser); Newton-Schulz steps then bring them to 1.
_GROW = (3.4445, -4.7750, 2.0315)
# Problems that are done leave the batch when they are one in so many; they climb on, harmlessly, until then.
_WORTH_LEAVING = 8
_LARGEST_TURN = 2.0  # radians in any plane, in one step
_MOST_PRODUCTS = 1000  # with the Hessian, in one Gauss-Newton step


class Climb(NamedTuple):
    """Where a climb has led.

    Attributes
    ----------
    c : Tensor, shape (problems, n, n)
        Orthogonal matrices.
    value : Tensor, shape (problems,)
        f there.
    gain : Tensor, shape (problems,)
        What the last quadratic model promised. What is left to gain is seldom 30 times as much.
    """

    c: Tensor
    value: Tensor
    gain: Tensor


def power_steps(a: Tensor, b: Tensor, c: Tensor, *, steps: int, held: int = 0) -> Tensor:
    """Go ``steps`` power steps from each ``c``, and return the ends; the arguments are those of ``newton_steps``."""
    inertia = _INERTIA / math.sqrt(c.shape[-1])
    for _ in range(steps):
        free = _free(torch.baddbmm(c, a @ c, b.mT, beta=inertia).baddbmm_(a.mT @ c, b), held)
        free /= (
            (free.mT @ free).abs().sum(-1, keepdim=True).amax(-2, keepdim=True).sqrt()
        )  # no singular value is over 1
        for _ in range(3):
            square = free.mT @ free
            cubic = torch.baddbmm(square, square, square, beta=_GROW[1], alpha=_GROW[2])
            free = torch.baddbmm(free, free, cubic, beta=_GROW[0])
        c = with_held(free, held)
    free = orthonormalised(_free(c, held), 4)
    # A gradient without full rank has more than one nearest orthogonal matrix; any will do.
    crooked = (free.mT @ free).diagonal(dim1=-2, dim2=-1).amin(-1) < 0.99
    if crooked.any():
        free[crooked] = torch.linalg.qr(free[crooked]).Q
    return with_held(free, held)


def newton_steps(
    a: Tensor, b: Tensor, c: Tensor, *, steps: int, inner: int, angle: float | None = None, held: int = 0
) -> Climb:
    """Go trust-region Newton steps from each ``c``.

    Parameters
    ----------
    a, b, c : Tensor, shape (problems, n, n)
        Operators of norm 1, and orthogonal matrices to start from. Single precision is enough to tell starts apart.
    steps : int
        Newton steps at most.
    inner : int
        Products with the Hessian per step at most.
    angle : float, optional
        In radians. Problems whose quadratic model promises to change arccos f by less leave the batch.
    held : int
        So many of the last coordinates stay where they are; there, each ``c`` must be 1.
    """
    problems = len(c)
    rounding = 8 * torch.finfo(c.dtype).eps
    m = conjugate(c, b)
    value = _dot(a, m)
    gradient = _gradient(a, m, held)
    radius = torch.ones_like(value)
    gain = torch.full_like(value, torch.inf)
    left = Climb(torch.empty_like(c), *value.new_empty(2, problems))
    active = torch.arange(problems, device=c.device)
    for _ in range(steps):
        omega, gain, inside = _newton_step(a, m, gradient, radius, inner, held)
        new_c = _retract(c, omega)
        new_m = conjugate(new_c, b)
        new_value = _dot(a, new_m)
        ratio = (new_value - value + rounding / 2) / (gain + rounding / 2)
        length = omega.square().sum((-2, -1), keepdim=True).sqrt()
        grown = torch.where(inside, radius, 2 * radius)
        radius = torch.where(ratio < 0.25, length / 4, torch.where(ratio > 0.7, grown, radius))
        # Near the optimum f is flat to rounding; a step that keeps it is taken, for the gradient's sake.
        better = new_value >= value - rounding / 2
        c, m, value = (torch.where(better, new, old) for new, old in ((new_c, c), (new_m, m), (new_value, value)))
        gradient = _gradient(a, m, held)
        if angle is not None:
            # An angle θ with cos θ = f moves by δf / sin θ. Near 0 that is no measure: there it is what is left to 1.
            short = (1 - value).clamp_min(0)
            enough = torch.minimum(angle * (2 * short).sqrt(), short / 1000) + rounding / 2
            done = ((gain <= enough) | (radius < rounding)).flatten()
            if done.sum() >= len(done) / _WORTH_LEAVING:
                _put(left, active[done], Climb(c[done], value[done], gain[done]))
                going = ~done
                active = active[going]
                if len(active) == 0:
                    return left
                a, b, c, m, value, gradient, radius, gain = (
                    x[going] for x in (a, b, c, m, value, gradient, radius, gain)
                )
    _put(left, active, Climb(c, value, gain))
    return left


def close_in(a: Tensor, b: Tensor, c: Tensor, *, steps: int = 20, held: int = 0) -> Tensor:
    """Go Gauss-Newton steps from each ``c`` where A and M = C B Cᵀ are nearly equal, until they are equal to rounding.

    There f is flat to rounding long before C is right, and operators whose eigenvalues lie close together need many
    products with the Hessian. So what is looked at is the rest A - M itself: its gradient loses no digits, for the rest
    is small where C is good, and a step is taken where the rest gets smaller.
    """
    inner = min(c.shape[-1] ** 2, _MOST_PRODUCTS)
    m = conjugate(c, b)
    rest = _dot(a - m, a - m)
    for _ in range(steps):
        omega, _, _ = _newton_step(m, m, _gradient(a - m, m, held), torch.ones_like(rest), inner, held)
        new_c = orthonormalised(_retract(c, omega), 1)
        new_m = conjugate(new_c, b)
        new_rest = _dot(a - new_m, a - new_m)
        better = new_rest < rest
        much = (new_rest < rest / 4).any()
        c, m, rest = (torch.where(better, new, old) for new, old in ((new_c, c), (new_m, m), (new_rest, rest)))
        if not much:
            break
    return c


def conjugate(c: Tensor, x: Tensor) -> Tensor:
    """Return C X Cᵀ, batched."""
    return c @ x @ c.mT


def curvature(a: Tensor, m: Tensor) -> Tensor:
    """Return minus the second derivative of f along each E_ij - E_ji, per unit of Frobenius norm squared (2)."""
    product = a * m
    sums = product.sum(-1) + product.sum(-2)
    diagonal_a, diagonal_m = a.diagonal(dim1=-2, dim2=-1), m.diagonal(dim1=-2, dim2=-1)
    cross = a * m.mT - diagonal_a.unsqueeze(-1) * diagonal_m.unsqueeze(-2)
    return (sums.unsqueeze(-1) + sums.unsqueeze(-2)) / 2 + cross + cross.mT


def with_held(c: Tensor, held: int) -> Tensor:
    """Return matrices (..., n, n) with ``held`` more coordinates, which they leave as they are."""
    if not held:
        return c
    wider: Tensor = torch.nn.functional.pad(c, (0, held, 0, held))
    wider[..., -held:, -held:] = torch.eye(held, dtype=c.dtype, device=c.device)
    return wider


def hessian_product(a: Tensor, m: Tensor, gradient: Tensor, omega: Tensor, held: int = 0) -> Tensor:
    """Return -2 H Ω for skew Ω, batched."""
    moved = (omega @ m).baddbmm_(m, omega, alpha=-1)
    image = (a @ moved.mT).baddbmm_(moved.mT, a, alpha=-1)
    image.baddbmm_(omega, gradient, alpha=-1)  # the skew part of Ω G is half of [Ω, G]
    return _without_held(image.mT - image, held)


def _gradient(a: Tensor, m: Tensor, held: int = 0) -> Tensor:
    product = (a @ m.mT).baddbmm_(m.mT, a, alpha=-1)
    return _without_held((product - product.mT) / 2, held)


def _free(c: Tensor, held: int) -> Tensor:
    """Return the part of matrices (..., n, n) that is not held."""
    free = c.shape[-1] - held
    return c[..., :free, :free]


def _without_held(omega: Tensor, held: int) -> Tensor:
    """Return Ω, changed in place, without what would turn a coordinate that is held."""
    if held:
        omega[..., -held:, :] = 0
        omega[..., :, -held:] = 0
    return omega


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """Return the inner products, shape (problems, 1, 1)."""
    return (x * y).sum((-2, -1), keepdim=True)


def _put(all_of_them: Climb, where: Tensor, some: Climb) -> None:
    for whole, part in zip(all_of_them, some, strict=True):
        whole[where] = part.view_as(whole[where])


def _newton_step(
    a: Tensor, m: Tensor, gradient: Tensor, radius: Tensor, inner: int, held: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the step Ω within the trust region, the gain that the model promises, and whether Ω ends inside."""
    size = curvature(a, m).abs()
    preconditioner = 1 / (size + 1e-3 * size.amax((-2, -1), keepdim=True) + 1e-12)
    tiny = torch.finfo(gradient.dtype).tiny
    omega = torch.zeros_like(gradient)
    residual = gradient
    scaled = preconditioner * residual
    direction = scaled
    weight = _dot(residual, scaled)
    length = torch.zeros_like(weight)  # of omega, squared
    inside = torch.ones_like(weight, dtype=torch.bool)
    for k in range(inner):
        image = hessian_product(a, m, gradient, direction, held)
        bend = _dot(direction, image) / 2
        square, along = _dot(direction, direction), _dot(omega, direction)
        to_border = (
            (along * along + square * (radius * radius - length).clamp_min(0)).sqrt() - along
        ) / square.clamp_min(tiny)
        step = weight / bend.clamp_min(tiny)
        out = (bend <= 0) | (step > to_border)  # curved upwards, or too far: go to the border and stop
        step = torch.where(out, to_border, step) * inside
        omega = torch.addcmul(omega, step, direction)
        residual = torch.addcmul(residual, step, image, value=-0.5)
        length = length + step * (2 * along + step * square)
        inside = inside & ~out
        if k + 1 == inner or not inside.any():
            break
        scaled = preconditioner * residual
        next_weight = _dot(residual, scaled)
        direction = torch.addcmul(scaled, next_weight / weight.clamp_min(tiny), direction)
        weight = next_weight
    gain = (_dot(gradient, omega) + _dot(residual, omega)) / 2
    return omega, gain, inside


def _retract(c: Tensor, omega: Tensor) -> Tensor:
    """Step along O(n): exp(Ω) C to fifth order, then a Newton-Schulz step towards the nearest orthogonal matrix.

    No plane turns by more than the angle at which the series still holds; Ω is shortened to that.
    """
    square = omega @ omega
    # The eigenvalues of Ω² are -θ², each twice, so that the sum of their squares bounds the largest θ.
    largest = (square.square().sum((-2, -1), keepdim=True) / 2) ** 0.25
    shorter = (_LARGEST_TURN / largest.clamp_min(_LARGEST_TURN)).to(c.dtype)
    omega, square = omega * shorter, square * shorter**2
    fourth = square @ square
    one = torch.eye(c.shape[-1], dtype=c.dtype, device=c.device)
    cosine = torch.add(one, square, alpha=1 / 2).add_(fourth, alpha=1 / 24)
    sine = torch.add(one, square, alpha=1 / 6).add_(fourth, alpha=1 / 120)  # over Ω
    return orthonormalised(cosine.baddbmm_(omega, sine) @ c, 1)


def orthonormalised(c: Tensor, steps: int) -> Tensor:
    """Go ``steps`` Newton-Schulz steps towards the nearest orthogonal matrix; singular values must not exceed 1.7."""
    for _ in range(steps):
        c = torch.baddbmm(c, c, c.mT @ c, beta=1.5, alpha=-0.5)
    return c
