"""A batch of trials: what the network sees, what it is asked, and which period every time step belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError

PERIODS: tuple[str, ...] = ("fixation", "stimulus", "delay", "decision")
"""The periods of a trial, in the order in which they happen; ``Trials.periods`` holds indices into it."""

IGNORE = -100
"""The target on padded time steps, which ``torch.nn.functional.cross_entropy`` skips by default."""

PADDING = -1
"""The period index of padded time steps."""


@dataclass(frozen=True, eq=False)
class Trials:
    """A batch of trials, padded at the end to the longest of them.

    Attributes
    ----------
    inputs : float32, shape (trials, time, channels)
        Observation channels followed by the rule as a one-hot vector; zero on padded steps.
    targets : int64, shape (trials, time)
        Right action at every time step (0 = fixate), ``IGNORE`` on padded steps.
    periods : int8, shape (trials, time)
        Index into ``PERIODS``, -1 on padded steps.
    rules : int64, shape (trials,)
        Index into the task's ``rules``.
    coherence : float32, shape (trials,)
        Strength of the evidence in percent.
    answer : int64, shape (trials,)
        Right action in the decision period.
    has_answer : bool, shape (trials,)
        False where the stimulus carries no evidence, so that ``answer`` is a coin toss.

    Raises
    ------
    DynalignError
        If the shapes do not belong to one batch.
    """

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]
    periods: npt.NDArray[np.int8]
    rules: npt.NDArray[np.int64]
    coherence: npt.NDArray[np.float32]
    answer: npt.NDArray[np.int64]
    has_answer: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.inputs.ndim != 3:
            raise DynalignError(f"Trials.inputs must be (trials, time, channels), not of shape {self.inputs.shape}.")
        batch, per_trial = self.inputs.shape[:2], self.inputs.shape[:1]
        expected = dict.fromkeys(("targets", "periods"), batch)
        expected |= dict.fromkeys(("rules", "coherence", "answer", "has_answer"), per_trial)
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise DynalignError(
                    f"Trials.{name} must have shape {shape} to go with inputs of shape {self.inputs.shape}, "
                    f"not {getattr(self, name).shape}."
                )

    def __len__(self) -> int:
        """Return the number of trials."""
        return int(self.inputs.shape[0])

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of time steps of each trial without its padding, shape (trials,)."""
        return np.asarray(np.count_nonzero(self.periods != PADDING, axis=1), dtype=np.int64)

    def in_period(self, name: str) -> npt.NDArray[np.bool_]:
        """Mark the time steps of one period.

        Parameters
        ----------
        name : str
            One of ``PERIODS``.

        Returns
        -------
        bool array, shape (trials, time)
        """
        if name not in PERIODS:
            raise DynalignError(f"There is no period {name!r}; the periods are {', '.join(PERIODS)}.")
        return np.asarray(self.periods == PERIODS.index(name))

    def select(self, index: Any) -> Trials:
        """Return the trials that an index picks, on the same time axis.

        Parameters
        ----------
        index : int, slice, or array of int or bool
            Anything that indexes a numpy array of length ``len(self)``.
        """
        chosen = np.atleast_1d(np.arange(len(self))[index])
        return Trials(
            inputs=self.inputs[chosen],
            targets=self.targets[chosen],
            periods=self.periods[chosen],
            rules=self.rules[chosen],
            coherence=self.coherence[chosen],
            answer=self.answer[chosen],
            has_answer=self.has_answer[chosen],
        )

    @staticmethod
    def concatenate(batches: Sequence[Trials]) -> Trials:
        """Join batches one after another, padding the shorter ones to the longest.

        Raises
        ------
        DynalignError
            If there is no batch, or the batches differ in their number of channels.
        """
        if not batches:
            raise DynalignError("Trials.concatenate needs at least one batch of trials, and got none.")
        channels = sorted({batch.inputs.shape[2] for batch in batches})
        if len(channels) > 1:
            raise DynalignError(f"Trials.concatenate needs equal numbers of input channels, and got {channels}.")
        n_steps = max(batch.inputs.shape[1] for batch in batches)

        def pad(array: npt.NDArray[Any], value: float) -> npt.NDArray[Any]:
            width = [(0, 0)] * array.ndim
            width[1] = (0, n_steps - array.shape[1])
            return np.pad(array, width, constant_values=value)

        return Trials(
            inputs=np.concatenate([pad(batch.inputs, 0.0) for batch in batches]),
            targets=np.concatenate([pad(batch.targets, IGNORE) for batch in batches]),
            periods=np.concatenate([pad(batch.periods, PADDING) for batch in batches]),
            rules=np.concatenate([batch.rules for batch in batches]),
            coherence=np.concatenate([batch.coherence for batch in batches]),
            answer=np.concatenate([batch.answer for batch in batches]),
            has_answer=np.concatenate([batch.has_answer for batch in batches]),
        )
