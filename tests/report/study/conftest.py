from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.studies.made_up import COLUMNS, evidence, members, population, row

from dynalign.report import Studied
from dynalign.studies import (
    POOL,
    AfterLearning,
    Mamba,
    Member,
    OverLearning,
    RnnVsMamba,
    Rule,
    WithinLearning,
    accuracies,
    as_plain,
    judge_studies,
)

GROUPS = ["untrained", "master_frozen", "master", "basic", "full"]
FAR = {"untrained": 0.4, "master_frozen": 0.3, "master": 0.1, "basic": 0.2, "full": 0.1, POOL: 0.1}
STUDIES = (AfterLearning(), OverLearning(), WithinLearning(), Mamba(), RnnVsMamba())
POINTS = pd.DataFrame(
    {
        "model": "rnn", "group": ["full", "full", "full", POOL], "seed": [0, 1, 2, 1000], "stable": [2, 1, 0, 3],
        "unstable": 1, "slow": 0, "time_constant": [400.0, 100.0, np.nan, 1500.0], "reason": ["", "", "", ""],
    }
)  # fmt: skip


def far(column: str, member: Member, other: Member) -> float:
    """Return a dissimilarity in which groups differ by DSA, and every network is somewhere else."""
    rng = np.random.default_rng([member.seed, other.seed, len(member.group), len(column)])
    return (FAR[member.group] if column == "dsa" else 0.4) + 0.01 * rng.uniform()


def studied_of(networks, *, title="corrected", studies=STUDIES, lost=None) -> Studied:
    """Return what studies of these networks would have found, had they measured what is made up here."""
    known = population(networks, {Member("rnn", "full", 1): 0.6})
    rows = []
    for pair in dict.fromkeys(pair for study in studies for pair in study.pairs(known)):
        first, other = pair.first, pair.second
        for column in COLUMNS:
            places = {
                "part": pair.part, "x": pair.x, "epoch": first.epoch, "other_epoch": other.epoch,
                "control": first.control, "accuracy": known.accuracy(first), "other_accuracy": known.accuracy(other),
            }  # fmt: skip
            rows.append(row(column, first.member, other.member, far(column, first.member, other.member), **places))
    judged = judge_studies(studies, replace(evidence(rows, networks), population=known), Rule())
    known = replace(known, lost=lost or {})
    return Studied(
        title=title,
        rows=evidence(rows, networks).rows,
        networks=accuracies(known),
        points=POINTS,
        columns={name: column.title for name, column in COLUMNS.items()},
        metrics={name: column.metric.describe() for name, column in COLUMNS.items()},
        judged="dsa",
        gate=0.95,
        verdicts=[as_plain(each) for each in judged],
    )


@pytest.fixture(scope="session")
def usual() -> Studied:
    """Two models, one network that did not learn, and one that is missing."""
    networks = [*members(GROUPS, seeds=6, pool=3), *members(["untrained", "full"], seeds=3, pool=3, model="mamba")]
    return studied_of(networks, lost={Member("rnn", "basic", 9): "it [red]broke[/red] <b>"})


@pytest.fixture(scope="session")
def hostile() -> Studied:
    """A group, a column, a title and a part whose names are markup."""
    known = studied_of(
        members(["untrained", "master_frozen", "basic", "full"], seeds=6, pool=3), title="<u>|*p*", studies=STUDIES[:1]
    )
    name = "<script>alert(1)</script>|[x]"
    renamed = {"group": {"basic": name}, "other_group": {"basic": name}}
    verdicts = [
        {**each, "parts": [{**part, "name": f"<img src=x>|{part['name']}"} for part in each["parts"]]}
        for each in known.verdicts
    ]
    return replace(
        known,
        rows=known.rows.replace(renamed),
        networks=known.networks.replace(renamed),
        columns={**known.columns, "dsa": "<i>DSA|</i> $x_{$"},
        verdicts=verdicts,
    )


@pytest.fixture(scope="session")
def bare() -> Studied:
    """A study all of whose networks are missing."""
    lost = dict.fromkeys(members(["full"]), "no luck")
    known = studied_of([], lost=lost)
    return replace(known, points=POINTS[:0])


@pytest.fixture(scope="session")
def made() -> Callable[..., Studied]:
    return studied_of
