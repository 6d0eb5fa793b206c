"""A batch of trials: what the network sees, what it is asked, and which period every time step belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError, suggestion

if TYPE_CHECKING:
    from dynalign.tasks.base import Task

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
    targets : int64, shape (trials, time), or float32, shape (trials, time, outputs)
        Right action at every time step, ``IGNORE`` on padded steps; or, of a task that asks for values, the right
        values, 0 on padded steps.
    periods : int8, shape (trials, time)
        Index into the task's ``periods``, -1 on padded steps.
    rules : int64, shape (trials,)
        Index into the task's ``rules``.
    answer : int64, shape (trials,)
        Right action in the period in which it is due; ``IGNORE`` where the task asks for values.
    has_answer : bool, shape (trials,)
        False where the stimulus carries no evidence, so that ``answer`` is a coin toss.
    task : Task
        Whose trials they are.
    conditions : mapping of str to array, each of shape (trials,)
        What else sets trials apart, such as the strength of the evidence.
    counted : bool, shape (trials, time), optional
        Those time steps of the response that count, if not all do.

    Raises
    ------
    DynalignError
        If the shapes do not belong to one batch.
    """

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64] | npt.NDArray[np.float32]
    periods: npt.NDArray[np.int8]
    rules: npt.NDArray[np.int64]
    answer: npt.NDArray[np.int64]
    has_answer: npt.NDArray[np.bool_]
    task: Task
    conditions: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    counted: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.inputs.ndim != 3:
            raise DynalignError(f"Trials.inputs must be (trials, time, channels), not of shape {self.inputs.shape}.")
        batch, per_trial = self.inputs.shape[:2], self.inputs.shape[:1]
        arrays = {name: getattr(self, name) for name in ("targets", "periods", "rules", "answer", "has_answer")}
        if self.counted is not None:
            arrays["counted"] = self.counted
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("targets", "periods", "counted"), batch)
        if self.task.asks == "values":
            shapes["targets"] = (*batch, self.task.n_actions)
        for name, array in (arrays | dict(self.conditions)).items():
            shape = shapes.get(name, per_trial)
            if array.shape != shape:
                raise DynalignError(
                    f"Trials.{name} must have shape {shape} to go with inputs of shape {self.inputs.shape}, "
                    f"not {array.shape}."
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
            One of the task's ``periods``.

        Returns
        -------
        bool array, shape (trials, time)
        """
        known = self.task.periods
        if name not in known:
            raise DynalignError(f"{self.task.name} has no period {name!r}; {suggestion(name, known)}")
        return np.asarray(self.periods == known.index(name))

    @property
    def when_due(self) -> npt.NDArray[np.bool_]:
        """Mark the time steps in which the answer is due and counts, shape (trials, time)."""
        due = self.in_period(self.task.response)
        return due if self.counted is None else due & self.counted
