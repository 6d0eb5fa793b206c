"""The interactive figures of recordings beside each other, as data for the page's script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dynalign.report.parts.interactive import look, short
from dynalign.report.parts.style import COLOURS, Style, style
from dynalign.report.sweep import charts
from dynalign.report.sweep.table import unit_of

MOST = 40
"""Pairs up to which each has a row in their figure."""


def with_own(table: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """Return the table of pairs with a row, by each metric, for each recording and itself."""
    own = fits[["recording", "metric", "itself"]].rename(columns={"recording": "run", "itself": "dissimilarity"})
    units = table.drop_duplicates("metric").set_index("metric")["unit"]
    own = own.assign(comparison="pairwise", reference=own["run"], unit=own["metric"].map(units))
    return pd.concat([table, own], ignore_index=True)


def recording_styles(names: Sequence[str]) -> dict[str, Style]:
    """Return how each recording looks; the colours come again, lighter, where there are more than of these."""
    many = len(COLOURS)
    return {
        name: style(place % many, lightness=0.45 * (place // many % 2), group=name) for place, name in enumerate(names)
    }


def matrix_chart(table: pd.DataFrame, metric: str) -> charts.Chart:
    """Return the matrix of all recordings; the table is one of ``with_own``."""
    return charts.matrix_chart(table, metric, runs=pd.DataFrame(), factors=(), tags={})


def map_chart(table: pd.DataFrame, metric: str, styles: Mapping[str, Style]) -> charts.Chart | None:
    """Return every recording as a point of a plane; None where a dissimilarity is not known."""
    return charts.map_chart(table, metric, styles=styles, tags={})


def pairs_chart(table: pd.DataFrame, metric: str) -> charts.Chart | None:
    """Return every pair in a row: its distance, that of halves of both, and the floor; None where there is no number.

    These are the first pairs, where they are very many.
    """
    rows = table[(table["metric"] == metric) & (table["reason"] == "")].iloc[:MOST]
    groups = [_pair(row) for row in rows.to_dict("records")]
    choice = {"name": metric, "unit": unit_of(table, metric), "xtitle": "dissimilarity", "tells": "all trials"}
    return {"kind": "strips", "title": f"{metric} pairs", "choices": [choice | {"groups": groups}]} if groups else None


def _pair(row: Mapping[Any, Any]) -> dict[str, Any]:
    halves, floor, high = (short(row[name]) for name in ("halves", "floor", "floor_high"))
    known = halves is not None
    return {
        "name": f"{row['run']} – {row['reference']}",
        "names": [f"a half of {row['run']} and a half of {row['reference']}, on average"] if known else [],
        "values": [halves] if known else [],
        "mean": short(row["dissimilarity"]),
        "low": short(row["low"]),
        "high": short(row["high"]),
        "floor": None if floor is None else {"value": floor, "high": high},
        **look(style(1)),
    }
