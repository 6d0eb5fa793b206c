"""Is a metric steady under noise, and how much noise can it bear? (E2, and beyond)"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, permutations
from typing import ClassVar

import numpy as np
import pandas as pd

from dynalign import statistics
from dynalign.attractors import LORENZ, Lorenz, members
from dynalign.errors import DynalignError
from dynalign.statistics import Array, Estimate
from dynalign.testcases.base import (
    Comparison,
    Criterion,
    Material,
    Panel,
    States,
    TestCase,
    complete,
    levels_of,
    mean_curve,
    means_by_level,
    resampled,
    values_of,
)
from dynalign.testcases.families import family_of
from dynalign.testcases.simulation import Simulation, check_families, spread

NOISE, MIXING, CLEAN, OBSERVATION, PROCESS = "noise only", "mixing", "clean", "observation noise", "process noise"
_PATTERNS = tuple(Lorenz(r=r) for r in (0.5, 5, 10, 15, 30, 40, 50))
_CHANCE = 0.5
_THRESHOLD = 0.9  # an AUC below it no longer tells systems apart

_CRITERIA = (
    Criterion(
        "limit_observation",
        "bears observation noise",
        "higher",
        "Level of observation noise (1 is noise alone) at which the AUC of families falls below 0.9.",
        headline=True,
    ),
    Criterion(
        "limit_process",
        "bears process noise",
        "higher",
        "Level of process noise (standard deviations of the system per sample) at which that AUC falls below 0.9.",
        headline=True,
    ),
    Criterion(
        "contrast",
        "mixing / noise",
        "higher",
        "Dissimilarity where another system is mixed in over that of noise alone, in the last epoch.",
    ),
    Criterion("linear_noise", "R² noise", "higher", "How linearly dissimilarity falls over epochs, noise only."),
    Criterion("gap_noise", "gap noise", "lower", "How much dissimilarity falls from first to last epoch, noise only."),
    Criterion("linear_mixing", "R² mixing", "higher", "How linearly dissimilarity falls over epochs, mixing."),
    Criterion("gap_mixing", "gap mixing", "higher", "How much dissimilarity falls from first to last epoch, mixing."),
)


@dataclass(frozen=True)
class Noise(TestCase):
    """The study's three "networks" over three "epochs", and how far noise can rise until families are lost.

    Networks 1 and 2 are one Lorenz system, each with its own draw of observation noise, which falls over epochs.
    Network 3 is the same with another Lorenz system added, whose share falls too: from epoch to epoch, all networks
    become more alike. Beyond the study, observation noise or process noise of rising level is put on all systems of
    some families, and the AUC of ``Families`` is taken at every level. A metric that refuses a pair under noise, since
    it finds nothing else there, cannot tell families apart at that level, and its AUC counts as chance. (Rössler and
    van der Pol systems are left out by default: strong process noise drives them to infinity.)

    Parameters
    ----------
    noise : sequence of float
        Level of the observation noise in each epoch.
    mixing : sequence of float
        Share of the other system in each epoch.
    levels : sequence of float
        Rising levels of noise, above 0 and at most 1: of observation noise, the share of the variance is its square;
        process noise enters with this many standard deviations of the system from one sample to the next.
    families : sequence of str
        Whose systems bear the rising noise.
    pairs_between : int, optional
        How many pairs of systems of different families are drawn, the same ones at every level; None takes all. Those
        of one family are all taken.

    Raises
    ------
    DynalignError
        If levels or shares are out of range, epochs do not match, or ``pairs_between`` is below 1.
    """

    noise: Sequence[float] = (0.004, 0.002, 0.001)
    mixing: Sequence[float] = (1.0, 0.5, 0.25)
    levels: Sequence[float] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    families: Sequence[str] = (*LORENZ, "hopf_focus", "hopf_cycle", "ring", "line", "bistable")
    pairs_between: int | None = 72

    name: ClassVar[str] = "noise"
    title: ClassVar[str] = "Noise"
    about: ClassVar[str] = (
        "Two recordings of one system differ by noise only, and a third has another system mixed in. A metric should "
        "see the mixing and not the noise, and tell families apart for as long as noise allows."
    )

    panels: ClassVar[Sequence[Panel]] = (
        Panel(
            OBSERVATION,
            "Families told apart under observation noise",
            "noise level (1 is noise alone)",
            "AUC",
            log=True,
            line=_THRESHOLD,
        ),
        Panel(
            PROCESS,
            "Families told apart under process noise",
            "noise per sample (standard deviations of the system)",
            "AUC",
            log=True,
            line=_THRESHOLD,
        ),
        Panel(NOISE, "The same system, less and less noise", "epoch", "dissimilarity"),
        Panel(MIXING, "Another system mixed in, less and less", "epoch", "dissimilarity"),
    )

    def __post_init__(self) -> None:
        if len(self.noise) != len(self.mixing) or len(self.noise) < 2:
            raise DynalignError(
                f"noise has {len(self.noise)} epochs and mixing {len(self.mixing)}; both need the same two or more."
            )
        check_families(self.families, " of noise")
        if any(not 0 <= level <= 1 for level in self.noise):
            raise DynalignError(f"noise={list(self.noise)} must hold levels between 0 and 1.")
        if self.pairs_between is not None and self.pairs_between < 1:
            raise DynalignError(f"pairs_between={self.pairs_between} must be at least 1, or null for all pairs.")
        rising = all(first < second for first, second in zip((0.0, *self.levels), self.levels, strict=False))
        if not self.levels or not rising or self.levels[-1] > 1:
            raise DynalignError(f"levels={list(self.levels)} must rise, above 0 and up to 1 at most.")

    @property
    def criteria(self) -> Sequence[Criterion]:
        """Limits of noise, which lie within the levels that are tried, and the study's numbers."""
        least, most = self.levels[0], self.levels[-1]
        return tuple(
            replace(criterion, least=least, most=most) if criterion.name.startswith("limit") else criterion
            for criterion in _CRITERIA
        )

    def material(self, simulation: Simulation, seed: int) -> Material:
        """Return the networks of all epochs, and the families at all levels of noise."""
        rng = np.random.default_rng((seed, *b"noise"))
        systems: dict[str, States] = {}
        comparisons = [*self._epochs(simulation, seed, rng, systems), *self._rising(simulation, seed, rng, systems)]
        return Material(systems, comparisons)

    def judge(self, criterion: str, rows: pd.DataFrame) -> Estimate:
        """Return one criterion; replicates redraw seeds, and systems (within their families for the AUCs)."""
        kind, _, where = criterion.partition("_")
        if kind == "limit":
            return self._limit(rows, OBSERVATION if where == "observation" else PROCESS)
        if kind == "contrast":
            chosen = complete(rows, level=float(len(self.noise)))
            chosen = chosen[chosen["part"].isin([NOISE, MIXING])]
            mixed = (chosen["part"] == MIXING).to_numpy()
            values = values_of(chosen)
            return resampled(chosen, lambda weights: statistics.ratio_of_means(values, mixed, weights))
        chosen = complete(rows, part=NOISE if where == "noise" else MIXING)
        epochs = levels_of(chosen)

        def over_epochs(weights: Array) -> Array:
            means = means_by_level(chosen, epochs, weights)
            return statistics.r_squared(epochs, means) if kind == "linear" else means[:, 0] - means[:, -1]

        return resampled(chosen, over_epochs)

    def curve(self, panel: str, rows: pd.DataFrame) -> Sequence[tuple[float, Estimate]]:
        """Return the AUC at every level of noise above 0, or the mean dissimilarity of every epoch."""
        if panel in (NOISE, MIXING):
            return mean_curve(complete(rows, part=panel))
        complete(rows, part=panel, level=self.levels[0])
        chosen = rows[rows["part"] == panel]
        points = []
        for level in levels_of(chosen):
            here = chosen[chosen["level"] == level]
            points.append((float(level), resampled(here, _auc_of(here), strata=family_of(here))))
        return points

    def _epochs(
        self, simulation: Simulation, seed: int, rng: np.random.Generator, systems: dict[str, States]
    ) -> Iterator[Comparison]:
        clean = {system.label: simulation.record(system, seed) for system in _PATTERNS}
        if not simulation.unit_range:  # one size for all, since they are added
            clean = {label: states / spread(states) for label, states in clean.items()}
        for epoch, (noise, share) in enumerate(zip(self.noise, self.mixing, strict=True), start=1):
            for label, states in clean.items():
                one, two = (f"{label}, network {k}, epoch {epoch}" for k in (1, 2))
                systems[one], systems[two] = (simulation.observe(states, noise, rng) for _ in range(2))
                yield Comparison(one, two, NOISE, float(epoch), False, label, label)
            for (label, states), (added, other) in permutations(clean.items(), 2):
                two, three = f"{label}, network 2, epoch {epoch}", f"{label} + {added}, network 3, epoch {epoch}"
                systems[three] = simulation.observe(states, noise, rng) + share * (other - other[:, :1])
                yield Comparison(two, three, MIXING, float(epoch), True, label, added)

    def _rising(
        self, simulation: Simulation, seed: int, rng: np.random.Generator, systems: dict[str, States]
    ) -> Iterator[Comparison]:
        known = members(self.families)
        for _, system in known:
            states = simulation.record(system, seed)
            systems[f"{system.label}, {CLEAN}"] = states
            for level in self.levels:
                systems[f"{system.label}, {OBSERVATION} {level:g}"] = simulation.observe(states, level, rng)
                systems[f"{system.label}, {PROCESS} {level:g}"] = simulation.record_noisy(system, seed, level, rng)
        pairs = [(*pair, pair[0][0] != pair[1][0]) for pair in combinations(known, 2)]
        between = [place for place, (_, _, different) in enumerate(pairs) if different]
        drawn = set(np.random.default_rng((seed, *b"pairs")).permutation(between)[: self.pairs_between].tolist())
        chosen = [pair for place, pair in enumerate(pairs) if not pair[2] or place in drawn]
        for part, level in [(CLEAN, 0.0), *((part, level) for part in (OBSERVATION, PROCESS) for level in self.levels)]:
            ending = part if part == CLEAN else f"{part} {level:g}"
            for (_, first), (_, second), different in chosen:
                yield Comparison(
                    f"{first.label}, {ending}",
                    f"{second.label}, {ending}",
                    part,
                    level,
                    different,
                    first.label,
                    second.label,
                )

    def _limit(self, rows: pd.DataFrame, part: str) -> Estimate:
        complete(rows, part=CLEAN)
        complete(rows, part=part, level=self.levels[0])  # what fails even here does not fail for noise
        chosen = rows[rows["part"].isin([CLEAN, part])]
        levels = levels_of(chosen)
        at = [(chosen["level"] == level).to_numpy() for level in levels]
        aucs = [_auc_of(chosen[here]) for here in at]

        def limit(weights: Array) -> Array:
            curves = [auc(weights[:, here]) for auc, here in zip(aucs, at, strict=True)]
            return np.array([crossing(levels, curve, _THRESHOLD) for curve in np.stack(curves, axis=1)])

        return resampled(chosen, limit, strata=family_of(chosen))


def _auc_of(rows: pd.DataFrame) -> statistics.Statistic:
    """Return the AUC of one level's rows as a function of their weights; chance, where a pair was refused."""
    values, different = values_of(rows), rows["different"].to_numpy(dtype=bool)
    if np.isnan(values).any():
        return lambda weights: np.full(len(weights), _CHANCE)
    return partial(statistics.auc, values, different)


def crossing(levels: Array, curve: Array, threshold: float) -> float:
    """Return the first level at which a curve falls below a threshold, between levels by a line in log level.

    ``levels`` rise from 0. The result is 0 if the curve starts below, infinite if it never falls below, and NaN if it
    is not known everywhere.
    """
    if np.isnan(curve).any():
        return math.nan
    (below,) = np.nonzero(curve < threshold)
    if not below.size:
        return math.inf
    last = int(below[0])
    if last == 0:
        return 0.0
    share = float((curve[last - 1] - threshold) / (curve[last - 1] - curve[last]))
    low, high = float(levels[last - 1]), float(levels[last])
    return share * high if low == 0 else low * (high / low) ** share
