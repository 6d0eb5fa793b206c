"""The systems: fixed points, limit cycles, continuous attractors and chaos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dynalign.attractors.base import Array, System


@dataclass(frozen=True)
class Lorenz(System):
    """Convection (Lorenz 1963, eqs. 25-27).

    The origin attracts everything for r < 1, and two mirrored fixed points nearly everything for 1 < r < 24.06; beyond
    24.74 they are unstable, and for the r used here there is chaos.
    """

    r: float = 28.0
    sigma: float = 10.0
    beta: float = 2.667
    name: ClassVar[str] = "lorenz"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, 1.0),) * 3
    time_step: ClassVar[float] = 0.02

    def drift(self, x: Array) -> Array:
        """Return (sigma (y - x), x (r - z) - y, x y - beta z)."""
        a, b, c = x.T
        return np.stack([self.sigma * (b - a), a * (self.r - c) - b, a * b - self.beta * c], axis=1)


@dataclass(frozen=True)
class VanDerPol(System):
    """A relaxation oscillator: one limit cycle, the more abrupt the larger mu (van der Pol 1926)."""

    mu: float = 1.0
    name: ClassVar[str] = "van_der_pol"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-3.0, 3.0),) * 2
    time_step: ClassVar[float] = 0.1

    def drift(self, x: Array) -> Array:
        """Return (y, mu (1 - x²) y - x)."""
        a, b = x.T
        return np.stack([b, self.mu * (1 - a**2) * b - a], axis=1)


@dataclass(frozen=True)
class Rossler(System):
    """A band folded onto itself: chaos with one lobe, for c around 5.7 (Rössler 1976, eq. 2)."""

    c: float = 5.7
    a: float = 0.2
    b: float = 0.2
    name: ClassVar[str] = "rossler"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-6.0, 6.0), (-6.0, 6.0), (0.0, 1.0))
    time_step: ClassVar[float] = 0.1

    def drift(self, x: Array) -> Array:
        """Return (-y - z, x + a y, b + z (x - c))."""
        first, second, third = x.T
        return np.stack([-second - third, first + self.a * second, self.b + third * (first - self.c)], axis=1)


@dataclass(frozen=True)
class Ring(System):
    """A ring attractor: every point of the unit circle is a fixed point, and states relax towards it at ``rate``."""

    rate: float = 1.0
    name: ClassVar[str] = "ring"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-2.0, 2.0),) * 2
    time_step: ClassVar[float] = 0.05

    def drift(self, x: Array) -> Array:
        """Return rate x (1 - |x|²)."""
        velocity: Array = self.rate * x * (1 - np.square(x).sum(axis=1, keepdims=True))
        return velocity


@dataclass(frozen=True)
class Line(System):
    """A line attractor: the first coordinate stays as it is, the second decays at ``rate`` (a perfect integrator)."""

    rate: float = 1.0
    name: ClassVar[str] = "line"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-1.0, 1.0),) * 2
    time_step: ClassVar[float] = 0.05

    def drift(self, x: Array) -> Array:
        """Return (0, -rate y)."""
        velocity: Array = x * np.array([0.0, -self.rate])
        return velocity


@dataclass(frozen=True)
class Bistable(System):
    """Two point attractors at (± sqrt(a), 0) and a saddle between them: the double well."""

    a: float = 1.0
    name: ClassVar[str] = "bistable"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-2.0, 2.0),) * 2
    time_step: ClassVar[float] = 0.05

    def drift(self, x: Array) -> Array:
        """Return (a x - x³, -y)."""
        first, second = x.T
        return np.stack([self.a * first - first**3, -second], axis=1)


@dataclass(frozen=True)
class Hopf(System):
    """The normal form of the supercritical Hopf bifurcation (Kuznetsov 2004, eq. 3.8).

    A stable focus for mu < 0; for mu > 0 a limit cycle of radius sqrt(mu); ``omega`` in radians per unit of time.
    """

    mu: float = 1.0
    omega: float = 4.0
    name: ClassVar[str] = "hopf"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-1.5, 1.5),) * 2
    time_step: ClassVar[float] = 0.05

    def drift(self, x: Array) -> Array:
        """Return (mu x - omega y - x |x|², omega x + mu y - y |x|²)."""
        growth = self.mu - np.square(x).sum(axis=1, keepdims=True)
        velocity: Array = growth * x + self.omega * np.stack([-x[:, 1], x[:, 0]], axis=1)
        return velocity


@dataclass(frozen=True)
class Straight(System):
    """No dynamics: every point moves along (1, 1, 1) at ``speed``. One of the study's motifs."""

    speed: float = 1.0
    name: ClassVar[str] = "straight"
    box: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, 1.0),) * 3
    time_step: ClassVar[float] = 0.02

    def drift(self, x: Array) -> Array:
        """Return speed (1, 1, 1) / sqrt(3)."""
        return np.full(x.shape, self.speed / np.sqrt(3))
