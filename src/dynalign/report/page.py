"""The report: one self-contained HTML page that opens from disk."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from dynalign.report.failure import Failure
from dynalign.report.figures import (
    TITLES,
    embedding_figure,
    history_figure,
    learning_figure,
    matrix_figure,
    pairwise_matrix,
)
from dynalign.store import write_atomically

_DOTS_PER_INCH = 160  # twice that of a screen, so that figures stay sharp


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
    """Write the report to ``path`` and return it.

    Parameters
    ----------
    table : DataFrame
        All dissimilarities, with the columns of ``dynalign.studies.COLUMNS``.
    runs : DataFrame
        One row per finished run, with its accuracy beside the ideal observer's.
    histories : mapping of run to DataFrame
        Losses and accuracies over epochs.
    failures : sequence of Failure
    meta : mapping
        The command, the date, and versions.
    configs : mapping of run to YAML text
    """
    environment = Environment(loader=PackageLoader("dynalign.report", "."), autoescape=True, undefined=StrictUndefined)
    environment.filters["number"] = _number
    metrics = list(table["metric"].unique()) if len(table) else []
    html = environment.get_template("page.html.jinja").render(
        headline=_headline(runs, failures),
        sentences=[sentence for metric in metrics for sentence in _sentence(table, metric)],
        runs=runs.to_dict("records"),
        self_distances=[column for column in runs.columns if str(column).startswith("self_")],
        matrices=[matrix for metric in metrics for matrix in _matrix(table, metric, runs)],
        learning=_learning(table),
        history=_picture(history_figure(histories, runs)) if histories else "",
        failures=failures,
        meta=meta,
        configs=configs,
    )
    write_atomically(path, lambda target: target.write_text(html, encoding="utf-8"))
    return path


def _picture(figure: Figure) -> str:
    """Return a figure as a data URL."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _number(value: Any, digits: int = 3) -> str:
    """Write a number for a table cell; small ones keep their order of magnitude."""
    if value is None or value != value:
        return "–"
    if value != 0 and abs(value) < 10**-digits:
        return f"{value:.0e}"
    return f"{value:.{digits}f}"


def _headline(runs: pd.DataFrame, failures: Sequence[Failure]) -> str:
    finished = f"{len(runs)} trained network{'s' if len(runs) != 1 else ''}"
    parts = [finished]
    if len(runs):
        noises = ", ".join(f"{noise:g}" for noise in sorted(runs["noise"].unique()))
        parts += [
            ", ".join(sorted(runs["model"].unique())),
            f"task {', '.join(sorted(runs['task'].unique()))}",
        ]
        parts.append(f"noise {noises}")
    if failures:
        parts.append(f"{len(failures)} failed")
    return " · ".join(parts)


def _sentence(table: pd.DataFrame, metric: str) -> list[dict[str, str]]:
    """Say in words which networks are most and least alike."""
    rows = table[(table["comparison"] == "pairwise") & (table["metric"] == metric)].dropna(subset="dissimilarity")
    apart = rows[rows["run"] != rows["reference"]]
    own = rows[rows["run"] == rows["reference"]]
    if apart.empty:
        return []
    order = apart.sort_values("dissimilarity").to_dict("records")
    near, far = order[0], order[-1]
    text = (
        f"most alike are {near['run']} and {near['reference']} ({near['dissimilarity']:.3f}), "
        f"least alike {far['run']} and {far['reference']} ({far['dissimilarity']:.3f})."
    )
    if len(apart) == 1:
        text = f"{near['run']} and {near['reference']} are {near['dissimilarity']:.3f} apart."
    if len(own):
        text += f" The largest distance of a network to itself, which should be 0, is {own['dissimilarity'].max():.0e}."
    return [{"metric": TITLES.get(metric, metric), "text": text}]


def _matrix(table: pd.DataFrame, metric: str, runs: pd.DataFrame) -> list[dict[str, Any]]:
    names, matrix = pairwise_matrix(table, metric)
    if not names:
        return []
    shown: dict[str, Any] = {
        "metric": TITLES.get(metric, metric),
        "names": names,
        "rows": list(zip(names, matrix.tolist(), strict=True)),
        "picture": _picture(matrix_figure(names, matrix, metric)),
        "map": "",
    }
    if len(names) >= 3 and not pd.isna(matrix).any():
        shown["map"] = _picture(embedding_figure(names, matrix, metric, runs))
    return [shown]


def _learning(table: pd.DataFrame) -> str:
    if not len(table) or not (table["comparison"] == "learning").any():
        return ""
    return _picture(learning_figure(table))
