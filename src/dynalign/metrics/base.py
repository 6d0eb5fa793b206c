"""What a metric is, and what metrics share: the input checks, and distances that keep their digits near 0."""

from __future__ import annotations

import abc
import dataclasses
import inspect
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch

from dynalign.errors import DynalignError
from dynalign.metrics.arrays import as_array

States = npt.NDArray[np.float64]
Scale = Literal["unit", "radians"]
CANCELLED = 1e-4  # a difference of numbers that is this share of them has lost a quarter of its digits
Invariance = Literal["rotation", "scale", "translation", "linear"]


@dataclass(frozen=True, eq=False)
class Driven:
    """A system with what drove it, for metrics that need inputs; checked where a metric prepares it.

    Attributes
    ----------
    states : array or Tensor, shape (trials, time, units)
    inputs : array or Tensor, shape (trials, time, channels)
        The input at a time step is the one that acted in the step to the state of that index, as in recurrent
        networks, whose state has seen the input of its own time step: ``states[:, t]`` comes of ``states[:, t - 1]``
        and ``inputs[:, t]``. Where instead ``inputs[:, t]`` acts on from ``states[:, t]``, shift them:
        ``Driven(states[:, 1:], inputs[:, :-1])``.
    """

    states: npt.ArrayLike | torch.Tensor
    inputs: npt.ArrayLike | torch.Tensor


@dataclass(frozen=True)
class Description:
    """What a reader of numbers needs to know of the metric that measured them, in plain text.

    Attributes
    ----------
    name, label, unit : str
        See ``Metric``.
    title, about, blind_spot : str
        What it is called where it is explained, what it does, and what it does not see; a sentence or two each.
    compares : str
        ``dynamics`` or ``geometry``.
    needs_inputs : bool
        See ``Metric``.
    """

    name: str
    label: str
    unit: str
    title: str
    about: str
    blind_spot: str
    compares: str
    needs_inputs: bool = False


