"""What a study has found, as everything that shows it takes it; and the numbers that are shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dynalign.errors import DynalignError
from dynalign.inference import crossed
from dynalign.metrics import Description
from dynalign.report.parts.matrix import Matrix
from dynalign.report.parts.numbers import UNKNOWN
from dynalign.studies import POOL
from dynalign.studies.comparing import CONTROL, SPLIT, TRAINED

TITLES: Mapping[str, str] = {
    "untrained": "untrained",
    "master_frozen": "master & frozen",
    "master": "master",
    "basic": "basic",
    "anti": "anti",
    "delay": "delay",
    "basic_anti": "basic + anti",
    "basic_delay": "basic + delay",
    "anti_delay": "anti + delay",
    "full": "full",
    "full_unfrozen": "full & unfrozen",
}
ORDER = tuple(TITLES)
MODELS: Mapping[str, str] = {"rnn": "RNN", "gru": "GRU", "mamba": "Mamba"}


@dataclass(frozen=True)
class Studied:
    """What one job of a study has found.

    Attributes
    ----------
    title : str
        What tells it from the other jobs, such as its protocol.
    rows : DataFrame
        See ``dynalign.studies.compare``.
    networks : DataFrame
        See ``dynalign.studies.accuracies``.
    points : DataFrame
        See ``dynalign.studies.fixed_point_table``.
    columns : mapping of name to title
    metrics : mapping of name to Description
        Of each column's metric.
    judged : str
        Name of the column of DSA that is judged first.
    gate : float
        The share of the ideal accuracy from which on a network has learned its task.
    verdicts : sequence of mapping
        See ``dynalign.studies.as_plain``.
    """

    title: str
    rows: pd.DataFrame
    networks: pd.DataFrame
    points: pd.DataFrame
    columns: Mapping[str, str]
    metrics: Mapping[str, Description]
    judged: str
    gate: float
    verdicts: Sequence[Mapping[str, Any]]

    @property
    def models(self) -> list[str]:
        """The models that have networks."""
        return [str(model) for model in self.networks["model"].unique()]

    def groups(self, model: str) -> list[str]:
        """Return the groups of a model, in the order of the study."""
        there = set(self.networks.loc[self.networks["model"] == model, "group"]) - {POOL}
        return [name for name in ORDER if name in there] + sorted(there - set(ORDER))

    def verdict(
        self, claim: int, *, column: str | None = None, networks: str | None = None
    ) -> Mapping[str, Any] | None:
        """Return the verdict on a claim; by the first column and on every network, if nothing else is asked."""
        for each in self.verdicts:
            if each["claim"] == claim and column in (None, each["column"]) and networks in (None, each["networks"]):
                return each
        return None


def title_of(group: str) -> str:
    """Return what a group is called in figures."""
    return TITLES.get(group, group)


def model_of(model: str) -> str:
    """Return what a model is called in figures."""
    return MODELS.get(model, model)


def between(rows: pd.DataFrame, column: str, model: str) -> pd.DataFrame:
    """Return the rows of trained networks of one model against each other, by one column."""
    here = (rows["column"] == column) & (rows["part"] == TRAINED) & (rows["model"] == model)
    return rows[here & (rows["other_model"] == model)]


def to_pool(rows: pd.DataFrame, column: str, model: str) -> pd.DataFrame:
    """Return each network's mean dissimilarity to the pool: group, seed, dissimilarity."""
    here = between(rows, column, model)
    here = here[(here["other_group"] == POOL) & (here["group"] != POOL)]
    means = here.groupby(["group", "seed"], sort=False)["dissimilarity"].mean()
    return means.reset_index()


def mean_to_pool(rows: pd.DataFrame, column: str, model: str, group: str) -> tuple[float, float, float]:
    """Return a group's mean dissimilarity to the pool and its 95 % interval; NaN where there is none."""
    here = between(rows, column, model)
    here = here[(here["other_group"] == POOL) & (here["group"] == group)]
    wide = here.pivot_table(index="seed", columns="other_seed", values="dissimilarity")
    try:
        found = crossed(lambda means: means[:, 0], wide.to_numpy(dtype=np.float64))
    except DynalignError:
        return float(here["dissimilarity"].mean()), float("nan"), float("nan")
    low, high = found.interval()
    return found.value, low, high


def floors(rows: pd.DataFrame, column: str, model: str) -> dict[str, float]:
    """Return what a dissimilarity stands beside: of a master to itself on other trials, and to other masters."""
    here = rows[(rows["column"] == column) & (rows["model"] == model)]
    pool = between(rows, column, model)
    return {
        "itself, other trials": float(here.loc[here["part"] == SPLIT, "dissimilarity"].mean()),
        "other masters": float(pool.loc[(pool["group"] == POOL), "dissimilarity"].mean()),
        **{
            str(control): float(part["dissimilarity"].mean())
            for control, part in here[here["part"] == CONTROL].groupby("control", sort=False)
        },
    }


def group_matrix(rows: pd.DataFrame, column: str, model: str, groups: Sequence[str]) -> Matrix:
    """Return the mean dissimilarity of all groups with all; within a group, of different networks."""
    here = between(rows, column, model)
    found = {key: part["dissimilarity"].to_numpy(float) for key, part in here.groupby(["group", "other_group"])}
    matrix = np.full((len(groups), len(groups)), np.nan)
    for i, first in enumerate(groups):
        for j, second in enumerate(groups):
            values = [found[key] for key in {(first, second), (second, first)} if key in found]
            if values:
                matrix[i, j] = np.concatenate(values).mean()
    return matrix


class Count(NamedTuple):
    """Of the networks of a group: how many there are, how many learned their task, and what they reached."""

    model: str
    group: str
    networks: int
    learned: int
    median: float
    least: float
    epochs: float

    @property
    def usual_epochs(self) -> str:
        """The median of the epochs as it is written."""
        return UNKNOWN if np.isnan(self.epochs) else f"{self.epochs:g}"


def network_counts(networks: pd.DataFrame) -> list[Count]:
    """Return the counts of every model and group; networks that are missing count as not having learned."""
    return [
        Count(
            str(model),
            str(group),
            len(mine),
            int(mine["learned"].sum()),
            _median(mine["accuracy"]),
            float(mine["accuracy"].min()),
            _median(mine["epochs"]),
        )
        for (model, group), mine in networks.groupby(["model", "group"], sort=False)
    ]


def _median(values: pd.Series[Any]) -> float:
    """Return the median of what is known; NaN, without a warning, where nothing is."""
    known = values.dropna().astype(float)
    return float(known.median()) if len(known) else float("nan")


def learned(studied: Studied) -> tuple[int, int]:
    """Return how many trained networks have learned their task, and of how many."""
    trained = studied.networks[studied.networks["group"] != "untrained"]
    return int(trained["learned"].sum()), len(trained)


class PointCount(NamedTuple):
    """Of the networks of a group: how many hold two states or more, one, or none; and their slowest time constant."""

    model: str
    group: str
    networks: int
    several: int
    one: int
    none: int
    time_constant: float


def point_counts(points: pd.DataFrame) -> list[PointCount]:
    """Return what fixed points the networks of every group have; those that could not be searched are left out."""
    known = points[points["reason"] == ""]
    return [
        PointCount(
            str(model),
            str(group),
            len(mine),
            int((mine["stable"] > 1).sum()),
            int((mine["stable"] == 1).sum()),
            int((mine["stable"] == 0).sum()),
            _median(mine["time_constant"]),
        )
        for (model, group), mine in known.groupby(["model", "group"], sort=False)
    ]
