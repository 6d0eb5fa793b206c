"""Does a metric leave alone what does not change the dynamics?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.stats import ortho_group

from dynalign import statistics
from dynalign.attractors import middle
from dynalign.errors import DynalignError
from dynalign.statistics import Array, Estimate
from dynalign.testcases.base import Comparison, Criterion, Material, States, TestCase, complete, resampled, values_of
from dynalign.testcases.simulation import Simulation, spread

DIFFERENT = "different systems"
Change = Callable[[States, np.random.Generator], States]


_CRITERIA = tuple(
    Criterion(name, title, "lower", about, headline=name == "bend")
    for name, title, about in (
        ("rotation", "rotation", "Units mixed by a random rotation."),
        ("reflection", "reflection", "Units mixed by a random rotation with a reflection."),
        ("scale", "scale", "All units multiplied by 3."),
        ("translation", "translation", "Another constant, of several standard deviations, added to every unit."),
        ("constant", "constant unit", "A unit added that never changes."),
        ("duplicate", "duplicate unit", "A unit recorded twice."),
        ("lift", "lift", "States mapped into three times as many units by a random orthonormal map."),
        ("shift", "time shift", "The same trajectories, recorded from a tenth of their length later on."),
        ("trials", "half the trials", "Only the first half of the trials."),
        ("bend", "bent coordinates", "The same dynamics in smoothly bent coordinates: other geometry."),
    )
)


@dataclass(frozen=True)
class Invariances(TestCase):
    """One system of each family against changed copies of itself.

    Every number is a mean dissimilarity of systems to their changed selves over the mean dissimilarity of different
    systems: 0 is invariant, 1 is as far as other dynamics.

    Parameters
    ----------
    bend : float
        Strength of the smooth invertible map of the states: each coordinate, in standard deviations, gets ``bend``
        times the square of the one before added.
    shift : float
        The time by which a recording is shifted, as a share of its length.

    Raises
    ------
    DynalignError
        For a bend that is not above 0, or a shift that is not between 0 and 1.
    """

    bend: float = 0.5
    shift: float = 0.1

    name: ClassVar[str] = "invariances"
    title: ClassVar[str] = "Invariances"
    about: ClassVar[str] = (
        "Systems against copies of themselves whose dynamics are the same. Numbers are shares of the mean "
        "dissimilarity between different systems: 0 is invariant, 1 is as far as other dynamics."
    )

    def __post_init__(self) -> None:
        if not (np.isfinite(self.bend) and self.bend > 0):
            raise DynalignError(f"bend={self.bend:g} must be a number above 0.")
        if not 0 < self.shift < 1:
            raise DynalignError(f"shift={self.shift:g} must lie between 0 and 1.")

    @property
    def criteria(self) -> Sequence[Criterion]:
        """What metrics are judged by."""
        return _CRITERIA

    def material(self, simulation: Simulation, seed: int) -> Material:
        """Return the systems, their changed copies, and all pairs of different systems."""
        rng = np.random.default_rng((seed, *b"invariances"))
        steps = max(1, round(self.shift * simulation.time_steps))
        systems: dict[str, States] = {}
        comparisons = []
        originals = [middle(family) for family in simulation.families]
        for system in originals:
            whole = simulation.record(system, seed, time_steps=simulation.time_steps + steps)
            states = whole[:, : simulation.time_steps]
            systems[system.label] = states
            copies = {name: change(states, rng) for name, change in _CHANGES.items()}
            copies |= {"shift": whole[:, steps:], "bend": bent(states, self.bend)}
            for name, copy in copies.items():
                systems[f"{system.label}, {name}"] = copy
                comparisons.append(
                    Comparison(system.label, f"{system.label}, {name}", name, 0.0, False, system.label, system.label)
                )
        for first, second in combinations([system.label for system in originals], 2):
            comparisons.append(Comparison(first, second, DIFFERENT, 0.0, True, first, second))
        return Material(systems, comparisons)

    def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
        """Return how far copies are from their originals, as a share; replicates redraw seeds and systems."""
        chosen = complete(rows[rows["part"].isin([criterion, DIFFERENT])])
        values, different = values_of(chosen), chosen["different"].to_numpy(dtype=bool)
        return resampled(chosen, lambda weights: statistics.ratio_of_means(values, ~different, weights))


def bent(states: States, strength: float) -> States:
    """Return states (trials, time, units) under a smooth map with a smooth inverse: unit by unit, a shear.

    Each unit, centred and over the spread of all, gets ``strength`` times the square of the unit before added. The
    first unit stays, so that the map can be undone from it on.
    """
    scaled = (states - states.mean(axis=(0, 1))) / spread(states)
    result: States = scaled.copy()
    result[..., 1:] += strength * scaled[..., :-1] ** 2
    return result


def _rotation(units: int, rng: np.random.Generator, sign: float) -> Array:
    """Return a random orthogonal matrix with determinant ``sign``."""
    matrix: Array = np.asarray(ortho_group.rvs(units, random_state=rng))
    if np.linalg.det(matrix) * sign < 0:
        matrix[0] *= -1
    return matrix


def _translate(states: States, rng: np.random.Generator) -> States:
    return states + 3 * spread(states) * rng.standard_normal(states.shape[-1])


def _constant(states: States, rng: np.random.Generator) -> States:  # noqa: ARG001
    return np.concatenate([states, np.full_like(states[..., :1], states.mean())], axis=-1)


def _lift(states: States, rng: np.random.Generator) -> States:
    units = states.shape[-1]
    lifted: States = states @ _rotation(3 * units, rng, 1.0)[:units]
    return lifted


_CHANGES: Mapping[str, Change] = {
    "rotation": lambda states, rng: states @ _rotation(states.shape[-1], rng, 1.0),
    "reflection": lambda states, rng: states @ _rotation(states.shape[-1], rng, -1.0),
    "scale": lambda states, _: 3 * states,
    "translation": _translate,
    "constant": _constant,
    "duplicate": lambda states, _: np.concatenate([states, states[..., :1]], axis=-1),
    "lift": _lift,
    "trials": lambda states, _: states[: max(1, len(states) // 2)],
}