class Metric(abc.ABC):
    """A dissimilarity between two systems, 0 for the same; configure it, then apply it.

    A subclass is a frozen dataclass and fills in the class variables, ``prepare``, the work that each system needs
    once, and ``distances``, the work that each pair needs.
    """

    name: ClassVar[str]
    """The metric's name in configs and tables."""

    title: ClassVar[str]
    """Its name in figures and sentences."""

    full_title: ClassVar[str]
    """Its name where it is explained."""

    compares: ClassVar[Literal["dynamics", "geometry"]]
    """Whether it looks at how states lead to each other in time, or at where they lie."""

    about: ClassVar[str]
    """What it does by default, in one sentence for a reader of the report."""

    blind_spot: ClassVar[str]
    """What it does not see, for the same reader."""

    needs_matched_trials: ClassVar[bool]
    """Whether trial k must be the same condition in both systems, and time step t the same moment."""

    needs_inputs: ClassVar[bool] = False
    """Whether a system is given as ``Driven``, its states with the inputs that drove them, and not as states alone."""

    def __post_init__(self) -> None:
        """Take NumPy's numbers for Python's; a dataclass that checks its settings calls this first."""
        for name, value in self.settings.items():
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that the metric was configured with, by name."""
        # A plain class keeps its settings in itself; class variables of a dataclass are no settings.
        mine: Any = self
        known = list(vars(mine))
        if dataclasses.is_dataclass(mine):
            known = [field.name for field in dataclasses.fields(mine) if field.init]
        return {name: getattr(self, name) for name in known if not name.startswith("_")}

    @property
    def key(self) -> str:
        """Its name, and the settings that differ from the defaults: ``dsa(rank=10)``, or ``dsa`` where none does."""
        return self.name + self._unusual()

    @property
    def label(self) -> str:
        """What tells it apart in tables and figures: ``DSA(rank=10)``, or ``DSA`` where all settings are defaults."""
        return self.title + self._unusual()

    @property
    def unit(self) -> str:
        """What its numbers are measured in, as it stands behind a quantity on an axis; ``none`` for pure numbers."""
        settings = self.settings
        if settings.get("distance") == "size-and-shape":
            return "unit of the states"
        if settings.get("distance", "angular") != "angular" or "scale" not in settings:
            return "none"
        return "rad" if settings["scale"] == "radians" else "angle / (π/2)"

    def describe(self) -> Description:
        """Return what a reader of its numbers needs to know."""
        return Description(
            self.name,
            self.label,
            self.unit,
            self.full_title,
            self.about,
            self.blind_spot,
            self.compares,
            self.needs_inputs,
        )

    def _unusual(self) -> str:
        """Return the settings that differ from the defaults, in brackets; nothing where none does."""
        defaults = {name: each.default for name, each in inspect.signature(type(self)).parameters.items()}
        spelt = {name: _spelt(value) for name, value in self.settings.items()}
        # Compared as they are written, for a rank of 1 and a share of 1.0 are equal numbers and different settings.
        odd = [f"{name}={text}" for name, text in spelt.items() if text != _spelt(defaults.get(name, inspect._empty))]
        return f"({', '.join(odd)})" if odd else ""

    @property
    def invariances(self) -> frozenset[Invariance]:
        """Which changes of one system's units leave the dissimilarity as it is.

        ``rotation`` (and reflection, and embedding in more units), one ``scale`` for all units, ``translation``, and
        ``linear``: every invertible linear map.
        """
        return frozenset({"rotation", "scale", "translation"})

    @property
    def triangle(self) -> bool:
        """Whether d(x, z) <= d(x, y) + d(y, z) holds for all systems, so that the dissimilarity is a true distance."""
        return True

    def __call__(self, x: npt.ArrayLike | torch.Tensor | Driven, y: npt.ArrayLike | torch.Tensor | Driven) -> float:
        """Return the dissimilarity of ``x`` and ``y``, each (trials, time, units); ``Driven`` if it needs inputs.

        Raises
        ------
        DynalignError
            If a system has the wrong shape, holds NaN or infinite values, is constant, or is too short; or is not given
            with inputs where the metric needs them, and without where it does not.
        """
        return float(self.distances([(self.prepare(x, where="x"), self.prepare(y, where="y"))])[0])

    @abc.abstractmethod
    def prepare(self, x: Any, *, where: str = "x") -> Any:
        """Check ``x`` and do what depends on it alone; ``where`` names it in errors.

        Parameters
        ----------
        x : array or Tensor, shape (trials, time, units); or Driven where the metric ``needs_inputs``
        """

    @abc.abstractmethod
    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> npt.NDArray[np.float64]:
        """Return the dissimilarity of each pair of prepared systems."""


def _spelt(value: Any) -> str:
    """Write a setting exactly: numbers to the last digit, words as they are."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def check_states(
    x: npt.ArrayLike | torch.Tensor | Driven, *, where: str, metric: str, center: bool = True
) -> tuple[States, float]:
    """Return ``x`` as a float64 array (trials, time, units), and its size; ``x`` is left alone.

    The array is centred per unit, unless that is not wanted, and divided by its size, so that squares can neither
    overflow nor vanish: ``array * size`` is ``x`` centred. Metrics that do not see the scale have no use for the size.

    Raises
    ------
    DynalignError
        If ``x`` is no array of real numbers with three axes, is empty, holds NaN or infinite values, does not change at
        all, or comes with inputs.
    """
    if isinstance(x, Driven):
        raise DynalignError(f"{where} comes with inputs, but {metric} looks at states alone; give it the states.")
    states, size = _checked(x, where, metric, "states", "unit")
    centred = states - states.mean(axis=(0, 1))
    if np.ptp(states, axis=(0, 1)).max() == 0 or np.abs(centred).max() <= 4 * np.finfo(np.float64).eps:
        raise DynalignError(f"{where} is constant: no unit changes over trials or time, so it has no dynamics.")
    return np.ascontiguousarray(centred if center else states), size


def check_driven(x: Any, *, where: str, metric: str, center: bool = True) -> tuple[States, float, States]:
    """Return the states of ``x``, their size, and its inputs (trials, time, channels).

    Both are centred, unless that is not wanted. The inputs are divided by their size, too. Centred channels that are
    constant are exactly 0.

    Raises
    ------
    DynalignError
        If ``x`` is not ``Driven``; its states are such as ``check_states`` refuses; or its inputs are no array of real,
        finite numbers with three axes, or have other trials or time steps than the states.
    """
    if not isinstance(x, Driven):
        raise DynalignError(
            f"{where} is given without inputs, but {metric} needs what drove it; give dynalign.metrics.Driven(states, "
            "inputs)."
        )
    states, size = check_states(x.states, where=where, metric=metric, center=center)
    inputs, _ = _checked(x.inputs, f"the input to {where}", metric, "inputs", "channel")
    if inputs.shape[:2] != states.shape[:2]:
        raise DynalignError(
            f"{where} has (trials, time) = {states.shape[:2]} and the input to it {inputs.shape[:2]}; each state needs "
            "the input that led to it."
        )
    if not center:
        return states, size, inputs
    spread = np.ptp(inputs, axis=(0, 1))
    # A constant less its mean need not be 0 to the last digit, and no fit may take that digit for a signal.
    varies = spread > 4 * np.finfo(np.float64).eps * np.abs(inputs).max(axis=(0, 1))
    return states, size, np.where(varies, inputs - inputs.mean(axis=(0, 1)), 0.0)


