"""Descriptions of metrics, as results carry them: some of this package, any other as someone else's."""

from __future__ import annotations

from dynalign.metrics import CKA, DSA, CausalOT, Metric, Procrustes
from dynalign.metrics.base import Description

_KNOWN: tuple[Metric, ...] = (DSA(), DSA(rank=3), DSA(rank=10), DSA(scale="radians"), CKA(), Procrustes(), CausalOT())


def described(*labels: str) -> dict[str, Description]:
    """Return a description for every label."""
    known = {metric.label: metric.describe() for metric in _KNOWN}
    return {label: known.get(label, foreign(label)) for label in labels}


def foreign(label: str) -> Description:
    """Return what a metric of someone else says of itself."""
    return Description("mine", label, "none", f"{label}, in full", "Compares tea.", "Coffee.", "geometry")
