"""Tasks whose trials are rows of periods: drawing them, laying them out in time, and padding them."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError, suggestion
from dynalign.tasks._checks import check_positive_integer, check_standard_deviation
from dynalign.tasks.base import Task
from dynalign.tasks.timing import (
    SPLITS,
    Duration,
    Timing,
    check_split,
    duration_steps,
    plain_timing,
    require_all_periods,
)
from dynalign.tasks.trials import IGNORE, PADDING, Trials

if TYPE_CHECKING:
    from typing_extensions import Self

_Scalar = TypeVar("_Scalar", bound=np.generic)
_Table = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Draw:
    """What a batch of trials is to be: a rule, a condition and the durations of its periods for every trial.

    Attributes
    ----------
    rule : int64, shape (trials,)
        Index into the task's ``rules``.
    condition : int64, shape (trials,)
        Which of the conditions that the rule has.
    durations : int64, shape (trials, periods)
        In time steps; 0 for a period that the trial does without.
    """

    rule: npt.NDArray[np.int64]
    condition: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]

    @property
    def runs(self) -> npt.NDArray[np.int64]:
        """Durations and, last, the padding up to the longest trial, shape (trials, periods + 1)."""
        lengths = self.durations.sum(axis=1, keepdims=True)
        return np.hstack([self.durations, lengths.max() - lengths])


@dataclass(frozen=True, kw_only=True)
class TimedTask(Task):
    """A task whose trials are rows of periods, each as long as its timing says.

    Parameters
    ----------
    dt : int
        Time step in ms.
    timing : mapping
        ``{"train": {period: duration}, "test": {...}}`` with every one of the task's ``periods``. A duration is in ms,
        or a list of such to draw from with equal probability, and is floored to a multiple of ``dt``.

    Raises
    ------
    DynalignError
        If ``dt`` is no positive integer; if ``timing`` lacks a split or a period; if a split or a period is unknown;
        if a duration is negative or shorter than ``dt``, other than by being the 0 that leaves out a period which the
        task can do without.
    """

    never_empty: ClassVar[tuple[str, ...]]
    """Periods without which a trial makes no sense."""

    dt: int = 20
    timing: Timing

    def __post_init__(self) -> None:
        check_positive_integer(self.dt, "dt, the time step in ms,")
        timing = plain_timing(self.timing, self.periods, "timing")
        require_all_periods(timing, self.periods, "timing")
        # A plain copy, so that no later change of the argument reaches the task.
        object.__setattr__(self, "timing", timing)
        _ = self._durations  # which raises now, rather than when trials are drawn

    def lasting(self, durations: Mapping[str, float]) -> Self:
        """Return this task with other durations in the split ``test``; see `Task.lasting`."""
        for period in durations:
            if period not in self.periods:
                raise DynalignError(f"{self.name} has no period {period!r}; {suggestion(period, self.periods)}")
        return replace(self, timing={**self.timing, "test": {**self.timing["test"], **durations}})

    @property
    @abc.abstractmethod
    def _n_conditions(self) -> npt.NDArray[np.int64]:
        """How many equally likely conditions every rule has, shape (rules,)."""

    def _has_period(self, rule: str, period: str) -> bool:  # noqa: ARG002
        """Tell whether a rule has a period at all."""
        return True

    def _duration(self, rule: str, period: str, split: str) -> tuple[Duration, str]:  # noqa: ARG002
        """Return how long a period of a rule lasts, and the setting that says so, for messages."""
        return self.timing[split][period], f"timing[{split!r}][{period!r}]"

    @cached_property
    def _durations(self) -> dict[str, _Table]:
        """For each split durations in steps, (rules, periods, options), and the options' number, (rules, periods)."""
        return {split: self._duration_table(split) for split in SPLITS}

    def _duration_table(self, split: str) -> _Table:
        options: list[list[tuple[int, ...]]] = []
        for rule in self.rules:
            row = []
            for period in self.periods:
                duration, where = self._duration(rule, period, split)
                steps = duration_steps(duration, self.dt, where, may_be_empty=period not in self.never_empty)
                row.append(steps if self._has_period(rule, period) else (0,))
            options.append(row)
        n_options = np.array([[len(steps) for steps in row] for row in options])
        table = np.zeros((*n_options.shape, n_options.max()), dtype=np.int64)
        for rule_index, row in enumerate(options):
            for period_index, steps in enumerate(row):
                table[rule_index, period_index, : len(steps)] = steps
        return table, n_options

    def _draw(self, n: int, rules: str | Sequence[str], rng: np.random.Generator, split: str, balanced: bool) -> Draw:
        """Draw what `Task.trials` is asked for.

        Balanced trials run through the product of rules, conditions and durations in a fixed order, the rule changing
        fastest, then the condition, then the durations.
        """
        n = check_positive_integer(n, "n, the number of trials,")
        rule_set = self.rule_indices(rules)
        check_split(split)
        if not isinstance(rng, np.random.Generator):
            raise DynalignError(f"rng must be a numpy.random.Generator such as default_rng(0), not {rng!r}.")
        steps, n_options = self._durations[split]
        if balanced:
            place, rule_place = np.divmod(np.arange(n), len(rule_set))
            rule = rule_set[rule_place]
            repeat, condition = np.divmod(place, self._n_conditions[rule])
            radix = n_options[rule]
            option = repeat[:, None] // (np.cumprod(radix, axis=1) // radix) % radix
        else:
            rule = rule_set[rng.integers(len(rule_set), size=n)]
            condition = rng.integers(self._n_conditions[rule])
            option = rng.integers(n_options[rule])
        durations = np.take_along_axis(steps[rule], option[:, :, None], axis=2)[:, :, 0]
        return Draw(rule, condition, durations)

    def _lay_out(
        self, draw: Draw, levels: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
        """Return inputs, (trials, time, channels), and periods, (trials, time), without noise.

        Parameters
        ----------
        draw : Draw
        levels : float32, shape (trials, periods, observations)
            What is observed in each period.
        """
        n = len(draw.rule)
        runs = draw.runs
        run_inputs = np.zeros((*runs.shape, self.n_inputs), dtype=np.float32)
        run_inputs[:, :-1, : self.n_observations] = levels
        run_inputs[np.arange(n), :-1, self.n_observations + draw.rule] = 1
        run_periods = np.tile(np.array([*range(len(self.periods)), PADDING], dtype=np.int8), (n, 1))
        return spread(run_inputs, runs), spread(run_periods, runs)

    def _check_observer(self, rule: str, split: str, extra_noise: float) -> int:
        """Return the index of the rule, after refusing arguments of `Task.ideal_accuracy` that make no sense."""
        index = int(self.rule_indices(rule)[0])
        check_split(split)
        check_standard_deviation(extra_noise, "extra_noise")
        return index

    def _answered(
        self,
        draw: Draw,
        inputs: npt.NDArray[np.float32],
        periods: npt.NDArray[np.int8],
        answer: npt.NDArray[np.int64],
        has_answer: npt.NDArray[np.bool_],
        conditions: Mapping[str, npt.NDArray[np.generic]],
    ) -> Trials:
        """Return trials that ask for action 0 until the response, and there for the answer."""
        runs = draw.runs
        run_targets = np.zeros(runs.shape, dtype=np.int64)
        run_targets[:, self.periods.index(self.response)] = answer
        run_targets[:, -1] = IGNORE
        return Trials(
            inputs=inputs,
            targets=spread(run_targets, runs),
            periods=periods,
            rules=draw.rule,
            answer=answer,
            has_answer=has_answer,
            conditions=conditions,
            task=self,
        )


def spread(values: npt.NDArray[_Scalar], runs: npt.NDArray[np.int64]) -> npt.NDArray[_Scalar]:
    """Repeat values of runs, (trials, runs, ...), for the runs' lengths, which gives (trials, time, ...)."""
    shape = (len(runs), -1, *values.shape[2:])
    return np.repeat(values.reshape(runs.size, *values.shape[2:]), runs.ravel(), axis=0).reshape(shape)


def add_noise(
    inputs: npt.NDArray[np.float32],
    where: npt.NDArray[np.bool_],
    channels: Sequence[int],
    std: float,
    rng: np.random.Generator,
) -> None:
    """Add independent Gaussian noise to channels of ``inputs``, (trials, time, channels), in place.

    Parameters
    ----------
    where : bool, shape (trials, time)
        The time steps that get noise.
    channels : sequence of int
    std : float
        Nothing is drawn where it is 0.
    """
    if std == 0:
        return
    steps = np.flatnonzero(where)
    noise = rng.standard_normal((len(channels), len(steps)), dtype=np.float32)
    noise *= std
    flat = inputs.reshape(-1, inputs.shape[2])
    # Channel by channel is three times as fast as indexing all at once.
    for channel, values in zip(channels, noise, strict=True):
        flat[steps, channel] += values
