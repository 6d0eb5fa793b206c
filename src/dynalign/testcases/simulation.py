"""How the systems of a test case are simulated: the study's way, or with its defects mended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dynalign.attractors import System, euler, euler_maruyama, members, to_unit_range, trajectories
from dynalign.errors import DynalignError
from dynalign.perturbations import RepresentationNoise

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """What all systems of a test case have in common.

    Parameters
    ----------
    families : sequence of str
        Whose systems are compared; see ``dynalign.attractors.FAMILIES``.
    trials : int
        Trajectories per system.
    time_steps : int
        Samples per trajectory.
    time_step : float, optional
        Time between samples, for all systems alike; by default each system's own.
    integrator : {"adaptive", "euler"}
        The study used forward Euler, one step a sample.
    starts : {"matched", "fresh"}
        Whether trial k starts at the same point in every system, or, as in the study, anywhere.
    unit_range : bool
        Whether each trajectory is scaled on its own to lie between 0 and 1, as in the study, and observation noise is
        measured on that scale; otherwise it is measured in standard deviations of the system.
    tolerance : float
        Of the adaptive integrator.

    Raises
    ------
    DynalignError
        For numbers out of range, fewer than two families, or an unknown one.
    """

    families: Sequence[str]
    trials: int = 50
    time_steps: int = 100
    time_step: float | None = None
    integrator: Literal["adaptive", "euler"] = "adaptive"
    starts: Literal["matched", "fresh"] = "matched"
    unit_range: bool = False
    tolerance: float = 1e-9

    def __post_init__(self) -> None:
        check_families(self.families)
        if self.trials < 1 or self.time_steps < 2:
            raise DynalignError(
                f"A simulation needs trials >= 1 and time_steps >= 2, not {self.trials} and {self.time_steps}."
            )
        if self.integrator not in ("adaptive", "euler"):
            raise DynalignError(f"integrator={self.integrator} is unknown; use adaptive or euler.")
        if self.starts not in ("matched", "fresh"):
            raise DynalignError(f"starts={self.starts} is unknown; use matched or fresh.")

    def record(
        self,
        system: System,
        seed: int,
        *,
        time_steps: int | None = None,
        matched: bool | None = None,
    ) -> Array:
        """Return trajectories (trials, time, dimension) of a system.

        Parameters
        ----------
        seed : int
            With matched starts, the same starts for every system; with fresh ones, they depend on the system too.
        time_steps, matched : optional
            Instead of the simulation's own.
        """
        starts = self._starts(system, seed, matched)
        steps = self.time_steps if time_steps is None else time_steps
        if self.integrator == "euler":
            states = euler(system, starts, time_steps=steps, time_step=self.time_step)
        else:
            states = trajectories(system, starts, time_steps=steps, time_step=self.time_step, tolerance=self.tolerance)
        return to_unit_range(states, each=True) if self.unit_range else states

    def record_noisy(self, system: System, seed: int, level: float, rng: np.random.Generator) -> Array:
        """Return trajectories of a system that is driven by white noise, whatever the simulation's integrator.

        Parameters
        ----------
        level : float
            Standard deviation of the noise that enters from sample to sample, over the spread of the trajectories
            without it.
        """
        starts = self._starts(system, seed, None)
        clean = trajectories(
            system, starts, time_steps=self.time_steps, time_step=self.time_step, tolerance=self.tolerance
        )
        noise = level * spread(clean)
        states = euler_maruyama(
            system, starts, time_steps=self.time_steps, noise=noise, rng=rng, time_step=self.time_step
        )
        return to_unit_range(states, each=True) if self.unit_range else states

    def observe(self, states: Array, level: float, rng: np.random.Generator) -> Array:
        """Return states mixed with observation noise of standard deviation ``level``, at constant variance."""
        if not self.unit_range:
            return RepresentationNoise(level).on_representation(states, rng).astype(np.float64, copy=False)
        return math.sqrt(1 - level**2) * states + level * rng.standard_normal(states.shape)

    def _starts(self, system: System, seed: int, matched: bool | None) -> Array:
        same = self.starts == "matched" if matched is None else matched
        words = () if same else tuple(system.label.encode())
        return system.starts(np.random.default_rng((seed, *words)).uniform(size=(self.trials, 3)))


def check_families(families: Sequence[str], of: str = "") -> None:
    """Raise a DynalignError unless two or more known families are named; ``of`` says whose they are."""
    if len(families) < 2:
        raise DynalignError(f"families=[{', '.join(families)}]{of} must name two or more families.")
    members(families)


def spread(states: Array) -> float:
    """Return the root mean square over units of the standard deviation of states (trials, time, units)."""
    return float(np.sqrt(np.mean((states - states.mean(axis=(0, 1))) ** 2)))
