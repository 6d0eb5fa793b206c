"""What counts as an array, and what an array's own words are worth."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, RSA, Metric
from dynalign.metrics.arrays import as_array

RAW = partial(DSA, estimator="havok")
X = np.random.default_rng(0).normal(size=(3, 8, 4))


class Shared:
    """An array of a library that knows the DLPack protocol, and no NumPy."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **how: Any) -> Any:
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


class Unwilling(Shared):
    """One that does not become a NumPy array by itself, as on a GPU."""

    def __array__(self, *_: Any, **__: Any) -> None:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")


@pytest.mark.parametrize(
    "given",
    [
        X,
        X.tolist(),
        list(X),
        torch.from_numpy(X),
        [torch.from_numpy(trial).requires_grad_() for trial in X],
        tuple(torch.from_numpy(trial) for trial in X),
        np.ma.masked_array(X, mask=np.zeros_like(X, dtype=bool)),
        np.ma.masked_array(X),
        xr.DataArray(X),
        Shared(X),
        Unwilling(X),
        [Shared(trial) for trial in X],
        X.astype(">f8"),
    ],
)
def test_arrays_of_all_kinds_are_the_same_numbers(given: Any) -> None:
    np.testing.assert_array_equal(as_array(given, "x"), X)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize(
    "names", [("trial", "time", "unit"), ("Condition", "time_bin", "neurons"), ("rep", "step", "roi")]
)
def test_named_dimensions_are_believed(order: tuple[int, ...], names: tuple[str, ...]) -> None:
    given = xr.DataArray(X.transpose(order), dims=[names[axis] for axis in order])
    np.testing.assert_array_equal(as_array(given, "x"), X)


def test_names_of_single_trials_are_believed() -> None:
    given = [xr.DataArray(trial.T, dims=("neuron", "time")) for trial in X]
    np.testing.assert_array_equal(as_array(given, "x"), X)


def test_names_that_say_nothing_leave_the_order() -> None:
    for names in (("a", "b", "c"), ("a", "time", "c"), ("trial", "b", "c")):
        np.testing.assert_array_equal(as_array(xr.DataArray(X, dims=names), "x"), X)


@pytest.mark.parametrize(
    "names", [("unit", "b", "c"), ("unit", "neuron", "time"), ("a", "b", "time"), ("a", "trial", "c")]
)
def test_names_that_could_mean_two_things_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(
        DynalignError, match=rf"x has the dimensions \({', '.join(names)}\), which do not say .* rename"
    ):
        as_array(xr.DataArray(X, dims=names), "x")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            np.ma.masked_array(X, mask=X > 1),
            r"x is a masked array with \d+ values .* at \(\d.*, but CKA needs whole trials; DSA",
        ),
        ([np.ma.masked_array(trial, mask=trial > 1) for trial in X], r"x\[0\] is a masked array with"),
        (torch.from_numpy(X).to_sparse(), "x is a sparse tensor, but states are dense"),
        (
            [X[0], X[1][:5]],
            "x is ragged, but CKA needs the same number of time steps and units in every trial; DSA and InputDSA",
        ),
        (Unwilling(None), "x, a Unwilling, cannot be read .* give a NumPy array"),
    ],
)
def test_what_would_give_a_wrong_number_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        CKA()(given, X)


@pytest.mark.filterwarnings("ignore:The PyTorch API of")
def test_tensors_with_gaps_are_refused() -> None:
    nested = torch.nested.nested_tensor([torch.from_numpy(trial) for trial in X])
    with pytest.raises(DynalignError, match="x is a nested tensor"):
        CKA()(nested, X)
    masked = torch.masked.masked_tensor(torch.from_numpy(X), torch.from_numpy(X) > 0)
    with pytest.raises(DynalignError, match="x is a masked tensor"):
        CKA()(masked, X)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        (RAW(n_delays=np.int64(2), rank=np.int32(3), ridge=np.float32(0.5)), RAW(n_delays=2, rank=3, ridge=0.5)),
        (RAW(n_delays=2, rank=np.float64(0.5)), RAW(n_delays=2, rank=0.5)),
        (RSA(comparison=np.str_("pearson")), RSA(comparison="pearson")),
    ],
)
def test_numbers_of_numpy_are_numbers(given: Metric, same: Metric) -> None:
    assert given == same
    assert given.label == same.label
    assert all(not isinstance(value, np.generic) for value in given.settings.values())
    y = X[::-1] ** 3
    assert given(X, y) == same(X, y)
