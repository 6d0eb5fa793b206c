"""What all commands share: check what was typed, run the job or jobs, and say how they ended."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape

from dynalign.cli import CONF, terminal
from dynalign.cli.check import Typed, check_command_line
from dynalign.cli.sweep import SweepStart
from dynalign.errors import DynalignError
from dynalign.results import FAILED, Result, Sweep, sweep_folder_of


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


def run_command(command: Command) -> None:
    """Run what was typed; exit with 0 if every job succeeded and its summary is whole."""
    os.environ.setdefault("WANDB_SILENT", "true")
    sys.path.append(str(Path.cwd()))  # a metric or model of one's own lies where its user is; it hides nothing of ours
    try:
        typed = check_command_line(sys.argv[1:], CONF, command.name)
        if typed.dry and command.tell is not None:
            sys.exit(command.tell(typed, terminal.console()))
    except DynalignError as error:
        sys.exit(f"Error: {error}")
    sys.argv[1:] = typed.arguments
    SweepStart.expected = typed.expected

    def job(config: DictConfig) -> float | None:
        return _run(command, config)

    code = _exit_code(lambda: hydra.main(config_path=str(CONF), config_name=command.name, version_base="1.3")(job)())
    if SweepStart.folder is not None:  # whatever a launcher raised, what its jobs left is told
        code = max(code, _summarise(command, SweepStart.folder))
    sys.exit(code)


def group_of(settings: Any) -> str:
    """Name the group of a job's loggers after the sweep's folder; a single run is a group of its own."""
    folder = settings.sweep.dir if settings.mode == RunMode.MULTIRUN else settings.runtime.output_dir
    return Path(folder).name


def _exit_code(work: Callable[[], object]) -> int:
    try:
        work()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return _stopped()
    return 0


def _stopped() -> int:
    terminal.console().print("[yellow]Stopped. The same command goes on where this one was.[/]")
    return 130


def _run(command: Command, config: DictConfig) -> float | None:
    """Run one job and write down how it ended; in a sweep, a failure is not raised, so that the others go on."""
    start = time.perf_counter()
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    overrides = [str(word) for word in settings.overrides.task]
    sweeping = settings.mode == RunMode.MULTIRUN
    result = None
    try:
        if sweeping:
            number = int(settings.job.num)
            result = Sweep.join(
                sweep_folder_of(folder, Path(settings.sweep.dir).absolute()), folder, command.name, number, overrides
            )
        else:
            result = Result(command.name, overrides=overrides, folder=folder)
        result = replace(result, config=OmegaConf.to_yaml(config, resolve=True))
        result.write()
        done = command.run_job(config, settings, result)
        replace(done, seconds=time.perf_counter() - start).write()
    except (Exception, KeyboardInterrupt) as error:
        reason = _reason(error, folder)
        if result is not None:
            replace(result, status=FAILED, reason=reason, seconds=time.perf_counter() - start).write()
        if isinstance(error, KeyboardInterrupt):
            sys.exit(_stopped())
        if not sweeping:
            sys.exit(f"Error: {reason}")
        terminal.console().print(f"[red]failed[/]   {escape(' '.join(overrides))}: {escape(reason)}", soft_wrap=True)
        return None
    if not sweeping and _summarise(command, folder):
        sys.exit(1)
    return done.value


def _summarise(command: Command, folder: Path) -> int:
    """Summarise what is in a folder; return the exit code."""
    console = terminal.console()
    try:
        sweep = Sweep.load(folder)
        problems = command.summarise(sweep, console)
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:
        console.print(f"[red]No summary[/]: {escape(_reason(error, folder))}", soft_wrap=True)
        return 1
    for problem in problems:
        console.print(f"[red]problem[/]  {escape(problem)}", soft_wrap=True)
    return 1 if problems or sweep.lost else 0


def _reason(error: BaseException, folder: Path) -> str:
    """Return the sentence to show for an error; one that was not foreseen leaves its traceback in the folder."""
    if isinstance(error, DynalignError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "It was stopped from the keyboard."
    said = f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]
    path = folder / "traceback.txt"
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return said
    return f"{said} ({path} has the details)"
