"""A W&B workspace as code: what its panels show, by the names that runs are logged under."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynalign.errors import DynalignError, first_line
from dynalign.identity import key_of

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Section, Workspace

GROUPED = ("model", "curriculum", "noise")
"""The factors that set groups of runs apart; what is left within a group, above all the seed, is its spread."""
_BESIDE = ("accuracy", "val_loss", "train_loss")


@dataclass(frozen=True)
class Shown:
    """A metric as it is logged.

    Attributes
    ----------
    label : str
        What people read.
    name : str
        Of its curve over learning, after ``dissimilarity/``.
    key : str
        Of its last number, after ``final/dissimilarity/``.
    """

    label: str
    name: str
    key: str


def workspace(project: str, entity: str, title: str, metrics: Sequence[Shown], curricula: Sequence[str]) -> Workspace:
    """Return the workspace; it is on this machine only until ``publish``.

    The same arguments make the same specification, with the same identifiers.

    Raises
    ------
    DynalignError
        If the package wandb-workspaces is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what the package is made with
            import wandb_workspaces.expr as wx
            import wandb_workspaces.workspaces as ws
    except ModuleNotFoundError as error:
        raise DynalignError(
            "A dashboard needs the package wandb-workspaces; pip install 'dynalign[dashboard]' brings it."
        ) from error
    made = ws.Workspace(
        entity=entity,
        project=project,
        name=title,
        sections=[
            _section("Dissimilarity over learning", _learning(metrics), columns=3),
            _section("Noise", _noise(metrics), columns=2),
            _section("Groups and masters", _groups(metrics, curricula), columns=2),
            _section("Claims", _tables("claims"), columns=1),
            _section("Comparisons", _tables("runs", "figures", "dissimilarities"), columns=1),
        ],
        settings=ws.WorkspaceSettings(x_axis="epoch", max_runs=100, ignore_outliers=False),
        runset_settings=ws.RunsetSettings(
            groupby=[wx.Config(name) for name in GROUPED],
            order=[wx.Ordering(wx.Config(name), ascending=True) for name in GROUPED],
            pinned_columns=[
                "run:displayName",
                *(f"config:{name}" for name in ("model", "task", "curriculum", "noise", "seed", "key")),
                "summary:final/accuracy",
                *(f"summary:final/dissimilarity/{metric.key}" for metric in metrics),
            ],
        ),
    )
    name = _identifier(title)
    made._internal_name = f"nw-{name}-v"  # what W&B knows a saved view by
    made._internal_runset_id = name
    return made


def specification(made: Workspace) -> dict[str, Any]:
    """Return a workspace as W&B's server is given it, as plain data."""
    view = made._to_model()
    spec = json.loads(view.spec.model_dump_json(by_alias=True, exclude_none=True))
    about = {"entity": view.entity, "project": view.project, "name": view.name, "displayName": view.display_name}
    return {**about, "spec": spec}


def publish(made: Any) -> str:
    """Create the workspace on W&B's server, or update the one that was published under this title; return its address.

    Raises
    ------
    DynalignError
        If the server refuses it.
    """
    from wandb_workspaces.workspaces import internal

    name = made._internal_name.removeprefix("nw-").removesuffix("-v")
    try:
        made._internal_id = internal.get_view_dict(made.entity, made.project, name)["id"]
    except ValueError as error:
        if "Workspace" not in str(error):  # there is no such project
            raise DynalignError(
                f"W&B has no project {made.entity}/{made.project}; log a run first, or set logger.wandb.project."
            ) from error
    try:
        made.save()
    except Exception as error:
        raise DynalignError(f"W&B did not take the workspace: {first_line(error)}.") from error
    return str(made.url)


def _section(title: str, made: Iterable[Any], *, columns: int) -> Section:
    import wandb_workspaces.workspaces as ws

    panels = list(made)
    for number, panel in enumerate(panels):
        panel._id = _identifier(f"{title} {number}")
    layout = ws.SectionLayoutSettings(columns=columns, rows=-(-len(panels) // columns))
    return ws.Section(name=title, panels=panels, is_open=True, layout_settings=layout)


def _learning(metrics: Sequence[Shown]) -> Iterator[Any]:
    names = {metric.label: f"dissimilarity/{metric.name}" for metric in metrics} | {name: name for name in _BESIDE}
    return _line_plots(names)


def _line_plots(names: Mapping[str, str]) -> Iterator[Any]:
    """Return curves over epochs: the mean of every group, and its standard deviation over seeds."""
    import wandb_workspaces.reports.v2.interface as wr

    for title, name in names.items():
        yield wr.LinePlot(
            title=title,
            x="epoch",
            y=[name],
            title_x="epoch",
            title_y=title,
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            max_runs_to_show=100,
        )


def _noise(metrics: Sequence[Shown]) -> Iterator[Any]:
    import wandb_workspaces.reports.v2.interface as wr

    numbers = {metric.label: f"final/dissimilarity/{metric.key}" for metric in metrics}
    for label, name in {**numbers, "accuracy": "final/accuracy"}.items():
        yield wr.ScatterPlot(
            title=f"{label} by noise",
            x=wr.Config("noise"),
            y=wr.SummaryMetric(name),
            legend_template="${config:model} ${config:curriculum} noise ${config:noise}",
        )


def _groups(metrics: Sequence[Shown], curricula: Sequence[str]) -> Iterator[Any]:
    """Return bars of the groups: how far each is from masters, and how far from the reference, by model."""
    import wandb_workspaces.reports.v2.interface as wr

    for metric in metrics:
        yield wr.BarPlot(
            title=f"{metric.label} to masters",
            metrics=[f"to_master/{metric.label}/{curriculum}" for curriculum in curricula],
            title_x=metric.label,
        )
        yield wr.BarPlot(
            title=f"{metric.label} to the reference, by curriculum",
            metrics=[f"final/dissimilarity/{metric.key}"],
            groupby=wr.Config("curriculum"),
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
            title_x=metric.label,
        )


def _tables(*names: str) -> list[Any]:
    import wandb_workspaces.reports.v2.interface as wr

    return [wr.WeavePanelSummaryTable(table_name=name) for name in names]


def _identifier(text: str) -> str:
    return key_of({"workspace": text})[:11]
