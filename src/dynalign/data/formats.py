"""Which reader a file is for."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from dynalign.data.entries import Entries
from dynalign.data.hdf5 import h5_entries
from dynalign.data.matlab import mat_entries
from dynalign.data.named import netcdf_entries
from dynalign.data.numpy_files import npy_entries, npz_entries
from dynalign.data.nwb import nwb_entries
from dynalign.data.tables import table_entries
from dynalign.errors import DynalignError, first_line, suggestion

T = TypeVar("T")

READERS: dict[str, Callable[[Path], Entries]] = {
    ".npy": npy_entries,
    ".npz": npz_entries,
    ".mat": mat_entries,
    ".h5": h5_entries,
    ".hdf5": h5_entries,
    ".nc": netcdf_entries,
    ".csv": table_entries,
    ".parquet": table_entries,
    ".nwb": nwb_entries,
}


def entries_of(path: Path) -> Entries:
    """Return what a file holds, by name; nothing of it is loaded that is not wanted.

    Raises
    ------
    DynalignError
        If there is no such file, nothing in it, no reader for it, or it cannot be read.
    """
    if not path.exists():
        raise DynalignError(f"There is no file {path}.{_beside(path)}")
    if path.suffix.lower() not in READERS:
        kinds = " ".join(READERS)
        raise DynalignError(f"{path} is of no kind that can be read, which are {kinds}.")
    if path.stat().st_size == 0:
        raise DynalignError(f"{path} is empty: it holds 0 bytes.")
    return guarded(path, lambda: READERS[path.suffix.lower()](path))


def guarded(path: Path, work: Callable[[], T]) -> T:
    """Return what ``work`` returns; whatever a reader of damaged files raises becomes a sentence."""
    try:
        return work()
    except DynalignError:
        raise
    except (PermissionError, IsADirectoryError) as error:
        raise DynalignError(f"{path} cannot be read: {error.strerror}.") from error
    except zipfile.BadZipFile as error:
        raise DynalignError(f"{path} is no {path.suffix} file, or is damaged.") from error
    except Exception as error:  # of many packages, each with its own
        raise DynalignError(
            f"{path} cannot be read as {path.suffix}: {type(error).__name__}, {first_line(error)}."
        ) from error


def _beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f" Nor is there a folder {path.parent}."
    names = [each.name for each in path.parent.iterdir() if each.suffix.lower() in READERS]
    return f" {suggestion(path.name, names)[0].upper()}{suggestion(path.name, names)[1:]}" if names else ""
