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
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.tasks.timed import TimedTask, add_noise
from dynalign.tasks.timing import Duration, Timing, plain_timing
from dynalign.tasks.trials import Trials

if TYPE_CHECKING:
    from typing_extensions import Self

RULES: tuple[str, ...] = ("basic", "anti", "delay", "delay_anti")
"""The rules of every such task, in the order of the one-hot rule input."""

PERIODS: tuple[str, ...] = ("fixation", "stimulus", "delay", "decision")
"""The periods of a trial, in the order in which they happen."""

FIXATION, STIMULUS, DELAY, DECISION = range(len(PERIODS))

# NeuroGym's order in both tasks: the fixation cue, then the two channels of the stimulus.
_STIMULUS_CHANNELS = (1, 2)

IS_ANTI = np.array([rule.endswith("anti") for rule in RULES])
HAS_DELAY = np.array([rule.startswith("delay") for rule in RULES])

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
class DecisionTask(TimedTask):
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
    # A trial without these has nothing to decide on, or no moment to answer.
    never_empty: ClassVar[tuple[str, ...]] = ("stimulus", "decision")

    timing: Timing = field(default_factory=default_timing)
    timing_delay_rules: Timing = field(default_factory=dict)

    def __post_init__(self) -> None:
        delayed = plain_timing(self.timing_delay_rules, PERIODS, "timing_delay_rules")
        object.__setattr__(self, "timing_delay_rules", delayed)
        super().__post_init__()

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
        draw = self._draw(n, rules, rng, split, balanced)
        coherences, choices = self._conditions()
        coherence, choice = coherences[draw.condition], choices[draw.condition]
        inputs, periods = self._lay_out(draw, self._levels(coherence, choice, HAS_DELAY[draw.rule]))
        add_noise(inputs, periods == STIMULUS, _STIMULUS_CHANNELS, self._noise_std, rng)
        answer = self._answers()[choice ^ IS_ANTI[draw.rule]]
        conditions = {"coherence": coherence.astype(np.float32)}
        return self._answered(draw, inputs, periods, answer, coherence > 0, conditions)

    def lasting(self, durations: Mapping[str, float]) -> Self:
        """Return this task with other durations in the split ``test``, for all rules; see `Task.lasting`."""
        changed = super().lasting(durations)
        delayed = {name: ms for name, ms in self.timing_delay_rules.get("test", {}).items() if name not in durations}
        return replace(changed, timing_delay_rules={**self.timing_delay_rules, "test": delayed})

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
        index = self._check_observer(rule, split, extra_noise)
        contrasts = self._contrasts()
        contrasts = contrasts[contrasts > 0]
        if len(contrasts) == 0:
            raise DynalignError(f"No trial of the task {self.name!r} has a right answer: its coherences are all 0.")
        variance = self._noise_std**2 + extra_noise**2
        if variance == 0:
            return 1.0
        steps, n_options = self._durations[split]
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

    @property
    def _n_conditions(self) -> npt.NDArray[np.int64]:
        return np.full(len(RULES), len(self._conditions()[1]))

    def _has_period(self, rule: str, period: str) -> bool:
        return period != "delay" or bool(HAS_DELAY[RULES.index(rule)])

    def _duration(self, rule: str, period: str, split: str) -> tuple[Duration, str]:
        delayed = self.timing_delay_rules.get(split, {})
        if HAS_DELAY[RULES.index(rule)] and period in delayed:
            return delayed[period], f"timing_delay_rules[{split!r}][{period!r}]"
        return super()._duration(rule, period, split)
