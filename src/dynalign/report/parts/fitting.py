"""Tables of the terminal that are wider than it: columns that have no room go to further tables below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_ENDLESS = 10_000  # columns that any table fits in

Column = TypeVar("Column")


def fitting_tables(
    console: Console, columns: Sequence[Column], make: Callable[[Sequence[Column], bool], Table], *, foldable: int = 0
) -> list[Table]:
    """Return tables that show all columns, as many in each as the console has room for.

    Parameters
    ----------
    columns : sequence
        Those that can be told apart from the rest of a row.
    make : callable
        Makes a table of some columns; told whether it is the first, which says the rest of a row, too.
    foldable : int
        By how much a table may be too wide, because its first column folds.
    """
    tables: list[Table] = []
    rest = columns
    while rest or not tables:
        first = not tables
        least = 0 if first else 1
        made = {count: make(rest[:count], first) for count in range(least, len(rest) + 1)}
        count = max(
            (count for count, table in made.items() if _width(table) <= console.width + foldable), default=least
        )
        tables.append(made[count])
        rest = rest[count:]
    return tables


def _width(table: Table) -> int:
    endless = Console(width=_ENDLESS)
    return Measurement.get(endless, endless.options, table).maximum
