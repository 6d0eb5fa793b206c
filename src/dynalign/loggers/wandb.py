"""Weights & Biases: one run per network, grouped by sweep, and a summary run with the comparisons."""

from __future__ import annotations

import functools
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pandas as pd
from matplotlib.figure import Figure

from dynalign.errors import DynalignError
from dynalign.loggers.base import LoggedRun, LoggerWarning, Place, RunInfo, RunLogger
from dynalign.store import Run

_RUN = "experiment"  # where Lightning's logger keeps W&B's run
_PATIENCE = 3.0  # seconds for a server to answer at all


@dataclass(frozen=True)
class WandbRuns(RunLogger):
    """How runs are logged to W&B.

    Parameters
    ----------
    project, entity : str
        Where runs go; the entity is the user's default where it is None. The environment variables
        ``WANDB_PROJECT`` and ``WANDB_ENTITY`` count where these are not set.
    mode : {"auto", "online", "offline"}
        ``auto`` is what the environment variable ``WANDB_MODE`` says; without it, online for a user who is logged in
        and whose server answers, and offline otherwise.
    tags : sequence of str
        Added to those of every run; those of ``WANDB_TAGS`` where there are none.
    log_weights : bool
        Whether the weights of every checkpoint are uploaded too, as an artifact that is a store of its own.

    Notes
    -----
    Files lie in ``WANDB_DIR``, or else in the folder of the group. A run that W&B knows already, by its id, is written
    anew and not gone on with: what is logged is always its whole history. In a sweep of W&B's own, id and project are
    what its agent says.
    """

    project: str | None = None
    entity: str | None = None
    mode: Literal["auto", "online", "offline"] = "auto"
    tags: Sequence[str] = field(default_factory=tuple)
    log_weights: bool = False

    def start(self, info: RunInfo) -> LoggedRun:
        """Start a run, of its own whatever the environment says.

        Raises
        ------
        DynalignError
            If it is one of several in a single trial of W&B's agent.
        """
        from pytorch_lightning.loggers import WandbLogger  # takes seconds, which checking a config need not

        agent = bool(os.environ.get("WANDB_SWEEP_ID"))
        if agent and not info.alone:
            raise DynalignError("a W&B agent has one run per trial, so leave -m out of the command of its sweep")
        logger = WandbLogger(
            id=None if agent else info.id,
            name=info.name,
            project=self.project_name,
            entity=self.entity or os.environ.get("WANDB_ENTITY"),
            group=info.group,
            job_type=info.job_type,
            tags=list(dict.fromkeys([*info.tags, *(self.tags or _listed(os.environ.get("WANDB_TAGS")))])),
            config=dict(info.config),
            save_dir=os.environ.get("WANDB_DIR") or str(info.shared or info.folder),
            resume=None,  # Lightning would have a run of that id gone on with, and every step twice
            mode=self._mode(),
            settings=_settings(),
        )
        run: Any = logger.experiment
        run.define_metric("epoch")
        run.define_metric("*", step_metric="epoch")
        return _WandbRun(logger, log_weights=self.log_weights)

    @property
    def project_name(self) -> str:
        """The project that runs go to."""
        return self.project or os.environ.get("WANDB_PROJECT") or "dynalign"

    @property
    def is_online(self) -> bool:
        """Whether runs are sent to the server while they run; asks it whether it is there."""
        return self._mode() == "online"

    @property
    def owner(self) -> str:
        """The user or team that runs go to; the user's default is the server's to know, and empty offline."""
        entity = self.entity or os.environ.get("WANDB_ENTITY") or ""
        if entity or not self.is_online:
            return entity
        import wandb

        return str(wandb.Api().default_entity or "")

    def summary(
        self,
        info: RunInfo,
        *,
        tables: Mapping[str, pd.DataFrame],
        figures: Mapping[str, Figure],
        numbers: Mapping[str, float],
        files: Mapping[str, Path],
    ) -> Place | None:
        """Log what came out of a sweep as one more run of its group; the files become an artifact."""
        import wandb

        logged = self.start(info)
        run: Any = getattr(logged.lightning, _RUN)
        done = False
        try:
            images = {name: wandb.Image(figure) for name, figure in figures.items()}
            run.log(images)
            run.log({name: wandb.Table(dataframe=table) for name, table in tables.items()})
            run.log({"figures": wandb.Table(columns=["figure", "image"], data=[list(item) for item in images.items()])})
            if files:
                run.log_artifact(_artifact(f"report-{info.group}", "report", files))
            done = True
        finally:
            logged.finish(numbers, failed=not done)
        return logged.place

    def _mode(self) -> Literal["online", "offline", "disabled"]:
        asked = os.environ.get("WANDB_MODE") if self.mode == "auto" else None
        if asked in ("online", "offline", "disabled"):
            return asked  # type: ignore[return-value]
        if self.mode == "offline" or (self.mode == "auto" and not logged_in()):
            return "offline"
        return "online" if _answers(_server()) else "offline"


class _WandbRun(LoggedRun):
    def __init__(self, lightning: Any, *, log_weights: bool) -> None:
        super().__init__(lightning)
        self._log_weights = log_weights
        run = getattr(lightning, _RUN)
        if not run.disabled:
            folder = str(Path(run.settings.sync_dir).parent.absolute())
            self.place = Place("W&B", folder, online=not run.offline, url="" if run.offline else run.project_url or "")

    def keep(self, run: Run) -> None:
        """Upload the run's files, and those of the phases before, as a store that has only them."""
        if self._log_weights:
            getattr(self.lightning, _RUN).log_artifact(_artifact(f"weights-{run.key}", "model", run.files()))

    def finish(self, summary: Mapping[str, Any], *, failed: bool = False) -> None:
        """Put the summary where W&B has it, and end the run."""
        run: Any = getattr(self.lightning, _RUN)
        run.summary.update(dict(summary))
        run.finish(exit_code=1 if failed else 0)


def logged_in() -> bool:
    """Whether W&B has a key for this user: from the environment, or from ``wandb login``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    from netrc import NetrcParseError, netrc
    from pathlib import Path

    # `wandb login` writes the key to the user's netrc file.
    host = urlsplit(_server()).hostname or ""
    places = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    for place in places:
        path = Path(place).expanduser()
        try:
            if path.exists() and host in netrc(str(path)).hosts:
                return True
        except (OSError, NetrcParseError):
            continue
    return False


def _server() -> str:
    import wandb

    return str(wandb.setup().settings.base_url)


@functools.cache
def _answers(url: str) -> bool:
    """Whether a server answers within a few seconds, anything at all; asked once per process, and told once if not."""
    try:
        with build_opener(ProxyHandler()).open(Request(url, method="HEAD"), timeout=_PATIENCE):
            return True
    except (TimeoutError, OSError, ValueError) as error:
        if hasattr(error, "code"):  # an answer, though not a friendly one
            return True
        said = str(getattr(error, "reason", error)) or type(error).__name__
        warnings.warn(
            f"The W&B server {url} does not answer ({said}): runs are logged offline, for wandb sync.",
            LoggerWarning,
            stacklevel=2,
        )
        return False


def _settings() -> Any:
    import wandb

    wandb.setup().settings.resume = None  # whatever WANDB_RESUME says: what is not set would leave that as it is
    return wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True)


def _listed(written: str | None) -> list[str]:
    return [word.strip() for word in (written or "").split(",") if word.strip()]


def _artifact(name: str, kind: str, files: Mapping[str, Path]) -> Any:
    import wandb

    artifact = wandb.Artifact(re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII), type=kind)
    for place, path in files.items():
        artifact.add_file(str(path), name=place)
    return artifact
