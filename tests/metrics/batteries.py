"""What the tests that every metric must pass are given: each metric's own test module names its settings.

``AXIOMS`` lists metrics for the battery of axioms, ``FUZZED`` pairs of a metric and how many inputs it gets.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np

import dynalign.metrics
from dynalign.metrics import Driven, DSAMetric, Metric


def every(name: str) -> list[Any]:
    """Return the lists of this name in all test modules, as one."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
    mine = [module for module in modules if f"{name} = [" in (Path(__file__).parent / f"{module}.py").read_text()]
    return [each for module in mine for each in getattr(import_module(f"tests.metrics.{module}"), name)]


def public() -> set[type[Metric]]:
    """Return the metrics of the package, but for its wrapper of another package, which has tests of its own."""
    for module in iter_modules(dynalign.metrics.__path__):
        import_module(f"dynalign.metrics.{module.name}")
    found, new = set(), {Metric}
    while new:
        new = {each for kind in new for each in kind.__subclasses__()} - found
        found |= new
    mine = {each for each in found if each.__module__.startswith("dynalign.metrics.") and not inspect.isabstract(each)}
    return mine - {DSAMetric}


def fed(metric: Metric, x: Any) -> Any:
    """Return a system as the metric takes it: for one that needs inputs, with inputs that depend on the shape alone.

    One channel is constant and one the sum of two others, as they may be.
    """
    if not metric.needs_inputs:
        return x
    try:
        shape = np.shape(x)[:2]
    except ValueError:  # ragged
        shape = ()
    free = np.random.default_rng(7).normal(size=(*(shape if len(shape) == 2 else (3, 8)), 2))
    return Driven(x, np.concatenate([free, free.sum(-1, keepdims=True), np.ones_like(free[..., :1])], axis=-1))


def apart(metric: Metric, x: Any, y: Any) -> float:
    """Return the dissimilarity of two arrays, given as the metric takes them."""
    return metric(fed(metric, x), fed(metric, y))
