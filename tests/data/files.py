"""Recordings in files, as other software writes them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def walks(trials: int = 6, steps: int = 30, units: int = 4, seed: int = 0) -> np.ndarray:
    """Smooth trials (trials, time, units)."""
    return np.random.default_rng(seed).normal(size=(trials, steps, units)).cumsum(axis=1)


def mat73(path: Path, **variables: Any) -> Path:
    """Write as MATLAB 7.3 does: a block of its own, axes in reverse, cells as references into #refs#."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            _put(file, file, name, value)
    content = bytearray(path.read_bytes())
    content[:116] = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116)
    path.write_bytes(content)
    return path


def _put(file: Any, place: Any, name: str, value: Any) -> Any:
    if isinstance(value, dict):
        group = place.create_group(name)
        for part, inner in value.items():
            _put(file, group, part, inner)
        return group
    if isinstance(value, list):
        refs = file.require_group("#refs#")
        made = [_put(file, refs, f"{name}_{number}", each) for number, each in enumerate(value)]
        data = place.create_dataset(name, (len(value), 1), dtype=h5py.ref_dtype)
        data[:, 0] = [each.ref for each in made]
        data.attrs["MATLAB_class"] = np.bytes_("cell")
        return data
    if isinstance(value, str):
        data = place.create_dataset(name, data=np.array([[ord(letter)] for letter in value], dtype=np.uint16))
        data.attrs["MATLAB_class"] = np.bytes_("char")
        return data
    data = place.create_dataset(name, data=np.asarray(value).T)
    data.attrs["MATLAB_class"] = np.bytes_("double")
    return data


def nwb(path: Path, *, trials: bool = True) -> Path:
    """Write two units with a spike every 10 ms and every 20 ms, a time series, and three trials of 0.5 s."""
    import pynwb

    file = pynwb.NWBFile(
        session_description="test",
        identifier="recordings",
        session_start_time=datetime(2026, 1, 1, tzinfo=timezone.utc),
    )
    if trials:
        file.add_trial_column(name="direction", description="where to")
        for place, name in enumerate(["left", "right", "left"]):
            file.add_trial(start_time=float(place), stop_time=place + 0.5, direction=name)
    for every in (0.01, 0.02):
        file.add_unit(spike_times=np.arange(0, 3, every) + 0.001)
    series = np.stack([np.arange(300.0), np.arange(300.0) ** 2], axis=1)
    file.add_acquisition(pynwb.TimeSeries(name="lfp", data=series, unit="V", rate=100.0))
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path
