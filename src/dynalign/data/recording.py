"""A recording: trials of any lengths, gaps among them, and the condition of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.metrics import segments

Trial = npt.NDArray[Any]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Recording:
    """Trials of one system.

    Attributes
    ----------
    name : str
    trials : sequence of arrays (time, units)
        Real numbers; NaN where nothing is known. Padding at the ends of trials is taken away.
    conditions : sequence of str, optional
        One per trial.
    notes : sequence of str
        What a reader of its numbers should know of how it was read; each a sentence.

    Raises
    ------
    DynalignError
        If there is no trial, trials have different units, a unit is NaN throughout, values are infinite, or there are
        not as many conditions as trials.
    """

    name: str
    trials: Sequence[Trial]
    conditions: Sequence[str] | None = None
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not len(self.trials):
            raise DynalignError(f"{self.name} has no trials.")
        units = sorted({trial.shape[1] for trial in self.trials})
        if len(units) > 1:
            raise DynalignError(
                f"{self.name} has trials of {units[0]} and of {units[-1]} units; all trials of a recording need the "
                "same."
            )
        if self.conditions is not None and len(self.conditions) != len(self.trials):
            raise DynalignError(
                f"{self.name} has {len(self.trials)} trials and {len(self.conditions)} conditions; each trial needs "
                "one."
            )
        object.__setattr__(self, "trials", [_trimmed(_numbers(trial, self.name)) for trial in self.trials])
        self._check_values()

    def _check_values(self) -> None:
        for place, trial in enumerate(self.trials):
            if np.isinf(trial).any():
                step, unit = (int(index) for index in np.argwhere(np.isinf(trial))[0])
                raise DynalignError(
                    f"{self.name} holds infinite values, the first at (trial, time, unit) {(place, step, unit)}; NaN "
                    "says that a value is not known."
                )
        if all(len(trial) == 0 for trial in self.trials):
            raise DynalignError(f"{self.name} is empty: it holds no time step at which anything is known.")
        dead = np.logical_and.reduce([np.isnan(trial).all(axis=0) for trial in self.trials])
        if dead.any():
            which = ", ".join(str(unit) for unit in np.flatnonzero(dead)[:8])
            raise DynalignError(
                f"{self.name} holds nothing but NaN in unit {which} of {len(dead)} (counted from 0); leave it out, "
                "for a "
                "time step counts only where all units are known."
            )
        if not any((~np.isnan(trial).any(axis=1)).any() for trial in self.trials):
            raise DynalignError(f"{self.name} has no time step at which all units are known.")

    @property
    def units(self) -> int:
        """How many there are."""
        return int(self.trials[0].shape[1])

    @property
    def lengths(self) -> list[int]:
        """Time steps of each trial."""
        return [len(trial) for trial in self.trials]

    @cached_property
    def gaps(self) -> int:
        """Trials in which values are missing between others."""
        return sum(bool(np.isnan(trial).any()) for trial in self.trials)

    @property
    def even(self) -> bool:
        """Whether all trials have one length and no gap, so that they are one array."""
        return len(set(self.lengths)) == 1 and not self.gaps

    @cached_property
    def _pieces(self) -> list[list[Trial]]:
        """Each trial as what is known of it without a gap."""
        found = []
        for trial in self.trials:
            missing = np.isnan(trial)
            if not missing.any():
                found.append([trial] if len(trial) else [])
            elif missing.any(axis=1).all():
                found.append([])
            else:
                found.append(segments(trial[None], mask=missing[None]))
        return found

    def system(self, places: Places | None = None) -> Any:
        """Return trials as a metric of trials that need not match takes them.

        Parameters
        ----------
        places : array of int, optional
            Which trials, some perhaps several times; by default all of them.

        Returns
        -------
        array (trials, time, units), or a list of arrays (time, units) where lengths differ or there are gaps
        """
        chosen = range(len(self.trials)) if places is None else places.tolist()
        if self.even:
            return np.stack([self.trials[place] for place in chosen])
        return [piece for place in chosen for piece in self._pieces[place]]

    def of_condition(self, label: str) -> Places:
        """Return the places of the trials of a condition."""
        return np.flatnonzero([each == label for each in self.conditions or ()])

    def means(self, labels: Sequence[str], steps: int, places: Places | None = None) -> npt.NDArray[np.float64]:
        """Return the mean over the trials of each condition, shape (conditions, steps, units).

        Where a trial has a gap, the mean is that of the others.

        Raises
        ------
        DynalignError
            If a condition has no trial, or a time step of it is known in none.
        """
        chosen = range(len(self.trials)) if places is None else places.tolist()
        found = np.empty((len(labels), steps, self.units))
        for row, label in enumerate(labels):
            mine = [self.trials[place][:steps] for place in chosen if (self.conditions or ())[place] == label]
            known = sum(~np.isnan(trial) for trial in mine) if mine else np.zeros(1)
            if not np.all(known):
                raise DynalignError(f"{self.name} leaves nothing of a time step in any trial of condition {label}.")
            found[row] = sum(np.nan_to_num(trial) for trial in mine) / known
        return found

    def reduced(self, components: int) -> Recording:
        """Return the recording in its own leading principal components, as many as it has units at most.

        A rotation, but for the variance that is left out; a time step at which a unit is missing is missing.
        """
        if components >= self.units:
            return self
        known = np.concatenate([trial[~np.isnan(trial).any(axis=1)] for trial in self.trials]).astype(np.float64)
        centre = known.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov((known - centre).T))
        axes = vectors[:, ::-1][:, :components]
        return replace(self, trials=[(trial - centre) @ axes for trial in self.trials])


def cut_to_common_time(recordings: Sequence[Recording]) -> int:
    """Return how many time steps every trial of all recordings has.

    Raises
    ------
    DynalignError
        If these are fewer than two.
    """
    shortest = min(recordings, key=lambda each: min(each.lengths))
    steps = min(shortest.lengths)
    if steps < 2:
        trial = int(np.argmin(shortest.lengths))
        raise DynalignError(
            f"Condition means are cut to the time that all trials share, but trial {trial} of {shortest.name} has "
            f"{steps} time step{'s' * (steps != 1)}; leave such trials out."
        )
    return steps


def _numbers(trial: Trial, name: str) -> Trial:
    if trial.dtype.kind not in "fiub":
        raise DynalignError(f"{name} holds {trial.dtype} values, but states are real numbers.")
    if trial.dtype.kind == "f" and trial.dtype.itemsize >= 4:
        return trial
    return trial.astype(np.float32 if trial.dtype == np.float16 else np.float64)


def _trimmed(trial: Trial) -> Trial:
    """Take away the time steps at both ends at which nothing is known."""
    known = np.flatnonzero(~np.isnan(trial).all(axis=1))
    return trial[known[0] : known[-1] + 1] if len(known) else trial[:0]
