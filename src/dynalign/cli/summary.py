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


def summarise(sweep: Sweep, console: Console, *, left: bool = True) -> list[str]:
    """Compare the networks of a sweep, write everything into its folder, and print it; return what went wrong.

    Parameters
    ----------
    left : bool
        Whether pairs are left out where the sweep says so (``pairs=false``).
    """
    opened = open_runs(sweep)
    later = left and not all(result.details.get("pairs", True) for result in sweep.finished)
    pairs = pd.DataFrame(columns=["run", *NUMBERS]) if later else _compare(sweep, opened, console)
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
            numbers={f"pairwise/{metric}/mean": float(mean) for metric, mean in means.items()} | to_master(runs, pairs),
            files={"report.html": report.path, "dissimilarities.csv": paths["csv"]},
        )
    print_summary(console, failures=failures, paths={"table": paths["csv"], "report": report.path}, **shown)
    if later:
        console.print(f"pairs  dynalign pairs sweep={sweep.folder}", markup=False, soft_wrap=True)
    return problems


def figures(sweep: Sweep) -> dict[str, Figure | Problem]:
    """Return the figures of a sweep that has ended, from what it left in its folder.

    Raises
    ------
    DynalignError
        If its table is not there.
    """
    table = read_table(sweep.folder, "dissimilarities")
    histories = {name: run.history for name, run in open_runs(sweep).items()}
    return sweep_figures(
        table=table, runs=sweep.runs(), histories=histories, metrics=sweep.metrics, factors=sweep.factors
    )


def open_runs(sweep: Sweep) -> dict[str, Run]:
    """Return every run of the sweep from the store, by its name within the sweep."""
    stores = {root: RunStore(root) for root in {each.details["store"] for each in sweep.finished}}
    return {sweep.name_of(each): stores[each.details["store"]].open(each.key) for each in sweep.finished}


def _compare(sweep: Sweep, opened: Mapping[str, Run], console: Console) -> pd.DataFrame:
    """Return the table of all pairs of trained networks that can be compared, with whose they are."""
    networks = trained(sweep, opened)
    if not networks:
        return pd.DataFrame(columns=["run", *NUMBERS])
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        rows = compare_trained(networks, store_of(sweep), progress=reporter(bar))
    for reason in sorted(
        {f"{metric}: {why}" for metric, why in zip(rows["metric"], rows["reason"], strict=True) if why}
    ):
        console.print(f"[yellow]No distance[/] by {escape(reason)}", soft_wrap=True)
    factors = {
        sweep.name_of(result): {column: result.factors.get(column) for column in sweep.columns}
        for result in sweep.finished
    }
    parts = [
        labelled(part[[*NUMBERS]], str(name), factors[str(name)]) for name, part in rows.groupby("run", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


def to_master(runs: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, float]:
    """Return how far curricula are from the curriculum ``master``, over seeds, where a sweep has it among others.

    Only networks of one model, task and noise are compared, and none with itself.
    """
    alike = [name for name in ("model", "task", "noise", "perturbation") if name in runs]
    if "curriculum" not in runs or not {"master"} < set(runs["curriculum"]):
        return {}
    about = runs.drop_duplicates("run").set_index("run")[["curriculum", *alike]]
    apart = pairs[pairs["run"] != pairs["reference"]][["run", "reference", "metric", "dissimilarity"]]
    both = pd.concat([apart, apart.rename(columns={"run": "reference", "reference": "run"})], ignore_index=True)
    both = both.drop_duplicates(["run", "reference", "metric"])
    joined = both.join(about, on="run").join(about, on="reference", rsuffix="_reference")
    same = (joined[alike].to_numpy() == joined[[f"{name}_reference" for name in alike]].to_numpy()).all(axis=1)
    chosen = joined[same & (joined["curriculum_reference"] == "master")].dropna(subset=["dissimilarity"])
    means = chosen.groupby(["metric", "curriculum"])["dissimilarity"].mean()
    return {f"to_master/{metric}/{curriculum}": float(mean) for (metric, curriculum), mean in means.items()}


def _trajectories(result: Result, run: Run) -> Trajectories:
    return trajectories(run, rebuild(result.details["representation"], Representation), classes=_classes(result))


def _classes(result: Result) -> tuple[type, ...]:
    """Return what a result says that its network is made of."""
    return tuple(locate_stored(str(name), Task, SequenceModel, Perturbation) for name in result.details["classes"])


def store_of(sweep: Sweep) -> RunStore:
    """Return the store of a sweep that has finished jobs."""
    return RunStore(sweep.finished[0].details["store"])


def trained(sweep: Sweep, opened: Mapping[str, Run]) -> list[Trained]:
    """Return what is to be compared of a sweep, given its runs by name."""
    return [
        Trained(
            sweep.name_of(result),
            opened[sweep.name_of(result)],
            rebuild(result.details["representation"], Representation),
            [rebuild(metric, Metric) for metric in result.details["metrics"]],
            _classes(result),
            int(result.details.get("floor_splits", 0)),  # which older results do not say
        )
        for result in sweep.finished
    ]


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
