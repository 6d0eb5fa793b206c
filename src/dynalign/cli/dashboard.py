"""`dynalign dashboard`: a W&B workspace for what is logged here, published, or written down until there is a login."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from dynalign.cli import CONF
from dynalign.cli.build import build
from dynalign.cli.check import check_command_line
from dynalign.cli.job import build_metrics
from dynalign.cli.logged import program
from dynalign.cli.schema import check_value, completed
from dynalign.cli.terminal import console
from dynalign.errors import DynalignError
from dynalign.loggers import WandbRuns
from dynalign.loggers.workspace import Shown, publish, specification, workspace
from dynalign.store import write_json
from dynalign.training import log_names


def main() -> None:
    """Publish the workspace, or write it down; exit with 0 if that succeeded."""
    os.environ.setdefault("WANDB_SILENT", "true")
    sys.path.append(str(Path.cwd()))  # a metric of one's own lies where its user is
    typed = sys.argv[1:]
    try:
        if {"-m", "--multirun"} & set(typed):
            raise DynalignError("A dashboard is made once for all runs; leave -m out.")
        sys.argv[1:] = check_command_line(typed, CONF, "dashboard").arguments
    except DynalignError as error:
        sys.exit(f"Error: {error}")

    def job(config: DictConfig) -> None:
        try:
            _make(config, typed)
        except DynalignError as error:
            sys.exit(f"Error: {error}")

    hydra.main(config_path=str(CONF), config_name="dashboard", version_base="1.3")(job)()


def _make(config: DictConfig, typed: list[str]) -> None:
    plain = completed(config, {})
    title = check_value("title", plain["title"], str, "the command line").strip()
    path = Path(check_value("file", plain["file"], str, "the command line"))
    if not title:
        raise DynalignError("title must be the name of the workspace, such as title=dynalign.")
    runs = _runs(plain)
    metrics = build_metrics(plain.get("metric") or {})
    names = log_names(metrics)
    shown = [Shown(metric.label, names[metric.label], metric.key) for metric in metrics]
    curricula = GlobalHydra.instance().config_loader().get_group_options("curriculum")
    online = runs.is_online
    made = workspace(runs.project_name, runs.owner, title, shown, curricula)
    try:
        write_json(path, specification(made))
    except OSError as error:
        raise DynalignError(f"file={path} cannot be written: {error.strerror}.") from error
    out = console()
    out.print(f"workspace {path}", soft_wrap=True, markup=False)
    if online:
        out.print(f"W&B       {publish(made)}", soft_wrap=True, markup=False)
    else:
        line = f"{program('wandb')} login && {shlex.join([program('dynalign'), 'dashboard', *typed])}"
        out.print(f"W&B       offline; to publish: {line}", soft_wrap=True, markup=False)


def _runs(plain: dict[str, Any]) -> WandbRuns:
    node = (plain.get("logger") or {}).get("wandb")
    runs = build("logger.wandb", node) if node is not None else None
    if not isinstance(runs, WandbRuns):
        raise DynalignError("A dashboard shows what W&B has; leave logger=wandb as it is.")
    return runs
