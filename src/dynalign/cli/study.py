"""`study.py`: from the command line to the verdict on claims about many networks."""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.utils import get_args_parser

from dynalign.cli.start import start


def main() -> None:
    """Run what was typed; exit with 0 if every job succeeded."""
    start("study", rewritten)


def rewritten(arguments: Sequence[str]) -> list[str]:
    """Return arguments with words that have no =, which name studies, as a choice of ``study``."""
    words = get_args_parser().parse_intermixed_args(list(arguments)).overrides  # without flags and what belongs to them
    named = [word for word in words if word.isidentifier()]
    if not named:
        return list(arguments)
    return [*(word for word in arguments if word not in named), f"study=[{','.join(named)}]"]
