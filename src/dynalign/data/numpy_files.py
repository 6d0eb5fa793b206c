"""Arrays in ``.npy`` and ``.npz`` files; those of Python objects, which could run code, are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from dynalign.data.entries import Entries, Entry, Loaded, array_entry
from dynalign.errors import DynalignError

_OBJECTS = (
    "holds Python objects, which are not read because they can run code; save trials of unequal lengths as an .npz "
    "file "
    "with one array per trial: np.savez(path, *trials)"
)


def npy_entries(path: Path) -> Entries:
    """Return the one array of an ``.npy`` file."""
    array = _of_numpy(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False))
    return {path.stem: _entry(array.shape, array.dtype, lambda: Loaded(np.array(array)))}


def npz_entries(path: Path) -> Entries:
    """Return the arrays of an ``.npz`` file."""
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        kinds = {}
        for name in names:
            with archive.open(f"{name}.npy") as file:
                kinds[name] = _of_numpy(path, lambda: _header(file))

    def load(name: str) -> Loaded:
        with np.load(path, allow_pickle=False) as whole:
            return Loaded(_of_numpy(path, lambda: whole[name]))

    return {name: _entry(shape, dtype, lambda name=name: load(name)) for name, (shape, dtype) in kinds.items()}


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    layout: Any = np.lib.format
    version = layout.read_magic(file)
    read = layout.read_array_header_1_0 if version == (1, 0) else layout.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _entry(shape: tuple[int, ...], dtype: np.dtype[Any], load: Any) -> Entry:
    if dtype.hasobject:

        def refuse(_how: object) -> Loaded:
            raise DynalignError(f"An array of {'x'.join(map(str, shape))} {_OBJECTS}.")

        return Entry("other", "Python objects", refuse)
    return array_entry(shape, dtype.kind in "fiubc", load)


def _of_numpy(path: Path, work: Any) -> Any:
    try:
        return work()
    except ValueError as error:
        if any(words in str(error) for words in ("allow_pickle", "Object arrays", "Python objects")):
            raise DynalignError(f"{path.name} {_OBJECTS}.") from error
        raise
