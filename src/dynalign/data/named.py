"""Arrays whose dimensions have names: xarray's, and netCDF files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynalign.data.entries import Entries, Entry, Loaded
from dynalign.data.packages import package
from dynalign.metrics.arrays import axis_of


def netcdf_entries(path: Path) -> Entries:
    """Return the variables of a netCDF file, as xarray reads them."""
    xarray = package("xarray", path, "data")
    with xarray.open_dataset(path) as whole:
        names = dataset_entries(whole)

    def load(name: str, how: Any) -> Loaded:
        with xarray.open_dataset(path) as again:
            return dataset_entries(again.load())[name].load(how)

    return {
        name: Entry(entry.kind, entry.about, lambda how, name=name: load(name, how))  # type: ignore[misc]
        for name, entry in names.items()
    }


def dataset_entries(whole: Any) -> Entries:
    """Return the variables of an xarray Dataset; those along trials alone are labels of each."""
    found: dict[str, Entry] = {}
    for name, array in whole.variables.items():
        if name in whole.dims:
            continue  # where time steps are, and what units are called
        numbers = array.dtype.kind in "fiub"
        kind = "labels" if array.ndim < 2 else "states" if numbers else "other"
        about = ", ".join(f"{dim} {size}" for dim, size in array.sizes.items())
        found[str(name)] = Entry(kind, about, lambda _how, name=name: of_array(whole[name]))  # type: ignore[arg-type, misc]
    return found


def of_array(array: Any) -> Loaded:
    """Return an xarray DataArray with the names of its dimensions, and its coordinates along trials."""
    columns: dict[str, Sequence[Any]] = {
        str(name): list(values.values)
        for name, values in array.coords.items()
        if array.ndim > 1 and len(values.dims) == 1 and axis_of(values.dims[0]) == 0
    }
    return Loaded(np.asarray(array.values), tuple(array.dims), columns)
