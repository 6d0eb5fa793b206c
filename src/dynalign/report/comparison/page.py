"""The page of recordings beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.metrics.base import Description
from dynalign.report.comparison.charts import MOST, map_chart, matrix_chart, pairs_chart, recording_styles, with_own
from dynalign.report.comparison.terminal import spelt, steps_of
from dynalign.report.parts.metrics import guides, heading, listed, scales, with_unit
from dynalign.report.parts.numbers import counted, number
from dynalign.report.parts.page import Pieces, write_page
from dynalign.report.parts.problems import Written
from dynalign.report.parts.style import Style
from dynalign.report.sweep.charts import states_charts
from dynalign.studies import Trajectories

_TOLD = 6  # pairs up to which each has a sentence
_SHOWN = 40  # recordings up to which the page shows where the states of each go


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
    states: Mapping[str, Trajectories] | None = None,
    links: Mapping[str, Path] | None = None,
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
    states : mapping of recording to Trajectories, optional
        Where the states of recordings go.
    links : mapping of what it is to path, optional
        Files that the page is to link to, such as the tables.

    Returns
    -------
    Written
        The path, and a sentence for each piece that could not be shown and was left out.
    """
    pieces = Pieces()
    names = [str(name) for name in recordings["recording"]]
    styles = recording_styles(names)
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
        recordings=[
            {**row, "steps": steps_of(row), "colour": styles[str(row["recording"])].colour, "place": place}
            for place, row in enumerate(recordings.to_dict("records"), start=1)
        ],
        notes=notes,
        parts=[_part(pieces, table, fits, label, metrics, styles) for label in metrics],
        states=_states(pieces, states or {}, names),
        tested=bool(table["p"].notna().any()),
        floor=bool(table["floor"].notna().any()),
        failures=[],
        meta=meta,
        configs=configs,
        scales=scales(metrics),
        guide=guides(metrics),
        charts=pieces.charts,
        links=links,
    )
    return Written(path, pieces.problems)


def _part(
    pieces: Pieces,
    table: pd.DataFrame,
    fits: pd.DataFrame,
    label: str,
    metrics: Mapping[str, Description],
    styles: Mapping[str, Style],
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
    whole = with_own(mine, own)
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
        "pairs": pieces.chart(f"The figure of pairs by {label}", partial(pairs_chart, mine, label)),
        "matrix": pieces.chart(f"The matrix of {label}", partial(matrix_chart, whole, label)),
        "map": pieces.chart(f"The map of {label}", partial(map_chart, whole, label, styles)),
        "more": max(0, int((mine["reason"] == "").sum()) - MOST),
        "says": _says(rows),
    }


def _states(pieces: Pieces, states: Mapping[str, Trajectories], names: Sequence[str]) -> dict[str, Any] | None:
    """Return the figure of where states go, and what it leaves out."""
    shown = {name: states[name] for name in names if name in states}
    shown = dict(list(shown.items())[:_SHOWN])
    if not shown:
        return None
    places = {name: place for place, name in enumerate(names, start=1)}
    notes = [] if len(shown) == len(names) else [f"Shown are {len(shown)} of {len(names)} recordings."]
    few = {name: each for name, each in shown.items() if len(each.conditions) < each.known}
    fewer = [f"{len(each.conditions)} of {each.known} of {name}" for name, each in few.items()]
    if fewer:
        notes.append(f"Of conditions or trials, some are shown: {listed(fewer[:4])}{' and others' * (len(fewer) > 4)}.")
    made = partial(states_charts, shown, places, {}, of="recording")
    return {"figure": pieces.chart("The figure of states", lambda: made()["states"]), "notes": notes}


def _says(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """Say what the numbers of a metric say: of every pair, where these are few."""
    if len(rows) <= _TOLD:
        return [_sentence(row) for row in rows]
    known = sorted((row for row in rows if not row["reason"]), key=lambda row: float(row["dissimilarity"]))
    if not known:
        return [f"No distance of any of {len(rows)} pairs. {rows[0]['reason']}"]
    says = [f"Most alike: {_sentence(known[0])}", f"Least alike: {_sentence(known[-1])}"]
    judged = [row for row in known if row["verdict"]]
    if judged:
        pairs = counted(len(judged), "pair")
        beyond = sum(bool(row["halves"] > row["floor_high"]) for row in judged)
        says.append(f"Of {pairs}, {beyond} are farther apart than two halves of one recording may be.")
    return [*says, *(_sentence(row) for row in rows if row["reason"])]


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
