"""`dynalign clean-store`: show what is in a store, ask, and delete what is to go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from dynalign.cli import terminal
from dynalign.cli.asking import confirmed, refuse
from dynalign.inventory import KINDS, delete, inventory
from dynalign.report import counted, size

_LISTED = 8  # files of others that are named


def main() -> None:
    """Do what was typed; exit with 0 if all that was to go is gone, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="dynalign clean-store",
        description="Show what a store holds, ask, and delete it. Results of sweeps lie elsewhere, and stay.",
    )
    parser.add_argument("store", nargs="?", type=Path, default=Path("multirun/store"), help="default: multirun/store")
    parser.add_argument("--only", nargs="+", choices=list(KINDS), metavar="KIND", help=f"some of {', '.join(KINDS)}")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    typed = parser.parse_args(sys.argv[1:])
    sys.exit(clean(typed.store, typed.only or list(KINDS), terminal.console(), yes=typed.yes))


def clean(store: Path, kinds: Sequence[str], console: Console, *, yes: bool) -> int:
    """Show what would go, and delete it if that is confirmed; return the exit code.

    Parameters
    ----------
    kinds : sequence of str
        Some of ``KINDS``.
    yes : bool
        Whether it is confirmed already.
    """
    if not store.is_dir():
        return refuse(f"There is no store {store}.")
    kept, foreign = inventory(store)
    going = [each for each in kept if each.kind in kinds]
    if not going:
        console.print(f"{store}: there is nothing to delete.", markup=False, soft_wrap=True)
        return 0
    for kind in KINDS:
        some = [each for each in going if each.kind == kind]
        if some:
            count = f"{sum(each.counts for each in some):,}"
            total = size(sum(each.bytes for each in some))
            console.print(f"{kind:13}{count:>7}  {total:>8}  {KINDS[kind]}", soft_wrap=True)
    if foreign:
        names = ", ".join(path.name for path in foreign[:_LISTED]) + (", ..." if len(foreign) > _LISTED else "")
        console.print(f"stays: {escape(names)}, which no run or measurement is kept in", soft_wrap=True)
    total = size(sum(each.bytes for each in going))
    if not yes and not confirmed(f"Delete {total} from {store}?"):
        return 1
    busy = [each for each in going if not delete(each)]
    gone = size(sum(each.bytes for each in going if each not in busy))
    console.print(f"{gone} deleted from {escape(str(store))}", soft_wrap=True)
    if busy:
        return refuse(f"{counted(len(busy), 'thing')} could not be deleted, such as {busy[0].path}; is a run at work?")
    return 0
