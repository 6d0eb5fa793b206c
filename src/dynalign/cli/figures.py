"""`dynalign figures FOLDER`: every figure of a folder of results, for papers."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from rich.console import Console

from dynalign.cli import terminal
from dynalign.cli.save import save_for_papers
from dynalign.errors import DynalignError
from dynalign.results import Sweep

_USAGE = (
    "usage: dynalign figures FOLDER\n\n"
    "Writes every figure of a folder in which train, testcase, study or compare has left its results as SVG and as\n"
    "PDF, with embedded fonts and colours that can be told apart whatever colours one sees, into FOLDER/figures."
)
_SUMMARIES = {"train": "summary", "testcase": "leaderboard", "study": "study_summary", "compare": "compare_job"}


def main() -> None:
    """Write the figures of the folder that was typed; exit with 0 if all of them could be drawn."""
    typed = sys.argv[1:]
    if set(typed) & {"-h", "--help"}:
        print(_USAGE)  # noqa: T201
        return
    if len(typed) != 1:
        sys.exit(f"Error: type the one folder whose figures are wanted.\n\n{_USAGE}")
    try:
        problems = write_figures(Path(typed[0]), terminal.console())
    except DynalignError as error:
        sys.exit(f"Error: {error}")
    if problems:
        sys.exit(1)


def write_figures(folder: Path, console: Console) -> list[str]:
    """Write the figures of a folder of results, and say where they are; return what went wrong.

    Raises
    ------
    DynalignError
        If the folder holds no results, or none from which there is a figure to draw.
    """
    if not folder.is_dir():
        raise DynalignError(f"{folder} is no folder; give the one in which a sweep or a run has left its report.")
    sweep = Sweep.load(folder)
    if not sweep.finished:
        raise DynalignError(f"No job in {folder} has succeeded, so there is nothing to draw.")
    command = sweep.finished[0].command
    if command not in _SUMMARIES:
        raise DynalignError(f"{folder} is of the command {command}; figures are of {', '.join(_SUMMARIES)}.")
    summary = importlib.import_module(f"dynalign.cli.{_SUMMARIES[command]}")  # each needs what the others do not
    paths, problems = save_for_papers(summary.figures(sweep), folder / "figures")
    if not paths and not problems:
        raise DynalignError(f"The results in {folder} are too few for a figure.")
    for problem in problems:
        console.print(problem, style="yellow", soft_wrap=True, highlight=False, markup=False)
    if paths:
        count = len(paths) // 2
        what = f"{count} figure{'' if count == 1 else 's'}, each as SVG and PDF:"
        console.print(f"{what} {folder / 'figures'}", soft_wrap=True, highlight=False, markup=False)
    return problems
