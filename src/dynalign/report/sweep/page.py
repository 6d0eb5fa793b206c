"""The report: one self-contained HTML page that opens from disk and asks nothing of the network."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dynalign.metrics.base import Description
from dynalign.report.parts.failure import Failure
from dynalign.report.parts.metrics import guides, heading, listed, scales, with_unit
from dynalign.report.parts.numbers import NOTHING, counted, duration, number
from dynalign.report.parts.page import Pieces, write_page
from dynalign.report.parts.problems import Problem, Written, attempt
from dynalign.report.parts.style import Style
from dynalign.report.sweep import charts
from dynalign.report.sweep.factors import levels, run_styles, shared, spelt
from dynalign.report.sweep.groups import Group, Mean, between_seeds, groups, mean, seeded
from dynalign.report.sweep.table import (
    Latest,
    floors,
    latest,
    learned,
    learning_rows,
    pairwise_matrix,
    pairwise_metrics,
    unit_of,
)
from dynalign.studies import Trajectories

_LISTED = 4  # levels of a factor up to which the subtitle lists them
_WRITTEN = 30  # networks up to which all dissimilarities are written as a table; more of them are in the files


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
    states: Mapping[str, Trajectories] | None = None,
    links: Mapping[str, Path] | None = None,
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
    states : mapping of run to Trajectories, optional
        Where the states of networks go; the page says it if they are not all there.
    links : mapping of what it is to path, optional
        Files that the page is to link to, such as the tables.

    Returns
    -------
    Written
        The path, and a sentence for each piece that could not be shown and was left out.
    """
    styles = run_styles(runs, factors)
    pieces = Pieces()
    found = groups(runs, factors) if len(runs) else []
    tags = {run: dict(group.levels) for group in found for run in group.runs}
    looks: dict[str, Any] = {"found": found, "styles": styles, "tags": tags}
    write_page(
        path,
        "sweep/page.html.jinja",
        title=_title(runs, failures),
        subtitle=_subtitle(runs, factors, meta),
        numbers=_numbers(runs, metrics),
        sentences=[sentence for metric in pairwise_metrics(table) for sentence in _sentences(table, metric, found)],
        shared=shared(runs, factors),
        factors=factors,
        known=[name for name in ("ideal_accuracy", "chance_accuracy") if len(runs) and runs[name].notna().any()],
        networks=[_networks(group, table, factors, styles, tags) for group in latest(runs, table)],
        groups=_groups(runs, table, found, styles) if seeded(found) else None,
        strips=pieces.chart("The figure of groups", partial(charts.strips_chart, table, runs, found, styles)),
        matrices=_matrices(pieces, table, runs, factors, metrics, looks),
        learning=[
            (
                heading(which.metric, metrics) + (f", to {which.reference}" if len(_references(table)) > 1 else ""),
                pieces.chart(
                    f"The figure of {which.metric} over learning", partial(charts.learning_chart, table, which, **looks)
                ),
            )
            for which in learned(table)
        ],
        floor=bool(floors(table).notna().any()),
        seeded=seeded(found),
        references=listed(_references(table)),
        history=_history(pieces, histories, runs, looks),
        states=_states(pieces, states or {}, runs),
        failures=failures,
        meta=meta,
        configs=configs,
        scales=scales(metrics),
        guide=guides(metrics),
        charts=pieces.charts,
        filters=charts.filters(runs, found),
        links=links,
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


def _references(table: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(which.reference for which in learned(table)))


def _networks(
    group: Latest,
    table: pd.DataFrame,
    factors: Sequence[str],
    styles: Mapping[str, Style],
    tags: Mapping[str, Mapping[str, str]],
) -> Any:
    """Return a table of networks: heads of its last columns, and rows of a run, its levels and its numbers."""
    courses = {
        column: {
            str(run): rows["dissimilarity"].to_numpy(float) for run, rows in learning_rows(table, column).groupby("run")
        }
        for column in group.columns
    }
    rows = []
    for place, run in zip(group.runs.index.astype(int).tolist(), group.runs.to_dict("records"), strict=True):
        name = str(run["run"])
        share = float(run["accuracy"]) / float(run["ideal_accuracy"]) if run["ideal_accuracy"] else math.nan
        rows.append(
            {
                **run,
                "place": place + 1,
                "of": json.dumps(tags.get(name, {})),
                "levels": [spelt(run[factor]) for factor in factors],
                "share": share,
                "bar": min(100.0, 100 * share) if math.isfinite(share) else 0.0,
                "last": [
                    (group.values[name, column], group.floors[name, column], spark(courses[column][name]))
                    for column in group.columns
                ],
                "colour": styles[name].colour,
            }
        )
    heads = [
        (each.metric, with_unit(f"to {each.reference}", unit_of(table, each.metric), "\n").splitlines())
        for each in group.columns
    ]
    return {"heads": heads, "rows": rows}


def spark(values: npt.NDArray[np.float64]) -> str:
    """Return a course over learning as the points of a line in a box of 60 by 14, from 0 up; nothing below two."""
    known = [(place, value) for place, value in enumerate(values.tolist()) if math.isfinite(value)]
    if len(known) < 2:
        return ""
    top = max(max(value for _, value in known), NOTHING)
    last = max(len(values) - 1, 1)
    return " ".join(f"{60 * place / last:.1f},{14 - 13 * value / top:.1f}" for place, value in known)


def _groups(
    runs: pd.DataFrame, table: pd.DataFrame, found: Sequence[Group], styles: Mapping[str, Style]
) -> dict[str, Any]:
    """Return a table of groups: heads, and rows of a name and means over seeds."""
    accuracy = dict(zip(runs["run"].astype(str), runs["accuracy"].astype(float), strict=True))
    values = {str(run): group.values for group in latest(runs, table) for run in group.runs["run"]}
    columns = learned(table)
    metrics = pairwise_metrics(table)
    heads = [
        "accuracy",
        *(with_unit(f"{each.metric} to {each.reference}", unit_of(table, each.metric)) for each in columns),
        *(with_unit(f"{metric} between seeds", unit_of(table, metric)) for metric in metrics),
    ]
    within = {metric: charts.means_within(table, metric, found) for metric in metrics}
    rows = []
    for group in found:
        means = [
            mean([accuracy[run] for run in group.runs]),
            *(
                mean([values[run].get((run, column), math.nan) for run in group.runs if run in values])
                for column in columns
            ),
            *(within[metric].get(group.name, Mean(math.nan)) for metric in metrics),
        ]
        colour = styles[group.runs[0]].colour
        rows.append(
            {
                "name": group.name,
                "count": len(group.runs),
                "means": means,
                "colour": colour,
                "of": json.dumps(group.levels),
            }
        )
    return {"heads": heads, "rows": rows}


def _sentences(table: pd.DataFrame, metric: str, found: Sequence[Group]) -> list[dict[str, str]]:
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
    apart_by_seed = between_seeds(table, metric, found)
    if len(apart) > 1 and math.isfinite(apart_by_seed.value):
        text += f" Two networks that differ in their seeds alone are {number(apart_by_seed.value)} apart on average."
    unit = with_unit("", unit_of(table, metric)).strip()
    return [{"metric": metric, "unit": unit, "text": text.strip()}] if text else []


def _beside(row: Mapping[Any, Any], text: str) -> str:
    """Return a text with the floor of a row in it; nothing where there is no floor."""
    floor = float(row.get("floor", math.nan))
    return "" if math.isnan(floor) else text.format(number(floor))


def _matrices(
    pieces: Pieces,
    table: pd.DataFrame,
    runs: pd.DataFrame,
    factors: Sequence[str],
    metrics: Mapping[str, Description],
    looks: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return what is shown of all pairs by every metric that compared at least two networks."""
    found = []
    for metric in pairwise_metrics(table):
        names, matrix = pairwise_matrix(table, metric)
        if len(names) < 2:
            continue
        tags = looks["tags"]
        heat = partial(charts.matrix_chart, table, metric, runs=runs, factors=factors, tags=tags)
        plane = partial(charts.map_chart, table, metric, styles=looks["styles"], tags=tags)
        means = partial(charts.group_chart, table, metric, looks["found"])
        found.append(
            {
                "metric": heading(metric, metrics),
                "names": names,
                "unit": unit_of(table, metric),
                "rows": list(zip(names, matrix.tolist(), strict=True)) if len(names) <= _WRITTEN else [],
                "matrix": pieces.chart(f"The matrix of {metric}", heat),
                "map": pieces.chart(f"The map of {metric}", plane),
                "groups": pieces.chart(f"The matrix of groups by {metric}", means),
            }
        )
    return found


def _history(
    pieces: Pieces, histories: Mapping[str, pd.DataFrame], runs: pd.DataFrame, looks: Mapping[str, Any]
) -> list[tuple[str, str | Problem | None]]:
    if not histories:
        return []
    made = attempt("The figure of training", lambda: charts.history_charts(histories, runs=runs, **looks))
    if isinstance(made, Problem):
        pieces.problems.append(made.text)
        return [("Training", made)]
    return [(each["title"], pieces.chart("The figure of training", lambda: each)) for each in made.values()]  # noqa: B023


def _states(pieces: Pieces, states: Mapping[str, Trajectories], runs: pd.DataFrame) -> dict[str, Any] | None:
    """Return the figures of states and of example trials, and what is not shown."""
    if not states:
        return None
    places = {str(run): place for place, run in enumerate(runs["run"], start=1)}
    tasks = dict(zip(runs["run"].astype(str), runs["task"].astype(str), strict=True)) if "task" in runs else {}
    made = attempt("The figure of states", lambda: charts.states_charts(states, places, tasks))
    if isinstance(made, Problem):
        pieces.problems.append(made.text)
        return {"figure": made, "trials": [], "notes": []}
    trials = [(each["title"], each["about"], each) for name, each in made.items() if name != "states"]
    notes = []
    if len(states) < len(runs):
        notes.append(
            f"Shown are {len(states)} of {len(runs)} networks, the first of every group first; the states of any other "
            'are one call away: dynalign.studies.trajectories(RunStore("...").open("KEY"), Representation()).'
        )
    most = max(each.known for each in states.values())
    fewer = [each for each in states.values() if len(each.conditions) < each.known]
    if fewer:
        notes.append(f"Of {most} conditions, {len(fewer[0].conditions)} are shown.")
    return {
        "figure": pieces.chart("The figure of states", lambda: made["states"]),
        "trials": [
            (f"A {title}: {about}", pieces.chart("The figure of a trial", lambda: each))  # noqa: B023
            for title, about, each in trials
        ],
        "notes": notes,
    }
