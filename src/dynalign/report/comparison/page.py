"""The page of recordings beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.metrics.base import Description
from dynalign.report.comparison.figures import comparison_draws
from dynalign.report.comparison.terminal import spelt, steps_of
from dynalign.report.parts.metrics import guides, heading, listed, scales, with_unit
from dynalign.report.parts.numbers import counted, number
from dynalign.report.parts.page import Pieces, write_page
from dynalign.report.parts.problems import Written

_CAPTIONS = {
    "pairs": "Distances of all pairs with their intervals, beside the floors; the numbers are in the table above.",
    "matrix": "Heat map of all dissimilarities; the numbers are in the table above.",
    "map": "Map of the recordings by classical scaling: near points are alike.",
}


def write_comparison(
    path: Path,
    *,
    table: pd.DataFrame,
    recordings: pd.DataFrame,
    fits: pd.DataFrame,
    notes: Sequence[str],
    metrics: Mapping[str, Description],
    meta: Mapping[str, str],
    configs: Mapping[str, str],
) -> Written:
    """Write the page to ``path``; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    table, recordings, fits : DataFrame
        From a ``Comparison``.
    notes : sequence of str
        What a reader should know besides.
    metrics : mapping of label to Description
    meta : mapping
        The command (under "command"), the date (under "date"), and versions.
    configs : mapping of name to YAML text
        Everything that determined it.

    Returns
    -------
    Written
        The path, and a sentence for each piece that could not be shown and was left out.
    """
    pieces = Pieces()
    names = [str(name) for name in recordings["recording"]]
    write_page(
        path,
        "comparison/page.html.jinja",
        title=f"{listed(names)} beside each other" if len(names) <= 4 else counted(len(names), "recording"),
        subtitle=" · ".join([listed(list(metrics)), *([meta["date"]] if "date" in meta else [])]),
        numbers=[
            (str(len(names)), "recordings"),
            (str(int(recordings["trials"].sum())), "trials"),
            (", ".join(metrics), "compared by"),
        ],
        recordings=[{**row, "steps": steps_of(row)} for row in recordings.to_dict("records")],
        notes=notes,
        parts=[_part(pieces, table, fits, label, metrics) for label in metrics],
        tested=bool(table["p"].notna().any()),
        floor=bool(table["floor"].notna().any()),
        failures=[],
        meta=meta,
        configs=configs,
        scales=scales(metrics),
        guide=guides(metrics),
    )
    return Written(path, pieces.problems)


def _part(
    pieces: Pieces, table: pd.DataFrame, fits: pd.DataFrame, label: str, metrics: Mapping[str, Description]
) -> dict[str, Any]:
    """Return what is shown of one metric."""
    mine = table[table["metric"] == label]
    rows = [
        {
            **row,
            "distance": spelt(row["dissimilarity"], row["low"], row["high"]),
            "next": "none" if math.isinf(row["gap"]) else "" if math.isnan(row["gap"]) else f"+{number(row['gap'])}",
            "starts_at_best": "" if row["starts"] != row["starts"] else f"{row['at_best']:.0f} of {row['starts']:.0f}",
        }
        for row in mine.to_dict("records")
    ]
    own = fits[fits["metric"] == label]
    return {
        "title": heading(label, metrics),
        "unit": with_unit("", metrics[label].unit).strip(),
        "rows": rows,
        "has_floor": bool(mine["floor"].notna().any()),
        "has_p": bool(mine["p"].notna().any()),
        "has_fit": bool(own["rank"].notna().any()),
        "fits": [
            {**row, "floor_text": spelt(row["floor"], row["floor_low"], row["floor_high"])}
            for row in own.to_dict("records")
        ],
        "pictures": [
            (pieces.picture(f"The figure of {kind} of {label}", draw), _CAPTIONS[kind])
            for kind, draw in comparison_draws(table, fits, label, metrics).items()
        ],
        "says": [_sentence(row) for row in rows],
    }


def _sentence(row: Mapping[Any, Any]) -> str:
    """Say what a pair's numbers say."""
    both = f"{row['run']} and {row['reference']}"
    if row["reason"]:
        return f"{both}: no distance. {row['reason']}"
    text = f"{both} are {row['distance']} apart"
    if row["verdict"]:
        more = "farther than" if row["halves"] > row["floor_high"] else "no farther than"
        text += (
            f"; a half of one is {number(row['halves'])} from a half of the other, {more} two halves of one recording "
            f"may be ({number(row['floor'])}, up to {number(row['floor_high'])})"
        )
    return f"{text}."
