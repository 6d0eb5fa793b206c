"""Let a metric measure a test case: every pair once, and no number lost for the sake of another."""

from __future__ import annotations

import hashlib
import inspect
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import dynalign
from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.testcases.base import Comparison, Material

_CHUNK = 64  # pairs that are compared together
_DECIDING = ("metrics/*.py", "attractors/*.py", "perturbations.py", "testcases/measure.py", "testcases/protocol.py")


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


def measure(metric: Metric, material: Material) -> Measured:
    """Let a metric measure every pair that is to be compared.

    Every system is prepared once and every pair measured once. Where the metric refuses a system or a pair, fails, or
    returns something that is not a finite number, that pair's row holds the reason, and the others their numbers.
    """
    pairs = list(dict.fromkeys((comparison.first, comparison.second) for comparison in material.comparisons))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        found = _distances(metric, material, pairs)
        seconds = time.perf_counter() - start
    results = dict(zip(pairs, found, strict=True))
    rows = []
    for comparison in material.comparisons:
        value, reason = results[comparison.first, comparison.second]
        rows.append({**comparison._asdict(), "dissimilarity": value, "reason": reason})
    said = list(dict.fromkeys(str(warning.message) for warning in caught))
    return Measured(rows, len(pairs), seconds, said)


def source_key(*objects: object) -> str:
    """Return a hash of the code that decides what is measured: this package's, and the files of the objects' classes.

    Whoever works on a metric gets new numbers from new code, and not what the old code left in a store.
    """
    package = Path(dynalign.__file__).parent
    files = {path for pattern in _DECIDING for path in package.glob(pattern)}
    files |= {Path(inspect.getfile(inspect.getmodule(type(each)) or dynalign)) for each in objects}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def as_rows(measured: Measured, *, metric: str, case: str, seed: int) -> pd.DataFrame:
    """Return what was measured as a table, with where it comes from."""
    table = pd.DataFrame(measured.rows, columns=[*Comparison._fields, "dissimilarity", "reason"])
    table["dissimilarity"] = table["dissimilarity"].astype(float)
    table.insert(0, "seed", seed)
    table.insert(0, "testcase", case)
    table.insert(0, "metric", metric)
    return table


Result = tuple[float | None, str]


def _distances(metric: Metric, material: Material, pairs: Sequence[tuple[str, str]]) -> list[Result]:
    prepared: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        prepared[name], refused[name] = _attempt(lambda: metric.prepare(material.systems[name], where=name))  # noqa: B023
    results: dict[tuple[str, str], Result] = {
        pair: (None, refused[pair[0]] or refused[pair[1]]) for pair in pairs if refused[pair[0]] or refused[pair[1]]
    }
    able = [pair for pair in pairs if pair not in results]
    for start in range(0, len(able), _CHUNK):
        chunk = able[start : start + _CHUNK]
        together = [(prepared[a], prepared[b]) for a, b in chunk]
        values, reason = _attempt(lambda: _numbers(metric, together))  # noqa: B023
        if not reason:
            results |= {pair: _checked(value) for pair, value in zip(chunk, values, strict=True)}
            continue
        for pair, couple in zip(chunk, together, strict=True):  # one bad pair must not take its neighbours with it
            values, reason = _attempt(lambda: _numbers(metric, [couple]))  # noqa: B023
            results[pair] = (None, reason) if reason else _checked(values[0])
    return [results[pair] for pair in pairs]


def _numbers(metric: Metric, pairs: Sequence[tuple[Any, Any]]) -> npt.NDArray[np.float64]:
    """Return the dissimilarities of prepared pairs, which must be as many."""
    values = np.asarray(metric.distances(pairs), dtype=np.float64)
    if values.shape != (len(pairs),):
        raise DynalignError(f"returned numbers of shape {values.shape} for {len(pairs)} pairs")
    return values


def _checked(value: float) -> Result:
    return (float(value), "") if np.isfinite(value) else (None, f"returned {value:g}")


def _attempt(work: Callable[[], Any]) -> tuple[Any, str]:
    """Return what ``work`` returns; or None, and why it failed, whatever a metric of someone else may raise."""
    try:
        return work(), ""
    except Exception as error:
        return None, str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
