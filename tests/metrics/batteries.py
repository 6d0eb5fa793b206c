"""What the tests that every metric must pass are given: each metric's own test module names its settings.

``AXIOMS`` lists metrics for the battery of axioms, ``FUZZED`` pairs of a metric and how many inputs it gets.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import dynalign.metrics
from dynalign.metrics import DSAMetric, Metric


def every(name: str) -> list[Any]:
    """Return the lists of this name in all test modules, as one."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
    mine = [module for module in modules if f"{name} = [" in (Path(__file__).parent / f"{module}.py").read_text()]
    return [each for module in mine for each in getattr(import_module(f"tests.metrics.{module}"), name)]


def public() -> set[type[Metric]]:
    """Return the metrics that the package offers, but for its wrapper of another package, tested on its own."""
    named = [getattr(dynalign.metrics, name) for name in dynalign.metrics.__all__]
    metrics = {each for each in named if isinstance(each, type) and issubclass(each, Metric)}
    return metrics - {Metric, DSAMetric}
