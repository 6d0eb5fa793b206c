"""Write tables, for people and for programs, and read them again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dynalign.errors import DynalignError, first_line
from dynalign.store import write_atomically


def write_table(table: pd.DataFrame, folder: Path, stem: str) -> dict[str, Path]:
    """Write a table as Parquet and CSV, whole or not at all; return the two paths by format."""
    paths = {"parquet": folder / f"{stem}.parquet", "csv": folder / f"{stem}.csv"}
    write_atomically(paths["parquet"], lambda path: _one_kind(table).to_parquet(path, index=False))
    write_atomically(paths["csv"], lambda path: table.to_csv(path, index=False))
    return paths


def read_table(folder: Path, stem: str) -> pd.DataFrame:
    """Return a table that ``write_table`` has written.

    Raises
    ------
    DynalignError
        If it is not there, or cannot be read.
    """
    path = folder / f"{stem}.parquet"
    try:
        return pd.read_parquet(path)
    except Exception as error:  # pyarrow raises whatever it happens upon
        raise DynalignError(
            f"{path} cannot be read ({first_line(error)}); type the command of that folder again, which "
            "computes only what is missing."
        ) from error


def _one_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns hold values of one kind each, as Parquet wants them: mixed ones become text."""
    whole = table.copy(deep=False)
    for name in table.select_dtypes(object):
        kinds = {type(value) for value in table[name] if value is not None and value == value}
        if len(kinds) > 1 and not kinds <= {int, float}:
            whole[name] = [None if value is None or value != value else str(value) for value in table[name]]
    return whole
