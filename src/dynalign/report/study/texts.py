"""What is said of claims and networks, wherever it is shown, as rows of text: the numbers of every protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dynalign.report.parts.numbers import UNKNOWN, counted, duration, number
from dynalign.report.study.results import Studied, learned, model_of, network_counts, point_counts, title_of
from dynalign.studies import CLAIMS as ATTRACTORS
from dynalign.studies import POOL, AfterLearning, Claim, Mamba, OverLearning
from dynalign.studies.judging import EVERY, GATED

CLAIMS: Sequence[Claim] = (*ATTRACTORS, *AfterLearning.claims, *OverLearning.claims, *Mamba.claims)
"""All claims, by their numbers."""
MARKS = {"inside": "✓", "outside": "✗", "undecided": "?"}
READING = (
    "A part is inside (✓) if its 95 % interval lies wholly where the claim wants it and, where it is tested, Holm's "
    "adjusted p is below 0.05; outside (✗) if the interval lies wholly elsewhere, or two one-sided tests put the "
    "number within half the published effect of 0; undecided (?) otherwise.",
    "A claim is reproduced if all its parts are inside, not reproduced if one is outside, and undecided otherwise. "
    "These rules were fixed before there were numbers (conf/study.yaml).",
    "Intervals resample the seeds of networks and the masters of the pool together (bootstrap-t in a crossed design); "
    "p flips the signs of the seeds' contrasts, each a mean over the pool.",
)

NETWORK_HEADS = ("model", "group", "networks", "learned", "median accuracy", "least", "epochs (median)")
POINT_HEADS = ("model", "group", "networks", "two or more", "one", "none", "slowest mode (median)")


@dataclass(frozen=True)
class Row:
    """A part of a claim: its name, what it is, where it is wanted, what was published, and a cell per column shown."""

    name: str
    about: str
    wanted: str
    published: str
    cells: Sequence[str]


@dataclass(frozen=True)
class Shown:
    """A claim as it is shown.

    Attributes
    ----------
    claim : Claim
    outcomes : sequence of (str, str)
        What each verdict is on, and the verdict; those on which the others do not depend come first.
    heads : sequence of str
        Of the cells.
    rows : sequence of Row
    """

    claim: Claim
    outcomes: Sequence[tuple[str, str]]
    heads: Sequence[str]
    rows: Sequence[Row]


def shown(studies: Sequence[Studied]) -> list[Shown]:
    """Return every claim on which there is a verdict."""
    return [each for each in (_shown(claim, studies) for claim in CLAIMS) if each is not None]


def outcome_of(claim: int, studied: Studied, networks: str = EVERY) -> str:
    """Return the verdict on a claim, by the column that is judged."""
    found = studied.verdict(claim, column=None if claim <= len(ATTRACTORS) else studied.judged, networks=networks)
    return UNKNOWN if found is None else str(found["outcome"])


def value_of(part: Mapping[str, Any]) -> str:
    """Return a part's number with its interval and p, and what became of it; why there is none where there is none."""
    mark = MARKS[part["outcome"]]
    if part["value"] is None:
        return f"{mark} {UNKNOWN}"
    tested = "" if part["p"] is None else f", p {number(part['p'])}"
    return f"{mark} {number(part['value'])} [{number(part['low'])}, {number(part['high'])}]{tested}"


def _shown(claim: Claim, studies: Sequence[Studied]) -> Shown | None:
    found = [(studied, each) for studied in studies for each in studied.verdicts if each["claim"] == claim.number]
    if not found:
        return None
    columns: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    outcomes = []
    for studied, each in found:
        way = [studied.title] if len(studies) > 1 else []
        if claim.number > len(ATTRACTORS):
            way.append(studied.columns.get(each["column"], each["column"]))
        if each["networks"] == GATED:
            way.append(GATED)
        name = ", ".join(way) or "all"
        outcomes.append((name, str(each["outcome"])))
        if each["networks"] == EVERY:
            columns[name] = {part["name"]: part for part in each["parts"]}
    names = list(dict.fromkeys(name for parts in columns.values() for name in parts))
    rows = []
    for name in names:
        some = next(parts[name] for parts in columns.values() if name in parts)
        cells = [value_of(parts[name]) if name in parts else UNKNOWN for parts in columns.values()]
        rows.append(Row(name, some["about"], _wanted(some["region"]), number(some["published"]), cells))
    return Shown(claim, outcomes, list(columns), rows)


def _wanted(region: Sequence[float | None]) -> str:
    low, high = region
    if low is None:
        return f"< {high:g}"
    return f"> {low:g}" if high is None else f"{low:g} to {high:g}"


def group_name(group: str) -> str:
    """Return what a group is called in tables."""
    return "master, pool" if group == POOL else title_of(group)


def how_many_learned(studied: Studied) -> str:
    """Say how many networks can do the task."""
    count, total = learned(studied)
    return (
        f"{count} of {counted(total, 'trained network')} reach {100 * studied.gate:.0f} % of the ideal observer's "
        "accuracy on the whole task; the others are counted and kept."
    )


def network_rows(studied: Studied) -> list[list[str]]:
    """Return a row for every group, under ``NETWORK_HEADS``."""
    return [
        [
            model_of(row.model),
            group_name(row.group),
            str(row.networks),
            "–" if row.group == "untrained" else f"{row.learned}/{row.networks}",
            number(row.median),
            number(row.least),
            row.usual_epochs,
        ]
        for row in network_counts(studied.networks)
    ]


def point_rows(studied: Studied) -> list[list[str]]:
    """Return a row for every group whose fixed points were searched, under ``POINT_HEADS``."""
    return [
        [
            model_of(row.model),
            group_name(row.group),
            *(str(count) for count in (row.networks, row.several, row.one, row.none)),
            duration(row.time_constant / 1000),
        ]
        for row in point_counts(studied.points)
    ]
