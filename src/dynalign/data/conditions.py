"""The condition of each trial, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynalign.data.entries import Entries, Loaded, described
from dynalign.data.formats import entries_of, guarded
from dynalign.data.packages import package
from dynalign.data.settings import Reading
from dynalign.errors import DynalignError, nearest


def labels_of(how: Reading, loaded: Loaded, entries: Entries, where: str) -> list[str] | None:
    """Return a label per trial, where ``condition`` says that they are; None where it says nothing.

    Raises
    ------
    DynalignError
        If there are no such labels.
    """
    name = how.condition
    if name is None:
        return None
    if name in loaded.columns:
        return as_labels(loaded.columns[name], name, where)
    if name in entries:
        return as_labels(entries[name].load(how).values, name, where)
    path, _, key = name.rpartition(":")
    if Path(name).is_file() or (path and Path(path).is_file()):
        return as_labels(*_of_file(Path(name) if Path(name).is_file() else Path(path), key, how), where)
    known = {**dict.fromkeys(loaded.columns), **{key: None for key, entry in entries.items() if entry.kind == "labels"}}
    near = nearest(name, known)
    holds = f"did you mean {near}?" if near else f"it has {', '.join(known)}." if known else _no_labels(entries)
    raise DynalignError(f"condition={name} is no column or array of {where}, and no file; {holds}")


def as_labels(values: Sequence[Any] | Any, name: str, where: str) -> list[str]:
    """Return labels as text; whole numbers alike whatever their type.

    Raises
    ------
    DynalignError
        If they have several axes, or one is missing.
    """
    array = np.asarray(values)
    longer = [size for size in array.shape if size != 1]
    if len(longer) > 1:
        raise DynalignError(f"{name} of {where} has shape {array.shape}, but conditions are one label per trial.")
    labels = [_label(value) for value in array.ravel()]
    missing = [place for place, label in enumerate(labels) if label in ("", "nan", "None")]
    if missing:
        raise DynalignError(f"{name} of {where} says nothing of trial {missing[0]}; each trial needs a condition.")
    return labels


def _label(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _of_file(path: Path, key: str, how: Reading) -> tuple[Any, str]:
    """Return the labels in a file of their own: lines of text, a column of a table, or an array."""
    if path.suffix == ".txt":
        return guarded(path, lambda: path.read_text(encoding="utf-8").splitlines()), path.name
    if path.suffix in (".csv", ".tsv", ".parquet"):
        return guarded(path, lambda: _column(path, key)), path.name
    entries = entries_of(path)
    name = key if key in entries else next((name for name, each in entries.items() if each.kind == "labels"), "")
    if not name:
        raise DynalignError(f"{path} holds no labels; it holds {described(entries)}.")
    return entries[name].load(how).values, f"{name} in {path.name}"


def _column(path: Path, key: str) -> Any:
    pandas = package("pandas", path, "data")
    frame = pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)
    names = [str(name) for name in frame.columns]
    name = key if key in names else "condition" if "condition" in names else names[-1] if len(names) <= 2 else ""
    if not name:
        raise DynalignError(f"{path} has the columns {', '.join(names)}; say which, as condition={path}:{names[0]}.")
    return frame[name].tolist()


def _no_labels(entries: Entries) -> str:
    return f"there is {described(entries)}." if entries else "it has none."
