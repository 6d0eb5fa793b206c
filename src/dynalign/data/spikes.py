"""Counts of spikes: summed in bins, smoothed within each trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from dynalign.data.settings import Reading
from dynalign.errors import DynalignError

Trial = npt.NDArray[Any]


def binned_and_smoothed(
    trials: list[Trial], how: Reading, *, step_ms: float | None, binned: bool, where: str
) -> list[Trial]:
    """Return trials as ``bin_ms`` and ``smooth_ms`` ask for.

    Parameters
    ----------
    trials : list of arrays (time, units)
    step_ms : float, optional
        How long a time step lasts, if the file says so.
    binned : bool
        Whether ``bin_ms`` has been served.

    Raises
    ------
    DynalignError
        If nothing says how long a time step lasts, or a bin is no whole number of them.
    """
    step = step_ms if step_ms is not None else how.step_ms
    wanted = [name for name in ("bin_ms", "smooth_ms") if getattr(how, name) is not None]
    if not wanted or (binned and how.smooth_ms is None):
        return trials
    if step is None:
        raise DynalignError(
            f"{where} does not say how long a time step lasts, which {wanted[0]} needs to know; type it, as step_ms=1."
        )
    if how.bin_ms is not None and not binned:
        trials, step = _summed(trials, how.bin_ms / step, where), how.bin_ms
    return trials if how.smooth_ms is None else [_smoothed(trial, how.smooth_ms / step) for trial in trials]


def _summed(trials: list[Trial], steps: float, where: str) -> list[Trial]:
    """Return sums over so many time steps; what is left at a trial's end is left out."""
    count = round(steps)
    if count < 1 or abs(steps - count) > 1e-6 * count:
        raise DynalignError(
            f"A bin of {where} would be {steps:g} time steps; bin_ms must be a whole number of times step_ms."
        )
    found = []
    for place, trial in enumerate(trials):
        bins = len(trial) // count
        if bins == 0:
            raise DynalignError(f"Trial {place} of {where} has {len(trial)} time steps, which fill no bin of {count}.")
        found.append(trial[: bins * count].reshape(bins, count, -1).sum(axis=1, dtype=np.float64))
    return found


def _smoothed(trial: Trial, deviation: float) -> Trial:
    """Return a trial under a Gaussian of a standard deviation in time steps.

    Every value is the weighted mean of those known around it, so that ends and gaps pull nothing towards 0; what is not
    known stays so.
    """
    known = ~np.isnan(trial)

    def under(values: Trial) -> Trial:
        smooth: Trial = scipy.ndimage.gaussian_filter1d(values.astype(np.float64), deviation, axis=0, mode="constant")
        return smooth

    return np.where(known, under(np.where(known, trial, 0)) / np.where(known, under(known), 1), np.nan)
