"""What all commands share: check what was typed, run the job or jobs, and say how they ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.plugins import sweeper
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape

from dynalign.cli import CONF, terminal
from dynalign.cli.check import Typed
from dynalign.cli.job_log import logged, note
from dynalign.cli.launching import stop_engines
from dynalign.cli.logged import tell_places
from dynalign.cli.search import print_found, quiet_search
from dynalign.cli.sweep import SweepStart, typed_words
from dynalign.cli.top import threads_of
from dynalign.errors import DynalignError, first_line, in_words
from dynalign.processes import environment, use_threads
from dynalign.redaction import redacted
from dynalign.results import FAILED, FOUND, SWEEP, Result, Sweep, sweep_folder_of

_STOPPED = 130  # what a shell says of a program that Ctrl-C ended


@dataclass(frozen=True)
class Command:
    """A command that a person types.

    Attributes
    ----------
    name : str
        Also that of its config.
    run_job : callable
        Runs one job: its config, Hydra's settings, and its result so far, whose folder it writes to. Returns the
        result with all that there is to say, but for the time.
    summarise : callable
        Summarises a sweep or a single run and prints it; returns what went wrong, in sentences.
    tell : callable, optional
        Says what would be done, where ``dry_run=true`` was typed; returns the exit code.
    """

    name: str
    run_job: Callable[[DictConfig, Any, Result], Result]
    summarise: Callable[[Sweep, Console], list[str]]
    tell: Callable[[Typed, Console], int] | None = None


def run_command(command: Command, typed: Typed) -> None:
    """Run what was typed, and checked; exit with 0 if every job succeeded and its summary is whole."""
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        if typed.dry and command.tell is not None:
            sys.exit(command.tell(typed, terminal.console()))
    except DynalignError as error:
        sys.exit(f"Error: {error}")
    sys.argv[1:] = typed.arguments
    SweepStart.expected = typed.expected
    quiet_search()
    known = _known_to_compose if typed.composed else sweeper.Sweeper.validate_batch_is_legal
    BasicSweeper.validate_batch_is_legal = known  # type: ignore[assignment, method-assign]
    use_threads(1)  # what is compared after the jobs, too, is to come out the same on any machine
    run = hydra.main(config_path=str(CONF), config_name=command.name, version_base="1.3")(_Task(command))
    code = _exit_code(run)
    if SweepStart.folder is not None and code != _STOPPED:  # whatever a launcher raised, what its jobs left is told
        code = max(code, _summarise(command, SweepStart.folder))
    sys.exit(code)


@dataclass(frozen=True)
class _Task:
    """What Hydra is to call for every job; a launcher can send it to another process."""

    command: Command

    def __call__(self, config: DictConfig) -> float | None:
        return _run(self.command, config)


def _known_to_compose(*_: Any) -> None:
    """Stand in for Hydra's look at all jobs before the first starts, which takes a fifth of a second for each."""


def sweeping(settings: Any) -> bool:
    """Whether a job is one of a sweep."""
    return bool(settings.mode == RunMode.MULTIRUN)


def group_folder(settings: Any) -> Path:
    """Return the folder that names the group of a job's loggers: the sweep's; a single run is a group of its own."""
    folder = settings.sweep.dir if sweeping(settings) else settings.runtime.output_dir
    return Path(str(settings.runtime.cwd), str(folder))


