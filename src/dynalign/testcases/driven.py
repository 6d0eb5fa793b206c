"""Does a metric know a driven system again under other inputs?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.stats import ortho_group

from dynalign import statistics
from dynalign.errors import DynalignError, suggestion
from dynalign.metrics import Driven
from dynalign.statistics import Array, Estimate
from dynalign.testcases.base import Comparison, Criterion, Material, System, TestCase, complete, resampled, values_of
from dynalign.testcases.simulation import Simulation

WHOLE, PART, WEIGHTS = "all units seen", "half the units seen", "other input weights"
UNITS, CHANNELS = 6, 3

_CRITERIA = (
    Criterion(
        "auc",
        "driven AUC",
        "higher",
        "Probability that two systems under the same inputs are farther apart than one system under two kinds of "
        "inputs; 0.5 is chance.",
        headline=True,
    ),
    Criterion(
        "ratio",
        "other system / other inputs",
        "higher",
        "Mean dissimilarity of two systems under the same inputs over that of one system under other inputs.",
    ),
    Criterion("auc_part", "AUC, half the units", "higher", "The same AUC where half of the units are seen."),
    Criterion("ratio_part", "ratio, half the units", "higher", "The same ratio where half of the units are seen."),
    Criterion(
        "auc_weights",
        "AUC, input weights",
        "higher",
        "Probability that a system and its copy with other input weights, under the same inputs, are farther apart "
        "than one system under two kinds of inputs; 0.5 is blind to how inputs enter.",
    ),
)


@dataclass(frozen=True)
class DrivenSystems(TestCase):
    """Six systems of six units, each driven in several ways through three channels: near is one system, far another.

    The systems are linear but for one, and run in discrete time from random starts, with noise. Every recording has
    starts, noise and a rotation of its units of its own; where half of the units are seen, it is the same half of a
    system in all recordings. Under one kind of inputs all systems have the very same
    inputs, trial by trial. That is what misleads: what is driven alike looks alike. Of the simulation, ``trials`` and
    ``time_steps`` count.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise that enters each unit at each step; inputs have 1, before their weights.
    inputs : sequence of str
        Kinds of inputs, two or more: ``white``, ``slow`` (each step keeps 0.95 of the one before), ``sine`` (mixtures
        of four waves, which can be foreseen) and ``pulsed``.

    Raises
    ------
    DynalignError
        For noise below 0, and for fewer than two kinds of inputs or an unknown one.
    """

    noise: float = 0.1
    inputs: Sequence[str] = ("white", "slow", "sine", "pulsed")

    name: ClassVar[str] = "driven"
    title: ClassVar[str] = "Driven systems"
    about: ClassVar[str] = (
        "One system under other inputs should be near, another system under the same inputs far. Metrics that can take "
        "the inputs are given them; all others see the states alone."
    )
    has_inputs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise DynalignError(f"noise={self.noise:g} of driven systems must be a number >= 0.")
        for kind in self.inputs:
            if kind not in INPUTS:
                raise DynalignError(f"inputs={kind} of driven systems is unknown; {suggestion(kind, INPUTS)}")
        if len(set(self.inputs)) < max(2, len(self.inputs)):
            raise DynalignError(f"inputs=[{', '.join(self.inputs)}] of driven systems must be two or more kinds.")

    @property
    def criteria(self) -> Sequence[Criterion]:
        """What metrics are judged by."""
        return _CRITERIA

    def material(self, simulation: Simulation, seed: int) -> Material:
        """Return every system under every kind of inputs, seen whole and in part, and once with other weights."""
        rng = np.random.default_rng((seed, *b"driven"))
        shape = (simulation.trials, simulation.time_steps, CHANNELS)
        inputs = {kind: INPUTS[kind](shape, rng) for kind in self.inputs}
        weights = {name: rng.normal(size=(2, UNITS, CHANNELS)) for name in SYSTEMS}
        views = {name: _rotation(UNITS, rng)[:, : UNITS // 2] for name in SYSTEMS}
        systems: dict[str, System] = {}
        for name in SYSTEMS:
            for kind, drive in inputs.items():
                states, other = (self._run(name, b, drive, rng) for b in weights[name])
                seen = states @ views[name]
                for part, recorded in ((WHOLE, states), (PART, seen), (WEIGHTS, other)):
                    turn = _rotation(recorded.shape[-1], rng)
                    systems[_label(name, kind, part)] = Driven(recorded @ turn, drive)
        return Material(systems, list(_comparisons(self.inputs)))

    def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
        """Return an AUC or a ratio; replicates redraw seeds and systems."""
        kind, _, where = criterion.partition("_")
        part = {"": WHOLE, "part": PART, "weights": WEIGHTS}[where]
        chosen = complete(rows, part=part)
        values, different = values_of(chosen), chosen["different"].to_numpy(dtype=bool)
        statistic = statistics.auc if kind == "auc" else statistics.ratio_of_means
        return resampled(chosen, lambda weights: statistic(values, different, weights))

    def _run(self, name: str, weights: Array, inputs: Array, rng: np.random.Generator) -> Array:
        """Return states (trials, time, units) of a system, from random starts."""
        operator = SYSTEMS[name]
        x = rng.normal(size=(len(inputs), UNITS))
        made = []
        for drive in inputs.transpose(1, 0, 2):
            rate = np.tanh(x) if name == SATURATING else x
            x = rate @ operator.T + drive @ weights.T + self.noise * rng.normal(size=x.shape)
            made.append(x)
        return np.stack(made, axis=1)


def _rotation(units: int, rng: np.random.Generator) -> Array:
    return np.asarray(ortho_group.rvs(units, random_state=rng))


def _label(name: str, kind: str, part: str) -> str:
    return f"{name}, {kind} inputs, {part}"


def _comparisons(kinds: Sequence[str]) -> Iterator[Comparison]:
    for part in (WHOLE, PART, WEIGHTS):
        seen = PART if part == PART else WHOLE
        for name in SYSTEMS:
            for one, other in combinations(kinds, 2):
                first, second = _label(name, one, seen), _label(name, other, seen)
                yield Comparison(first, second, part, 0.0, False, name, name)
        for kind in kinds:
            if part == WEIGHTS:
                for name in SYSTEMS:
                    first, second = _label(name, kind, WHOLE), _label(name, kind, WEIGHTS)
                    yield Comparison(first, second, part, 0.0, True, name, name)
            else:
                for name, another in combinations(SYSTEMS, 2):
                    first, second = _label(name, kind, seen), _label(another, kind, seen)
                    yield Comparison(first, second, part, 0.0, True, name, another)


def _planes(*turns: tuple[float, float]) -> Array:
    """Return an operator that turns each plane by an angle, and shrinks it by a factor."""
    operator = np.zeros((2 * len(turns), 2 * len(turns)))
    for k, (size, angle) in enumerate(turns):
        cos, sin = size * math.cos(angle), size * math.sin(angle)
        operator[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[cos, -sin], [sin, cos]]
    return operator


SATURATING = "saturating rotations"
SYSTEMS: dict[str, Array] = {
    "integrators": np.diag([0.98, 0.96, 0.94, 0.92, 0.9, 0.88]),
    "fast decays": np.diag([0.7, 0.6, 0.5, 0.4, 0.3, 0.2]),
    "slow rotations": _planes((0.95, 0.1), (0.93, 0.2), (0.9, 0.3)),
    "fast rotations": _planes((0.95, 0.8), (0.93, 1.2), (0.9, 1.6)),
    "a chain": np.diag([0.7] * UNITS) + np.diag([0.5] * (UNITS - 1), -1),
    SATURATING: _planes((0.95, 0.4), (0.93, 0.6), (0.9, 1.0)),
}
"""Operators x -> A x of the systems; the saturating one is A tanh(x)."""


def _white(shape: tuple[int, int, int], rng: np.random.Generator) -> Array:
    return rng.normal(size=shape)


def _slow(shape: tuple[int, int, int], rng: np.random.Generator, memory: float = 0.95) -> Array:
    """Return inputs that forget themselves at the rate of ``memory``."""
    u = rng.normal(size=(shape[0], shape[2]))
    made = []
    for _ in range(shape[1]):
        u = memory * u + math.sqrt(1 - memory**2) * rng.normal(size=u.shape)
        made.append(u)
    return np.stack(made, axis=1)


def _waves(shape: tuple[int, int, int], rng: np.random.Generator) -> Array:
    """Return mixtures of four sine waves, with other periods and phases in every trial and channel."""
    trials, time, channels = shape
    each = (4, trials, 1, channels)
    rates, phases = 2 * math.pi * rng.uniform(0.02, 0.2, size=each), rng.uniform(0, 2 * math.pi, size=each)
    waves: Array = np.sin(rates * np.arange(time)[:, None] + phases).sum(axis=0) / math.sqrt(2)
    return waves


def _pulses(shape: tuple[int, int, int], rng: np.random.Generator, share: float = 0.1) -> Array:
    """Return inputs that are 0 but for pulses of either sign, at a share of the time steps."""
    return rng.choice([-1.0, 1.0], size=shape) * (rng.uniform(size=shape) < share) / math.sqrt(share)


INPUTS = {"white": _white, "slow": _slow, "sine": _waves, "pulsed": _pulses}
"""Kinds of inputs (trials, time, channels), all of variance 1."""
