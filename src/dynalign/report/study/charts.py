"""The interactive figures of studies, as data for the page's script."""

from __future__ import annotations

from typing import Any

import numpy as np

from dynalign.report.parts.axes import FLOOR
from dynalign.report.parts.interactive import clustered, listed_numbers, look, short
from dynalign.report.parts.style import style
from dynalign.report.study.results import Studied, floors, group_matrix, mean_to_pool, title_of, to_pool


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
    known = matrix[np.isfinite(matrix)]
    return {
        "kind": "matrix",
        "title": f"{model} groups {studied.columns[column]}",
        "unit": studied.metrics[column].unit,
        "names": [title_of(group) for group in groups],
        "z": listed_numbers(matrix),
        "top": max(float(known.max(initial=0.0)), FLOOR),
        "orders": [{"name": "by pretraining", "order": list(range(len(groups)))}, *clustered(matrix)],
    }
