"""What do metrics make of systems whose dynamics are known? Claims 1 to 3, from the test cases (E1 to E3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dynalign import statistics
from dynalign.errors import DynalignError
from dynalign.identity import describe
from dynalign.metrics import CKA, DSA, Metric, Procrustes
from dynalign.statistics import Array, Estimate
from dynalign.store import RunStore
from dynalign.studies.base import Claim, Judged, Marks, part_of
from dynalign.studies.verdict import Part
from dynalign.testcases import (
    Composition,
    Families,
    LostError,
    Measured,
    Noise,
    Simulation,
    TestCase,
    lost,
    measure_cells,
    stored_cells,
)
from dynalign.testcases.base import complete, means_by_level, resampled, values_of
from dynalign.testcases.families import FRESH, MATCHED, family_of
from dynalign.testcases.measure import as_rows, measured_file
from dynalign.testcases.noise import NOISE

FAMILIES = Claim(
    1,
    "E1",
    "DSA tells families of attractors apart, and better than CKA and Procrustes.",
    "between over within: DSA 2.18, CKA 1.12, Procrustes 1.16",
    "DSA's ratio at least 1.8, and above the larger of CKA's and Procrustes'",
)
NOISES = Claim(
    2,
    "E2",
    "All metrics fall with the noise; DSA does so most linearly, and moves least where there is noise alone.",
    "R² under noise alone: DSA 0.982, CKA 0.964, Procrustes 0.964; relative range 0.14, 0.75, 0.74",
    "every slope on the noise above 0; DSA's R² above and its relative range below those of both others",
)
MOTIFS = Claim(
    3,
    "E3",
    "DSA falls at least three times as far as CKA and Procrustes from one to three shared motifs.",
    "fall (unordered): DSA 0.404 rad, CKA 0.08, Procrustes 0.084",
    "DSA's fall less three times that of CKA, and of Procrustes, each above 0",
)
CLAIMS = (FAMILIES, NOISES, MOTIFS)
DYNAMICS, OTHERS = "dsa", ("cka", "procrustes")


@dataclass(frozen=True)
class Attractors:
    """The test cases behind the first three claims.

    Parameters
    ----------
    simulation : Simulation
    dsa, cka, procrustes : Metric
    noise : sequence of float
        Levels of observation noise, falling.
    composition : Composition
    seeds : int
        Independent draws of the material.

    Raises
    ------
    DynalignError
        If there is no draw.
    """

    simulation: Simulation
    dsa: Metric = field(default_factory=DSA)
    cka: Metric = field(default_factory=CKA)
    procrustes: Metric = field(default_factory=Procrustes)
    noise: Sequence[float] = (0.128, 0.064, 0.032, 0.016, 0.008, 0.004, 0.002, 0.001)
    composition: Composition = field(default_factory=Composition)
    seeds: int = 3

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise DynalignError(f"seeds={self.seeds} must be at least 1.")

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics by name."""
        return {DYNAMICS: self.dsa, OTHERS[0]: self.cka, OTHERS[1]: self.procrustes}

    @property
    def cases(self) -> Mapping[Claim, TestCase]:
        """The test case of each claim."""
        shares = tuple(2.0**-place for place in range(len(self.noise)))
        return {
            FAMILIES: Families(),
            NOISES: Noise(noise=tuple(self.noise), mixing=shares),
            MOTIFS: self.composition,
        }

    def measure(self, store: RunStore, progress: Callable[[str, int, int], None] | None = None) -> pd.DataFrame:
        """Return what every metric measures on every case and seed, from the store where it is known there."""
        cases, paths = self._named, self.cells(store)
        wanted, found = list(paths), stored_cells(paths)
        missing = [cell for cell in wanted if cell not in found]
        places = {(case, seed) for case, seed, _ in missing}
        materials = {(case, seed): cases[case].material(self.simulation, seed) for case, seed in places}
        tasks = {cell: (self.metrics[cell[2]], materials[cell[:2]]) for cell in missing}
        for cell, result in measure_cells(tasks, paths):
            found[cell] = result if isinstance(result, Measured) else lost(tasks[cell][1], result)
            if progress is not None:
                progress("test cases", len(found), len(wanted))
        tables = [as_rows(found[case, seed, name], metric=name, case=case, seed=seed) for case, seed, name in wanted]
        return pd.concat(tables, ignore_index=True)

    @property
    def _named(self) -> Mapping[str, TestCase]:
        return {case.name: case for case in self.cases.values()}

    def cells(self, store: RunStore) -> dict[tuple[str, int, str], Path]:
        """Return all that is measured, by test case, seed and metric, with the file that it is kept in."""
        return {
            (name, seed, metric): self._path(case, seed, self.metrics[metric], store)
            for name, case in self._named.items()
            for seed in range(self.seeds)
            for metric in self.metrics
        }

    def _path(self, case: TestCase, seed: int, metric: Metric, store: RunStore) -> Path:
        about = {"settings": describe(case, vars(case)), "simulation": asdict(self.simulation)}
        return measured_file(store, metric, case, seed, **about)

    def parts(self, claim: Claim, rows: pd.DataFrame, marks: Marks) -> list[Part]:
        """Return the parts of a claim, with their numbers."""
        mine = rows[rows["testcase"] == self.cases[claim].name]
        tables = {name: mine[mine["metric"] == name].reset_index(drop=True) for name in (DYNAMICS, *OTHERS)}
        if claim is FAMILIES:
            return self._families(tables, marks)
        return self._noises(tables) if claim is NOISES else self._motifs(tables, marks)

    def _families(self, tables: Mapping[str, pd.DataFrame], marks: Marks) -> list[Part]:
        fresh = self.simulation.starts == "fresh"
        part = FRESH if fresh else MATCHED

        def ratio(name: str) -> Estimate:
            rows = complete(tables[name], part=part)
            rows = rows[rows["a"] != rows["b"]]
            values, different = values_of(rows), rows["different"].to_numpy(dtype=bool)
            return resampled(
                rows, lambda weights: statistics.ratio_of_means(values, different, weights), strata=family_of(rows)
            )

        return [
            part_of(
                "ratio of DSA",
                "Mean DSA between families over that within.",
                (marks.ratio, np.inf),
                lambda: _known(ratio, DYNAMICS),
                published=None,
            ),
            part_of(
                "DSA - the larger other",
                "DSA's ratio less the larger of CKA's and Procrustes'.",
                (0.0, np.inf),
                lambda: _known(lambda name: ratio(name) - _larger([ratio(other) for other in OTHERS]), DYNAMICS),
                published=2.18 - 1.16,
            ),
        ]

    def _noises(self, tables: Mapping[str, pd.DataFrame]) -> list[Part]:
        levels = np.asarray(self.noise, dtype=np.float64)

        def of_means(name: str, formula: Callable[[Array], Array]) -> Estimate:
            rows = complete(tables[name], part=NOISE)
            epochs = np.arange(1, len(levels) + 1, dtype=np.float64)
            return resampled(rows, lambda weights: formula(means_by_level(rows, epochs, weights)))

        def linear(name: str) -> Estimate:
            return of_means(name, lambda means: statistics.r_squared(levels, means))

        def moved(name: str) -> Estimate:
            return of_means(name, lambda means: (means.max(axis=1) - means.min(axis=1)) / means.max(axis=1))

        parts = [
            part_of(
                f"slope of {_TITLES[name]}",
                f"How much {_TITLES[name]} of two recordings of one system rises with the noise on them.",
                (0.0, np.inf),
                partial(_known, lambda name: of_means(name, partial(_slope, levels)), name),
            )
            for name in (DYNAMICS, *OTHERS)
        ]
        for other in OTHERS:
            parts += [
                part_of(
                    f"R², DSA - {_TITLES[other]}",
                    f"By how much a line over the noise explains more of DSA than of {_TITLES[other]}.",
                    (0.0, np.inf),
                    partial(_known, lambda name: linear(DYNAMICS) - linear(name), other),
                    published=0.018,
                ),
                part_of(
                    f"relative range, {_TITLES[other]} - DSA",
                    f"By how much {_TITLES[other]} moves more than DSA, each relative to its largest mean.",
                    (0.0, np.inf),
                    partial(_known, lambda name: moved(name) - moved(DYNAMICS), other),
                    published=0.6,
                ),
            ]
        return parts

    def _motifs(self, tables: Mapping[str, pd.DataFrame], marks: Marks) -> list[Part]:
        def fall(name: str) -> Estimate:
            rows = complete(tables[name], part="unordered")
            shared = np.array([1.0, 3.0])
            return resampled(rows, lambda weights: -np.diff(means_by_level(rows, shared, weights), axis=1)[:, 0])

        def beyond(other: str) -> Estimate:
            theirs = fall(other)
            return fall(DYNAMICS) - replace(theirs, value=marks.fall * theirs.value, draws=marks.fall * theirs.draws)

        return [
            part_of(
                f"DSA - {marks.fall:g} x {_TITLES[other]}",
                f"DSA's fall from one to three shared motifs, less {marks.fall:g} times that of {_TITLES[other]}.",
                (0.0, np.inf),
                partial(_known, beyond, other),
                published=0.404 * 2 / np.pi - marks.fall * 0.08,
            )
            for other in OTHERS
        ]


_TITLES: Mapping[str, Any] = {"dsa": "DSA", "cka": "CKA", "procrustes": "Procrustes"}


def _known(compute: Callable[[str], Estimate], name: str) -> Judged:
    """Return an estimate; raise a DynalignError where a number that it needs is missing."""
    try:
        found = compute(name)
    except LostError as error:
        raise DynalignError(str(error)) from error
    if not np.isfinite(found.value):
        raise DynalignError("the dissimilarities leave it undefined")
    return found, None


def _larger(estimates: Sequence[Estimate]) -> Estimate:
    """Return the largest of some estimates, replicate by replicate."""
    draws: Array = np.max([each.draws for each in estimates], axis=0)
    return Estimate(max(each.value for each in estimates), draws)


def _slope(levels: Array, means: Array) -> Array:
    """Return the slope of a line through means (n, levels)."""
    centred = levels - levels.mean()
    slope: Array = (means - means.mean(axis=1, keepdims=True)) @ centred / (centred @ centred)
    return slope
