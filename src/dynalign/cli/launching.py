"""The jobs of a sweep, here or in other processes: what is sent there, what comes back, and what is said of it here."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from rich.markup import escape
from rich.text import Text

from dynalign.cli import terminal
from dynalign.cli.names import prefer_own
from dynalign.cli.progress import JobsProgress
from dynalign.cli.time_left import TimeLeft
from dynalign.engines import Engine, Lost, engine_of
from dynalign.errors import DynalignError, in_words
from dynalign.processes import limit_cores
from dynalign.results import FOUND, Sweep, read_result

if TYPE_CHECKING:
    from hydra_plugins.dynalign_launcher import EngineLauncher

_engines: list[Engine] = []
_states: dict[str, Any] = {}
"""Of Hydra, where jobs are sent; by the launch that they belong to."""


def launch(launcher: EngineLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Run jobs on an engine, and print what each of them has to say when it has ended.

    A job that is lost returns None, which a sweep goes on from and a search takes as failed; its reason stands in its
    result. So does that of the engine, if it fails.
    """
    terminal.show_warnings()
    out = terminal.console()
    returned: dict[int, JobReturn] = {}

    left = TimeLeft([list(filter_overrides(each)) for each in job_overrides])

    def lose(place: int, reason: str) -> None:
        left.drop(place)
        returned[place] = _lose(launcher.config, first + place, job_overrides[place], reason)

    try:
        engine = _engine(launcher)
        left.at_once = engine.at_once
        with JobsProgress(len(job_overrides)) as bar:
            for place, outcome in engine.run(_work, _sent(launcher, engine, job_overrides, first, out.color_system)):
                if isinstance(outcome, Lost):
                    lose(place, outcome.reason)
                else:
                    returned[place], text = outcome
                    if text.strip():
                        out.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)
                    _note_end(left, place, returned[place])
                bar.ended(str(left))
    except Exception as error:
        said = str(error) if isinstance(error, DynalignError) else f"{type(error).__name__}: {error}"
        out.print(f"[red]The launcher {launcher.engine} failed[/]: {escape(said)}", soft_wrap=True)
        for place in range(len(job_overrides)):
            if place not in returned:
                lose(place, "Its launcher failed.")
        stop_engines()
    return [returned[place] for place in range(len(job_overrides))]


def launch_here(
    launch_them: Callable[[Sequence[Sequence[str]], int], Sequence[JobReturn]],
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
) -> list[JobReturn]:
    """Run jobs in this process, one after the other, as a launcher does that is given one at a time.

    A job that cannot begin, as where the disk is full that its config is to be written to, is lost like that of an
    engine.
    """

    def launched(number: int, overrides: Sequence[str]) -> Sequence[JobReturn]:
        try:
            return launch_them([overrides], number)
        except OSError as error:
            return [_lose(config, number, overrides, _why(error, config))]

    return [each for place, overrides in enumerate(job_overrides, first) for each in launched(place, overrides)]


def _lose(config: DictConfig, number: int, job_overrides: Sequence[str], reason: str) -> JobReturn:
    """Note and say that a job is lost, unless it said itself how it ended; return what stands for its result."""
    overrides = list(filter_overrides(job_overrides))
    folder, untold = Path(config.hydra.sweep.dir).absolute(), True
    with contextlib.suppress(OSError):  # on a full disk: what is read of the job then is that it never started
        untold = Sweep.lose(folder, str(config.hydra.job.config_name), number, overrides, reason)
    if untold:
        typed = escape(" ".join(overrides))
        terminal.console().print(f"[red]lost[/]     {typed}: {escape(reason)}", soft_wrap=True)
    return JobReturn(overrides=overrides, status=JobStatus.COMPLETED, _return_value=None)


def _why(error: OSError, config: DictConfig) -> str:
    """Say why a job could not begin: of the disk, which holds the folder of the sweep."""
    return in_words(error, Path(config.hydra.sweep.dir).absolute()) or f"{type(error).__name__}: {error}"


def _note_end(left: TimeLeft, place: int, returned: JobReturn) -> None:
    """Note what a job took, if it says so."""
    folder = None if returned.hydra_cfg is None else returned.hydra_cfg.hydra.runtime.output_dir
    result = None if folder is None else read_result(Path(str(folder)))
    if result is not None and result.succeeded:
        left.ended(place, result.seconds, found=result.status == FOUND)
    else:
        left.drop(place)


def stop_engines() -> None:
    """End every process and job that was launched here."""
    while _engines:
        _engines.pop().stop()


def _engine(launcher: EngineLauncher) -> Engine:
    """Return the launcher's engine, which is kept from one batch of jobs to the next, and say how it runs them."""
    if not _engines:
        engine = engine_of(launcher.engine, launcher.settings)
        terminal.console().print(f"{escape(launcher.engine)}: {escape(engine.about)}", soft_wrap=True)
        _engines.append(engine)
    return _engines[0]


@dataclass(frozen=True)
class _Sent:
    """What a job is sent: of which launch it is, its config and Hydra's, the task, and where and how it was typed."""

    launch: str
    config: DictConfig
    context: HydraContext
    task: TaskFunction
    state: Mapping[str, Any]
    place: str
    path: Sequence[str]
    cores: int
    colours: str | None


def _sent(
    launcher: EngineLauncher, engine: Engine, job_overrides: Sequence[Sequence[str]], first: int, colours: str | None
) -> Iterator[_Sent]:
    setup_globals()
    state, launch = Singleton.get_state(), uuid.uuid4().hex
    for number, overrides in enumerate(job_overrides, first):
        config = launcher.context.config_loader.load_sweep_config(launcher.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.job.num = number
        path = [str(Path(each or ".").absolute()) for each in sys.path]
        yield _Sent(
            launch, config, launcher.context, launcher.task, state, str(Path.cwd()), path, engine.cores_per_job, colours
        )


def _work(sent: _Sent) -> tuple[JobReturn, str] | Lost:
    """Run a job where it was sent, and return what came of it and what it said; or why it could not begin."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # who launched it ends it
    limit_cores(sent.cores)
    os.chdir(sent.place)
    sys.path += [each for each in sent.path if each not in sys.path]
    with terminal.captured(sent.colours) as said:
        setup_globals()
        if sent.launch not in _states:  # those of one launch are one: what was composed by it is known to the next job
            _states.clear()
            _states[sent.launch] = sent.state
        Singleton.set_state(_states[sent.launch])
        prefer_own()
        HydraConfig.instance().set_config(sent.config)
        try:
            returned = run_job(
                hydra_context=sent.context,
                task_function=sent.task,
                config=sent.config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
        except OSError as error:
            return Lost(_why(error, sent.config))
    return returned, said.getvalue()
