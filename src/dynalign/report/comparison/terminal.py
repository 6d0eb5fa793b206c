"""What the terminal shows when recordings have been compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dynalign.metrics.base import Description
from dynalign.report.parts.failure import print_ending
from dynalign.report.parts.numbers import number

_MOST = 28  # pairs beyond which the rest is left to the report


def print_comparison(
    console: Console,
    *,
    table: pd.DataFrame,
    recordings: pd.DataFrame,
    fits: pd.DataFrame,
    notes: Sequence[str],
    metrics: Mapping[str, Description],
    paths: Mapping[str, Path],
) -> None:
    """Print what was read, every pair by every metric, what is to be known besides, and the paths.

    Parameters
    ----------
    console : Console
        Where to; 80 columns are enough.
    table, recordings, fits : DataFrame
        From a ``Comparison``.
    notes : sequence of str
    metrics : mapping of label to Description
    paths : mapping
        What was written, by what it is.
    """
    console.print(_recordings_table(recordings))
    for label, about in metrics.items():
        unit = "" if about.unit == "none" else f", {about.unit}"
        _say(console, f"{label} ({about.compares}{unit}): 0 is the same; in brackets 95 % intervals over trials")
        mine = table[table["metric"] == label]
        console.print(_pairs_table(mine.iloc[:_MOST]))
        if len(mine) > _MOST:
            _say(console, f"... and {len(mine) - _MOST} more pairs, which the report shows.")
        for row in mine[mine["reason"] != ""].to_dict("records"):
            _say(console, f"No distance of {row['run']} and {row['reference']}: {row['reason']}")
        if fits.loc[fits["metric"] == label, "rank"].notna().any():
            console.print(_fits_table(fits[fits["metric"] == label]))
        for row in fits[(fits["metric"] == label) & (fits["warnings"] != "")].to_dict("records"):
            console.print(f"warning  {row['warnings']}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    for note in notes:
        _say(console, note)
    print_ending(console, failures=[], paths=paths)


def spelt(value: float, low: float, high: float) -> str:
    """Write a number with its interval, if it has one."""
    return number(value) if math.isnan(low) else f"{number(value)} [{number(low)}, {number(high)}]"


def steps_of(row: Mapping[Any, Any]) -> str:
    """Write how many time steps trials have."""
    short, long = int(row["shortest"]), int(row["longest"])
    return str(short) if short == long else f"{short} to {long}"


def _say(console: Console, text: str) -> None:
    console.print(text, style="dim", highlight=False, markup=False)


def _table(heads: Sequence[str]) -> Table:
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place, head in enumerate(heads):
        shown.add_column(head, justify="left" if place == 0 else "right", overflow="fold")
    return shown


def _recordings_table(recordings: pd.DataFrame) -> Table:
    conditions = bool(recordings["conditions"].any())
    gaps = bool(recordings["gaps"].any())
    more = [*(["with gaps"] if gaps else []), *(["conditions"] if conditions else [])]
    shown = _table(["recording", "trials", "time steps", "units", *more])
    for row in recordings.to_dict("records"):
        extra = [*([str(row["gaps"])] if gaps else []), *([str(row["conditions"])] if conditions else [])]
        shown.add_row(Text(str(row["recording"])), str(row["trials"]), steps_of(row), str(row["units"]), *extra)
    return shown


def _pairs_table(rows: pd.DataFrame) -> Table:
    floors, tested = bool(rows["floor"].notna().any()), bool(rows["p"].notna().any())
    heads = ["pair", "distance", *(["halves", "floor", "verdict"] if floors else []), *(["p"] if tested else [])]
    shown = _table(heads)
    for row in rows[rows["reason"] == ""].to_dict("records"):
        cells = [spelt(row["dissimilarity"], row["low"], row["high"])]
        if floors:
            cells += [number(row["halves"]), f"{number(row['floor'])} (to {number(row['floor_high'])})", row["verdict"]]
        if tested:
            cells.append(number(row["p"]))
        shown.add_row(Text(f"{row['run']} – {row['reference']}"), *cells)
    return shown


def _fits_table(rows: pd.DataFrame) -> Table:
    shown = _table(["fit of", "rank", "variance", "error / persistence", "orders of magnitude"])
    for row in rows[rows["rank"].notna()].to_dict("records"):
        shown.add_row(
            Text(str(row["recording"])),
            f"{row['rank']:.0f}",
            f"{row['variance']:.1%}",
            number(row["error"]),
            number(row["span"]),
        )
    return shown
