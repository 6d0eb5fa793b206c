"""Delayed match to sample: is the second stimulus the same as the first?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.tasks._checks import check_positive_integer, check_standard_deviation
from dynalign.tasks.base import Space
from dynalign.tasks.decision import HAS_DELAY, IS_ANTI, RULES
from dynalign.tasks.timed import TimedTask, add_noise
from dynalign.tasks.timing import Timing
from dynalign.tasks.trials import Trials

_PERIODS = ("fixation", "stimulus", "delay", "comparison", "decision")
_FIXATION, _STIMULUS, _DELAY, _COMPARISON, _DECISION = range(len(_PERIODS))

# Shorter than NeuroGym's 3.2 s, so that a network trains in minutes.
_DEFAULT_TIMING: Timing = MappingProxyType(
    {
        "train": {
            "fixation": [100, 200, 300],
            "stimulus": [300, 400, 500],
            "delay": [200, 400, 600],
            "comparison": [300, 400, 500],
            "decision": [100, 200, 300],
        },
        "test": {"fixation": 200, "stimulus": 400, "delay": 400, "comparison": 400, "decision": 200},
    }
)


@dataclass(frozen=True, kw_only=True)
class DelayedMatch(TimedTask):
    r"""Delayed match to sample, with and without the delay (NeuroGym's ``DelayMatchSample``).

    A sample with the direction :math:`\theta` is one of the ring's, :math:`\theta_i = 2 \pi i / n`. In the period
    ``stimulus`` (NeuroGym's ``sample``) the ring shows it, in the period ``comparison`` (NeuroGym's ``test``) it shows
    the same direction or the opposite one with equal probability, by

    .. math:: x_i = \frac{1}{2} + \frac{1}{2} \cos(\theta_i - \theta) + \frac{\sigma}{\sqrt{dt}}\,\eta, \quad
        \eta \sim \mathcal{N}(0, 1).

    The fixation cue is on until the decision, in which ``delay`` asks for ``match`` or ``non-match``; that rule is
    NeuroGym's task (after Miller et al. 1996, J Neurosci 16:5154). ``basic`` has no delay, ``anti`` and ``delay_anti``
    ask for ``non-match`` where the two are the same, and the other way round.

    Parameters
    ----------
    dt, timing
        See `TimedTask`.
    dim_ring : int
        Number of stimulus channels, and of directions.
    sigma : float
        Standard deviation of the stimulus noise, before it is divided by the square root of ``dt`` in ms.

    Raises
    ------
    DynalignError
        As `TimedTask`; and if ``dim_ring`` is less than 2, or ``sigma`` is negative.
    """

    name: ClassVar[str] = "delayed_match"
    rules: ClassVar[tuple[str, ...]] = RULES
    periods: ClassVar[tuple[str, ...]] = _PERIODS
    response: ClassVar[str] = "decision"
    never_empty: ClassVar[tuple[str, ...]] = ("stimulus", "comparison", "decision")
    action_space: ClassVar[Space] = MappingProxyType({"fixation": 0, "match": 1, "non-match": 2})

    timing: Timing = field(default_factory=lambda: _DEFAULT_TIMING)
    dim_ring: int = 2
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if check_positive_integer(self.dim_ring, "dim_ring, the number of directions,") < 2:
            raise DynalignError("dim_ring=1 has one direction alone, of which none is the opposite; use 2 or more.")
        check_standard_deviation(self.sigma, "sigma")
        super().__post_init__()

    @property
    def observation_space(self) -> Space:
        """Names of the observation channels."""
        return {"fixation": 0, "stimulus": tuple(range(1, self.dim_ring + 1))}

    def trials(
        self,
        n: int,
        rules: str | Sequence[str],
        rng: np.random.Generator,
        split: str = "train",
        balanced: bool = False,
    ) -> Trials:
        """Draw a batch of trials; see `Task.trials`.

        The noise is drawn last. ``conditions`` has ``match``, whether the two stimuli are the same, and ``sample``,
        the index of the first one's direction.
        """
        draw = self._draw(n, rules, rng, split, balanced)
        sample, differs = np.divmod(draw.condition, 2)
        theta = 2 * np.pi * np.arange(self.dim_ring) / self.dim_ring
        distance = theta - theta[sample, None]
        levels = np.zeros((n, len(_PERIODS), 1 + self.dim_ring), dtype=np.float32)
        levels[:, :_DECISION, 0] = 1
        levels[:, _STIMULUS, 1:] = 0.5 + 0.5 * np.cos(distance)
        levels[:, _COMPARISON, 1:] = 0.5 + 0.5 * np.cos(distance - np.pi * differs[:, None])
        inputs, periods = self._lay_out(draw, levels)
        noisy = (periods == _STIMULUS) | (periods == _COMPARISON)
        add_noise(inputs, noisy, range(1, 1 + self.dim_ring), self.sigma / math.sqrt(self.dt), rng)
        answer = 1 + (differs ^ IS_ANTI[draw.rule])
        conditions = {"match": differs == 0, "sample": sample}
        return self._answered(draw, inputs, periods, answer, np.ones(n, dtype=bool), conditions)

    def ideal_accuracy(self, rule: str, split: str = "test", extra_noise: float = 0.0) -> float:
        r"""Return the decision accuracy of the ideal observer; NaN for a noisy ring of more than two directions.

        With two directions, each stimulus is :math:`(1, 0)` or :math:`(0, 1)` in noise of variance :math:`v`, and the
        observer may as well name both, from the sign of the summed difference of the channels: the likelihood ratio of
        match against non-match is :math:`\cosh(\ell_1 + \ell_2) / \cosh(\ell_1 - \ell_2)` for half log likelihood
        ratios :math:`\ell` of the two stimuli, which exceeds 1 where these have one sign. One of :math:`K` steps is
        named rightly with the probability :math:`P(K) = \Phi(\sqrt{K / 2 v})`, and the answer is right if both are or
        none is,

        .. math:: P(K_1) P(K_2) + (1 - P(K_1)) (1 - P(K_2)),

        averaged over the durations. The delay costs the ideal observer nothing.

        Parameters
        ----------
        rule : str
            One of ``rules``.
        split : {"train", "test"}
        extra_noise : float
            Standard deviation of further independent Gaussian noise on every input channel in every time step:
            :math:`v = \sigma^2 / dt + \mathrm{extra\_noise}^2`.

        Raises
        ------
        DynalignError
            If the rule or split is unknown, or ``extra_noise`` is negative.
        """
        index = self._check_observer(rule, split, extra_noise)
        variance = self.sigma**2 / self.dt + extra_noise**2
        if variance == 0:
            return 1.0
        if self.dim_ring > 2:
            return float("nan")
        steps, n_options = self._durations[split]
        first, second = (
            [math.erfc(-math.sqrt(k / variance) / 2) / 2 for k in steps[index, period, : n_options[index, period]]]
            for period in (_STIMULUS, _COMPARISON)
        )
        return float(np.mean([p * q + (1 - p) * (1 - q) for p, q in itertools.product(first, second)]))

    @property
    def _n_conditions(self) -> npt.NDArray[np.int64]:
        return np.full(len(RULES), 2 * self.dim_ring)

    def _has_period(self, rule: str, period: str) -> bool:
        return period != "delay" or bool(HAS_DELAY[RULES.index(rule)])
