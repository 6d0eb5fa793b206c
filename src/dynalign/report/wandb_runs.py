"""Weights & Biases: one run per network, grouped by sweep, and a summary run with the comparisons."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from matplotlib.figure import Figure
from requests.utils import get_netrc_auth

if TYPE_CHECKING:
    from pytorch_lightning.loggers import WandbLogger


@dataclass(frozen=True)
class WandbRuns:
    """How runs are logged to W&B.

    Parameters
    ----------
    project, entity : str
        Where runs go; the entity is the user's default where it is None.
    mode : {"auto", "online", "offline"}
        ``auto`` is online for a user who is logged in, and offline otherwise. The environment variable
        ``WANDB_MODE`` takes precedence.
    tags : sequence of str
        Added to those of every run.
    """

    project: str = "dynalign"
    entity: str | None = None
    mode: Literal["auto", "online", "offline"] = "auto"
    tags: Sequence[str] = field(default_factory=tuple)

    def start(
        self,
        *,
        name: str,
        group: str,
        job_type: str,
        tags: Sequence[str],
        config: Mapping[str, Any],
        folder: Path,
    ) -> WandbLogger:
        """Start a run and return its Lightning logger; finish it with ``logger.experiment.finish()``."""
        from pytorch_lightning.loggers import WandbLogger  # takes seconds, which checking a config need not

        logger = WandbLogger(
            name=name,
            project=self.project,
            entity=self.entity,
            group=group,
            job_type=job_type,
            tags=[*tags, *self.tags],
            config=dict(config),
            save_dir=str(folder),
            dir=str(folder),
            mode=self._mode(),
            settings=_settings(),
        )
        logger.experiment.define_metric("epoch")
        logger.experiment.define_metric("*", step_metric="epoch")
        return logger

    def summary(
        self,
        *,
        group: str,
        tables: Mapping[str, pd.DataFrame],
        figures: Mapping[str, Figure],
        numbers: Mapping[str, float],
        folder: Path,
    ) -> None:
        """Log what came out of a sweep as one more run of its group, each thing under the name it is given."""
        import wandb

        logger = self.start(
            name=f"summary-{group}",
            group=group,
            job_type="summary",
            tags=["summary"],
            config={},
            folder=folder,
        )
        run = logger.experiment
        try:
            run.log({name: wandb.Image(figure) for name, figure in figures.items()})
            run.log({name: wandb.Table(dataframe=table) for name, table in tables.items()})
            run.summary.update(dict(numbers))
        finally:
            run.finish()

    def _mode(self) -> Literal["online", "offline", "disabled"]:
        asked = os.environ.get("WANDB_MODE")
        if asked in ("online", "offline", "disabled"):
            return asked  # type: ignore[return-value]
        if self.mode != "auto":
            return self.mode
        return "online" if logged_in() else "offline"


@dataclass(frozen=True)
class NoRuns:
    """Logs nothing."""

    def start(self, **_: Any) -> None:
        """Start no run."""

    def summary(self, **_: Any) -> None:
        """Log no summary."""


def logged_in() -> bool:
    """Whether W&B has a key for this user: from the environment, or from ``wandb login``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import wandb

    # `wandb login` writes the key to the user's netrc file.
    return get_netrc_auth(wandb.setup().settings.base_url) is not None


def _settings() -> Any:
    import wandb

    return wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True)
