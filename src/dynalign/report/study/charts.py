"""The interactive figures of studies, as data for the page's script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from dynalign.report.parts.axes import FLOOR
from dynalign.report.parts.interactive import clustered, listed_numbers, look, short
from dynalign.report.parts.matrix import Matrix
from dynalign.report.parts.numbers import number
from dynalign.report.parts.style import style
from dynalign.report.study.matrices import (
    PublishedMatrix,
    across_groups,
    across_matrix,
    published_matrix,
    within_matrix,
)
from dynalign.report.study.results import Studied, floors, group_matrix, mean_to_pool, model_of, title_of, to_pool

Charts = list[tuple[str, Callable[[], dict[str, Any]]]]
"""What stands above each, and what makes it."""


def to_masters_charts(studied: Studied, model: str) -> Charts:
    """Return the figure of every network's dissimilarity to the masters."""
    return [("", partial(to_masters_chart, studied, model))]


def groups_charts(studied: Studied, model: str) -> Charts:
    """Return the matrices of groups by every column, and then those that the study published."""
    theirs = {column: published_matrix(studied, model, column) for column in studied.columns}
    ours: Charts = [(title, partial(groups_chart, studied, model, name)) for name, title in studied.columns.items()]
    return ours + [
        (
            f"published, {number(each.correlation)} rank correlation with {studied.columns[column]}",
            partial(published_chart, each, f"published {model} groups {studied.columns[column]}"),
        )
        for column, each in theirs.items()
        if each is not None
    ]


def within_charts(studied: Studied, model: str) -> Charts:
    """Return the matrices of checkpoints by every column."""
    return [(title, partial(within_chart, studied, model, name)) for name, title in studied.columns.items()]


def across_charts(studied: Studied, one: str, two: str) -> Charts:
    """Return the matrices of the groups of two models by every column."""
    return [(title, partial(across_chart, studied, one, two, name)) for name, title in studied.columns.items()]


def to_masters_chart(studied: Studied, model: str) -> dict[str, Any]:
    """Return every network's mean dissimilarity to the pool of masters, by group, by every column."""
    choices = []
    for column, title in studied.columns.items():
        means = to_pool(studied.rows, column, model)
        groups = []
        for group in studied.groups(model):
            mine = means[means["group"] == group]
            value, low, high = mean_to_pool(studied.rows, column, model, group)
            hue = 1 if group == "master" else 0 if group in ("untrained", "master_frozen") else 2
            groups.append(
                {
                    "name": title_of(group),
                    "names": [f"{title_of(group)}, seed {seed}" for seed in mine["seed"]],
                    "values": listed_numbers(mine["dissimilarity"].to_numpy()),
                    "mean": short(value),
                    "low": short(low),
                    "high": short(high),
                    **look(style(hue)),
                }
            )
        stand = floors(studied.rows, column, model)
        dashes = ("dot", "dash", *("dashdot",) * len(stand))
        choices.append(
            {
                "name": title,
                "unit": studied.metrics[column].unit,
                "xtitle": "dissimilarity to the masters",
                "groups": groups,
                "levels": [
                    {"x": short(value), "text": name, "dash": dash}
                    for (name, value), dash in zip(stand.items(), dashes, strict=False)
                    if np.isfinite(value)
                ],
            }
        )
    return {"kind": "strips", "title": f"{model} to masters", "choices": choices}


def groups_chart(studied: Studied, model: str, column: str) -> dict[str, Any]:
    """Return the mean dissimilarity of all groups with all, by one column."""
    groups = studied.groups(model)
    matrix = group_matrix(studied.rows, column, model, groups)
    orders = [{"name": "by pretraining", "order": list(range(len(groups)))}, *clustered(matrix)]
    names, title = [title_of(group) for group in groups], f"{model} groups {studied.columns[column]}"
    return _matrix(names, matrix, title, studied.metrics[column].unit) | {"orders": orders}


def published_chart(known: PublishedMatrix, title: str) -> dict[str, Any]:
    """Return what the study published of groups, by one column."""
    return _matrix([title_of(group) for group in known.names], known.values, title, known.unit)


def within_chart(studied: Studied, model: str, column: str) -> dict[str, Any]:
    """Return checkpoint against checkpoint of the same network, by one column."""
    names, matrix = within_matrix(studied, model, column)
    named = [f"{name} of training" for name in names]
    return _matrix(named, matrix, f"{model} within learning {studied.columns[column]}", studied.metrics[column].unit)


def across_chart(studied: Studied, one: str, two: str, column: str) -> dict[str, Any]:
    """Return the groups of one model against those of another, by one column."""
    matrix = across_matrix(studied, one, two, column)
    names = [title_of(group) for group in across_groups(studied, one, two)]
    rows = [f"{model_of(one)} {name}" for name in names]
    columns = [f"{model_of(two)} {name}" for name in names]
    title = f"{one} and {two} {studied.columns[column]}"
    return _matrix(rows, matrix, title, studied.metrics[column].unit) | {"columns": columns}


def _matrix(names: Sequence[str], matrix: Matrix, title: str, unit: str) -> dict[str, Any]:
    known = matrix[np.isfinite(matrix)]
    return {
        "kind": "matrix",
        "title": title,
        "unit": unit,
        "names": list(names),
        "z": listed_numbers(matrix),
        "top": max(float(known.max(initial=0.0)), FLOOR),
    }
