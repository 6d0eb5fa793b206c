"""Networks that were never trained and tables that nobody measured, so that what follows from them is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.metrics import CKA, DSA, Procrustes
from dynalign.representations import Representation
from dynalign.store import Run
from dynalign.studies import POOL, Column, Evidence, Marks, Member, Population
from dynalign.studies.population import POOL_SEEDS

COLUMNS = {
    "dsa": Column("dsa", "DSA", DSA(), Representation()),
    "cka": Column("cka", "CKA", CKA(), Representation()),
    "procrustes": Column("procrustes", "Procrustes", Procrustes(), Representation()),
}
STEPS = 10  # in an epoch
Value = Callable[[str, Member, Member], float]


def run(key: str, accuracy: Iterable[float], before: Run | None = None) -> Run:
    """Return a run that reached these accuracies, epoch by epoch; they follow those of the run before."""
    first = 0 if before is None else before.epochs[-1] + 1
    rows = [{"epoch": first + k, "step": STEPS * (first + k), "accuracy": each} for k, each in enumerate(accuracy)]
    history = pd.DataFrame(rows)
    if before is not None:
        history = pd.concat([before.history, history], ignore_index=True)
    return Run(key, Path(key), {}, history, 1.0, before)


def members(groups: Iterable[str], *, seeds: int = 2, pool: int = 2, model: str = "rnn") -> list[Member]:
    """Return the networks of groups, and a pool."""
    return [
        *(Member(model, POOL, POOL_SEEDS + place) for place in range(pool)),
        *(Member(model, group, seed) for group in groups for seed in range(seeds)),
    ]


def population(networks: Iterable[Member], reached: Mapping[Member, float] | None = None) -> Population:
    """Return networks of five epochs that have learned their task, save for those that reached something else."""
    reached = reached or {}
    runs = {}
    for place, member in enumerate(networks):
        pretraining = run(f"{place:015x}b", [0.5, 0.6]) if member.group in ("basic", "full") else None
        learning = [0.5] if member.group == "untrained" else [0.5, 0.6, 0.7, 0.8, reached.get(member, 0.9)]
        runs[member] = run(f"{place:016x}", learning, pretraining)
    return Population(runs, {}, ideal=0.9, gate=0.95)


def row(column: str, first: Member, other: Member, value: float, **changes: Any) -> dict[str, Any]:
    """Return a row of the table that comparing leaves."""
    each = {
        prefix + name: known
        for prefix, member in (("", first), ("other_", other))
        for name, known in {**member._asdict(), "epoch": 4, "control": "", "accuracy": 0.9}.items()
    }
    return {"column": column, "part": "trained", "x": 0.0, **each, "dissimilarity": value, "reason": "", **changes}


def to_pool(networks: Iterable[Member], value: Value, **changes: Any) -> list[dict[str, Any]]:
    """Return the rows of all networks against the pool of their model, by every column."""
    networks = list(networks)
    pool = [member for member in networks if member.group == POOL]
    return [
        row(column, member, other, value(column, member, other), **changes)
        for column in COLUMNS
        for member in networks
        for other in pool
        if member.group != POOL and member.model == other.model
    ]


def evidence(rows: Iterable[Mapping[str, Any]], networks: Iterable[Member], **changes: Any) -> Evidence:
    """Return what a study is given to judge."""
    known: dict[str, Any] = {"columns": COLUMNS, "dsa": "dsa", "marks": Marks(), "population": population(networks)}
    some = Member("rnn", "full", 0)
    table = pd.DataFrame(list(rows), columns=list(row("dsa", some, some, 0.0)))
    return Evidence(table, **{**known, **changes})


def scatter(member: Member, other: Member) -> float:
    """Return a number up to 0.01 that is of this pair, the same whatever the group."""
    return 0.01 * ((7 * member.seed + 3 * (other.seed - POOL_SEEDS)) % 11) / 10
