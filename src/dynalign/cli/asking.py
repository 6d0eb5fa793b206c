"""Ask before something goes for good, and say why something is not done."""

from __future__ import annotations

import sys


def confirmed(question: str) -> bool:
    """Ask, and return whether the answer was yes; where there is nobody to ask, it was not."""
    if not sys.stdin.isatty():
        refuse("Nothing was deleted: there is nobody to ask; type --yes (make clean-store YES=1) if you mean it.")
        return False
    try:
        said = input(f"{question} Type yes: ").strip().lower()
    except (EOFError, KeyboardInterrupt):
        said = ""
    if said != "yes":
        print("Nothing was deleted.")  # noqa: T201
    return said == "yes"


def refuse(sentence: str) -> int:
    """Say what is wrong; return the exit code."""
    print(f"Error: {sentence}", file=sys.stderr)  # noqa: T201
    return 1
