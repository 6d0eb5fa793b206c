"""Write a figure beside the tables."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from dynalign.store import write_atomically


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    write_atomically(path, lambda target: figure.savefig(target, dpi=160, format="png"))
