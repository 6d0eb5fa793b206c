"""Tables are written whole, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dynalign.tables import write_table


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    table = pd.DataFrame({"run": ["a", "b"], "noise": [0, 0.1], "rank": [3, None]})
    paths = write_table(table, tmp_path, "numbers")
    pd.testing.assert_frame_equal(pd.read_parquet(paths["parquet"]), pd.read_csv(paths["csv"]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["numbers.csv", "numbers.parquet"]


def test_columns_of_mixed_kinds_become_text(tmp_path: Path) -> None:
    """A swept value may be a number in one job and a word in the next."""
    table = pd.DataFrame({"rank": [10, "optimal", None, True], "n": pd.Series([1, 2.5, None, 3], dtype=object)})
    read = pd.read_parquet(write_table(table, tmp_path, "numbers")["parquet"])
    assert read["rank"].tolist() == ["10", "optimal", None, "True"]
    assert read["n"].dropna().tolist() == [1, 2.5, 3]
    assert table["rank"].tolist()[0] == 10


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    read = pd.read_parquet(write_table(pd.DataFrame(columns=["a"]), tmp_path, "numbers")["parquet"])
    assert list(read.columns) == ["a"]
