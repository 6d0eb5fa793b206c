"""Go/no-go: act after one stimulus, hold still after the other."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from dynalign.tasks.base import Space
from dynalign.tasks.decision import DECISION, PERIODS, STIMULUS, DecisionTask


@dataclass(frozen=True, kw_only=True)
class GoNogo(DecisionTask):
    """Go/no-go, with and without a delay before the response (NeuroGym's ``GoNogo``).

    The fixation cue is on until the decision. During the stimulus either the channel ``nogo`` or the channel
    ``go`` is 1, with equal probability and without noise. In the decision period the right action is to
    fixate after no-go and to go after go for ``basic`` and ``delay``, and the reverse for ``anti`` and
    ``delay_anti``. Every trial has a right answer, and its coherence counts as 100 percent.

    Parameters
    ----------
    dt, timing, timing_delay_rules
        See `DecisionTask`.

    Raises
    ------
    DynalignError
        As `DecisionTask`.
    """

    name: ClassVar[str] = "gonogo"
    observation_space: ClassVar[Space] = MappingProxyType({"fixation": 0, "nogo": 1, "go": 2})
    action_space: ClassVar[Space] = MappingProxyType({"fixation": 0, "go": 1})

    def _answers(self) -> npt.NDArray[np.int64]:
        return np.array([0, 1], dtype=np.int64)

    def _conditions(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        return np.array([100.0, 100.0]), np.array([0, 1])

    def _contrasts(self) -> npt.NDArray[np.float64]:
        return np.array([1.0])

    def _levels(
        self,
        coherence: npt.NDArray[np.float64],  # noqa: ARG002
        choice: npt.NDArray[np.int64],
        has_delay: npt.NDArray[np.bool_],  # noqa: ARG002
    ) -> npt.NDArray[np.float32]:
        levels = np.zeros((len(choice), len(PERIODS), 3), dtype=np.float32)
        levels[:, :DECISION, 0] = 1
        levels[:, STIMULUS, 1:] = choice[:, None] == [0, 1]
        return levels
