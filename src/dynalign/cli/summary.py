"""The end of a run or sweep: all trained networks against each other, one table, figures, a report, loggers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from dynalign.cli.finish import log_summary
from dynalign.cli.meta import meta
from dynalign.cli.progress import reporter
from dynalign.cli.save import save_all
from dynalign.identity import locate_stored, rebuild
from dynalign.metrics import Metric
from dynalign.models import SequenceModel
from dynalign.perturbations import Perturbation
from dynalign.report import Failure, Problem, attempt, first_of_groups, print_summary, sweep_figures, write_report
from dynalign.representations import Representation
from dynalign.results import NUMBERS, Result, Sweep, labelled
from dynalign.store import Run, RunStore
from dynalign.studies import Trained, Trajectories, compare_trained, trajectories
from dynalign.tables import read_table, write_table
from dynalign.tasks import Task

_SHOWN = 12  # networks whose states the report shows: what one takes is a second at most, and a hundred kilobytes


def summarise(sweep: Sweep, console: Console) -> list[str]:
    """Compare the networks of a sweep, write everything into its folder, and print it; return what went wrong."""
    opened = _open(sweep)
    pairs = _compare(sweep, opened, console)
    learning = sweep.table()
    table = pd.concat([part for part in (learning, pairs) if len(part)] or [pairs], ignore_index=True)
    runs = _with_own_distances(sweep.runs(), pairs)
    paths = write_table(table, sweep.folder, "dissimilarities")
    failures = [Failure(each.overrides, each.reason, each.status) for each in sweep.lost]  # type: ignore[arg-type]
    shown: dict[str, Any] = {"table": table, "runs": runs, "factors": sweep.factors, "metrics": sweep.metrics}
    histories = {name: run.history for name, run in opened.items()}
    figures, problems = save_all(sweep_figures(histories=histories, **shown), sweep.folder)
    states, lost = _states(sweep, opened, runs)
    problems += lost
    report = write_report(
        sweep.folder / "report.html",
        states=states,
        links={"all numbers, as CSV": paths["csv"], "all numbers, as Parquet": paths["parquet"], **_stores(sweep)},
        histories=histories,
        failures=failures,
        meta=meta(),
        configs={sweep.name_of(result): result.config for result in sweep.finished},
        **shown,
    )
    problems += [problem for problem in report.problems if problem not in problems]
    if len(runs) > 1:
        apart = pairs[pairs["run"] != pairs["reference"]]
        means = {str(metric): part["dissimilarity"].mean() for metric, part in apart.groupby("metric")}
        problems += log_summary(
            sweep,
            tables={"runs": runs, "dissimilarities": table},
            figures=figures,
            numbers={f"pairwise/{metric}/mean": float(mean) for metric, mean in means.items()},
        )
    print_summary(console, failures=failures, paths={"table": paths["csv"], "report": report.path}, **shown)
    return problems


def figures(sweep: Sweep) -> dict[str, Figure | Problem]:
    """Return the figures of a sweep that has ended, from what it left in its folder.

    Raises
    ------
    DynalignError
        If its table is not there.
    """
    table = read_table(sweep.folder, "dissimilarities")
    histories = {name: run.history for name, run in _open(sweep).items()}
    return sweep_figures(
        table=table, runs=sweep.runs(), histories=histories, metrics=sweep.metrics, factors=sweep.factors
    )


def _open(sweep: Sweep) -> dict[str, Run]:
    """Return every run of the sweep from the store, by its name within the sweep."""
    return {sweep.name_of(each): RunStore(each.details["store"]).open(each.key) for each in sweep.finished}


def _compare(sweep: Sweep, opened: Mapping[str, Run], console: Console) -> pd.DataFrame:
    """Return the table of all pairs of trained networks that can be compared, with whose they are."""
    networks, factors = [], {}
    for result in sweep.finished:
        name = sweep.name_of(result)
        factors[name] = {column: result.factors.get(column) for column in sweep.columns}
        networks.append(
            Trained(
                name,
                opened[name],
                rebuild(result.details["representation"], Representation),
                [rebuild(metric, Metric) for metric in result.details["metrics"]],
                _classes(result),
                int(result.details.get("floor_splits", 0)),  # which older results do not say
            )
        )
    if not networks:
        return pd.DataFrame(columns=["run", *NUMBERS])
    store = RunStore(sweep.finished[0].details["store"])
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        rows = compare_trained(networks, store, progress=reporter(bar))
    for reason in sorted(
        {f"{metric}: {why}" for metric, why in zip(rows["metric"], rows["reason"], strict=True) if why}
    ):
        console.print(f"[yellow]No distance[/] by {escape(reason)}", soft_wrap=True)
    parts = [
        labelled(part[[*NUMBERS]], str(name), factors[str(name)]) for name, part in rows.groupby("run", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


def _trajectories(result: Result, run: Run) -> Trajectories:
    return trajectories(run, rebuild(result.details["representation"], Representation), classes=_classes(result))


def _classes(result: Result) -> tuple[type, ...]:
    """Return what a result says that its network is made of."""
    return tuple(locate_stored(str(name), Task, SequenceModel, Perturbation) for name in result.details["classes"])


def _states(sweep: Sweep, opened: Mapping[str, Run], runs: pd.DataFrame) -> tuple[dict[str, Trajectories], list[str]]:
    """Return where the states of some networks go, the first of every group first, and what went wrong."""
    by_name = {sweep.name_of(result): result for result in sweep.finished}
    chosen = first_of_groups(runs, sweep.factors, _SHOWN)
    found: dict[str, Trajectories] = {}
    problems = []
    for name in chosen:
        result = by_name[name]
        made = attempt(f"The states of {name}", partial(_trajectories, result, opened[name]))
        if isinstance(made, Problem):
            problems.append(made.text)
        else:
            found[name] = made
    return found, problems


def _stores(sweep: Sweep) -> dict[str, Path]:
    """Return the folders of the stores that the runs lie in, by what they are."""
    stores = sorted({str(result.details["store"]) for result in sweep.finished})
    return {
        f"the networks, by their keys{f' ({place})' if place > 1 else ''}": Path(store)
        for place, store in enumerate(stores, 1)
    }


def _with_own_distances(runs: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return runs with the distance of each to itself, by every metric, which should be 0."""
    own = pairs[pairs["run"] == pairs["reference"]]
    if not len(own):
        return runs
    wide = own.pivot(index="run", columns="metric", values="dissimilarity").add_prefix("self_")
    return runs.merge(wide, left_on="run", right_index=True, how="left")
