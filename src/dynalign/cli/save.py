"""Write figures beside the tables; one that cannot be drawn or written costs itself and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from dynalign.report import Problem
from dynalign.store import write_atomically


def save_all(figures: Mapping[str, Figure | Problem], folder: Path) -> tuple[dict[str, Figure], list[str]]:
    """Write figures as PNG into a folder; return those that there are, and what went wrong.

    Parameters
    ----------
    figures : mapping of name to figure, or to why there is none
        Files are called after the names, without what file systems or shells dislike.
    """
    saved: dict[str, Figure] = {}
    problems: list[str] = []
    for name, figure in figures.items():
        if isinstance(figure, Problem):
            problems.append(figure.text)
            continue
        problem = _write(figure, folder / f"{file_name(name)}.png")
        if problem:
            problems.append(problem)
        else:
            saved[name] = figure
    return saved, problems


def file_name(name: str) -> str:
    """Return a name as part of a file's: ``DSA(rank=10)`` as ``dsa-rank-10``."""
    return re.sub(r"[^\w.]+", "-", name).strip("-").lower()


def _write(figure: Figure, path: Path) -> str:
    try:
        write_atomically(path, lambda target: figure.savefig(target, dpi=160, format="png"))
    except OSError as error:
        return f"The figure {path} could not be written: {error.strerror}."
    return ""
