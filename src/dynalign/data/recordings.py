"""From what a person names, files and folders or arrays of any library, to recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dynalign.data.axes import arranged
from dynalign.data.conditions import as_labels, labels_of
from dynalign.data.entries import Entries, Loaded, chosen
from dynalign.data.formats import READERS, entries_of, guarded
from dynalign.data.named import dataset_entries, of_array
from dynalign.data.recording import Recording
from dynalign.data.settings import Reading
from dynalign.data.spikes import binned_and_smoothed
from dynalign.data.tables import of_frame
from dynalign.errors import DynalignError
from dynalign.metrics.arrays import as_array

_TAKEN = ("trials", "recordings")  # what the files of a folder may be


@dataclass(frozen=True)
class Recordings:
    """A data set: which files hold recordings, and how they are read.

    Parameters
    ----------
    files : list of paths, or mapping of name to path
        ``file:array`` for one of several arrays in a file. A folder stands for the files in it.
    axes, key, condition, ignore, step_ms, bin_ms, smooth_ms
        See ``Reading``. ``condition`` may be a list, one for each file.
    folder : {"recordings", "trials"}, optional
        What the files of a folder are: recordings, or the trials of one.
    components : int, optional
        Principal components, of each recording's own, that are kept of its units; all units by default.

    Raises
    ------
    DynalignError
        For settings that there cannot be.
    """

    files: list[str] | dict[str, str]
    axes: list[str] | None = None
    key: str | None = None
    condition: str | list[str] | None = None
    ignore: str | list[str] | None = None
    step_ms: float | None = None
    bin_ms: float | None = None
    smooth_ms: float | None = None
    folder: str | None = None
    components: int | None = None

    def __post_init__(self) -> None:
        if self.folder is not None and self.folder not in _TAKEN:
            raise DynalignError(f"folder={self.folder} is unknown; the files of a folder are {' or '.join(_TAKEN)}.")
        if self.components is not None and self.components < 1:
            raise DynalignError(
                f"components={self.components} keeps nothing; use a number >= 1, or null for all units."
            )
        if isinstance(self.condition, list) and len(self.condition) != len(self.files):
            raise DynalignError(
                f"condition names {len(self.condition)} places for {len(self.files)} files; give one for all, or one "
                "each."
            )
        self._reading(0)

    def read(self, base: Path | None = None) -> list[Recording]:
        """Read all of them.

        Parameters
        ----------
        base : Path, optional
            The folder that relative paths start from.

        Raises
        ------
        DynalignError
            If a file cannot be read, two have one name, or there is none.
        """
        paths = list(self.files.values()) if isinstance(self.files, dict) else list(self.files)
        if not paths:
            raise DynalignError("There is nothing to compare: name files with recordings, as in a.mat b.npz.")
        twice = [path for path, count in Counter(paths).items() if count > 1]
        if twice and not isinstance(self.files, dict):
            raise DynalignError(
                f"{twice[0]} is named twice; a recording is compared with others, and with itself by its floor."
            )
        names = list(self.files) if isinstance(self.files, dict) else _names(paths)
        found: list[Recording] = []
        for place, (name, path) in enumerate(zip(names, paths, strict=True)):
            whole, key = _with_key(base or Path(), path)
            how = self._reading(place).of(key)
            found += _folder(whole, name, how, self.folder) if whole.is_dir() else [_read(whole, name, how)]
        return [self.kept(each) for each in found]

    def kept(self, recording: Recording) -> Recording:
        """Return a recording in as many principal components as are kept."""
        return recording if self.components is None else recording.reduced(self.components)

    def _reading(self, place: int) -> Reading:
        condition = self.condition[place] if isinstance(self.condition, list) and self.condition else self.condition
        return Reading(
            self.axes, self.key, condition if isinstance(condition, str) else None, self.ignore or (),
            self.step_ms, self.bin_ms, self.smooth_ms,
        )  # fmt: skip


def recording_of(
    name: str, value: Any, how: Reading | None = None, conditions: Sequence[Any] | None = None
) -> Recording:
    """Return what a person gives as a recording as one.

    Parameters
    ----------
    name : str
    value : path, array, list of trials, DataFrame, xarray DataArray or Dataset, or Recording
        Arrays are (trials, time, units), or as their names or ``how.axes`` say; a list holds one array (time, units)
        per trial; a DataFrame has the columns trial and time, and one per unit.
    how : Reading, optional
    conditions : sequence, optional
        One per trial.

    Raises
    ------
    DynalignError
        If it is none, or its axes could be meant in several ways.
    """
    how = how or Reading()
    if isinstance(value, Recording):
        made = replace(value, name=name)
    elif isinstance(value, (str, Path)):
        path, key = _with_key(Path(), str(value))
        made = _read(path, name, how.of(key))
    else:
        made = _made(name, *_of_object(name, value, how), how)
    return made if conditions is None else replace(made, conditions=as_labels(conditions, "conditions", name))


def _read(path: Path, name: str, how: Reading) -> Recording:
    entries = entries_of(path)
    array, entry = chosen(entries, how.key, str(path))
    loaded = guarded(path, lambda: entry.load(how))
    where = f"{array} in {path.name}" if len(entries) > 1 else path.name
    return _made(name, loaded, entries, how, where, drops_ones=path.suffix == ".mat")


def _made(
    name: str, loaded: Loaded, entries: Entries, how: Reading, where: str | None = None, *, drops_ones: bool = False
) -> Recording:
    where = where or name
    found = arranged(loaded.values, how.axes, loaded.dims, where, drops_ones=drops_ones)
    trials = [_floats(trial) for trial in found.trials]
    trials = binned_and_smoothed(trials, how, step_ms=loaded.step_ms, binned=loaded.binned, where=where)
    labels = labels_of(how, loaded, entries, where)
    if labels is not None and len(labels) != len(trials):
        raise DynalignError(
            f"condition={how.condition} has {len(labels)} labels for the {len(trials)} trials of {where}; each trial "
            "needs one."
        )
    recording = Recording(name, trials, labels, [found.assumed] if found.assumed else [])
    if not recording.gaps:
        return recording
    gaps = f"Trials of {name} with gaps (NaN among numbers), which no delay crosses: {recording.gaps} of {len(trials)}."
    return replace(recording, notes=[*recording.notes, gaps])


def _floats(trial: Any) -> Any:
    """Return a trial as float32 or float64: counts may be whole numbers too small for sums, or without NaN."""
    known = trial.dtype.kind == "f" and trial.dtype.itemsize >= 4
    return trial if known or trial.dtype.kind not in "fiub" else trial.astype(np.float64)


def _of_object(name: str, value: Any, how: Reading) -> tuple[Loaded, Entries]:
    """Return what an object in memory holds."""
    if hasattr(value, "data_vars"):
        entries = dataset_entries(value)
        _, entry = chosen(entries, how.key, name)
        return entry.load(how), entries
    if hasattr(value, "groupby") and hasattr(value, "columns"):
        return of_frame(value, how, name), {}
    if hasattr(value, "dims") and hasattr(value, "coords"):
        return of_array(value), {}
    if isinstance(value, (list, tuple)):
        return Loaded([_filled(trial, f"{name}[{place}]") for place, trial in enumerate(value)]), {}
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        return _of_object(name, list(value), how)
    array = _filled(value, name)
    if array.ndim == 0:
        raise DynalignError(
            f"{name} is a {type(value).__name__}, and no recording; give arrays, lists of trials, or paths."
        )
    return Loaded(array), {}


def _filled(value: Any, where: str) -> Any:
    if isinstance(value, np.ma.MaskedArray):
        numbers: Any = value.astype(np.float64)
        return numbers.filled(np.nan)
    return as_array(value, where)


def _folder(path: Path, name: str, how: Reading, taken: str | None) -> list[Recording]:
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in READERS and not each.name.startswith("."))
    if not files:
        raise DynalignError(f"The folder {path} holds no file that can be read; these end in {' '.join(READERS)}.")
    if taken is None:
        raise DynalignError(
            f"{path} is a folder with {len(files)} files: say what they are, folder=recordings if each is a "
            "recording, or "
            "folder=trials if each is one trial of one recording."
        )
    if taken == "recordings":
        return [_read(each, inner, how) for each, inner in zip(files, _names([str(f) for f in files]), strict=True)]
    within = replace(how, condition=None, axes=how.axes or ("time", "units"))
    parts = [_read(each, each.name, within) for each in files]
    several = next((part for part in parts if len(part.trials) > 1), None)
    if several is not None:
        raise DynalignError(
            f"{several.name} of the folder {path} holds {len(several.trials)} trials; with folder=trials each file is "
            "one."
        )
    labels = labels_of(how, Loaded(None), {}, str(path))
    return [Recording(name, [part.trials[0] for part in parts], labels, _notes(parts))]


def _notes(parts: Sequence[Recording]) -> list[str]:
    return list(dict.fromkeys(note for part in parts for note in part.notes))


def _with_key(base: Path, typed: str) -> tuple[Path, str | None]:
    """Return a path and, of ``file:array``, the array; a file whose name has a colon is itself."""
    path = base / Path(typed).expanduser()
    head, colon, key = typed.rpartition(":")
    if not path.exists() and colon and head and Path(head).suffix.lower() in READERS:
        return base / Path(head).expanduser(), key
    return path, None


def _names(paths: Sequence[str]) -> list[str]:
    """Return short names of paths, as long as it takes to tell them apart."""
    whole = [_with_key(Path(), path) for path in paths]
    short = [path.name if path.is_dir() else path.stem for path, _ in whole]
    ways = [
        short,
        [name if key is None else f"{name}:{key}" for name, (_, key) in zip(short, whole, strict=True)],
        [path.name if key is None else f"{path.name}:{key}" for path, key in whole],
    ]
    depth = max(len(path.parts) for path, _ in whole)
    ways += [
        ["/".join(path.parts[-parts:]) + ("" if key is None else f":{key}") for path, key in whole]
        for parts in range(2, depth + 1)
    ]
    return next((names for names in ways if len(set(names)) == len(names)), list(paths))


def named(values: Mapping[str, Any], how: Reading, conditions: Mapping[str, Sequence[Any]]) -> list[Recording]:
    """Return recordings of what a mapping holds; see ``recording_of``."""
    return [recording_of(name, value, how, conditions.get(name)) for name, value in values.items()]
