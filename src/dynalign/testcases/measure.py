"""Let a metric measure a test case: every pair once, and no number lost for the sake of another."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.identity import code_key, describe
from dynalign.metrics import Driven, Metric, measure
from dynalign.metrics.hankel_dmd import NO_DYNAMICS
from dynalign.store import RunStore
from dynalign.testcases.base import Comparison, Material, System, TestCase

_DECIDING = ("attractors", "perturbations", "testcases/measure", "testcases/simulation")
"""Rooms whose code decides what is measured, besides that of metrics."""


@dataclass(frozen=True)
class Measured:
    """What a metric measured on the material of one seed.

    Attributes
    ----------
    rows : list of dict
        A row per comparison: its fields, ``dissimilarity`` (None where there is none) and ``reason``.
    pairs : int
        Different pairs that were measured.
    seconds : float
        For all of them, preparation included.
    warnings : list of str
        What the metric warned of, each once.
    """

    rows: list[dict[str, Any]]
    pairs: int
    seconds: float
    warnings: list[str]

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Measured:
        """Return what was kept as plain data.

        Raises
        ------
        ValueError, TypeError, KeyError
            If that is not whole: a number is none, or pairs are missing.
        """
        found = cls(**plain)
        for row in found.rows:
            value = row["dissimilarity"]
            if set(row) != {*Comparison._fields, "dissimilarity", "reason"} or (value is None) == (not row["reason"]):
                raise ValueError("a row is not whole")
            if value is not None and not math.isfinite(value):
                raise ValueError("a number is none")
        if len({(row["first"], row["second"]) for row in found.rows}) != found.pairs or not found.rows:
            raise ValueError("pairs are missing")
        return found

    @property
    def complete(self) -> bool:
        """Whether every pair has its number, or none for good; what failed otherwise is worth another try."""
        return all(not row["reason"] or NO_DYNAMICS in row["reason"] for row in self.rows)


def measured_file(
    store: RunStore, metric: Metric, case: TestCase, seed: int, *, settings: Mapping[str, Any], simulation: Any
) -> Path:
    """Return the file for what a metric measures on a test case, named after everything that determines it.

    ``settings`` of the case and the ``simulation`` are given in plain numbers, text, lists and mappings.
    """
    return store.file(
        {
            "kind": "testcase",
            "metric": describe(metric, metric.settings),
            "testcase": settings,
            "simulation": simulation,
            "seed": seed,
            "code": code_key(metric, case, rooms=_DECIDING),
        }
    )


def measure_material(metric: Metric, material: Material) -> Measured:
    """Let a metric measure every pair that is to be compared, each once; see ``dynalign.metrics.measure``.

    One that needs inputs is given them where systems are driven, and loses all pairs where they are not.
    """
    if metric.needs_inputs and not all(isinstance(system, Driven) for system in material.systems.values()):
        return lost(material, "needs inputs, and the systems of this test case run without any")
    pairs = list(dict.fromkeys((comparison.first, comparison.second) for comparison in material.comparisons))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        found = measure(metric, {name: _seen(metric, each) for name, each in material.systems.items()}, pairs)
        seconds = time.perf_counter() - start
    results = dict(zip(pairs, found, strict=True))
    rows = []
    for comparison in material.comparisons:
        distance = results[comparison.first, comparison.second]
        value = None if distance.reason else distance.value
        rows.append({**comparison._asdict(), "dissimilarity": value, "reason": distance.reason})
    said = list(dict.fromkeys(str(warning.message) for warning in caught))
    return Measured(rows, len(pairs), seconds, said)


def lost(material: Material, reason: str) -> Measured:
    """Return what there is of a material that was never measured to the end: for every comparison, why not."""
    rows = [{**each._asdict(), "dissimilarity": None, "reason": reason} for each in material.comparisons]
    return Measured(rows, 0, 0.0, [])


def _seen(metric: Metric, system: System) -> Any:
    """Return what a metric is given of a system."""
    return system.states if isinstance(system, Driven) and not metric.needs_inputs else system


def as_rows(measured: Measured, *, metric: str, case: str, seed: int) -> pd.DataFrame:
    """Return what was measured as a table, with where it comes from."""
    table = pd.DataFrame(measured.rows, columns=[*Comparison._fields, "dissimilarity", "reason"])
    table["dissimilarity"] = table["dissimilarity"].astype(float)
    table.insert(0, "seed", seed)
    table.insert(0, "testcase", case)
    table.insert(0, "metric", metric)
    return table
