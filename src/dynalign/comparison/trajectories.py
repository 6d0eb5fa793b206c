"""Where the states of a recording go: means over the trials of each condition, in their own principal components."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from dynalign.data import Recording
from dynalign.errors import DynalignError
from dynalign.representations import reduce_units
from dynalign.studies import Trajectories
from dynalign.studies.trajectories import COMPONENTS, share_explained, spaced

CLOCK = "time step"
_AXES = [f"component_{place}" for place in range(1, COMPONENTS + 1)]
_COLUMNS = ["recording", "condition", "step", *_AXES, "explained", "known"]


def trajectories_of(recording: Recording, *, conditions: int = 10, steps: int = 90) -> Trajectories:
    """Return the mean states of each condition; of a recording without conditions, those of single trials.

    A mean is of the trials of which a time step is known, and ends where these are fewer than half of them: it would
    jump, if ever fewer were left.

    Parameters
    ----------
    recording : Recording
    conditions, steps : int
        How many of each at most; some at equal distances are taken where there are more.

    Raises
    ------
    DynalignError
        If no mean is known at any time step.
    """
    groups = _groups(recording)
    names = list(groups)
    chosen = [names[place] for place in spaced(len(names), conditions)]
    means = [_mean([recording.trials[place] for place in groups[name]]) for name in chosen]
    kept = spaced(max(map(len, means)), steps)
    whole = np.full((len(chosen), len(kept), recording.units), np.nan)
    for row, mean in zip(whole, means, strict=True):
        inside = kept[kept < len(mean)]
        row[: len(inside)] = mean[inside]
    there = ~np.isnan(whole).any(axis=2)
    if not there.any():
        raise DynalignError(f"The mean states of {recording.name} are known at no time step.")
    (reduced,) = reduce_units([whole[there][None]], components=min(COMPONENTS, recording.units))
    shown = np.full((1, len(chosen), len(kept), COMPONENTS), np.nan)
    shown[0, there] = 0.0
    shown[0, there, : reduced.shape[-1]] = reduced[0]
    return Trajectories(
        epochs=[0],
        conditions=chosen,
        known=len(names),
        states=shown,
        explained=np.array([share_explained(whole[there], reduced)]),
        times=kept.astype(np.float64),
        periods=[],
        clock=CLOCK,
    )


def trajectory_table(recordings: Iterable[Recording]) -> pd.DataFrame:
    """Return where the states of recordings go: a row per recording, condition and time step at which it is known.

    ``explained`` is the share of the variance of a recording's mean states that lies in the components, and ``known``
    how many conditions it has, of which the table has some. A recording whose means are not known is left out.
    """
    rows: list[tuple[object, ...]] = []
    for each in recordings:
        try:
            found = trajectories_of(each)
        except DynalignError:
            continue
        about = (float(found.explained[0]), found.known)
        for condition, path in zip(found.conditions, found.states[0], strict=True):
            rows += [
                (each.name, condition, int(step), *point, *about)
                for step, point in zip(found.times, path.tolist(), strict=True)
                if not np.isnan(point[0])
            ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def read_trajectories(table: pd.DataFrame) -> dict[str, Trajectories]:
    """Return what ``trajectory_table`` wrote, by recording."""
    found = {}
    for name, mine in table.groupby("recording", sort=False):
        conditions = [str(each) for each in mine["condition"].unique()]
        steps = np.unique(mine["step"])
        states = np.full((1, len(conditions), len(steps), COMPONENTS), np.nan)
        rows = mine["condition"].astype(str).map({each: row for row, each in enumerate(conditions)})
        states[0, rows, np.searchsorted(steps, mine["step"])] = mine[_AXES]
        found[str(name)] = Trajectories(
            epochs=[0],
            conditions=conditions,
            known=int(mine["known"].iloc[0]),
            states=states,
            explained=np.array([float(mine["explained"].iloc[0])]),
            times=steps.astype(np.float64),
            periods=[],
            clock=CLOCK,
        )
    return found


def _groups(recording: Recording) -> dict[str, Sequence[int]]:
    """Return the places of the trials that are shown together, by name."""
    if recording.conditions is None:
        return {f"trial {place}": [place] for place, trial in enumerate(recording.trials) if len(trial)}
    labels = dict.fromkeys(recording.conditions)
    groups = {label: recording.of_condition(label).tolist() for label in labels}
    return {label: places for label, places in groups.items() if any(len(recording.trials[place]) for place in places)}


def _mean(trials: Sequence[npt.NDArray[np.floating]]) -> npt.NDArray[np.float64]:
    """Return the mean of trials (time, units), as far as half of them reach; NaN where none of them is known."""
    lengths = sorted((len(trial) for trial in trials), reverse=True)
    reach = lengths[(len(lengths) - 1) // 2]
    padded = np.full((len(trials), reach, trials[0].shape[1]), np.nan)
    for row, trial in zip(padded, trials, strict=True):
        row[: len(trial)] = trial[:reach]
    known = ~np.isnan(padded).any(axis=2)
    sums = np.where(known[..., None], padded, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / known.sum(axis=0)[:, None])
