"""From what was measured to a verdict on every claim, for all networks and for those that learned their task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dynalign.metrics import DSA
from dynalign.studies.attractors import CLAIMS, Attractors
from dynalign.studies.base import Claim, Evidence, Study
from dynalign.studies.population import Member, Population
from dynalign.studies.verdict import Part, Rule, Verdict, verdict

EVERY, GATED = "every network", "networks that learned their task"


@dataclass(frozen=True)
class Judged:
    """A claim, by which column and which networks it was judged, and the verdict."""

    claim: Claim
    column: str
    networks: str
    verdict: Verdict


def judge_attractors(attractors: Attractors, rows: pd.DataFrame, evidence: Evidence, rule: Rule) -> list[Judged]:
    """Return the verdicts on the claims about systems whose dynamics are known."""
    return [
        Judged(claim, "dsa", EVERY, verdict(attractors.parts(claim, rows, evidence.marks), rule)) for claim in CLAIMS
    ]


def judge_studies(studies: Sequence[Study], evidence: Evidence, rule: Rule) -> list[Judged]:
    """Return the verdicts on the claims of studies, by every column of DSA, the one that is judged first.

    Where networks did not learn their task, there is a verdict without them beside that on every network.
    """
    columns = [evidence.dsa, *(name for name, each in evidence.columns.items() if isinstance(each.metric, DSA))]
    ways = {EVERY: evidence}
    if not all(evidence.population.passes(member) for member in evidence.population.runs):
        ways[GATED] = gated(evidence)
    found = []
    for study in studies:
        for claim in study.claims:
            for column in dict.fromkeys(columns):
                for networks, known in ways.items():
                    parts = study.parts(claim, replace(known, dsa=column))
                    found.append(Judged(claim, column, networks, verdict(parts, rule)))
    return sorted(found, key=lambda judged: judged.claim.number)


def gated(evidence: Evidence) -> Evidence:
    """Return the evidence of the networks that learned their task."""
    population = evidence.population
    passing = {member for member in population.runs if population.passes(member)}

    def kept(prefix: str) -> npt.NDArray[np.bool_]:
        names = zip(*(evidence.rows[f"{prefix}{name}"] for name in ("model", "group", "seed")), strict=True)
        return np.array([Member(*name) in passing for name in names], dtype=bool)

    rows = evidence.rows[kept("") & kept("other_")] if len(evidence.rows) else evidence.rows
    runs = {member: run for member, run in population.runs.items() if member in passing}
    return replace(evidence, rows=rows, population=replace(population, runs=runs))


def as_plain(judged: Judged) -> dict[str, Any]:
    """Return a verdict as plain data."""
    return {
        "claim": judged.claim.number,
        "column": judged.column,
        "networks": judged.networks,
        "outcome": judged.verdict.outcome,
        "why": judged.verdict.why,
        "parts": [
            {
                "name": each.part.name,
                "about": each.part.about,
                "region": [None if np.isinf(end) else end for end in each.part.region],
                "published": each.part.published,
                "outcome": each.outcome,
                "why": each.why,
                "p": each.p,
                **_number(each.part),
            }
            for each in judged.verdict.parts
        ],
    }


def _number(part: Part) -> dict[str, float | None]:
    if part.estimate is None:
        return {"value": None, "low": None, "high": None}
    low, high = part.estimate.interval()
    numbers = {"value": part.estimate.value, "low": low, "high": high}
    return {name: float(number) if np.isfinite(number) else None for name, number in numbers.items()}


def accuracies(population: Population) -> pd.DataFrame:
    """Return a row per network: model, group, seed, accuracy on the target, epochs, whether it learned, seconds."""
    rows: list[Mapping[str, Any]] = []
    for member, run in population.runs.items():
        rows.append(
            {
                **member._asdict(),
                "accuracy": population.accuracy(population.last(member)),
                "ideal_accuracy": population.ideal,
                "epochs": run.epochs[-1],
                "learned": population.passes(member),
                "seconds": run.seconds,
                "key": run.key,
                "reason": "",
            }
        )
    for member, reason in population.lost.items():
        unknown = dict.fromkeys(("accuracy", "epochs", "seconds"), np.nan)
        rows.append(
            {
                **member._asdict(),
                **unknown,
                "ideal_accuracy": population.ideal,
                "learned": False,
                "key": "",
                "reason": reason,
            }
        )
    return pd.DataFrame(rows)
