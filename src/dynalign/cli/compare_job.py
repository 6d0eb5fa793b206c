"""From the config of `compare.py` to recordings, what was measured of them, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from omegaconf import DictConfig
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dynalign.cli.build import build
from dynalign.cli.entry import Command
from dynalign.cli.job import build_metrics, store_of
from dynalign.cli.meta import meta
from dynalign.cli.runs import SHORT
from dynalign.cli.save import save_all
from dynalign.cli.schema import completed, config_files
from dynalign.cli.terminal import console
from dynalign.cli.top import check_top
from dynalign.comparison import Comparison, compare, network_recording
from dynalign.comparison.trajectories import read_trajectories
from dynalign.data import Recording, Recordings
from dynalign.errors import DynalignError
from dynalign.report import Problem, comparison_figures, print_comparison, write_comparison
from dynalign.representations import check_components
from dynalign.results import Result, Sweep
from dynalign.store import Run, RunStore
from dynalign.tables import read_table, write_table

_TABLES = ("dissimilarities", "recordings", "fits", "trajectories")


def run_job(config: DictConfig, settings: Any, result: Result) -> Result:
    """Read the recordings, compare them, and write down what came out."""
    check_top(config)
    plain = completed(config, config_files(settings.runtime.choices, config))
    data: Recordings = build("data", plain["data"])
    base = Path(settings.runtime.cwd)
    metrics = build_metrics(plain.get("metric") or {})
    check_components(metrics, data.components)
    effort = build("effort", plain["effort"])
    networks = _networks(plain["runs"] or [], base / str(plain["store"]))
    files = data.read(base) if data.files or not networks else []
    recordings = [*files, *(data.kept(each) for each in networks)]
    store = store_of(plain, settings)
    with _Bar() as bar:
        found = compare(recordings, metrics, align=plain["align"], effort=effort, progress=bar.report, store=store)
    _write(found, result.folder)
    return replace(
        result,
        status="compared",
        metrics={label: asdict(each) for label, each in found.metrics.items()},
        details={"notes": list(found.notes)},
        table="dissimilarities.parquet",
    )


def _networks(keys: Sequence[Any], root: Path) -> list[Recording]:
    """Return the trained networks of a store whose keys start so, as recordings.

    Raises
    ------
    DynalignError
        If there is no such store, or not one network of it that is meant.
    """
    if not keys:
        return []
    odd = [key for key in keys if not isinstance(key, str)]
    if odd:
        raise DynalignError(f"runs names {odd[0]}, a number; write keys in quotes, as in runs=['{odd[0]}'].")
    if not root.is_dir():
        raise DynalignError(f"There is no store {root} in which {keys[0]} could be a network; store= names another.")
    runs = [RunStore(root).open(key) for key in keys]
    return [network_recording(f"{_model(run)} {run.key[:SHORT]}", run) for run in runs]


def _model(run: Run) -> str:
    return str(run.config["model"]["_target_"]).rpartition(".")[2]


def summarise(sweep: Sweep, out: Console) -> list[str]:
    """Draw and print every comparison; return what went wrong."""
    problems = [f"{' '.join(result.overrides)}: {result.reason}" for result in sweep.lost]
    for result in sweep.finished:
        if len(sweep.results) > 1:
            out.print(f"[bold]{escape(' '.join(result.overrides))}[/]", soft_wrap=True)
        problems += _show(result, sweep, out)
    return problems


def _write(found: Comparison, folder: Path) -> None:
    for name, table in zip(
        _TABLES, (found.table(), found.recording_table(), found.fit_table(), found.trajectory_table()), strict=True
    ):
        write_table(table, folder, name)


def _show(result: Result, sweep: Sweep, out: Console) -> list[str]:
    table, recordings, fits, paths = (read_table(result.folder, name) for name in _TABLES)
    metrics = {label: each for label, each in sweep.metrics.items() if label in result.metrics}
    shown: dict[str, Any] = {
        "table": table, "recordings": recordings, "fits": fits, "notes": result.details["notes"], "metrics": metrics,
    }  # fmt: skip
    _, problems = save_all(comparison_figures(table, fits, metrics), result.folder)
    page = write_comparison(
        result.folder / "report.html",
        meta=meta(),
        configs={"this comparison": result.config},
        states=read_trajectories(paths),
        links={
            f"{what}, as {kind}": result.folder / f"{name}.{kind.lower()}"
            for name, what in zip(_TABLES, ("all pairs", "what was read", "every fit", "where states go"), strict=True)
            for kind in ("CSV", "Parquet")
        },
        **shown,
    )
    print_comparison(out, paths={"table": result.folder / "dissimilarities.csv", "report": page.path}, **shown)
    return [*problems, *(problem for problem in page.problems if problem not in problems)]


def figures(sweep: Sweep) -> dict[str, Figure | Problem]:
    """Return the figures of comparisons that have ended, from what they left in their folders."""
    found: dict[str, Figure | Problem] = {}
    for result in sweep.finished:
        table, fits = (read_table(result.folder, name) for name in ("dissimilarities", "fits"))
        metrics = {label: each for label, each in sweep.metrics.items() if label in result.metrics}
        within = f"{result.folder.name}/" if len(sweep.finished) > 1 else ""
        found |= {f"{within}{name}": each for name, each in comparison_figures(table, fits, metrics).items()}
    return found


class _Bar:
    """A bar for what is being measured; nothing where there is no terminal."""

    def __init__(self) -> None:
        out = console()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def report(self, what: str, done: int, total: int) -> None:
        """Show that so many are done of what is being measured."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done)


COMMAND = Command("compare", run_job, summarise)
