"""`testcase.py`: from the command line to what metrics measured on test cases."""

from __future__ import annotations

from dynalign.cli.start import start


def main() -> None:
    """Run what was typed; exit with 0 if every job succeeded."""
    start("testcase")
