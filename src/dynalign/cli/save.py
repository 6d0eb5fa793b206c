"""Write figures beside the tables; one that cannot be drawn or written costs itself and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
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


def save_for_papers(figures: Mapping[str, Figure | Problem], folder: Path) -> tuple[list[Path], list[str]]:
    """Write figures as SVG and PDF into a folder; return the paths, and what went wrong.

    Text in SVG is outlines, and fonts are embedded in PDF whole enough to be edited, so that both look the same
    everywhere.
    """
    paths: list[Path] = []
    problems: list[str] = []
    with matplotlib.rc_context({"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "dynalign"}):
        for name, figure in figures.items():
            if isinstance(figure, Problem):
                problems.append(figure.text)
                continue
            for kind, dated in (("svg", "Date"), ("pdf", "CreationDate")):
                path = folder / f"{file_name(name)}.{kind}"
                problem = _write(figure, path, kind, metadata={dated: None})
                (problems if problem else paths).append(problem or path)  # type: ignore[arg-type]
    return paths, problems


def file_name(name: str) -> str:
    """Return a name as part of a file's: ``DSA(rank=10)`` as ``dsa-rank-10``."""
    return re.sub(r"[^\w.]+", "-", name).strip("-").lower()


def _write(figure: Figure, path: Path, kind: str = "png", **more: Any) -> str:
    try:
        write_atomically(path, lambda target: figure.savefig(target, dpi=160, format=kind, **more))
    except OSError as error:
        return f"The figure {path} could not be written: {error.strerror}."
    return ""
