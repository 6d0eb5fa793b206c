"""Arrays in HDF5 files, as h5py, netCDF and MATLAB 7.3 write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dynalign.data.entries import Entries, Entry, Loaded, array_entry
from dynalign.data.packages import package
from dynalign.errors import DynalignError


def h5_entries(path: Path) -> Entries:
    """Return the arrays of an HDF5 file by their paths in it, with the names of their dimensions."""
    h5py = package("h5py", path, "data")
    found: dict[str, Entry] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not item.is_scale:
            if item.dtype.kind in "fiub" and item.shape is not None:
                found[name] = array_entry(item.shape, True, lambda: _load(path, name))
            elif h5py.check_string_dtype(item.dtype) is not None:
                found[name] = array_entry(item.shape, False, lambda: _load(path, name))
            else:
                found[name] = Entry("other", "no numbers", lambda _how: _refuse(path, name))

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def mat73_entries(path: Path) -> Entries:
    """Return the variables of a MATLAB 7.3 file, whose axes HDF5 has in reverse; fields as ``struct.field``."""
    h5py = package("h5py", path, "data")
    found: dict[str, Entry] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group):
            for part in item:
                add(f"{name}.{part}", item[part])
        elif h5py.check_ref_dtype(item.dtype) is not None:
            size = int(np.prod(item.shape))
            text = size > 0 and _matlab_class(item.file[item[()].flat[0]]) == "char"
            kind = "labels" if text else "states"
            found[name] = Entry(kind, f"cell array of {size}", lambda _how: Loaded(_mat73(path, name)))  # type: ignore[arg-type]
        elif _matlab_class(item) == "char":
            found[name] = Entry("labels", "text", lambda _how: Loaded(_mat73(path, name)))
        elif item.dtype.kind in "fiub" and "MATLAB_empty" not in item.attrs:
            found[name] = array_entry(item.shape[::-1], True, lambda: Loaded(_mat73(path, name)))
        else:
            found[name] = Entry("other", "empty or no numbers", lambda _how: _refuse(path, name))

    with h5py.File(path) as file:
        for name in file:
            if not name.startswith("#"):
                add(name, file[name])
    return found


def _load(path: Path, name: str) -> Loaded:
    h5py = package("h5py", path, "data")
    with h5py.File(path) as file:
        data = file[name]
        text = h5py.check_string_dtype(data.dtype) is not None
        values = data.asstr()[()] if text else data[()]
        return Loaded(np.asarray(values), _dims(data))


def _dims(data: Any) -> list[str] | None:
    """Return the names of a dataset's dimensions: their labels or, as netCDF has it, those of their scales."""
    names = [dim.label or (dim[0].name.rsplit("/", 1)[-1] if len(dim) else "") for dim in data.dims]
    return names if any(names) else None


def _mat73(path: Path, name: str) -> Any:
    h5py = package("h5py", path, "data")
    with h5py.File(path) as file:
        item = file[name.replace(".", "/")]
        if h5py.check_ref_dtype(item.dtype) is None:
            return _matlab_array(item)
        parts = [file[reference] for reference in np.asarray(item[()]).T.flat]  # in the order in which MATLAB counts
        if all(_matlab_class(part) == "char" for part in parts):
            return np.array([_matlab_array(part) for part in parts])
        if any(not isinstance(part, h5py.Dataset) or part.dtype.kind not in "fiub" for part in parts):
            raise DynalignError(f"The cell array {name} of {path.name} holds something else than arrays of numbers.")
        return [_matlab_array(part) for part in parts]


def _matlab_array(item: Any) -> Any:
    values = np.asarray(item[()]).T
    if "MATLAB_empty" in item.attrs:  # then it holds its shape
        values = np.zeros([int(size) for size in values.ravel()])
    return "".join(map(chr, values.astype(int).ravel())) if _matlab_class(item) == "char" else values


def _matlab_class(item: Any) -> str:
    kind = item.attrs.get("MATLAB_class", b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def _refuse(path: Path, name: str) -> Loaded:
    raise DynalignError(f"{name} of {path.name} holds no array of numbers.")
