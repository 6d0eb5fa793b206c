"""`train.py`: from the command line to a trained, measured and logged network."""

from __future__ import annotations

from dynalign.cli.start import start


def main() -> None:
    """Run what was typed; exit with 0 if every job succeeded."""
    start("train")
