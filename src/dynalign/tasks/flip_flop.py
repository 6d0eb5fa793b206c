"""The flip-flop: keep in mind the sign of the last pulse of every channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.tasks._checks import is_number
from dynalign.tasks.base import Space
from dynalign.tasks.timed import TimedTask
from dynalign.tasks.timing import Timing, duration_steps
from dynalign.tasks.trials import IGNORE, Trials

_RULES = ("one_bit", "two_bits", "three_bits")
_BITS = np.arange(1, len(_RULES) + 1)

_DEFAULT_TIMING: Timing = MappingProxyType({"train": {"stimulus": 2000}, "test": {"stimulus": 2000}})


@dataclass(frozen=True, kw_only=True)
class FlipFlop(TimedTask):
    """Three outputs that hold the sign of the last pulse on their own of three channels (Sussillo and Barak 2013).

    A trial begins with a pulse of +1 or -1 on every channel, and further ones follow at random, with signs at random;
    a pulse that begins while another lasts ends it (Neural Comput 25:626). A network that does it has
    a stable fixed point for each of the eight states. ``two_bits`` and ``one_bit`` use the first two channels and the
    first only; the others are silent, and their outputs are to stay at 0.

    Right is a time step at which every output is less than ``tolerance``, 1, away from its target: of the right sign,
    or short of either state if its channel is silent. Steps count, in accuracy and in the loss, from
    ``settle`` ms after the beginning of the last pulse.

    Parameters
    ----------
    dt, timing
        See `TimedTask`; there is one period, ``stimulus``.
    rate : float
        Pulses per channel and second, after the first.
    pulse : float
        How long a pulse lasts, in ms, floored to a multiple of ``dt``.
    settle : float
        How long the network has to change its mind, from the beginning of a pulse, in ms; floored likewise.

    Raises
    ------
    DynalignError
        As `TimedTask`; if ``rate`` is negative or gives more than a pulse per step; if ``pulse`` is shorter than
        ``dt``, or ``settle`` is shorter and not 0; if a trial is too short for a step to count.
    """

    name: ClassVar[str] = "flip_flop"
    rules: ClassVar[tuple[str, ...]] = _RULES
    periods: ClassVar[tuple[str, ...]] = ("stimulus",)
    response: ClassVar[str] = "stimulus"
    never_empty: ClassVar[tuple[str, ...]] = ("stimulus",)
    asks: ClassVar[Literal["actions", "values"]] = "values"
    tolerance: ClassVar[float] = 1.0
    observation_space: ClassVar[Space] = MappingProxyType({"pulse": (0, 1, 2)})
    action_space: ClassVar[Space] = MappingProxyType({"state": (0, 1, 2)})

    timing: Timing = field(default_factory=lambda: _DEFAULT_TIMING)
    rate: float = 1.0
    pulse: float = 40
    settle: float = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self.rate) or not 0 <= self.rate * self.dt <= 1000:
            raise DynalignError(
                f"rate must be a number of pulses per second, from 0 to one per time step of {self.dt} ms, not "
                f"{self.rate!r}."
            )
        for name, value in (("pulse", self.pulse), ("settle", self.settle)):
            if not is_number(value):
                raise DynalignError(f"{name} must be a number of ms, not {value!r}.")
        _, settle = self._pulse_steps
        for split in self.timing:
            steps, _ = self._durations[split]
            if steps.min(where=steps > 0, initial=settle + 1) <= settle:
                raise DynalignError(
                    f"timing[{split!r}]['stimulus'] has a trial that ends within the {self.settle} ms of settle, so "
                    "that no step of it counts; make it longer, or settle shorter."
                )

    def trials(
        self,
        n: int,
        rules: str | Sequence[str],
        rng: np.random.Generator,
        split: str = "train",
        balanced: bool = False,
    ) -> Trials:
        """Draw a batch of trials; see `Task.trials`.

        ``conditions`` has ``start``, the state in which a trial begins, as a number whose binary digits are 1 for +1,
        the first channel's last. Balanced trials begin in all states equally often; later pulses are random as ever.
        """
        draw = self._draw(n, rules, rng, split, balanced)
        inputs, periods = self._lay_out(draw, np.zeros((n, 1, self.n_observations), dtype=np.float32))
        channels = np.arange(self.n_observations)
        used = channels < _BITS[draw.rule][:, None]

        shape = (*periods.shape, self.n_observations)
        begins = rng.random(shape, dtype=np.float32) < self.rate * self.dt / 1000
        sign = np.where(rng.random(shape, dtype=np.float32) < 0.5, np.float32(-1), np.float32(1))
        begins[:, 0] = True
        sign[:, 0] = 2 * (draw.condition[:, None] >> channels & 1) - 1

        time = np.arange(shape[1])[:, None]
        last = np.maximum.accumulate(np.where(begins, time, 0), axis=1)
        pulse, settle = self._pulse_steps
        state = np.take_along_axis(sign, last, axis=1) * used[:, None]
        state[periods < 0] = 0
        inputs[:, :, : self.n_observations] = state * (time - last < pulse)
        return Trials(
            inputs=inputs,
            targets=state,
            periods=periods,
            rules=draw.rule,
            answer=np.full(n, IGNORE),
            has_answer=np.ones(n, dtype=bool),
            conditions={"start": draw.condition},
            counted=((time - last >= settle) | ~used[:, None]).all(axis=2) & (periods >= 0),
            task=self,
        )

    def ideal_accuracy(self, rule: str, split: str = "test", extra_noise: float = 0.0) -> float:
        """Return 1, or NaN with noise, for which it is not known in closed form; see `Task.ideal_accuracy`."""
        self._check_observer(rule, split, extra_noise)
        return 1.0 if extra_noise == 0 else float("nan")

    @property
    def _n_conditions(self) -> npt.NDArray[np.int64]:
        return np.asarray(2**_BITS, dtype=np.int64)

    @property
    def _pulse_steps(self) -> tuple[int, int]:
        """How many time steps a pulse lasts, and how many after its beginning do not count."""
        (pulse,) = duration_steps(self.pulse, self.dt, "pulse", may_be_empty=False)
        (settle,) = duration_steps(self.settle, self.dt, "settle", may_be_empty=True)
        return pulse, settle
