"""The matrices of a study, which its figures draw and its page shows: groups, checkpoints, and what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dynalign.report.parts.matrix import Matrix
from dynalign.report.study.results import Studied, group_matrix
from dynalign.statistics import spearman
from dynalign.studies.over_learning import FRACTIONS
from dynalign.studies.published import E4_MATRICES, E7_MATRICES, GROUPS
from dynalign.studies.published import Matrix as Published
from dynalign.studies.rnn_vs_mamba import ACROSS
from dynalign.studies.within_learning import WITHIN

_MATRICES: Mapping[str, Mapping[str, Published]] = {"rnn": E4_MATRICES, "mamba": E7_MATRICES}


class PublishedMatrix(NamedTuple):
    """What the study published of groups that are here, too: their names, the numbers, and how ours rank beside."""

    names: Sequence[str]
    values: Matrix
    unit: str
    correlation: float


def published_matrix(studied: Studied, model: str, column: str) -> PublishedMatrix | None:
    """Return what was published of a model's groups by a column; None where nothing was."""
    theirs = _MATRICES.get(model, {})
    key = "dsa" if studied.metrics[column].compares == "dynamics" else column
    kept = [name for name in studied.groups(model) if name in GROUPS]
    if key not in theirs or not kept:
        return None
    where = [GROUPS.index(name) for name in kept]
    values = theirs[key].values[np.ix_(where, where)].copy()
    np.fill_diagonal(values, np.nan)
    again = group_matrix(studied.rows, column, model, kept)
    upper = np.triu_indices(len(kept), 1)
    rho = float(spearman(values[upper], again[upper], np.ones((1, len(upper[0]))))[0])
    return PublishedMatrix(kept, values, "rad" if key == "dsa" else "angle / (π/2)", rho)


def within_matrix(studied: Studied, model: str, column: str) -> tuple[list[str], Matrix]:
    """Return checkpoint against checkpoint of the same network, mean over all networks that learn, and their names."""
    rows = studied.rows[(studied.rows["model"] == model) & studied.rows["part"].str.startswith(WITHIN)]
    here = rows[rows["column"] == column].groupby(["part", "x"])["dissimilarity"].mean()
    matrix = np.zeros((len(FRACTIONS), len(FRACTIONS)))
    for part, later, value in here.reset_index().itertuples(index=False):
        i = FRACTIONS.index(float(str(part).removeprefix(f"{WITHIN} ")))
        j = int(np.abs(np.array(FRACTIONS) - float(later)).argmin())
        matrix[i, j] = matrix[j, i] = value
    return [f"{100 * fraction:.0f} %" for fraction in FRACTIONS], matrix


def across_groups(studied: Studied, one: str, two: str) -> list[str]:
    """Return the groups that two models were compared by."""
    rows = studied.rows[(studied.rows["part"] == ACROSS) & (studied.rows["model"] == one)]
    met = set(rows.loc[rows["other_model"] == two, "group"])
    return [name for name in studied.groups(one) if name in met]


def across_matrix(studied: Studied, one: str, two: str, column: str) -> Matrix:
    """Return the mean dissimilarity of the groups of one model, in rows, to those of another, in columns."""
    rows = studied.rows[(studied.rows["part"] == ACROSS) & (studied.rows["model"] == one)]
    rows = rows[(rows["other_model"] == two) & (rows["column"] == column)]
    here = rows.groupby(["group", "other_group"])["dissimilarity"].mean()
    groups = across_groups(studied, one, two)
    return np.array([[here.get((a, b), np.nan) for b in groups] for a in groups], dtype=float)
