"""What is said of metrics, all of it from their descriptions: quantities at axes, headings, guides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from dynalign.metrics.base import Description

NO_UNIT = "none"
_SCALES = {
    "angle / (π/2)": "an angle divided by π/2: 1 is a right angle, nothing in common",
    "rad": "an angle in radians: π/2, about 1.57, is a right angle, nothing in common",
    NO_UNIT: "a number without a unit",
}


class Guide(NamedTuple):
    """Metrics explained that differ in their settings alone: the labels, what they do, what they do not see."""

    title: str
    about: str
    blind_spot: str
    labels: Sequence[str]


def with_unit(quantity: str, unit: str, between: str = " ") -> str:
    """Return what stands at an axis: a quantity and, in brackets, its unit if it has one."""
    return quantity if unit == NO_UNIT else f"{quantity}{between}({unit})"


def heading(label: str, metrics: Mapping[str, Description]) -> str:
    """Return what stands above a figure: a metric's label and, if it has been described, what it compares."""
    return f"{label} · {metrics[label].compares}" if label in metrics else label


def guides(metrics: Mapping[str, Description]) -> list[Guide]:
    """Return every metric explained once, whatever its settings."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for label, each in metrics.items():
        found.setdefault((each.title, each.about, each.blind_spot), []).append(label)
    return [Guide(*texts, labels) for texts, labels in found.items()]


def scales(metrics: Mapping[str, Description]) -> list[str]:
    """Say what the numbers of metrics are, a sentence for each unit that they have."""
    labels: dict[str, list[str]] = {}
    for label, each in metrics.items():
        labels.setdefault(each.unit, []).append(label)
    if len(labels) == 1:
        return [f"Every dissimilarity here is {_scale(*labels)}."]
    return [f"{listed(those)}: {_scale(unit)}." for unit, those in labels.items()]


def _scale(unit: str) -> str:
    return _SCALES.get(unit, f"measured in {unit}" if not unit.startswith("unit ") else f"in the {unit}")


def listed(names: Collection[str]) -> str:
    """Return names as a sentence lists them; nothing for none."""
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last
