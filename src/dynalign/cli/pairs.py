"""`dynalign pairs`: the networks of a sweep against each other, or some of them."""

from __future__ import annotations

from dynalign.cli.start import start


def main() -> None:
    """Run what was typed; exit with 0 if every job succeeded."""
    start("pairs")
