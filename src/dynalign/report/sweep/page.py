"""The report: one self-contained HTML page that opens from disk, without scripts and without the network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.metrics.base import Description
from dynalign.report.parts.failure import Failure
from dynalign.report.parts.matrix import matrix_figure
from dynalign.report.parts.metrics import guides, heading, listed, scales, with_unit
from dynalign.report.parts.numbers import counted, duration, number
from dynalign.report.parts.page import Picture, Pieces, write_page
from dynalign.report.parts.problems import Problem, Written
from dynalign.report.parts.style import Style
from dynalign.report.sweep.factors import levels, run_styles, shared, spelt
from dynalign.report.sweep.figures import history_figure, learning_figure
from dynalign.report.sweep.map import embedding_figure
from dynalign.report.sweep.table import (
    Latest,
    floors,
    latest,
    learned,
    mappable,
    pairwise_matrix,
    pairwise_metrics,
    unit_of,
)

_LISTED = 4  # levels of a factor up to which the subtitle lists them


def write_report(
    path: Path,
    *,
    table: pd.DataFrame,
    runs: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame],
    failures: Sequence[Failure],
    meta: Mapping[str, str],
    configs: Mapping[str, str],
    factors: Sequence[str],
    metrics: Mapping[str, Description],
) -> Written:
    """Write the report to ``path``; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    table : DataFrame
        All dissimilarities, tidy: comparison ("pairwise" or "learning"), run, reference, epoch, metric (its label),
        unit, dissimilarity.
    runs : DataFrame
        One row per finished run: run (its name), a column per factor, epochs, accuracy, chance_accuracy,
        ideal_accuracy, status and seconds.
    histories : mapping of run to DataFrame
        Losses and accuracies over epochs.
    failures : sequence of Failure
        Jobs that did not succeed.
    meta : mapping
        The command (under "command"), the date (under "date"), and versions.
    configs : mapping of run to YAML text
        Everything that determined a run.
    factors : sequence of str
        Keys of the config that vary among the runs; the other factors in ``runs`` are said once, for all.
    metrics : mapping of label to Description
        What there is to say of every metric in the table.

    Returns
    -------
    Written
        The path, and a sentence for each piece that could not be shown and was left out.
    """
    styles = run_styles(runs, factors)
    pieces = Pieces()
    write_page(
        path,
        "sweep/page.html.jinja",
        title=_title(runs, failures),
        subtitle=_subtitle(runs, factors, meta),
        numbers=_numbers(runs, metrics),
        sentences=[sentence for metric in pairwise_metrics(table) for sentence in _sentences(table, metric)],
        shared=shared(runs, factors),
        factors=factors,
        known=[name for name in ("ideal_accuracy", "chance_accuracy") if len(runs) and runs[name].notna().any()],
        networks=[_networks(group, table, factors, styles) for group in latest(runs, table)],
        matrices=_matrices(pieces, table, styles, metrics),
        learning=_learning(pieces, table, styles, metrics),
        floor=bool(floors(table).notna().any()),
        references=listed(dict.fromkeys(which.reference for which in learned(table))),
        history=_history(pieces, histories, runs, factors, styles),
        failures=failures,
        meta=meta,
        configs=configs,
        scales=scales(metrics),
        guide=guides(metrics),
    )
    return Written(path, pieces.problems)


def _title(runs: pd.DataFrame, failures: Sequence[Failure]) -> str:
    """Say what ran: how many networks of which models, on which task."""
    if not len(runs):
        return "No network finished" if failures else "Nothing has run yet"
    models = listed(levels(runs, "model")) if "model" in runs else ""
    tasks = f" on {listed(levels(runs, 'task'))}" if "task" in runs else ""
    if len(runs) == 1:
        return f"One {models} network{tasks}".replace("  ", " ")
    return f"{len(runs)} networks{f' ({models})' if models else ''}{tasks}"


def _subtitle(runs: pd.DataFrame, factors: Sequence[str], meta: Mapping[str, str]) -> str:
    """Say what varies, and when it ran."""
    parts = []
    for factor in factors if len(runs) else ():
        found = levels(runs, factor)
        few = len(found) <= _LISTED
        parts.append(f"{factor} {', '.join(found)}" if few else f"{len(found)} levels of {factor}")
    return " · ".join([*parts, *([meta["date"]] if "date" in meta else [])])


def _numbers(runs: pd.DataFrame, metrics: Mapping[str, Description]) -> list[tuple[str, str]]:
    """Return the few numbers at the top of the page, each with its caption."""
    shown = [(str(len(runs)), "network finished" if len(runs) == 1 else "networks finished")]
    if len(runs):
        shares = (runs["accuracy"] / runs["ideal_accuracy"]).astype(float).dropna()
        if len(shares):
            shown.append(
                (f"{shares.median():.0%}", "of the ideal observer's accuracy" + (", median" if len(runs) > 1 else ""))
            )
        shown.append((duration(float(runs["seconds"].sum())), "of computing"))
    if metrics:
        few = len(metrics) <= _LISTED
        shown.append((", ".join(metrics) if few else counted(len(metrics), "metric"), "compared by"))
    return shown


def _networks(group: Latest, table: pd.DataFrame, factors: Sequence[str], styles: Mapping[str, Style]) -> Any:
    """Return a table of networks: heads of its last columns, and rows of a run, its levels and its numbers."""
    rows = []
    for run in group.runs.to_dict("records"):
        name = str(run["run"])
        share = float(run["accuracy"]) / float(run["ideal_accuracy"]) if run["ideal_accuracy"] else math.nan
        rows.append(
            {
                **run,
                "levels": [spelt(run[factor]) for factor in factors],
                "share": share,
                "bar": min(100.0, 100 * share) if math.isfinite(share) else 0.0,
                "last": [(group.values[name, column], group.floors[name, column]) for column in group.columns],
                "colour": styles[name].colour,
            }
        )
    heads = [(each.metric, with_unit(f"to {each.reference}", unit_of(table, each.metric))) for each in group.columns]
    return {"heads": heads, "rows": rows}


def _sentences(table: pd.DataFrame, metric: str) -> list[dict[str, str]]:
    """Say in words which networks are most and least alike, and how sharp the metric is."""
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == metric)].dropna(subset=["dissimilarity"])
    rows = rows.sort_values("dissimilarity", kind="stable")
    apart = rows[rows["run"] != rows["reference"]].to_dict("records")
    own = rows[rows["run"] == rows["reference"]].to_dict("records")
    text = ""
    if len(apart) == 1:
        text = f"{apart[0]['run']} and {apart[0]['reference']} are {number(apart[0]['dissimilarity'])} apart"
        text += _beside(apart[0], " (floor {})") + "."
    elif apart:
        near, far = apart[0], apart[-1]
        most, least = (number(each["dissimilarity"]) + _beside(each, ", floor {}") for each in (near, far))
        text = (
            f"Most alike are {near['run']} and {near['reference']} ({most}); "
            f"least alike are {far['run']} and {far['reference']} ({least})."
        )
    if own:
        worst = own[-1]
        which = f" ({worst['run']})" if len(own) > 1 and worst["dissimilarity"] >= 0.0005 else ""
        what = "The largest distance of a network" if len(own) > 1 else "The network's distance"
        text += f" {what} to itself, which should be 0, is {number(worst['dissimilarity'])}{which}."
    unit = with_unit("", unit_of(table, metric)).strip()
    return [{"metric": metric, "unit": unit, "text": text.strip()}] if text else []


def _beside(row: Mapping[Any, Any], text: str) -> str:
    """Return a text with the floor of a row in it; nothing where there is no floor."""
    floor = float(row.get("floor", math.nan))
    return "" if math.isnan(floor) else text.format(number(floor))


def _matrices(
    pieces: Pieces, table: pd.DataFrame, styles: Mapping[str, Style], metrics: Mapping[str, Description]
) -> list[dict[str, Any]]:
    """Return what is shown of all pairs by every metric that compared at least two networks."""
    found = []
    for metric in pairwise_metrics(table):
        names, matrix = pairwise_matrix(table, metric)
        if len(names) < 2:
            continue
        title, unit = heading(metric, metrics), unit_of(table, metric)
        heat = partial(matrix_figure, names, matrix, title, unit=unit)
        plane = partial(embedding_figure, names, matrix, title, unit=unit, styles=styles)
        found.append(
            {
                "metric": title,
                "names": names,
                "unit": unit,
                "rows": list(zip(names, matrix.tolist(), strict=True)),
                "picture": pieces.picture(f"The matrix of {metric}", heat),
                "map": pieces.picture(f"The map of {metric}", plane) if mappable(matrix) else None,
            }
        )
    return found


def _learning(
    pieces: Pieces, table: pd.DataFrame, styles: Mapping[str, Style], metrics: Mapping[str, Description]
) -> Picture | Problem | None:
    if not learned(table):
        return None
    draw = partial(learning_figure, table, styles=styles, metrics=metrics)
    return pieces.picture("The figure of dissimilarities over learning", draw, partial(draw, columns=1))


def _history(
    pieces: Pieces,
    histories: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    factors: Sequence[str],
    styles: Mapping[str, Style],
) -> Picture | Problem | None:
    if not histories:
        return None
    draw = partial(history_figure, histories, runs, factors=factors, styles=styles)
    return pieces.picture("The figure of training", draw, partial(draw, columns=1))