def _exit_code(work: Callable[[], object]) -> int:
    """Let Hydra work; return the exit code. What it, or a launcher or sweeper of another, raises is one sentence."""
    try:
        with environment(HYDRA_FULL_ERROR="1"):  # it raises, rather than printing a trace of calls and leaving
            work()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        before_that = signal.signal(signal.SIGINT, signal.SIG_IGN)  # one who types it twice wants the same
        stop_engines()
        signal.signal(signal.SIGINT, before_that)
        return _stopped()
    except Exception as error:
        # What is written outside of jobs, is written by Hydra, to the folder of results.
        reason = in_words(error, SweepStart.results) or _reason(error, SweepStart.folder)
        print(f"Error: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        stop_engines()
    return 0


def _stopped() -> int:
    """Say what is kept of what was stopped from the keyboard, and how to go on; return the exit code."""
    folder, kept = SweepStart.folder, ""
    if folder is not None:
        jobs = Sweep.load(folder)
        kept = f" {len(jobs.finished)} of {len(jobs.results)} jobs are finished and kept."
    terminal.console().print(f"[yellow]Stopped.[/]{kept} The same command goes on where this one was.", soft_wrap=True)
    return _STOPPED


def _run(command: Command, config: DictConfig) -> float | None:
    """Run one job and write down how it ended; in a sweep, a failure is not raised, so that the others go on."""
    terminal.show_warnings()  # here, for a launcher may have brought the job to another process
    start = time.perf_counter()
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    overrides = typed_words(settings)
    result = None
    with logged(folder):
        note(f"{command.name} {' '.join(overrides)}")
        try:
            use_threads(threads_of(config))
            if sweeping(settings):
                number, whole = int(settings.job.num), Path(settings.sweep.dir).absolute()
                result = Sweep.join(sweep_folder_of(folder, whole), folder, command.name, number, overrides)
            else:
                result = Result(command.name, overrides=overrides, folder=folder)
            result = replace(result, config=OmegaConf.to_yaml(config, resolve=True))
            result.write()
            done = command.run_job(config, settings, result)
            done = replace(done, seconds=time.perf_counter() - start)
            done.write()
            note(f"{done.status} after {done.seconds:.1f} s")
            if SweepStart.left is not None:
                SweepStart.left.ended(done.number, done.seconds, found=done.status == FOUND)
        except (Exception, KeyboardInterrupt) as error:
            reason = _reason(error, folder)
            if result is not None and SweepStart.left is not None:
                SweepStart.left.drop(result.number)
            if result is not None:
                with contextlib.suppress(
                    OSError
                ):  # on a full disk: what is read of the job then is that it was running
                    replace(result, status=FAILED, reason=reason, seconds=time.perf_counter() - start).write()
            if isinstance(error, KeyboardInterrupt) or not sweeping(settings):
                note(f"failed: {reason}")
            if isinstance(error, KeyboardInterrupt):
                raise
            if not sweeping(settings):
                sys.exit(f"Error: {reason}")
            terminal.console().print(
                f"[red]failed[/]   {escape(' '.join(overrides))}: {escape(reason)}", soft_wrap=True
            )
            return None
        finally:
            use_threads(1)
    if not sweeping(settings) and _summarise(command, folder):
        sys.exit(1)
    return done.value


def _write_failed(result: Result) -> None:
    if SweepStart.left is not None:
        SweepStart.left.drop(result.number)
    with contextlib.suppress(OSError):  # on a full disk: what is read of the job then is that it was running
        replace(result, status=FAILED).write()


def _summarise(command: Command, folder: Path) -> int:
    """Summarise what is in a folder; return the exit code."""
    terminal.show_warnings()
    console = terminal.console()
    try:
        sweep = Sweep.load(folder)
        problems = command.summarise(sweep, console)
        tell_places(sweep, console)
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:
        console.print(f"[red]No summary[/]: {escape(_reason(error, folder))}", soft_wrap=True)
        return 1
    if (folder / SWEEP).exists():
        print_found(folder, console)
    for problem in problems:
        console.print(f"[red]problem[/]  {escape(problem)}", soft_wrap=True)
    return 1 if problems or sweep.lost else 0


def _reason(error: BaseException, folder: Path | None) -> str:
    """Return the sentence to show for an error; one that was not foreseen leaves its traceback in the folder."""
    if isinstance(error, DynalignError) or in_words(error):
        return redacted(in_words(error) or str(error))
    if isinstance(error, KeyboardInterrupt):
        return "It was stopped from the keyboard."
    if isinstance(error, OmegaConfBaseException):
        return redacted(f"{error.full_key or 'The config'}: {first_line(error)}.")
    said = redacted(f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0])
    if folder is None:
        return said
    path = folder / "traceback.txt"
    try:
        path.write_text(redacted("".join(traceback.format_exception(error))), encoding="utf-8")
    except OSError:
        return said
    return f"{said} ({path} has the details)"
