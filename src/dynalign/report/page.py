"""The report: one self-contained HTML page that opens from disk, without scripts and without the network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dynalign.report.base_page import Picture, duration, number, picture, write_page
from dynalign.report.failure import Failure
from dynalign.report.figures import (
    RunStyle,
    embedding_figure,
    history_figure,
    learning_figure,
    matrix_figure,
    pairwise_matrix,
    run_styles,
)
from dynalign.report.metric_texts import guide, title

_CONSTANT = {"task": "task", "curriculum": "curriculum", "noise": "noise", "perturbation": "noise on", "seed": "seed"}


def write_report(
    path: Path,
    *,
    table: pd.DataFrame,
    runs: pd.DataFrame,
    histories: Mapping[str, pd.DataFrame],
    failures: Sequence[Failure],
    meta: Mapping[str, str],
    configs: Mapping[str, str],
) -> Path:
    """Write the report to ``path`` and return it; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    table : DataFrame
        All dissimilarities, tidy, with the columns of ``dynalign.studies.COLUMNS``.
    runs : DataFrame
        One row per finished run, with its accuracy beside the ideal observer's.
    histories : mapping of run to DataFrame
        Losses and accuracies over epochs.
    failures : sequence of Failure
        Jobs that did not succeed.
    meta : mapping
        The command (under "command"), the date (under "date"), and versions.
    configs : mapping of run to YAML text
        Everything that determined a run.
    """
    styles = run_styles(runs if len(runs) else table)
    measured = [str(metric) for metric in table["metric"].unique()] if len(table) else []
    shared, varying = _columns(runs)
    matrices = [matrix for metric in measured for matrix in _matrix(table, metric, styles)]
    return write_page(
        path,
        "page.html.jinja",
        title=_title(runs, failures),
        subtitle=_subtitle(runs, meta),
        numbers=_numbers(runs, measured, failures),
        sentences=[sentence for metric in measured for sentence in _sentences(table, metric)],
        shared=shared,
        varying=varying,
        runs=[_row(run, table, styles) for run in runs.to_dict("records")],
        finals=list(dict.fromkeys(_learning(table)["metric"])),
        reference=", ".join(str(name) for name in _learning(table)["reference"].unique()),
        matrices=matrices,
        learning=_learning_picture(table, styles),
        history=_history_picture(histories, runs, styles),
        failures=failures,
        meta=meta,
        configs=configs,
        guide=[guide(metric) for metric in measured],
    )


def _learning(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["comparison"] == "learning"]


def _title(runs: pd.DataFrame, failures: Sequence[Failure]) -> str:
    """Say what ran: how many networks of which models, on which task."""
    if not len(runs):
        return "No network finished" if failures else "Nothing has run yet"
    models = " and ".join(str(model) for model in sorted(runs["model"].unique()))
    tasks = " and ".join(str(task) for task in sorted(runs["task"].unique()))
    if len(runs) == 1:
        return f"One {models} network on {tasks}"
    return f"{len(runs)} networks ({models}) on {tasks}"


def _subtitle(runs: pd.DataFrame, meta: Mapping[str, str]) -> str:
    parts = []
    if len(runs):
        noises = sorted(runs["noise"].dropna().unique())
        parts.append("noise " + ", ".join(f"{noise:g}" for noise in noises))
        parts.append(_count(runs["curriculum"], "curriculum", "curricula"))
        parts.append(_count(runs["seed"], "seed", "seeds"))
    if "date" in meta:
        parts.append(meta["date"])
    return " · ".join(parts)


def _count(column: pd.Series[Any], one: str, many: str) -> str:
    levels = sorted(column.unique())
    return f"{one} {levels[0]}" if len(levels) == 1 else f"{len(levels)} {many}"


def _numbers(runs: pd.DataFrame, measured: Sequence[str], failures: Sequence[Failure]) -> list[tuple[str, str]]:
    """Return the few numbers at the top of the page, each with its caption."""
    shown = [(str(len(runs)), "network finished" if len(runs) == 1 else "networks finished")]
    if failures:
        shown.append((str(len(failures)), "failed"))
    if len(runs):
        best = (runs["accuracy"] / runs["ideal_accuracy"]).median()
        if math.isfinite(best):
            shown.append((f"{best:.0%}", "of the ideal observer's accuracy" + (", median" if len(runs) > 1 else "")))
        shown.append((duration(float(runs["seconds"].sum())), "of computing"))
    if measured:
        shown.append((", ".join(title(metric) for metric in measured), "compared by"))
    return shown


def _columns(runs: pd.DataFrame) -> tuple[list[tuple[str, Any]], list[tuple[str, str]]]:
    """Divide what sets runs apart into what they share, said once, and what varies, a column each."""
    shared, varying = [], []
    for column, name in _CONSTANT.items():
        if len(runs) > 1 and runs[column].nunique() > 1:
            varying.append((column, name))
        elif len(runs) and not (column == "perturbation" and not (runs["noise"] != 0).any()):
            level = runs[column].iloc[0]
            shared.append((name, f"{level:g}" if column == "noise" else level))
    return shared, varying


def _row(run: Mapping[Any, Any], table: pd.DataFrame, styles: Mapping[str, RunStyle]) -> dict[str, Any]:
    """Return a row of the table of runs: the run, its share of the ideal accuracy, its last dissimilarities."""
    mine = _learning(table)
    mine = mine[mine["run"] == run["run"]].sort_values("epoch")
    last = mine.groupby("metric", sort=False)["dissimilarity"].last() if len(mine) else {}
    share = run["accuracy"] / run["ideal_accuracy"] if run["ideal_accuracy"] else math.nan
    return {
        **run,
        "noise": f"{run['noise']:g}",
        "share": share,
        "bar": min(100.0, 100 * share) if math.isfinite(share) else 0.0,
        "last": dict(last),
        "colour": styles.get(str(run["run"]), RunStyle()).colour,
    }


def _sentences(table: pd.DataFrame, metric: str) -> list[dict[str, str]]:
    """Say in words which networks are most and least alike, and how sharp the metric is."""
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == metric)].dropna(subset=["dissimilarity"])
    apart = rows[rows["run"] != rows["reference"]].sort_values("dissimilarity", kind="stable").to_dict("records")
    own = rows[rows["run"] == rows["reference"]].sort_values("dissimilarity", kind="stable").to_dict("records")
    text = ""
    if len(apart) == 1:
        text = f"{apart[0]['run']} and {apart[0]['reference']} are {number(apart[0]['dissimilarity'])} apart."
    elif apart:
        near, far = apart[0], apart[-1]
        text = (
            f"Most alike are {near['run']} and {near['reference']} ({number(near['dissimilarity'])}); "
            f"least alike are {far['run']} and {far['reference']} ({number(far['dissimilarity'])})."
        )
    if own:
        worst = own[-1]
        which = f" ({worst['run']})" if len(own) > 1 and worst["dissimilarity"] >= 0.0005 else ""
        what = "The largest distance of a network" if len(own) > 1 else "The network's distance"
        text += f" {what} to itself, which should be 0, is {number(worst['dissimilarity'])}{which}."
    return [{"metric": title(metric), "text": text.strip()}] if text else []


def _matrix(table: pd.DataFrame, metric: str, styles: Mapping[str, RunStyle]) -> list[dict[str, Any]]:
    names, matrix = pairwise_matrix(table, metric)
    if len(names) < 2:
        return []
    whole = len(names) >= 3 and bool(np.isfinite(matrix).all())
    return [
        {
            "metric": title(metric),
            "names": names,
            "rows": list(zip(names, matrix.tolist(), strict=True)),
            "picture": picture(lambda: matrix_figure(names, matrix, metric)),
            "map": picture(lambda: embedding_figure(names, matrix, metric, styles=styles)) if whole else None,
        }
    ]


def _learning_picture(table: pd.DataFrame, styles: Mapping[str, RunStyle]) -> Picture | None:
    if not len(_learning(table)):
        return None
    return picture(
        lambda: learning_figure(table, styles=styles), lambda: learning_figure(table, styles=styles, columns=1)
    )


def _history_picture(
    histories: Mapping[str, pd.DataFrame], runs: pd.DataFrame, styles: Mapping[str, RunStyle]
) -> Picture | None:
    if not histories:
        return None
    return picture(
        lambda: history_figure(histories, runs, styles=styles),
        lambda: history_figure(histories, runs, styles=styles, columns=1),
    )
