"""Metrics as someone else might write them, for tests: of the kind that a leaderboard has to survive."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynalign.metrics import Metric


@dataclass(frozen=True)
class Mean(Metric):
    """How far apart the mean speeds of two systems are: simple, finite, and not even a good one."""

    name = "mean"
    title = full_title = "Mean speed"
    compares = "dynamics"
    about = "Compares mean speeds."
    blind_spot = "Everything else."
    needs_matched_trials = False

    def prepare(self, x: Any, *, where: str = "x") -> float:
        return float(np.abs(np.diff(x, axis=1)).mean() / np.std(x))

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        return np.array([abs(a - b) for a, b in pairs])


class Hanging(Mean):
    """Never comes to an end."""

    name, title = "hanging", "Hanging"

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        time.sleep(600)
        return super().distances(pairs)


class Dying(Mean):
    """Takes its process with it."""

    name, title = "dying", "Dying"

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        os._exit(3)


class Undefined(Mean):
    """Returns no number."""

    name, title = "undefined", "Undefined"

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        return np.full(len(pairs), np.nan)


class Failing(Mean):
    """Raises what nobody foresaw."""

    name, title = "failing", "Failing"

    def prepare(self, x: Any, *, where: str = "x") -> float:
        raise KeyError(where)


class Silent(Metric):
    """Says nothing of itself."""

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        return x

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        return np.zeros(len(pairs))


class NoMetric:
    """Is something else."""
