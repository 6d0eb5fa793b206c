"""NWB files: spike times of the units table, or time series, cut by the intervals of the trials table."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.data.entries import Entries, Entry, Loaded
from dynalign.data.packages import package
from dynalign.data.settings import Reading
from dynalign.errors import DynalignError

_UNITS = "units"


def nwb_entries(path: Path) -> Entries:
    """Return ``units`` (their spikes, counted in bins) and every time series of several channels."""
    found: dict[str, Entry] = {}
    with _opened(path) as file:
        if file.units is not None and "spike_times" in file.units.colnames:
            about = f"spike times of {len(file.units)} units"
            found[_UNITS] = Entry("states", about, lambda how: _counts(path, how))
        for name, series in _series(file, path):
            shape = tuple(getattr(series.data, "shape", ()))
            if len(shape) == 2 and getattr(series.data, "dtype", np.dtype(object)).kind in "fiu":
                found[name] = Entry("states", "x".join(map(str, shape)), lambda _how, name=name: _pieces(path, name))  # type: ignore[misc]
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    pynwb = package("pynwb", path, "nwb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how the file was written, which its reader cannot mend
        with pynwb.NWBHDF5IO(str(path), "r") as io:
            yield io.read()


def _series(file: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the time series of a file by where they lie in it."""
    kind = package("pynwb", path, "nwb").TimeSeries
    places = {"acquisition": file.acquisition, "stimulus": file.stimulus}
    places |= {f"processing/{name}": module.data_interfaces for name, module in file.processing.items()}
    for place, parts in places.items():
        for name, part in parts.items():
            if isinstance(part, kind):
                yield f"{place}/{name}", part
                continue
            for inner in getattr(part, "children", ()):  # such as ElectricalSeries in an LFP
                if isinstance(inner, kind):
                    yield f"{place}/{name}/{inner.name}", inner


def _counts(path: Path, how: Reading) -> Loaded:
    """Return spike counts of every trial."""
    if how.bin_ms is None:
        raise DynalignError(
            f"The units of {path.name} are spike times; say with bin_ms how wide the bins are in which they are "
            "counted, "
            "such as bin_ms=20."
        )
    with _opened(path) as file:
        spikes = [np.asarray(file.units["spike_times"][unit]) for unit in range(len(file.units))]
        starts, stops, columns = _trials(file)
    if starts is None:
        raise DynalignError(
            f"{path.name} has no table of trials, so that nothing says where trials begin and end; add its intervals "
            "(nwbfile.add_trial), or choose one of its time series with key."
        )
    width = how.bin_ms / 1000
    trials = []
    for place, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        bins = int((stop - start) / width + 1e-6)
        if bins < 1:
            raise DynalignError(
                f"Trial {place} of {path.name} lasts {1000 * (stop - start):g} ms, which is less than "
                f"bin_ms={how.bin_ms:g}."
            )
        edges = start + width * np.arange(bins + 1)
        trials.append(np.stack([_histogram(train, edges) for train in spikes], axis=1))
    return Loaded(trials, columns=columns, step_ms=how.bin_ms, binned=True)


def _histogram(train: npt.NDArray[Any], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how many spikes lie in each bin, whose end belongs to the next one."""
    return np.diff(np.searchsorted(train, edges - 1e-9)).astype(np.float64)


def _pieces(path: Path, name: str) -> Loaded:
    """Return a time series, cut into trials where there are some."""
    with _opened(path) as file:
        series = dict(_series(file, path))[name]
        data = np.asarray(series.data[()], dtype=np.float64)
        times = (
            np.asarray(series.timestamps[()])
            if series.timestamps is not None
            else (series.starting_time or 0.0) + np.arange(len(data)) / series.rate
        )
        starts, stops, columns = _trials(file)
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else 0.0
    if len(steps) and np.abs(steps - step).max() > 0.1 * step:
        raise DynalignError(
            f"The timestamps of {name} in {path.name} are uneven; resample it to even time steps first."
        )
    if starts is None:
        return Loaded([data], step_ms=1000 * step or None)
    # The same number of samples for trials of one duration, wherever they begin between two samples.
    places = np.searchsorted(times, starts - 1e-9)
    lengths = np.floor((stops - starts) / step + 1e-6).astype(int)
    trials = [data[place : place + length] for place, length in zip(places, lengths, strict=True)]
    return Loaded(trials, columns=columns, step_ms=1000 * step)


def _trials(file: Any) -> tuple[Any, Any, dict[str, Sequence[Any]]]:
    """Return the starts and ends of the trials, and what else the file says of each; None where it has none."""
    if file.trials is None or not len(file.trials):
        return None, None, {}
    frame = file.trials.to_dataframe()
    columns: dict[str, Sequence[Any]] = {
        str(name): list(frame[name]) for name in frame.columns if name not in ("start_time", "stop_time")
    }
    return frame["start_time"].to_numpy(), frame["stop_time"].to_numpy(), columns
