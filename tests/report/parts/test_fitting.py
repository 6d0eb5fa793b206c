from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from dynalign.report.parts.fitting import fitting_tables


def _tables(width: int, columns: list[str], *, foldable: int = 0) -> list[Table]:
    def make(chosen, first):
        table = Table("run", *chosen, *(["time"] if first else []), box=None, padding=(0, 1, 0, 0))
        table.add_row("a", *("0.123" for _ in chosen), *(["9 s"] if first else []))
        return table

    return fitting_tables(Console(file=io.StringIO(), width=width), columns, make, foldable=foldable)


def _heads(tables: list[Table]) -> list[list[str]]:
    return [[str(column.header) for column in table.columns] for table in tables]


def test_what_has_room_stands_in_one_table() -> None:
    assert _heads(_tables(40, ["x", "y"])) == [["run", "x", "y", "time"]]
    assert _heads(_tables(40, [])) == [["run", "time"]]


def test_what_has_none_stands_below() -> None:
    assert _heads(_tables(16, ["x", "y", "z", "u"])) == [["run", "x", "time"], ["run", "y", "z"], ["run", "u"]]
    assert _heads(_tables(16, ["x", "y", "z", "u"], foldable=6))[0] == ["run", "x", "y", "time"]


def test_no_column_is_lost_where_even_one_is_too_wide() -> None:
    assert _heads(_tables(4, ["x", "y"])) == [["run", "time"], ["run", "x"], ["run", "y"]]
