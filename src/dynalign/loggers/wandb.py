"""Weights & Biases: one run per network, grouped by sweep, and a summary run with the comparisons."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pandas as pd
from matplotlib.figure import Figure

from dynalign.loggers.base import LoggedRun, LoggerWarning, RunInfo, RunLogger

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
        ``auto`` is online for a user who is logged in and whose server answers, and offline otherwise. The environment
        variable ``WANDB_MODE`` takes precedence.
    tags : sequence of str
        Added to those of every run.
    """

    project: str | None = None
    entity: str | None = None
    mode: Literal["auto", "online", "offline"] = "auto"
    tags: Sequence[str] = field(default_factory=tuple)

    def start(self, info: RunInfo) -> LoggedRun:
        """Start a run, of its own whatever the environment says."""
        from pytorch_lightning.loggers import WandbLogger  # takes seconds, which checking a config need not

        logger = WandbLogger(
            id=info.id,
            name=info.name,
            project=self.project or os.environ.get("WANDB_PROJECT") or "dynalign",
            entity=self.entity,
            group=info.group,
            job_type=info.job_type,
            tags=[*info.tags, *self.tags],
            config=dict(info.config),
            save_dir=str(info.folder),
            dir=os.environ.get("WANDB_DIR") or str(info.folder),
            mode=self._mode(),
            settings=_settings(),
        )
        run: Any = logger.experiment
        run.define_metric("epoch")
        run.define_metric("*", step_metric="epoch")
        return _WandbRun(logger)

    def summary(
        self,
        info: RunInfo,
        *,
        tables: Mapping[str, pd.DataFrame],
        figures: Mapping[str, Figure],
        numbers: Mapping[str, float],
    ) -> None:
        """Log what came out of a sweep as one more run of its group."""
        import wandb

        logged = self.start(info)
        run: Any = getattr(logged.lightning, _RUN)
        run.log({name: wandb.Image(figure) for name, figure in figures.items()})
        run.log({name: wandb.Table(dataframe=table) for name, table in tables.items()})
        logged.finish(numbers)

    def _mode(self) -> Literal["online", "offline", "disabled"]:
        asked = os.environ.get("WANDB_MODE")
        if asked in ("online", "offline", "disabled"):
            return asked  # type: ignore[return-value]
        if self.mode == "offline" or (self.mode == "auto" and not logged_in()):
            return "offline"
        return "online" if _answers(_server()) else "offline"


class _WandbRun(LoggedRun):
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

    return wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True)
