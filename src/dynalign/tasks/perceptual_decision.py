"""Perceptual decision making: which of two noisy inputs is the stronger on average?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.tasks._checks import check_standard_deviation, is_number
from dynalign.tasks.base import Space
from dynalign.tasks.decision import DECISION, FIXATION, PERIODS, STIMULUS, DecisionTask


@dataclass(frozen=True, kw_only=True)
class PerceptualDecision(DecisionTask):
    r"""Perceptual decision making with two alternatives, with and without a delay before the response.

    During the stimulus the two stimulus channels are

    .. math:: x_i = \frac{1}{2} \pm \frac{\mathrm{coh}}{200} + \frac{\sigma}{\sqrt{dt}}\,\eta, \quad
        \eta \sim \mathcal{N}(0, 1),

    with + on the channel of the choice and - on the other (NeuroGym's ``PerceptualDecisionMaking`` and
    ``PerceptualDecisionMakingDelayResponse``, after Britten et al. 1992, J Neurosci 12:4745). The right
    action in the decision period is the channel with + for ``basic`` and ``delay``, the other one for
    ``anti`` and ``delay_anti``. Choice and coherence are drawn independently.

    Parameters
    ----------
    dt, timing, timing_delay_rules
        See `DecisionTask`.
    cohs : sequence of float
        Coherences in percent, drawn with equal probability. With coherence 0 there is no right answer.
    sigma : float
        Standard deviation of the stimulus noise, before it is divided by the square root of ``dt`` in ms.
    matched_cue : bool
        If True, the fixation cue is on until the decision for all rules, so that a rule without a delay
        differs from its delayed version in the delay alone. If False, it goes out with the fixation period
        for the rules without a delay, as in NeuroGym.

    Raises
    ------
    DynalignError
        As `DecisionTask`; and if there is no coherence, a coherence lies outside 0 to 100, or ``sigma`` is negative.
    """

    name: ClassVar[str] = "pdm"
    observation_space: ClassVar[Space] = MappingProxyType({"fixation": 0, "stimulus": (1, 2)})
    action_space: ClassVar[Space] = MappingProxyType({"fixation": 0, "choice": (1, 2)})

    cohs: Sequence[float] = (0, 6.4, 12.8, 25.6, 51.2)
    sigma: float = 1.0
    matched_cue: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.cohs, Sequence) or len(self.cohs) == 0:
            raise DynalignError(f"cohs must list at least one coherence in percent, not be {self.cohs!r}.")
        for coherence in self.cohs:
            if not is_number(coherence) or not 0 <= coherence <= 100:
                raise DynalignError(f"cohs has the coherence {coherence!r}; coherences are percentages, 0 to 100.")
        object.__setattr__(self, "cohs", tuple(self.cohs))
        check_standard_deviation(self.sigma, "sigma")

    def _answers(self) -> npt.NDArray[np.int64]:
        return np.array([1, 2], dtype=np.int64)

    def _conditions(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        # Choice changes faster than coherence, so that a balanced set cut short keeps its choices balanced.
        return np.repeat(np.asarray(self.cohs, dtype=np.float64), 2), np.tile([0, 1], len(self.cohs))

    def _contrasts(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.cohs, dtype=np.float64) / 100

    def _levels(
        self,
        coherence: npt.NDArray[np.float64],
        choice: npt.NDArray[np.int64],
        has_delay: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.float32]:
        levels = np.zeros((len(choice), len(PERIODS), 3), dtype=np.float32)
        levels[:, FIXATION, 0] = 1
        levels[:, STIMULUS:DECISION, 0] = True if self.matched_cue else has_delay[:, None]
        sign = np.where(choice[:, None] == [0, 1], 1, -1)
        levels[:, STIMULUS, 1:] = 0.5 + sign * coherence[:, None] / 200
        return levels

    @property
    def _noise_std(self) -> float:
        return self.sigma / math.sqrt(self.dt)
