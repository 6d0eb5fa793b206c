"""The climb's derivatives against finite differences, and what its steps promise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dynalign.metrics.orthogonal_ascent import (
    _gradient,
    close_in,
    conjugate,
    curvature,
    hessian_product,
    newton_steps,
    orthonormalised,
    power_steps,
    with_held,
)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def skew(x: Tensor) -> Tensor:
    return (x - x.mT) / 2


def along(a: Tensor, m: Tensor, omega: Tensor) -> list[float]:
    """f at three points of the geodesic in direction omega."""
    turns = [torch.matrix_exp(t * omega) for t in (-1e-4, 0.0, 1e-4)]
    return [float((a * (turn @ m @ turn.mT)).sum()) for turn in turns]


def test_gradient_and_hessian_are_the_derivatives_along_the_group() -> None:
    a, m = draw(2, 1, 5, 5)
    for seed in range(5):
        omega = skew(draw(1, 5, 5, seed=seed))
        low, here, high = along(a, m, omega)
        gradient = _gradient(a, m)
        assert float((gradient * omega).sum()) == pytest.approx((high - low) / 2e-4, rel=1e-6)
        second = (high - 2 * here + low) / 1e-8
        bend = float((omega * hessian_product(a, m, gradient, omega)).sum()) / 2
        assert bend == pytest.approx(-second, rel=1e-4)


def test_hessian_is_symmetric() -> None:
    a, m = draw(2, 1, 6, 6)
    gradient = _gradient(a, m)
    p, q = (skew(draw(1, 6, 6, seed=seed)) for seed in (1, 2))
    left = (p * hessian_product(a, m, gradient, q)).sum()
    right = (q * hessian_product(a, m, gradient, p)).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-12)


def test_curvature_is_the_hessians_diagonal() -> None:
    a, m = draw(2, 1, 5, 5)
    gradient = _gradient(a, m)
    for i, j in ((0, 1), (1, 3), (4, 2)):
        omega = torch.zeros(1, 5, 5, dtype=torch.float64)
        omega[0, i, j], omega[0, j, i] = 1, -1
        bend = float((omega * hessian_product(a, m, gradient, omega)).sum()) / 2
        assert 2 * float(curvature(a, m)[0, i, j]) == pytest.approx(bend, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_climbs_reach_a_point_where_the_gradient_vanishes(dtype: torch.dtype) -> None:
    a, b = (x / torch.linalg.matrix_norm(x, keepdim=True) for x in draw(2, 30, 7, 7).to(dtype))
    start = torch.linalg.qr(draw(30, 7, 7, seed=1)).Q.to(dtype)
    tolerance = torch.finfo(dtype).eps
    first = (a * conjugate(start, b)).sum((-2, -1))
    powered = power_steps(a, b, start, steps=10)
    value = (a * conjugate(powered, b)).sum((-2, -1))
    end = newton_steps(a, b, powered, steps=60, inner=20)
    assert (value > first).float().mean() > 0.8  # f is not convex, so that not every one must climb
    assert (end.value >= value - 10 * tolerance).all()
    assert torch.linalg.matrix_norm(_gradient(a, conjugate(end.c, b))).max() < 1e3 * tolerance
    one = torch.eye(7, dtype=dtype).expand(30, 7, 7)
    torch.testing.assert_close(end.c @ end.c.mT, one, rtol=0, atol=100 * tolerance)


def test_problems_leave_the_batch_where_enough_is_gained_and_keep_their_places() -> None:
    a, b = (x / torch.linalg.matrix_norm(x, keepdim=True) for x in draw(2, 12, 6, 6))
    start = torch.linalg.qr(draw(12, 6, 6, seed=1)).Q
    alone = newton_steps(a, b, start, steps=60, inner=20)
    end = newton_steps(a, b, start, steps=60, inner=20, angle=1e-4)
    torch.testing.assert_close((a * conjugate(end.c, b)).sum((-2, -1)), end.value, rtol=0, atol=1e-12)
    assert ((alone.value.acos() - end.value.acos()).abs() < 1e-3).all()


def test_power_steps_are_orthogonal_where_the_gradient_is_not_of_full_rank() -> None:
    a, b = torch.zeros(2, 5, 6, 6, dtype=torch.float64)
    a[:, 0, 1], b[:, 2, 3] = 1, 1
    c = power_steps(a, b, torch.linalg.qr(draw(5, 6, 6)).Q, steps=3)
    torch.testing.assert_close(c @ c.mT, torch.eye(6, dtype=torch.float64).expand(5, 6, 6), rtol=0, atol=1e-3)


def test_orthonormalised_is_the_nearest_orthogonal_matrix() -> None:
    x = torch.linalg.qr(draw(4, 6, 6)).Q + 0.02 * draw(4, 6, 6, seed=3)
    u, _, v = torch.linalg.svd(x)
    torch.testing.assert_close(orthonormalised(x, 5), u @ v, rtol=0, atol=1e-12)


def bordered(problems: int, free: int, held: int, seed: int) -> Tensor:
    x = draw(problems, free + held, free + held, seed=seed)
    x[:, free:] = 0
    return x / torch.linalg.matrix_norm(x, keepdim=True)


def test_held_coordinates_stay_and_make_f_linear_in_them() -> None:
    a, b = (bordered(20, 5, 3, seed) for seed in (0, 1))
    start = with_held(torch.linalg.qr(draw(20, 5, 5, seed=2)).Q, 3)
    powered = power_steps(a, b, start, steps=10, held=3)
    end = newton_steps(a, b, powered, steps=60, inner=20, held=3)
    close = close_in(conjugate(end.c, b), b, end.c, held=3)
    for c in (powered, end.c, close):
        torch.testing.assert_close(c, with_held(c[:, :5, :5], 3), rtol=0, atol=1e-12)
    c = end.c[:, :5, :5]
    value = (a[:, :5, :5] * conjugate(c, b[:, :5, :5])).sum((-2, -1)) + (a[:, :5, 5:] * (c @ b[:, :5, 5:])).sum(
        (-2, -1)
    )
    torch.testing.assert_close(end.value, value, rtol=0, atol=1e-12)
    slope = _gradient(a, conjugate(end.c, b), held=3)
    assert torch.linalg.matrix_norm(slope).max() < 1e-12
    assert not slope[:, 5:].any()


def test_hessian_of_held_coordinates_is_the_derivative_along_the_free_ones() -> None:
    a, m = (bordered(1, 4, 2, seed) for seed in (0, 1))
    gradient = _gradient(a, m, held=2)
    omega = torch.nn.functional.pad(skew(draw(1, 4, 4, seed=3)), (0, 2, 0, 2))
    low, here, high = along(a, m, omega)
    assert float((gradient * omega).sum()) == pytest.approx((high - low) / 2e-4, rel=1e-6)
    bend = float((omega * hessian_product(a, m, gradient, omega, held=2)).sum()) / 2
    assert bend == pytest.approx(-(high - 2 * here + low) / 1e-8, rel=1e-4)
