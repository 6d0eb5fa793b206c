"""The sine wave: a static input says how fast the output is to swing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.tasks._checks import check_positive_integer, is_number
from dynalign.tasks.base import Space
from dynalign.tasks.timed import TimedTask
from dynalign.tasks.timing import Timing
from dynalign.tasks.trials import IGNORE, Trials

_RULES = ("slow", "fast", "all")
_STIMULUS = 1

_DEFAULT_TIMING: Timing = MappingProxyType(
    {
        "train": {"fixation": [100, 200, 300], "stimulus": 2000},
        "test": {"fixation": 200, "stimulus": 2000},
    }
)


@dataclass(frozen=True, kw_only=True)
class SineWave(TimedTask):
    r"""A generator of sines, of a frequency that a static input sets (Sussillo and Barak 2013).

    In the period ``stimulus`` the input is :math:`x = 1/4 + (f - f_\min) / (f_\max - f_\min)` for a frequency
    :math:`f` and the output is to be :math:`\sin(2 \pi f t)`, from the beginning of the period on; in ``fixation``
    before it the input is 0 and the output free (Neural Comput 25:626, without the fixation). A
    network that does it has a limit cycle for each frequency. ``slow`` has the slower half of the frequencies,
    ``fast`` the faster half.

    Right is a time step at which the output is less than ``tolerance``, a quarter of the amplitude, away from the
    sine; an output of 0 is so for a sixth of the time.

    Parameters
    ----------
    dt, timing
        See `TimedTask`.
    slowest, fastest : float
        Range of the frequencies in Hz.
    n_frequencies : int
        Number of frequencies, equally spaced from the slowest to the fastest.

    Raises
    ------
    DynalignError
        As `TimedTask`; if there are fewer than two frequencies, or not 0 < ``slowest`` < ``fastest``, or the fastest
        takes fewer than four time steps for a cycle.
    """

    name: ClassVar[str] = "sine_wave"
    rules: ClassVar[tuple[str, ...]] = _RULES
    periods: ClassVar[tuple[str, ...]] = ("fixation", "stimulus")
    response: ClassVar[str] = "stimulus"
    never_empty: ClassVar[tuple[str, ...]] = ("stimulus",)
    asks: ClassVar[Literal["actions", "values"]] = "values"
    tolerance: ClassVar[float] = 0.25
    observation_space: ClassVar[Space] = MappingProxyType({"frequency": 0})
    action_space: ClassVar[Space] = MappingProxyType({"sine": 0})

    timing: Timing = field(default_factory=lambda: _DEFAULT_TIMING)
    slowest: float = 0.5
    fastest: float = 2.5
    n_frequencies: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("slowest", self.slowest), ("fastest", self.fastest)):
            if not is_number(value) or not 0 < value * self.dt <= 250:
                raise DynalignError(
                    f"{name} must be a frequency in Hz, above 0 and with at least four time steps of {self.dt} ms in "
                    f"a cycle, not {value!r}."
                )
        if self.slowest >= self.fastest:
            raise DynalignError(f"slowest={self.slowest} must be a lower frequency than fastest={self.fastest}.")
        if check_positive_integer(self.n_frequencies, "n_frequencies") < 2:
            raise DynalignError("n_frequencies=1 has no slower and no faster half; use 2 or more.")

    def trials(
        self,
        n: int,
        rules: str | Sequence[str],
        rng: np.random.Generator,
        split: str = "train",
        balanced: bool = False,
    ) -> Trials:
        """Draw a batch of trials; see `Task.trials`. ``conditions`` has ``frequency``, in Hz."""
        draw = self._draw(n, rules, rng, split, balanced)
        place = (draw.condition + np.where(draw.rule == _RULES.index("fast"), self._n_slow, 0)) / (
            self.n_frequencies - 1
        )
        frequency = self.slowest + place * (self.fastest - self.slowest)
        levels = np.zeros((n, len(self.periods), 1), dtype=np.float32)
        levels[:, _STIMULUS, 0] = 0.25 + place
        inputs, periods = self._lay_out(draw, levels)
        seconds = (np.arange(periods.shape[1]) - draw.durations[:, :_STIMULUS]) * self.dt / 1000
        sine = np.sin(2 * np.pi * frequency[:, None] * seconds) * (periods == _STIMULUS)
        return Trials(
            inputs=inputs,
            targets=sine[:, :, None].astype(np.float32),
            periods=periods,
            rules=draw.rule,
            answer=np.full(n, IGNORE),
            has_answer=np.ones(n, dtype=bool),
            conditions={"frequency": frequency.astype(np.float32)},
            task=self,
        )

    def ideal_accuracy(self, rule: str, split: str = "test", extra_noise: float = 0.0) -> float:
        """Return 1, or NaN with noise, for which it is not known in closed form; see `Task.ideal_accuracy`."""
        self._check_observer(rule, split, extra_noise)
        return 1.0 if extra_noise == 0 else float("nan")

    @property
    def _n_slow(self) -> int:
        return self.n_frequencies // 2

    @property
    def _n_conditions(self) -> npt.NDArray[np.int64]:
        return np.array([self._n_slow, self.n_frequencies - self._n_slow, self.n_frequencies])
