"""Two-choice decisions: four rules, four periods, and trials that are made in batches.

A rule is a version of one task. ``anti`` shows the same stimulus and asks for the opposite answer; ``delay``
puts a delay between the stimulus and the decision; ``delay_anti`` does both. The observation and action
spaces and the notation of ``timing`` are those of NeuroGym (Molano-Mazón et al. 2022,
doi:10.31234/osf.io/aqc9n), and so is the one-hot rule input, its ``ScheduleEnvs(..., env_input=True)``.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError, suggestion
from dynalign.tasks._checks import check_positive_integer, check_standard_deviation
from dynalign.tasks.base import Task
from dynalign.tasks.timing import (
    SPLITS,
    Timing,
    check_split,
    duration_steps,
    plain_timing,
    require_all_periods,
)
from dynalign.tasks.trials import IGNORE, PADDING, Trials

RULES: tuple[str, ...] = ("basic", "anti", "delay", "delay_anti")
"""The rules of every such task, in the order of the one-hot rule input."""

PERIODS: tuple[str, ...] = ("fixation", "stimulus", "delay", "decision")
"""The periods of a trial, in the order in which they happen."""

# A trial without these has nothing to decide on, or no moment to answer.
_NEVER_EMPTY = ("stimulus", "decision")

FIXATION, STIMULUS, DELAY, DECISION = range(len(PERIODS))

_Scalar = TypeVar("_Scalar", bound=np.generic)

# NeuroGym's order in both tasks: the fixation cue, then the two channels of the stimulus.
_STIMULUS_CHANNELS = (1, 2)

_IS_ANTI = np.array([rule.endswith("anti") for rule in RULES])
_HAS_DELAY = np.array([rule.startswith("delay") for rule in RULES])

# Shorter than the study's 3 to 5 s of stimulus, so that four networks train in minutes on two cores.
_DEFAULT_TIMING: Timing = MappingProxyType(
    {
        "train": {
            "fixation": [100, 200, 300],
            "stimulus": [1500, 2000, 2500],
            "delay": [200, 400, 600],
            "decision": [100, 200, 300],
        },
        "test": {"fixation": 200, "stimulus": 2000, "delay": 400, "decision": 200},
    }
)


def default_timing() -> Timing:
    """Return a fresh copy of the timing that tasks have unless told otherwise, in ms."""
    return plain_timing(_DEFAULT_TIMING, PERIODS, "timing")


@dataclass(frozen=True, kw_only=True)
class DecisionTask(Task):
    """A family of four rules, which share their stimuli.

    A subclass names its channels and actions in the class variables below and fills in the methods marked
    abstract.

    Parameters
    ----------
    dt : int
        Time step in ms.
    timing : mapping
        ``{"train": {period: duration}, "test": {...}}`` with every one of ``PERIODS``. A duration is in ms,
        or a list of such to draw from with equal probability, and is floored to a multiple of ``dt``. Rules
        without a delay skip the delay period.
    timing_delay_rules : mapping
        Durations that replace those of ``timing`` for the rules ``delay`` and ``delay_anti`` only, in the
        same notation; splits and periods may be left out. Empty by default, so that rules with and without
        a delay differ in the delay alone.

    Raises
    ------
    DynalignError
        If ``dt`` is no positive integer; if ``timing`` lacks a split or a period; if a split or a period is
        unknown; if a duration is negative or, other than 0 for fixation and delay, shorter than ``dt``.
    """

    rules: ClassVar[tuple[str, ...]] = RULES
    periods: ClassVar[tuple[str, ...]] = PERIODS
    response: ClassVar[str] = "decision"

    dt: int = 20
    timing: Timing = field(default_factory=default_timing)
    timing_delay_rules: Timing = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_positive_integer(self.dt, "dt, the time step in ms,")
        timing = plain_timing(self.timing, PERIODS, "timing")
        require_all_periods(timing, PERIODS, "timing")
        # Plain copies, so that no later change of the arguments reaches the task.
        object.__setattr__(self, "timing", timing)
        delayed = plain_timing(self.timing_delay_rules, PERIODS, "timing_delay_rules")
        object.__setattr__(self, "timing_delay_rules", delayed)
        for split in SPLITS:
            self._duration_table(split)

    def trials(
        self,
        n: int,
        rules: str | Sequence[str],
        rng: np.random.Generator,
        split: str = "train",
        balanced: bool = False,
    ) -> Trials:
        """Draw a batch of trials; see `Task.trials`.

        The noise of the stimulus is drawn last, so that tasks that differ in noise alone get the same conditions from
        the same seed. Balanced trials run through the product of rules, conditions and durations in a fixed order,
        the rule changing fastest, then the condition, then the durations. ``conditions`` has ``coherence``, the
        strength of the evidence in percent.
        """
        n = check_positive_integer(n, "n, the number of trials,")
        rule_set = self.rule_indices(rules)
        check_split(split)
        if not isinstance(rng, np.random.Generator):
            raise DynalignError(f"rng must be a numpy.random.Generator such as default_rng(0), not {rng!r}.")
        coherences, choices = self._conditions()
        steps, n_options = self._duration_table(split)

        if balanced:
            repeat, place = np.divmod(np.arange(n), len(rule_set) * len(choices))
            condition, rule_place = np.divmod(place, len(rule_set))
            rule = rule_set[rule_place]
            radix = n_options[rule]
            option = repeat[:, None] // (np.cumprod(radix, axis=1) // radix) % radix
        else:
            rule = rule_set[rng.integers(len(rule_set), size=n)]
            condition = rng.integers(len(choices), size=n)
            option = rng.integers(n_options[rule])
        durations = np.take_along_axis(steps[rule], option[:, :, None], axis=2)[:, :, 0]

        coherence, choice = coherences[condition], choices[condition]
        answer = self._answers()[choice ^ _IS_ANTI[rule]]

        # A trial is a row of runs, its periods and its padding, within which nothing but the noise changes.
        lengths = durations.sum(axis=1, keepdims=True)
        runs = np.hstack([durations, lengths.max() - lengths])
        run_inputs = np.zeros((*runs.shape, self.n_inputs), dtype=np.float32)
        run_inputs[:, :-1, : self.n_observations] = self._levels(coherence, choice, _HAS_DELAY[rule])
        run_inputs[np.arange(n), :-1, self.n_observations + rule] = 1
        run_targets = np.zeros(runs.shape, dtype=np.int64)
        run_targets[:, DECISION] = answer
        run_targets[:, -1] = IGNORE
        run_periods = np.tile(np.array([*range(len(PERIODS)), PADDING], dtype=np.int8), (n, 1))

        inputs, periods = _spread(run_inputs, runs), _spread(run_periods, runs)
        self._add_noise(inputs, periods, rng)
        return Trials(
            inputs=inputs,
            targets=_spread(run_targets, runs),
            periods=periods,
            rules=rule,
            answer=answer,
            has_answer=coherence > 0,
            conditions={"coherence": coherence.astype(np.float32)},
            task=self,
        )

    def lasting(self, durations: Mapping[str, float]) -> DecisionTask:
        """Return this task with other durations in the split ``test``, for all rules; see `Task.lasting`."""
        for period in durations:
            if period not in self.periods:
                raise DynalignError(f"{self.name} has no period {period!r}; {suggestion(period, self.periods)}")
        test = {**self.timing["test"], **durations}
        delayed = {name: ms for name, ms in self.timing_delay_rules.get("test", {}).items() if name not in durations}
        return replace(
            self,
            timing={**self.timing, "test": test},
            timing_delay_rules={**self.timing_delay_rules, "test": delayed},
        )

    def ideal_accuracy(self, rule: str, split: str = "test", extra_noise: float = 0.0) -> float:
        r"""Return the decision accuracy of the ideal observer, over the trials that have a right answer.

        The observer knows the rule and the periods and sees the stimulus on two channels, whose means differ
        by :math:`\pm c` according to the choice, each with independent Gaussian noise of variance :math:`v`
        in every one of its :math:`K` time steps. Both choices have the same covariance, so their likelihood
        ratio depends on the stimulus only through, and rises with, the summed difference of the channels

        .. math:: s = \sum_{k=1}^{K} (x_{1k} - x_{2k}) \sim \mathcal{N}(\pm K c,\, 2 K v).

        The choices are equally likely, so the fewest errors are made by choosing the sign of :math:`s` (Green
        and Swets 1966, *Signal Detection Theory and Psychophysics*, ch. 1), which is right with probability

        .. math:: P(c, K) = \Phi\left(K c / \sqrt{2 K v}\right) = \Phi\left(c \sqrt{K / 2 v}\right),

        averaged over the contrasts :math:`c > 0` and the durations :math:`K` of the stimulus. Neither a delay
        nor an inverted answer costs the ideal observer anything.

        Parameters
        ----------
        rule : str
            One of ``rules``.
        split : {"train", "test"}
            Which of the two timings to use.
        extra_noise : float
            Standard deviation of further independent Gaussian noise on every input channel in every time
            step. It adds to the variance: :math:`v = \sigma^2 / dt + \mathrm{extra\_noise}^2`.

        Returns
        -------
        float
            Between 0.5 and 1; exactly 1 where there is no noise.

        Raises
        ------
        DynalignError
            If the rule or split is unknown, ``extra_noise`` is negative, or no trial has a right answer.
        """
        index = int(self.rule_indices(rule)[0])
        check_split(split)
        check_standard_deviation(extra_noise, "extra_noise")
        contrasts = self._contrasts()
        contrasts = contrasts[contrasts > 0]
        if len(contrasts) == 0:
            raise DynalignError(f"No trial of the task {self.name!r} has a right answer: its coherences are all 0.")
        variance = self._noise_std**2 + extra_noise**2
        if variance == 0:
            return 1.0
        steps, n_options = self._duration_table(split)
        durations = steps[index, STIMULUS, : n_options[index, STIMULUS]]
        d_prime = contrasts[:, None] * np.sqrt(durations / (2 * variance))
        return float(np.mean([math.erfc(-z / math.sqrt(2)) / 2 for z in d_prime.ravel()]))

    @abc.abstractmethod
    def _answers(self) -> npt.NDArray[np.int64]:
        """Return the right action for each of the two choices when the rule is not anti, shape (2,)."""

    @abc.abstractmethod
    def _conditions(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return coherence (percent) and choice (0 or 1) of the equally likely conditions, (conditions,)."""

    @abc.abstractmethod
    def _contrasts(self) -> npt.NDArray[np.float64]:
        """Return by how much the two stimulus channels' means differ, for every strength of the stimulus."""

    @abc.abstractmethod
    def _levels(
        self,
        coherence: npt.NDArray[np.float64],
        choice: npt.NDArray[np.int64],
        has_delay: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.float32]:
        """Return the observations without noise, (trials, periods, channels); arguments are (trials,)."""

    @property
    def _noise_std(self) -> float:
        """Standard deviation of the Gaussian noise on each stimulus channel in each step of the stimulus."""
        return 0.0

    def _add_noise(
        self, inputs: npt.NDArray[np.float32], periods: npt.NDArray[np.int8], rng: np.random.Generator
    ) -> None:
        """Add the stimulus' noise to ``inputs``, (trials, time, channels), in place."""
        if self._noise_std == 0:
            return
        steps = np.flatnonzero(periods == STIMULUS)
        noise = rng.standard_normal((len(_STIMULUS_CHANNELS), len(steps)), dtype=np.float32)
        noise *= self._noise_std
        flat = inputs.reshape(-1, self.n_inputs)
        # Channel by channel is three times as fast as indexing both at once.
        for channel, values in zip(_STIMULUS_CHANNELS, noise, strict=True):
            flat[steps, channel] += values

    def _duration_table(self, split: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return durations in steps, (rules, periods, options), and the options' number, (rules, periods)."""
        options: list[list[tuple[int, ...]]] = []
        for has_delay in _HAS_DELAY:
            row = []
            for period in PERIODS:
                where, source = "timing", self.timing[split]
                if has_delay and period in self.timing_delay_rules.get(split, {}):
                    where, source = "timing_delay_rules", self.timing_delay_rules[split]
                place = f"{where}[{split!r}][{period!r}]"
                steps = duration_steps(source[period], self.dt, place, may_be_empty=period not in _NEVER_EMPTY)
                row.append(steps if has_delay or period != "delay" else (0,))
            options.append(row)
        n_options = np.array([[len(steps) for steps in row] for row in options])
        table = np.zeros((*n_options.shape, n_options.max()), dtype=np.int64)
        for rule, row in enumerate(options):
            for period_index, steps in enumerate(row):
                table[rule, period_index, : len(steps)] = steps
        return table, n_options


def _spread(values: npt.NDArray[_Scalar], runs: npt.NDArray[np.int64]) -> npt.NDArray[_Scalar]:
    """Repeat values of runs, (trials, runs, ...), for the runs' lengths, which gives (trials, time, ...)."""
    shape = (len(runs), -1, *values.shape[2:])
    return np.repeat(values.reshape(runs.size, *values.shape[2:]), runs.ravel(), axis=0).reshape(shape)
