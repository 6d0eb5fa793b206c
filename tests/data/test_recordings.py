"""Files of every format, read as what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import xarray
from tests.data.files import mat73, nwb, walks

from dynalign.data import Reading, Recording, Recordings, recording_of
from dynalign.errors import DynalignError

AXES = ["units", "time", "trials"]
CONDITIONS = ["left", "right", "left", "right", "left", "right"]


def read(path: Any, **how: Any) -> Recording:
    (found,) = Recordings([str(path)], **how).read()
    return found


def same(found: Recording, trials: Any) -> None:
    assert len(found.trials) == len(trials)
    for mine, wanted in zip(found.trials, trials, strict=True):
        np.testing.assert_allclose(mine, wanted)


@pytest.fixture
def ragged() -> list[np.ndarray]:
    return [walks(1, steps, seed=steps)[0] for steps in (20, 25, 30)]


@pytest.mark.parametrize("axes", [None, AXES])
def test_npy(tmp_path: Path, axes: list[str] | None) -> None:
    x = walks()
    np.save(tmp_path / "a.npy", x if axes is None else x.T)
    found = read(tmp_path / "a.npy", axes=axes)
    same(found, x)
    assert found.name == "a"
    assert bool(found.notes) == (axes is None)  # what was assumed is said


def test_npz_of_one_array_per_trial_with_labels(tmp_path: Path, ragged: list[np.ndarray]) -> None:
    np.savez(tmp_path / "a.npz", *ragged, direction=np.array(["l", "r", "l"]))
    found = read(tmp_path / "a.npz", condition="direction")
    same(found, ragged)
    assert found.conditions == ["l", "r", "l"]


def test_one_of_several_arrays(tmp_path: Path) -> None:
    x, y = walks(), walks(seed=1)
    np.savez(tmp_path / "a.npz", rates=x, voltages=y)
    with pytest.raises(DynalignError, match=r"rates \(6x30x4\), voltages \(6x30x4\); choose one"):
        read(tmp_path / "a.npz")
    same(read(tmp_path / "a.npz", key="voltages"), y)
    same(read(f"{tmp_path / 'a.npz'}:rates"), x)
    with pytest.raises(DynalignError, match=r"has no array rats; did you mean rates\?"):
        read(f"{tmp_path / 'a.npz'}:rats")


def test_mat_arrays_cells_and_structs(tmp_path: Path, ragged: list[np.ndarray]) -> None:
    x = walks()
    cells = np.empty((1, 3), dtype=object)
    for place, trial in enumerate(ragged):
        cells[0, place] = trial.T  # (units, time), as many have it
    labels = np.array(CONDITIONS, dtype=object)
    scipy.io.savemat(tmp_path / "a.mat", {"x": x.T, "labels": labels})
    scipy.io.savemat(tmp_path / "b.mat", {"cells": cells})
    structs = np.array([(trial,) for trial in ragged], dtype=[("rates", object)])
    scipy.io.savemat(tmp_path / "c.mat", {"session": {"trials": structs}})
    found = read(tmp_path / "a.mat", axes=AXES, condition="labels")
    same(found, x)
    assert found.conditions == CONDITIONS
    found = read(tmp_path / "b.mat")
    same(found, ragged)
    assert "(units, time)" in found.notes[0]
    same(read(tmp_path / "c.mat"), ragged)


def test_mat_drops_last_axes_of_length_one(tmp_path: Path) -> None:
    x = walks(units=1)
    scipy.io.savemat(tmp_path / "a.mat", {"x": x[..., 0]})
    same(read(tmp_path / "a.mat", axes=["trials", "time", "units"]), x)


def test_mat_73_has_reversed_axes_and_references(tmp_path: Path, ragged: list[np.ndarray]) -> None:
    x = walks()
    path = mat73(tmp_path / "a.mat", x=x, group={"cells": ragged}, labels=CONDITIONS)
    found = read(f"{path}:x", condition="labels")
    same(found, x)
    assert found.conditions == CONDITIONS
    same(read(f"{path}:group.cells"), ragged)


def test_h5_with_the_names_of_its_dimensions(tmp_path: Path) -> None:
    x = walks()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("session/rates", data=x.T)
        for dim, name in zip(data.dims, ("neuron", "time", "trial"), strict=True):
            dim.label = name
        file["session/direction"] = CONDITIONS
    found = read(tmp_path / "a.h5", condition="session/direction")
    same(found, x)
    assert found.conditions == CONDITIONS
    assert not found.notes


def test_netcdf_and_xarray(tmp_path: Path) -> None:
    x = walks()
    array = xarray.DataArray(
        x.T, dims=("neuron", "time", "trial"), coords={"side": ("trial", CONDITIONS)}, name="rates"
    )
    array.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    for found in (read(tmp_path / "a.nc", condition="side"), recording_of("a", array, Reading(condition="side"))):
        same(found, x)
        assert found.conditions == CONDITIONS
    same(recording_of("a", array.to_dataset()), x)
    with pytest.raises(DynalignError, match=r"dimensions \(neuron, time, cell\), which do not say"):
        recording_of("a", xarray.DataArray(x.T, dims=("neuron", "time", "cell")))


def long_form(x: np.ndarray, **more: Any) -> pd.DataFrame:
    trials, steps, units = x.shape
    frame = pd.DataFrame(x.reshape(-1, units), columns=[f"u{unit}" for unit in range(units)])
    labels = {name: np.repeat(values, steps) for name, values in more.items()}
    return frame.assign(
        trial=np.repeat(np.arange(trials), steps), time=np.tile(np.arange(steps) * 0.02, trials), **labels
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    x = walks()
    frame = long_form(x, side=CONDITIONS, block=np.arange(6)).sample(frac=1, random_state=0)
    frame = frame.sort_values("trial", kind="stable")
    path = tmp_path / f"a.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path, index=False)
    found = read(path, condition="side", ignore="block")
    same(found, x)
    assert found.conditions == CONDITIONS


def test_a_missing_time_step_of_a_table_is_a_gap() -> None:
    x = walks(trials=2)
    frame = long_form(x)
    found = recording_of("a", frame[~((frame["trial"] == 1) & frame["time"].between(0.19, 0.23))])
    assert found.gaps == 1
    assert np.isnan(found.trials[1][10:12]).all()
    np.testing.assert_allclose(found.trials[1][12:], x[1, 12:])
    assert [len(piece) for piece in found.system()] == [30, 10, 18]


def test_nwb_spikes_and_series(tmp_path: Path) -> None:
    path = nwb(tmp_path / "a.nwb")
    found = read(f"{path}:units", bin_ms=50, condition="direction")
    assert found.conditions == ["left", "right", "left"]
    for trial in found.trials:
        assert trial.shape == (10, 2)
        assert trial.sum(axis=0).tolist() == [50.0, 25.0]
    found = read(f"{path}:acquisition/lfp")
    same(found, [np.stack([steps, steps**2], axis=1) for steps in (np.arange(50.0) + start for start in (0, 100, 200))])
    with pytest.raises(DynalignError, match=r"spike times; say with bin_ms"):
        read(f"{path}:units")
    with pytest.raises(DynalignError, match="has no table of trials"):
        read(f"{nwb(tmp_path / 'b.nwb', trials=False)}:units", bin_ms=50)


def test_folders(tmp_path: Path, ragged: list[np.ndarray]) -> None:
    for place, trial in enumerate(ragged):
        np.save(tmp_path / f"t{place}.npy", trial)
    (tmp_path / "labels.txt").write_text("l\nr\nl\n")
    with pytest.raises(DynalignError, match="folder=recordings if each is a recording"):
        read(tmp_path)
    found = read(tmp_path, folder="trials", condition=str(tmp_path / "labels.txt"))
    same(found, ragged)
    assert found.conditions == ["l", "r", "l"]
    assert found.name == tmp_path.name
    several = Recordings([str(tmp_path)], folder="recordings", axes=["time", "units"]).read()
    assert [each.name for each in several] == ["t0", "t1", "t2"]


def test_names_tell_files_apart(tmp_path: Path) -> None:
    paths = []
    for day in ("day1", "day2"):
        (tmp_path / day).mkdir()
        np.save(tmp_path / day / "a.npy", walks())
        paths.append(str(tmp_path / day / "a.npy"))
    assert [each.name for each in Recordings(paths).read()] == ["day1/a.npy", "day2/a.npy"]
    assert [each.name for each in Recordings({"x": paths[0], "y": paths[0]}).read()] == ["x", "y"]
    with pytest.raises(DynalignError, match="is named twice"):
        Recordings([paths[0], paths[0]]).read()
    np.savez(tmp_path / "b.npz", first=walks(), second=walks())
    assert [
        each.name for each in Recordings([f"{tmp_path / 'b.npz'}:{key}" for key in ("first", "second")]).read()
    ] == [
        "b:first",
        "b:second",
    ]


def test_nan_padding_is_taken_away_and_gaps_are_told() -> None:
    x = walks()
    x[0, 20:] = np.nan
    found = recording_of("a", x)
    assert found.lengths == [20, 30, 30, 30, 30, 30]
    assert found.gaps == 0
    x[1, 10, 2] = np.nan
    found = recording_of("a", x)
    assert found.gaps == 1
    assert any("Trials of a with gaps" in note for note in found.notes)
    assert [len(piece) for piece in found.system()] == [20, 10, 19, 30, 30, 30, 30]
    assert [len(piece) for piece in found.system(np.array([1, 1]))] == [10, 19, 10, 19]


def test_means_of_conditions() -> None:
    x = walks()
    x[0, 5] = np.nan
    found = recording_of("a", x, conditions=CONDITIONS)
    means = found.means(["left", "right"], 20)
    np.testing.assert_allclose(means[0], np.nanmean(x[::2, :20], axis=0))
    np.testing.assert_allclose(means[1], x[1::2, :20].mean(axis=0))


def test_labels_are_the_same_whatever_their_type() -> None:
    x = walks(trials=3)
    one, other, third = (
        recording_of("a", x, conditions=labels).conditions for labels in ([1, 2, 3], [1.0, 2.0, 3.0], ["1", "2", "3"])
    )
    assert one == other == third


def test_components_keep_what_varies_most() -> None:
    x = walks() * np.array([10.0, 5.0, 0.1, 0.01])
    found = recording_of("a", x).reduced(2)
    assert found.units == 2
    kept = np.concatenate(found.trials).var(axis=0).sum()
    assert kept > 0.99 * x.reshape(-1, 4).var(axis=0).sum()


@pytest.mark.parametrize(
    ("x", "how", "says"),
    [
        (np.zeros((500, 12)), {}, r"shape \(500, 12\): say what its two axes are, axes=time,units if it is one trial"),
        (
            np.zeros((1, 500)),
            {},
            r"a single row of numbers; if it is one unit in one trial of 500 time steps, say so, as axes=units,time",
        ),
        (np.zeros(9), {}, "a recording has the axes trials, time and units"),
        (walks(trials=12).transpose(1, 0, 2), {}, "neighbours along its axis 0 are alike"),
        (np.zeros((50, 3, 400)), {}, "would be 3 time steps per trial"),
        (
            walks(),
            {"axes": ["time", "units"]},
            r"has the shape \(6, 30, 4\), and so 3 axes, but axes=time,units names 2",
        ),
        (np.zeros((0, 4, 5)), {}, "is empty"),
        (walks().astype(str), {"axes": ["trials", "time", "units"]}, "states are real numbers"),
    ],
)
def test_arrays_that_could_be_meant_otherwise(x: np.ndarray, how: dict[str, Any], says: str) -> None:
    with pytest.raises(DynalignError, match=says):
        recording_of("a", x, Reading(**how))


def test_a_dead_unit_is_named() -> None:
    x = walks()
    x[:, :, 1] = np.nan
    with pytest.raises(DynalignError, match="nothing but NaN in unit 1 of 4"):
        recording_of("a", x)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"axes": ["trials", "tme", "units"]}, "axes has tme, which is no axis; did you mean time"),
        ({"axes": ["trials", "units"]}, "must name time"),
        ({"smooth_ms": -1.0}, "smooth_ms=-1 is no duration"),
        ({"folder": "sessions"}, "folder=sessions is unknown"),
        ({"components": 0}, "components=0 keeps nothing"),
        ({"condition": ["a", "b"]}, "names 2 places for 1 files"),
    ],
)
def test_settings_that_there_cannot_be(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(DynalignError, match=says):
        Recordings(["a.npy"], **settings)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", walks())
    with pytest.raises(DynalignError, match=r"There is no file .*b.npy\. Did you mean a.npy\?"):
        read(tmp_path / "b.npy")
    (tmp_path / "c.npz").write_text("nothing")
    with pytest.raises(DynalignError, match=r"c.npz is no .npz file, or is damaged"):
        read(tmp_path / "c.npz")
    (tmp_path / "d.mat").touch()
    with pytest.raises(DynalignError, match="is empty: it holds 0 bytes"):
        read(tmp_path / "d.mat")
    (tmp_path / "e.xlsx").touch()
    with pytest.raises(DynalignError, match="is of no kind that can be read"):
        read(tmp_path / "e.xlsx")
    np.save(tmp_path / "f.npy", np.array([walks(), "x"], dtype=object), allow_pickle=True)
    with pytest.raises(DynalignError, match="holds Python objects, which are not read because they can run code"):
        read(tmp_path / "f.npy")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.assign(note="x"), "the column note, which holds no numbers"),
        (lambda frame: frame.assign(rt=frame["trial"] * 0.3), "the column rt, which never changes within a trial"),
        (lambda frame: frame.drop(columns="time"), "no column that could be the time"),
        (lambda frame: pd.concat([frame, frame]), "several rows at time 0"),
        (lambda frame: frame.assign(time=frame["time"] ** 1.5), "are uneven"),
        (lambda frame: frame.iloc[:0], "it has no rows"),
    ],
)
def test_tables_that_are_not_in_the_long_form(change: Any, says: str) -> None:
    with pytest.raises(DynalignError, match=says):
        recording_of("a", change(long_form(walks())))


def test_conditions_that_there_are_not(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=walks(), direction=np.arange(5))
    with pytest.raises(DynalignError, match=r"condition=directon is no column .* did you mean direction"):
        read(tmp_path / "a.npz", condition="directon")
    with pytest.raises(DynalignError, match="has 5 labels for the 6 trials"):
        read(tmp_path / "a.npz", condition="direction")


def test_counts_are_summed_in_bins_and_smoothed_within_trials() -> None:
    x = np.random.default_rng(0).poisson(1.0, size=(4, 33, 3)).astype(float)
    binned = recording_of("a", x, Reading(step_ms=5, bin_ms=20))
    same(binned, x[:, :32].reshape(4, 8, 4, 3).sum(axis=2))
    smooth = recording_of("a", x, Reading(step_ms=5, smooth_ms=20))
    alone = recording_of("a", x[:1], Reading(step_ms=5, smooth_ms=20))
    np.testing.assert_array_equal(smooth.trials[0], alone.trials[0])
    ones = recording_of("a", np.ones_like(x), Reading(step_ms=5, smooth_ms=20))
    same(ones, np.ones_like(x))  # ends pull nothing towards 0
    with pytest.raises(DynalignError, match="does not say how long a time step lasts, which smooth_ms needs"):
        recording_of("a", x, Reading(smooth_ms=20))
    with pytest.raises(DynalignError, match=r"would be 2.4 time steps"):
        recording_of("a", x, Reading(step_ms=5, bin_ms=12))


def test_smoothing_leaves_gaps_alone() -> None:
    x = np.ones((1, 30, 2))
    x[0, 10:12] = np.nan
    found = recording_of("a", x, Reading(step_ms=1, smooth_ms=3))
    assert np.isnan(found.trials[0][10:12]).all()
    np.testing.assert_allclose(found.trials[0][[9, 12, 29]], 1.0)
