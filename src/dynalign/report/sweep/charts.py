"""The interactive figures of a sweep, as data for the page's script: matrices, maps, curves, groups, states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dynalign.report.parts.axes import FLOOR
from dynalign.report.parts.interactive import clustered, listed_numbers, look, short
from dynalign.report.parts.matrix import Matrix
from dynalign.report.parts.metrics import NO_UNIT
from dynalign.report.parts.style import Style
from dynalign.report.sweep.factors import levels, spelt
from dynalign.report.sweep.groups import Group, Mean, between_seeds, group_matrix, mean, seeded
from dynalign.report.sweep.map import classical_mds
from dynalign.report.sweep.table import (
    Learned,
    floors,
    highest_floors,
    learned,
    learning_rows,
    mappable,
    pairwise_matrix,
    pairwise_metrics,
    unit_of,
)
from dynalign.studies import ExampleTrial, Trajectories

Chart = dict[str, Any]

GIVEN = "as computed"
_LISTED = 12  # lines up to which each has an entry in the legend, and levels up to which a factor can be filtered by


def filters(runs: pd.DataFrame, found: Sequence[Group]) -> dict[str, list[str]]:
    """Return what a page can be filtered by: the levels of the factors that tell groups apart, where they are few."""
    if not found:
        return {}
    every = {factor: levels(runs, factor) for factor in found[0].levels}
    return {factor: names for factor, names in every.items() if 1 < len(names) <= _LISTED}


def orders(runs: pd.DataFrame, factors: Sequence[str], names: Sequence[str], matrix: Matrix) -> list[dict[str, Any]]:
    """Return in which orders the rows of a matrix can stand, as places: as computed, by each factor, clustered."""
    found: list[dict[str, Any]] = [{"name": GIVEN, "order": list(range(len(names)))}]
    by_run = {str(row["run"]): row for row in runs.to_dict("records")}
    for factor in factors:
        if factor in runs and all(name in by_run for name in names):
            ranks = levels(runs, factor)
            order = sorted(range(len(names)), key=lambda i: ranks.index(spelt(by_run[names[i]][factor])))
            found.append({"name": f"by {factor}", "order": order})
    return [*found, *clustered(matrix)]


def matrix_chart(
    table: pd.DataFrame,
    metric: str,
    *,
    runs: pd.DataFrame,
    factors: Sequence[str],
    tags: Mapping[str, Mapping[str, str]],
) -> Chart:
    """Return the matrix of all networks that a metric compared."""
    names, matrix = pairwise_matrix(table, metric)
    beside = {column: pairwise_matrix(table, metric, column)[1] for column in ("floor", "low", "high")}
    return {
        "kind": "matrix",
        "title": metric,
        "unit": unit_of(table, metric),
        "names": names,
        "numbered": True,
        "of": [dict(tags.get(name, {})) for name in names],
        "z": listed_numbers(matrix),
        **{column: listed_numbers(each) if np.isfinite(each).any() else None for column, each in beside.items()},
        "top": _top(matrix),
        "orders": orders(runs, factors, names, matrix),
    }


def group_chart(table: pd.DataFrame, metric: str, found: Sequence[Group]) -> Chart | None:
    """Return the matrix of groups, means over seeds; None where there is nothing to take means of."""
    means = group_matrix(table, metric, found)
    if len(means.names) < 2 or not seeded(found):
        return None
    tags = {group.name: dict(group.levels) for group in found}
    return {
        "kind": "matrix",
        "title": f"{metric} groups",
        "unit": unit_of(table, metric),
        "names": list(means.names),
        "of": [tags[name] for name in means.names],
        "z": listed_numbers(means.values),
        "low": listed_numbers(means.low),
        "high": listed_numbers(means.high),
        "counts": means.counts.tolist(),
        "top": _top(means.values),
    }


def map_chart(
    table: pd.DataFrame, metric: str, *, styles: Mapping[str, Style], tags: Mapping[str, Mapping[str, str]]
) -> Chart | None:
    """Return every network as a point of a plane; None where the metric leaves a dissimilarity unknown."""
    names, matrix = pairwise_matrix(table, metric)
    if not mappable(matrix):
        return None
    points = classical_mds(matrix)
    looks = [look(styles.get(name, Style())) for name in names]
    return {
        "kind": "map",
        "title": f"{metric} map",
        "unit": unit_of(table, metric),
        "names": names,
        "of": [dict(tags.get(name, {})) for name in names],
        "x": listed_numbers(points[:, 0]),
        "y": listed_numbers(points[:, 1]),
        # A map of identical networks would otherwise be drawn at the scale of rounding errors.
        "reach": max(float(np.abs(points).max()) * 1.25, FLOOR),
        "colours": [each["colour"] for each in looks],
        "marks": [each["mark"] for each in looks],
        "groups": [styles.get(name, Style()).group.replace(r"\$", "$") for name in names],
    }


def learning_chart(
    table: pd.DataFrame,
    which: Learned,
    *,
    found: Sequence[Group],
    styles: Mapping[str, Style],
    tags: Mapping[str, Mapping[str, str]],
) -> Chart:
    """Return a dissimilarity over epochs: a line per network and, where there are seeds, means with intervals."""
    rows = learning_rows(table, which)
    chart = _lines(rows, "dissimilarity", found=found, styles=styles, tags=tags)
    whom = {"initial": "the initial state", "previous": "the checkpoint before", "final": "the final state"}
    chart |= {
        "title": f"{which.metric} over learning",
        "unit": unit_of(table, which.metric),
        "ytitle": f"dissimilarity to {whom.get(which.reference, which.reference)}",
    }
    floor = highest_floors(rows)
    if len(floor):
        text = "floor: halves of a network's own trials"
        chart["band"] = {
            "x": [int(epoch) for epoch in floor.index],
            "y": listed_numbers(floor.to_numpy()),
            "text": text,
        }
    apart = between_seeds(table, which.metric, found)
    if which.metric in pairwise_metrics(table) and np.isfinite(apart.value):
        text = "floor between seeds: two trained networks that differ in nothing else,"
        chart["levels"] = [{"y": short(apart.value), "text": text, "dash": "dash"}]
    return chart


def history_charts(
    histories: Mapping[str, pd.DataFrame],
    *,
    runs: pd.DataFrame,
    found: Sequence[Group],
    styles: Mapping[str, Style],
    tags: Mapping[str, Mapping[str, str]],
) -> dict[str, Chart]:
    """Return the held-out loss and accuracy over epochs, with the accuracies of the ideal observers."""
    rows = pd.concat([history.assign(run=run) for run, history in histories.items()], ignore_index=True)
    loss = _lines(rows, "val_loss", found=found, styles=styles, tags=tags)
    loss |= {"title": "Loss, held out", "ytitle": "loss", "log": True}
    accuracy = _lines(rows, "accuracy", found=found, styles=styles, tags=tags)
    accuracy |= {"title": "Accuracy, held out", "ytitle": "fraction of right decisions", "most": 1.06}
    ideals: dict[float, list[dict[str, str]]] = {}
    for row in runs.to_dict("records"):
        ideal = row.get("ideal_accuracy")
        if ideal is not None and np.isfinite(ideal):
            ideals.setdefault(round(float(ideal), 3), []).append(dict(tags.get(str(row["run"]), {})))
    accuracy["levels"] = [
        {"y": ideal, "text": f"ideal observer{_shared(those, ideals)}"} for ideal, those in sorted(ideals.items())
    ]
    return {"loss": loss, "accuracy": accuracy}


def strips_chart(
    table: pd.DataFrame, runs: pd.DataFrame, found: Sequence[Group], styles: Mapping[str, Style]
) -> Chart | None:
    """Return a number of every network by group: the last dissimilarities, distances between seeds, accuracies."""
    if not seeded(found):
        return None
    choices = []
    for which in learned(table):
        rows = learning_rows(table, which)
        last = rows.groupby("run", sort=False)["dissimilarity"].agg("first" if which.reference == "final" else "last")
        what = f"{which.metric} to {which.reference}"
        choices.append(_strips(what, unit_of(table, which.metric), "dissimilarity", last.to_dict(), found, styles))
    for metric in pairwise_metrics(table):
        names, matrix = pairwise_matrix(table, metric)
        place = {name: index for index, name in enumerate(names)}
        within = means_within(table, metric, found)
        entries = []
        for group in found:
            mine = [run for run in group.runs if run in place]
            pairs = [(a, b) for at, a in enumerate(mine) for b in mine[at + 1 :]]
            values = [float(matrix[place[a], place[b]]) for a, b in pairs]
            labels = [f"{a} and {b}" for a, b in pairs]
            entries.append(_entry(group, labels, values, within.get(group.name, Mean(float("nan"))), styles))
        if any(entry["values"] for entry in entries):
            unit = unit_of(table, metric)
            about = "dissimilarity of two networks that differ in their seeds alone"
            choices.append({"name": f"{metric} between seeds", "unit": unit, "xtitle": about, "groups": entries})
    known = dict(zip(runs["run"].astype(str), runs["accuracy"].astype(float), strict=True))
    choices.append(_strips("accuracy", NO_UNIT, "fraction of right decisions", known, found, styles))
    return {"kind": "strips", "title": "networks by group", "choices": choices}


def means_within(table: pd.DataFrame, metric: str, found: Sequence[Group]) -> dict[str, Mean]:
    """Return the mean dissimilarity of two networks of each group, which differ in their seeds alone."""
    means = group_matrix(table, metric, found)
    return {
        name: Mean(float(means.values[i, i]), float(means.low[i, i]), float(means.high[i, i]))
        for i, name in enumerate(means.names)
    }


def states_charts(
    states: Mapping[str, Trajectories], places: Mapping[str, int], tasks: Mapping[str, str], *, of: str = "network"
) -> dict[str, Chart]:
    """Return where the states of networks go, and an example trial of each task.

    Parameters
    ----------
    states : mapping of run to Trajectories
    places : mapping of run to its number in the table of networks
    tasks : mapping of run to the task's name
    of : str
        What runs are.
    """
    charts: dict[str, Chart] = {}
    networks = []
    for run, each in states.items():
        reach = float(np.nanmax(np.abs(each.states))) or 1.0
        scale = reach / 999
        low, high = np.nanmin(each.states, axis=(0, 1, 2)), np.nanmax(each.states, axis=(0, 1, 2))
        # One scale for all axes and checkpoints, so that nothing jumps and nothing small looks large.
        half = 0.54 * max(float((high - low).max()), 1e-9)
        middle = (high + low) / 2
        networks.append(
            {
                "name": run,
                "place": places[run],
                "epochs": [int(epoch) for epoch in each.epochs],
                "conditions": list(each.conditions),
                "explained": listed_numbers(each.explained),
                "times": listed_numbers(each.times),
                "periods": list(each.periods),
                "clock": each.clock,
                "scale": short(scale),
                "states": [[_points(path) for path in paths] for paths in each.states / scale],
                "ranges": [[short(float(at - half)), short(float(at + half))] for at in middle],
            }
        )
        task = tasks.get(run, "")
        if each.trial is not None:
            charts.setdefault(f"trial {task}", _trial(each, each.trial, task))
    states_chart = {"kind": "trajectories", "title": "states", "of": of, "networks": networks}
    return {"states": states_chart, **charts} if networks else {}


def _points(path: Matrix) -> list[list[int] | None]:
    """Return a path (time, 3) in whole numbers; None where nothing is known."""
    known = [bool(np.isfinite(point).all()) for point in path]
    whole = np.rint(np.nan_to_num(path)).astype(int).tolist()
    return [point if there else None for point, there in zip(whole, known, strict=True)]


def _trial(each: Trajectories, trial: ExampleTrial, task: str) -> Chart:
    return {
        "kind": "trial",
        "title": f"trial of {task}",
        "about": f"{trial.rule}, {trial.condition}" if trial.condition != "all trials" else trial.rule,
        "times": listed_numbers(each.times),
        "periods": list(each.periods),
        "inputs": _channels(trial.input_names, trial.inputs),
        "targets": _channels(trial.target_names, trial.targets),
    }


def _channels(names: Sequence[str], values: Any) -> list[dict[str, Any]]:
    rounded = np.round(np.asarray(values, dtype=float), 3).T
    return [{"name": name, "values": listed_numbers(row)} for name, row in zip(names, rounded, strict=True)]


def _lines(
    rows: pd.DataFrame,
    column: str,
    *,
    found: Sequence[Group],
    styles: Mapping[str, Style],
    tags: Mapping[str, Mapping[str, str]],
) -> Chart:
    """Return a line per network and, where there are seeds, a mean per group with its interval before them."""
    by_run = {str(run): part for run, part in rows.groupby("run", sort=False)}
    means = seeded(found)
    single = []
    for run, part in by_run.items():
        style = styles.get(run, Style())
        single.append(
            {
                "name": run,
                "of": dict(tags.get(run, {})),
                "x": [int(epoch) for epoch in part["epoch"]],
                "y": listed_numbers(part[column].to_numpy()),
                "floor": listed_numbers(floors(part).to_numpy()) if floors(part).notna().any() else None,
                "faint": means,
                "legend": run if not means and len(by_run) <= _LISTED else None,
                **look(style),
            }
        )
    over_seeds = []
    for group in found if means else ():
        mine = [run for run in group.runs if run in by_run]
        if not mine:
            continue
        wide = pd.concat([by_run[run].set_index("epoch")[column] for run in mine], axis=1)
        # Networks that stopped early are missed from there on: a mean of the others would jump.
        told = [(int(epoch), mean(row)) for epoch, row in zip(wide.index, wide.to_numpy(), strict=True)
                if np.isfinite(row).all()]  # fmt: skip
        over_seeds.append(
            {
                "name": f"{group.name}, mean of {len(mine)}",
                "of": dict(group.levels),
                "x": [epoch for epoch, _ in told],
                "y": listed_numbers([each.value for _, each in told]),
                "low": listed_numbers([each.low for _, each in told]),
                "high": listed_numbers([each.high for _, each in told]),
                "legend": group.name if len(found) <= 2 * _LISTED else None,
                **look(styles.get(mine[0], Style())),
            }
        )
    return {"kind": "lines", "unit": NO_UNIT, "xtitle": "epoch", "series": [*single, *over_seeds]}


def _strips(
    name: str,
    unit: str,
    xtitle: str,
    values: Mapping[Any, float],
    found: Sequence[Group],
    styles: Mapping[str, Style],
) -> Chart:
    entries = []
    for group in found:
        mine = [run for run in group.runs if run in values]
        numbers = [float(values[run]) for run in mine]
        entries.append(_entry(group, mine, numbers, mean(numbers), styles))
    return {"name": name, "unit": unit, "xtitle": xtitle, "groups": [each for each in entries if each["values"]]}


def _entry(
    group: Group, names: Sequence[str], values: Sequence[float], told: Mean, styles: Mapping[str, Style]
) -> dict[str, Any]:
    return {
        "name": group.name,
        "of": dict(group.levels),
        "names": list(names),
        "values": listed_numbers(values),
        "mean": short(told.value),
        "low": short(told.low),
        "high": short(told.high),
        **look(styles.get(group.runs[0], Style())),
    }


def _shared(those: Sequence[Mapping[str, str]], ideals: Mapping[float, Any]) -> str:
    """Say which levels an ideal observer stands for, if there are several: the first factor that tells them apart."""
    if len(ideals) < 2:
        return ""
    for factor in those[0] if those else ():
        mine = {tag.get(factor) for tag in those}
        others = {tag.get(factor) for ideal, tags in ideals.items() for tag in tags if tags is not those}
        if not mine & others:
            return f", {factor} {', '.join(sorted(str(level) for level in mine))}:"
    return ""


def _top(values: Matrix) -> float:
    known = values[np.isfinite(values)]
    return max(float(known.max(initial=0.0)), FLOOR)
