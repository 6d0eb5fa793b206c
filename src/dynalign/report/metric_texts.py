"""What the report calls a metric and says about it; its table knows a metric by the name alone."""

from __future__ import annotations

from typing import NamedTuple

import dynalign.metrics
from dynalign.metrics import Metric

_EXPORTED = [getattr(dynalign.metrics, name) for name in dynalign.metrics.__all__]
METRICS: dict[str, type[Metric]] = {
    each.name: each for each in _EXPORTED if isinstance(each, type) and issubclass(each, Metric) and each is not Metric
}
"""The metrics of this package, by name."""


class Guide(NamedTuple):
    """A metric explained: its name, what it does, what it does not see."""

    name: str
    about: str
    blind_spot: str


def metric_of(label: str) -> type[Metric] | None:
    """Return the metric that a leaderboard's label stands for, or None if it is not of this package.

    Its first word is the name of a metric, or such a name and, after an underscore, what a config makes of it: both
    "dsa rank=10" and "dsa_low_rank" are DSA.
    """
    key = label.partition(" ")[0]
    name = max((name for name in METRICS if f"{key}_".startswith(f"{name}_")), key=len, default="")
    return METRICS.get(name)


def named(label: str) -> str:
    """Return what a leaderboard's label is called in sentences: the metric's title, and then what is special."""
    metric = metric_of(label)
    if metric is None:
        return label
    key, gap, settings = label.partition(" ")
    variant = key.removeprefix(metric.name).strip("_").replace("_", " ")
    return metric.title + (f" ({variant})" if variant else "") + gap + settings


def title(metric: str) -> str:
    """Return what a metric is called in sentences; one that is not of this package has its name alone."""
    return METRICS[metric].title if metric in METRICS else metric


def figure_title(metric: str) -> str:
    """Return what stands above a figure: the metric, and what it compares."""
    return f"{METRICS[metric].title} · {METRICS[metric].compares}" if metric in METRICS else metric


def guide(metric: str) -> Guide:
    """Return a metric explained."""
    if metric not in METRICS:
        return Guide(metric, "A dissimilarity: 0 is the same.", "")
    return Guide(METRICS[metric].full_title, METRICS[metric].about, METRICS[metric].blind_spot)