def _checked(x: npt.ArrayLike | torch.Tensor, where: str, metric: str, what: str, last: str) -> tuple[States, float]:
    """Return ``x``, an array (trials, time, ``last`` + s), divided by its size, and that size."""
    array = as_array(x, where, metric)
    axes = f"(trials, time, {last}s)"
    if array.ndim != 3:
        raise DynalignError(f"{where} has shape {array.shape}, but {what} have three axes: {axes}.")
    if array.size == 0:
        raise DynalignError(f"{where} is empty: its shape is {array.shape}, as {axes}.")
    if array.dtype.kind not in "fiub":
        raise DynalignError(f"{where} holds {array.dtype} values, but {what} are real numbers.")
    numbers: States = array.astype(np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise DynalignError(
            f"{where} holds {int(bad.sum())} NaN or infinite values, the first at (trial, time, {last}) {first}."
        )
    size = float(np.abs(numbers).max()) or 1.0
    numbers /= size
    return numbers, size


def precision(x: npt.ArrayLike | torch.Tensor) -> float:
    """Return the relative size of rounding errors in ``x``: what lies below it is noise, not signal."""
    dtype = as_array(x, "x").dtype
    return float(np.finfo(dtype).eps) if dtype.kind == "f" else float(np.finfo(np.float64).eps)


def check_matched(x: States, y: States) -> None:
    """Raise a DynalignError unless trials and time steps of two systems match."""
    if x.shape[:2] != y.shape[:2]:
        raise DynalignError(
            f"x has (trials, time) = {x.shape[:2]} and y has {y.shape[:2]}; this metric compares row by row and needs "
            "the same trials and time steps in both."
        )


def check_scale(scale: str) -> None:
    """Raise a DynalignError for an unknown scale."""
    if scale not in ("unit", "radians"):
        raise DynalignError(f"scale={scale} is unknown; use unit (angle / (pi/2)) or radians.")


def check_distance(distance: str, scale: str, known: Sequence[str]) -> None:
    """Raise a DynalignError for a distance that is not ``known``, or radians of one that is no angle."""
    check_scale(scale)
    if distance not in known:
        raise DynalignError(f"distance={distance} is unknown; use {', '.join(known[:-1])} or {known[-1]}.")
    if distance != "angular" and scale != "unit":
        raise DynalignError(f"scale={scale} needs distance=angular; {distance} is no angle.")


def check_size(size: float, where: str) -> None:
    """Raise a DynalignError for a size that float64 cannot tell from 0 or from infinity."""
    numbers = np.finfo(np.float64)
    if not numbers.tiny <= size <= numbers.max:
        raise DynalignError(
            f"The size of {where} is beyond the numbers of float64; multiply all systems by one factor."
        )


def gram_difference(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Return the sum of all squares of X Xᵀ - Y Yᵀ for two matrices with equally many rows.

    Where it is small beside the matrices, the difference is formed entry by entry, which keeps the digits that the
    formula from norms and inner products would cancel.
    """
    if x.shape[0] > max(x.shape[1], y.shape[1]):
        whole = float(np.square(x.T @ x).sum() + np.square(y.T @ y).sum())
        difference = whole - 2 * float(np.square(x.T @ y).sum())
        if difference > CANCELLED * whole:
            return difference
    both = np.concatenate([x, y], axis=1)
    if both.shape[0] > both.shape[1]:  # in an orthonormal basis of all columns the matrices are small
        (both,) = scipy.linalg.qr(both, mode="r", overwrite_a=True, check_finite=False)
        both = both[: both.shape[1]]
    first, second = both[:, : x.shape[1]], both[:, x.shape[1] :]
    return float(np.square(first @ first.T - second @ second.T).sum())


def angle_of_gap(gap: float, scale: Scale) -> float:
    """Return the angle between two vectors of norm 1 whose difference has norm ``gap``."""
    return angle(gap, math.sqrt(max(4 - gap**2, 0.0)), scale)


def distance_with_sizes(gap: float, size_x: float, size_y: float) -> float:
    """Return the distance of two vectors of norms ``size_x`` and ``size_y``, which over their norms are ``gap`` apart.

    Raises
    ------
    DynalignError
        If it is beyond the numbers of float64.
    """
    distance = math.hypot(size_x - size_y, math.sqrt(size_x) * math.sqrt(size_y) * gap)
    if not math.isfinite(distance):
        raise DynalignError("x and y are farther apart than float64 can tell; multiply all systems by one factor.")
    return distance


def angle(difference: float, total: float, scale: Scale) -> float:
    """Return the angle between unit vectors a and b from the norms of a - b (difference) and a + b (total).

    Unlike the arc cosine of their product, 2 atan2(difference, total) keeps its digits near 0 (Kahan 2006, "How
    Futile are Mindless Assessments of Roundoff", section 12).
    """
    radians = 2 * math.atan2(difference, total)
    return radians if scale == "radians" else radians / (math.pi / 2)
