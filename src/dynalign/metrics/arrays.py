"""What people give as states: arrays of any library, and what these say of themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.masked import is_masked_tensor

from dynalign.errors import DynalignError

_AXES = ("trials", "time", "units")
_NAMES = (
    ("trial", "repeat", "repetition", "condition", "batch", "epoch"),
    ("time", "t", "step", "timestep", "time_step", "bin", "time_bin"),
    ("unit", "neuron", "cell", "channel", "electrode", "roi", "feature", "component"),
)  # what dimensions are called, without the s of the plural, by the axis that they are

_ELSE = "; DSA and InputDSA take trials of unequal lengths, and with gaps"


def as_array(x: Any, where: str, metric: str = "") -> npt.NDArray[Any]:
    """Return ``x`` as a NumPy array, its named dimensions in the order (trials, time, units).

    Parameters
    ----------
    x : array of NumPy, PyTorch, xarray or any library with ``__array__`` or ``__dlpack__``; or a list of them
    where : str
        What it is called in errors.
    metric : str
        Who needs one array; named where trials are not alike.

    Raises
    ------
    DynalignError
        If trials have unlike shapes, if values are masked, if a tensor is sparse or nested, or if the names of the
        dimensions do not say which is which.
    """
    if isinstance(x, torch.Tensor):
        return _of_tensor(x, where)
    if isinstance(x, np.ma.MaskedArray):
        return _of_masked(x, where, metric)
    if isinstance(x, (list, tuple)) and any(_is_special(part) for part in x):
        x = [as_array(part, f"{where}[{place}]", metric) for place, part in enumerate(x)]
    try:
        array = np.asarray(x)
    except ValueError as error:
        needs = f"{metric} needs the same number of time steps and units in every trial" if metric else "it is no array"
        raise DynalignError(f"{where} is ragged, but {needs}{_ELSE if metric else ''}.") from error
    except TypeError as error:  # CuPy does not copy from its GPU unasked
        return _shared(x, where, error)
    if array.ndim == 0 and hasattr(x, "__dlpack__"):
        return _shared(x, where, None)
    return _in_order(array, getattr(x, "dims", None), where)


def _is_special(part: Any) -> bool:
    return isinstance(part, (torch.Tensor, np.ma.MaskedArray)) or not isinstance(
        part, (list, tuple, np.ndarray, np.generic, int, float)
    )


def _of_tensor(x: torch.Tensor, where: str) -> npt.NDArray[Any]:
    if is_masked_tensor(x):
        raise DynalignError(f"{where} is a masked tensor; give NumPy's masked arrays, or whole trials.")
    if x.is_nested or x.layout != torch.strided:
        kind = "nested" if x.is_nested else "sparse"
        raise DynalignError(f"{where} is a {kind} tensor, but states are dense: (trials, time, units).")
    return x.detach().cpu().to(torch.float32 if x.dtype == torch.bfloat16 else x.dtype).numpy()


def _of_masked(x: np.ma.MaskedArray[Any, Any], where: str, metric: str) -> npt.NDArray[Any]:
    masked = np.broadcast_to(np.asarray(x.mask, dtype=bool), x.shape)
    if masked.any():
        first = tuple(int(index) for index in np.argwhere(masked)[0])
        raise DynalignError(
            f"{where} is a masked array with {int(masked.sum())} values left out, the first at {first}, but "
            f"{metric or 'this'} needs whole trials{_ELSE if metric else ''}."
        )
    return np.asarray(x.data)


def _shared(x: Any, where: str, error: Exception | None) -> npt.NDArray[Any]:
    """Return what another library shares with PyTorch."""
    if not hasattr(x, "__dlpack__"):
        raise DynalignError(f"{where} is a {type(x).__name__}, and no array of numbers.") from error
    try:
        tensor = torch.utils.dlpack.from_dlpack(x)
    except Exception as refusal:  # whatever that library raises
        raise DynalignError(
            f"{where}, a {type(x).__name__}, cannot be read ({type(refusal).__name__}: {refusal}); give a NumPy array."
        ) from refusal
    return _of_tensor(tensor, where)


def _in_order(array: npt.NDArray[Any], names: Any, where: str) -> npt.NDArray[Any]:
    """Return the array with its axes in the order trials, time, units, as far as their names say which is which.

    One trial of a list has time and units alone.
    """
    if not isinstance(names, tuple) or len(names) != array.ndim or array.ndim not in (2, 3):
        return array
    wanted = list(range(len(_AXES)))[-array.ndim :]
    places = [axis_of(name) for name in names]
    rest = [place for place in wanted if place not in places]
    if len(rest) == 1 and None in places:
        places[places.index(None)] = rest.pop()
    if sorted(place for place in places if place is not None) == wanted:
        return array.transpose(np.argsort([wanted.index(place) for place in places if place is not None]))
    if all(place is None or place == expected for place, expected in zip(places, wanted, strict=True)):
        return array
    raise DynalignError(
        f"{where} has the dimensions ({', '.join(map(str, names))}), which do not say what trials, time and units are; "
        "rename them so."
    )


def axis_of(name: Any) -> int | None:
    """Return which axis a dimension of this name is: 0 (trials), 1 (time), 2 (units), or None."""
    word = str(name).lower()
    for place, known in enumerate(_NAMES):
        if word in known or word.removesuffix("s") in known:
            return place
    return None
