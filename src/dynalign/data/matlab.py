"""Variables in ``.mat`` files of all versions: arrays, cell arrays with one trial per cell, structs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from dynalign.data.entries import Entries, Entry, Loaded, array_entry
from dynalign.data.hdf5 import mat73_entries
from dynalign.errors import DynalignError

_HDF5 = b"\x89HDF"
_USER_BLOCK = 512  # bytes of MATLAB's own before what it writes as HDF5


def mat_entries(path: Path) -> Entries:
    """Return the variables of a MATLAB file; fields of structs as ``struct.field``, with a list over struct arrays."""
    with path.open("rb") as file:
        head = file.read(_USER_BLOCK + 4)
    if head[:4] == _HDF5 or head[_USER_BLOCK:] == _HDF5:
        return mat73_entries(path)
    found: dict[str, Entry] = {}
    for name, shape, kind in scipy.io.whosmat(path):
        if kind in ("struct", "object"):
            found |= {field: _entry(value) for field, value in _fields(name, _loaded(path, name))}
        elif kind in ("cell", "char"):
            found[name] = _entry(_loaded(path, name))
        elif kind == "sparse":
            found[name] = array_entry(shape, True, lambda name=name: Loaded(_loaded(path, name).toarray()))  # type: ignore[misc]
        elif kind in ("function", "opaque", "unknown"):
            found[name] = Entry("other", kind, lambda _how, name=name: _refuse(name))  # type: ignore[misc]
        else:
            found[name] = array_entry(shape, True, lambda name=name: Loaded(_loaded(path, name)))  # type: ignore[misc]
    return found


def _loaded(path: Path, name: str) -> Any:
    return scipy.io.loadmat(path, variable_names=[name])[name]


def _fields(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a struct; those of an array of structs as a cell array would be."""
    for field in value.dtype.names or ():
        parts = value[field].ravel(order="F")
        inner = parts[0] if len(parts) == 1 else parts
        if isinstance(inner, np.ndarray) and inner.dtype.names:
            yield from _fields(f"{name}.{field}", inner)
        else:
            yield f"{name}.{field}", inner


def _entry(value: Any) -> Entry:
    if not isinstance(value, np.ndarray):
        return Entry("other", type(value).__name__, lambda _how: Loaded(np.asarray(value)))
    if value.dtype != object:
        return array_entry(value.shape, value.dtype.kind in "fiub", lambda: Loaded(_stripped(value)))
    parts = [np.asarray(part) for part in value.ravel(order="F")]
    about = f"cell array of {' x '.join(str(size) for size in value.shape if size > 1) or 1}"
    if parts and all(part.dtype.kind in "US" or (part.size == 1 and part.dtype.kind in "fiub") for part in parts):
        labels = np.array([str(part.ravel()[0]) if part.size else "" for part in parts])
        return Entry("labels", about, lambda _how: Loaded(labels))
    if any(part.dtype.kind not in "fiub" for part in parts):
        return Entry("other", about, lambda _how: _refuse("The cell array"))
    return Entry("states", about, lambda _how: Loaded(list(parts)))


def _stripped(value: Any) -> Any:
    return np.char.strip(value) if value.dtype.kind == "U" else value


def _refuse(name: str) -> Loaded:
    raise DynalignError(f"{name} holds something else than arrays of numbers.")
