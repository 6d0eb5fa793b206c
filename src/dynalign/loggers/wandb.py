"""Weights & Biases: one run per network, grouped by sweep, and a summary run with the comparisons."""

from __future__ import annotations

import functools
import logging
import os
import re
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pandas as pd
from matplotlib.figure import Figure

from dynalign.errors import DynalignError, first_line
from dynalign.loggers.base import LoggedRun, LoggerWarning, Place, RunInfo, RunLogger
from dynalign.redaction import redacted
from dynalign.store import Run

_RUN = "experiment"  # where Lightning's logger keeps W&B's run
_GAVE_UP = "DYNALIGN_WANDB"  # says offline where the server was tried in vain, whatever mode was typed
_PATIENCE = 3.0  # seconds for a server to answer at all
_START, _END = 10.0, 10.0  # seconds to start a run, and to take what is left of it at its end
_REFUSED, _LONGEST = re.compile(r"[/\\#?%:\x00-\x1f]"), 128  # what W&B bears in the name of a project


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
        """Start a run, of its own whatever the environment says; offline where it cannot start online.

        Raises
        ------
        DynalignError
            If it is one of several in a single trial of W&B's agent.
        """
        _find_a_home(Path(_folder(info)))
        if os.environ.get("WANDB_SWEEP_ID") and not info.alone:
            raise DynalignError("a W&B agent has one run per trial, so leave -m out of the command of its sweep")
        mode = self._mode()
        try:
            return self._started(info, mode)
        except Exception as error:
            if mode != "online":
                raise
            _stay_offline(f"W&B refuses this run ({first_line(error)})")
            other = replace(info, id=f"{info.id}-offline")  # for W&B holds the first one to be in use
            return self._started(other, "offline")

    def _started(self, info: RunInfo, mode: Literal["online", "offline", "disabled"]) -> LoggedRun:
        from pytorch_lightning.loggers import WandbLogger  # takes seconds, which checking a config need not

        logger = WandbLogger(
            id=None if os.environ.get("WANDB_SWEEP_ID") else info.id,
            name=info.name,
            project=self.project_name,
            entity=self.entity or os.environ.get("WANDB_ENTITY"),
            group=info.group,
            job_type=info.job_type,
            tags=list(dict.fromkeys([*info.tags, *(self.tags or _listed(os.environ.get("WANDB_TAGS")))])),
            config=dict(info.config),
            save_dir=_folder(info),
            resume=None,  # Lightning would have a run of that id gone on with, and every step twice
            mode=mode,
            settings=_settings(),
        )
        run: Any = logger.experiment
        run.define_metric("epoch")
        run.define_metric("*", step_metric="epoch")
        return _WandbRun(logger, log_weights=self.log_weights)

    @property
    def project_name(self) -> str:
        """The project that runs go to."""
        return _project(self.project or os.environ.get("WANDB_PROJECT") or "dynalign")

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
        asked = os.environ.get("WANDB_MODE") if self.mode == "auto" else os.environ.get(_GAVE_UP)
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
        try:
            run.finish(exit_code=1 if failed else 0)
        except TimeoutError:
            _stay_offline("W&B does not take what is logged")


def logged_in() -> bool:
    """Whether W&B has a key for this user: from the environment, or from ``wandb login``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    from netrc import NetrcParseError, netrc

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
    said = [f"not within {_PATIENCE:g} s"]

    def ask() -> None:
        try:
            with build_opener(ProxyHandler()).open(Request(url, method="HEAD"), timeout=_PATIENCE):
                said[0] = ""
        except Exception as error:  # whatever a proxy, a name server or an address may lead to
            answered = hasattr(error, "code")  # though not a friendly answer
            said[0] = "" if answered else first_line(getattr(error, "reason", error))

    # A thread, for the time that a name server takes has no limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if said[0]:
        _stay_offline(f"The W&B server {url} does not answer ({said[0]})")
    return not said[0]


def _stay_offline(why: str) -> None:
    """Log offline from now on, in this process and those that it starts, and say so: to be tried, and told, once."""
    os.environ["WANDB_MODE"] = os.environ[_GAVE_UP] = "offline"
    warnings.warn(
        redacted(f"{why}: runs are logged offline, for wandb sync; everything else goes on."),
        LoggerWarning,
        stacklevel=3,
    )


@functools.cache
def _project(name: str) -> str:
    """Return the name of a project as W&B takes it."""
    taken = _REFUSED.sub("-", name.strip())[:_LONGEST] or "dynalign"
    if taken != name:
        warnings.warn(f"W&B takes no project called {name}: it is called {taken} there.", LoggerWarning, stacklevel=3)
    return taken


def _folder(info: RunInfo) -> str:
    """Return where W&B keeps its files: where the environment says, if that can be written to."""
    asked = os.environ.get("WANDB_DIR")
    if not asked:
        return str(info.shared or info.folder)
    if _can_be_written_to(Path(asked)):
        return asked
    warnings.warn(
        f"WANDB_DIR={asked} cannot be written to: W&B's files are in the folders of the runs.",
        LoggerWarning,
        stacklevel=3,
    )
    del os.environ["WANDB_DIR"]
    return str(info.shared or info.folder)


def _can_be_written_to(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _find_a_home(folder: Path) -> None:
    """Let W&B keep in a folder what it keeps in the user's home, where that cannot be written to.

    It would write its log to the terminal, and log no file.
    """
    from wandb.env import get_cache_dir, get_data_dir

    for name, usual in (("WANDB_CACHE_DIR", get_cache_dir()), ("WANDB_DATA_DIR", get_data_dir())):
        if not _can_be_written_to(Path(usual)):
            os.environ[name] = str((folder / ".wandb-home").absolute())


def _settings() -> Any:
    import wandb

    wandb.setup().settings.resume = None  # whatever WANDB_RESUME says: what is not set would leave that as it is
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # of W&B's own reports, which nobody asked for
    limits: dict[str, Any] = {"init_timeout": _START, "finish_timeout": _END, "finish_timeout_raises": True}
    known = {name: value for name, value in limits.items() if name in wandb.Settings.model_fields}
    return wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True, **known)


def _listed(written: str | None) -> list[str]:
    return [word.strip() for word in (written or "").split(",") if word.strip()]


def _artifact(name: str, kind: str, files: Mapping[str, Path]) -> Any:
    import wandb

    artifact = wandb.Artifact(re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII), type=kind)
    for place, path in files.items():
        artifact.add_file(str(path), name=place)
    return artifact
