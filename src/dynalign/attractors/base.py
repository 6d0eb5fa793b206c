"""What a system with known dynamics is."""

from __future__ import annotations

import abc
import dataclasses
import math
import numbers
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class System(abc.ABC):
    """An autonomous system of ordinary differential equations, dx/dt = f(x), with the numbers that parametrise it.

    A subclass is a frozen dataclass whose fields are its parameters; it fills in the class variables and ``drift``.

    Raises
    ------
    DynalignError
        If a parameter is not a finite number.
    """

    name: ClassVar[str]
    """What the system is called in errors."""

    box: ClassVar[tuple[tuple[float, float], ...]]
    """Where trajectories start: the lowest and highest value of each coordinate."""

    time_step: ClassVar[float]
    """The time between two samples that shows the system's dynamics in 100 of them, in the system's own units."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, numbers.Real) or not abs(float(value)) < math.inf:
                raise DynalignError(f"{field.name}={value!r} of {self.name} must be a finite number.")

    @abc.abstractmethod
    def drift(self, x: Array) -> Array:
        """Return f(x) for points of shape (trials, dimension)."""

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return len(self.box)

    @property
    def label(self) -> str:
        """The system with its parameters, such as ``lorenz(r=28, sigma=10, beta=2.667)``."""
        values = ", ".join(f"{field.name}={getattr(self, field.name):g}" for field in dataclasses.fields(self))
        return f"{self.name}({values})"

    def starts(self, uniform: Array) -> Array:
        """Return starting points (trials, dimension) in the box for draws from [0, 1), shape (trials, >= dimension).

        The same draws give matched starts in every system, so that trial k means the same in all of them.

        Raises
        ------
        DynalignError
            If the draws have fewer columns than the system has coordinates.
        """
        if uniform.ndim != 2 or uniform.shape[1] < self.dimension:
            raise DynalignError(
                f"Starts of {self.label} need draws of shape (trials, {self.dimension} or more), not {uniform.shape}."
            )
        low, high = np.array(self.box).T
        points: Array = low + (high - low) * uniform[:, : self.dimension]
        return points
