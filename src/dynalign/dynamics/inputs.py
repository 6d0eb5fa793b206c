"""The constant inputs at which the fixed points of a trained network are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError, suggestion
from dynalign.tasks import Task

Floats = npt.NDArray[np.float64]


def inputs_of_period(
    task: Task, rule: str, period: str, *, by: Sequence[str] = ("answer",), n: int = 1000
) -> dict[tuple[float, ...], Floats]:
    """Return the mean input of each condition in one period of a task.

    It is the mean over the time steps of balanced trials (split ``test``), among those that have an answer, so that it
    serves every task. The noise of a stimulus is averaged out, to its standard deviation over the square root of
    the number of steps: 0.001 for perceptual decisions as they come.

    Parameters
    ----------
    task : Task
    rule : str
        One of the task's ``rules``.
    period : str
        One of the task's ``periods``.
    by : sequence of str
        What sets conditions apart: ``answer``, the right action, and any of the task's own, such as ``coherence``.
    n : int
        Number of trials.

    Returns
    -------
    dict of tuple to array of shape (n_inputs,)
        The key has the values of ``by``; in ascending order.

    Raises
    ------
    DynalignError
        If a rule, a period or a condition is unknown, or the rule skips the period.
    """
    trials = task.trials(n, rule, np.random.default_rng(0), split="test", balanced=True)
    known = {"answer": trials.answer, **trials.conditions}
    for name in by:
        if name not in known:
            raise DynalignError(f"{task.name} has no condition {name!r}; {suggestion(name, known)}")
    steps = trials.in_period(period) & trials.has_answer[:, None]
    if not steps.any():
        raise DynalignError(f"No trial of {task.name} with the rule {rule} has an answer and the period {period}.")
    # By way of their digits, so that a coherence of 6.4 is still that in double precision.
    columns = [np.asarray(known[name]).astype(str).astype(np.float64) for name in by]
    values = np.array(columns).reshape(len(columns), len(trials)).T
    found: dict[tuple[float, ...], Floats] = {}
    for value in np.unique(values[steps.any(axis=1)], axis=0):
        here = steps & (values == value).all(axis=1)[:, None]
        found[tuple(value.tolist())] = trials.inputs[here].mean(axis=0, dtype=np.float64)
    return found
