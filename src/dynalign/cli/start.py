"""Check what was typed before anything slow is imported, and answer what can be answered without that."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra

from dynalign.cli import CONF
from dynalign.cli.check import check_command_line
from dynalign.errors import DynalignError


def start(name: str, rewritten: Callable[[Sequence[str]], list[str]] | None = None) -> None:
    """Run a command; exit with 0 if it did what was typed.

    Parameters
    ----------
    name : str
        The command's and its config's; ``dynalign.cli.<name>_job`` has what it does, as ``COMMAND``.
    rewritten : callable, optional
        Makes what was typed into what Hydra can read.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # a home that cannot be written to is nothing to tell of
    sys.path.append(str(Path.cwd()))  # a metric or model of one's own lies where its user is; it hides nothing of ours
    try:
        _check_letters(sys.argv[1:])
        words = sys.argv[1:] if rewritten is None else rewritten(sys.argv[1:])
        typed = check_command_line(words, CONF, name)
    except DynalignError as error:
        sys.exit(f"Error: {error}")
    if typed.asks:
        _answer(name, typed.arguments)
        return
    from dynalign.cli.entry import run_command

    run_command(importlib.import_module(f"dynalign.cli.{name}_job").COMMAND, typed)


def _check_letters(words: Sequence[str]) -> None:
    """Refuse what was typed in other letters than Python was told that it would be: no file could be written of it."""
    line = " ".join(words)
    try:
        line.encode()
    except UnicodeEncodeError:
        shown = line.encode(errors="replace").decode()
        raise DynalignError(
            f"Could not read {shown}: it has letters that the locale does not know; set PYTHONUTF8=1."
        ) from None


def _answer(name: str, arguments: Sequence[str]) -> None:
    """Let Hydra say what was asked for, ``--help`` and the like, to a reader who may stop reading."""
    sys.argv[1:] = arguments
    try:
        hydra.main(config_path=str(CONF), config_name=name, version_base="1.3")(lambda _: None)()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
