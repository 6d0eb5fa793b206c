"""The twenty rules of Yang et al. 2019, on two rings of stimuli."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError, suggestion
from dynalign.tasks._checks import check_positive_integer, check_standard_deviation, is_number
from dynalign.tasks.base import Space
from dynalign.tasks.timed import TimedTask, add_noise
from dynalign.tasks.timing import Duration, Timing, plain_timing
from dynalign.tasks.trials import Trials

_PERIODS = ("fixation", "stimulus", "delay", "comparison", "decision")
_FIXATION, _STIMULUS, _DELAY, _COMPARISON, _DECISION = range(len(_PERIODS))

_Both = tuple[bool, bool]


class _Rule(NamedTuple):
    """What a rule shows and what it asks."""

    kind: Literal["reach", "choose", "match"]
    periods: tuple[int, ...]
    first: int
    """Period in which the first stimulus is shown."""
    second: int = _STIMULUS
    """Period in which the second stimulus is shown, if there is one."""
    opposite: bool = False
    """Reach: whether to go opposite to the stimulus, rather than to it."""
    shown: _Both = (True, True)
    """Choose: the rings that show the stimuli."""
    weighed: _Both = (True, True)
    """Choose: the rings whose evidence counts."""
    category: bool = False
    """Match: whether stimuli are compared by category, rather than by direction."""
    go_on_match: bool = True
    """Match: whether to go to the second stimulus on a match and to fixate otherwise, or the other way round."""


_ALL = (_FIXATION, _STIMULUS, _DELAY, _COMPARISON, _DECISION)
_ONE = (_FIXATION, _STIMULUS, _DECISION)
_DELAYED = (_FIXATION, _STIMULUS, _DELAY, _DECISION)
_REACTION = (_FIXATION, _DECISION)
_RING_1, _RING_2 = (True, False), (False, True)


def _at_once(shown: _Both, weighed: _Both) -> _Rule:
    return _Rule("choose", _ONE, _STIMULUS, _STIMULUS, shown=shown, weighed=weighed)


def _in_turn(shown: _Both, weighed: _Both) -> _Rule:
    return _Rule("choose", _ALL, _STIMULUS, _COMPARISON, shown=shown, weighed=weighed)


def _match(category: bool, go_on_match: bool) -> _Rule:
    return _Rule("match", _ALL, _STIMULUS, _COMPARISON, category=category, go_on_match=go_on_match)


_TABLE: Mapping[str, _Rule] = {
    "go": _Rule("reach", _ONE, _STIMULUS),
    "rtgo": _Rule("reach", _REACTION, _DECISION),
    "dlygo": _Rule("reach", _DELAYED, _STIMULUS),
    "anti": _Rule("reach", _ONE, _STIMULUS, opposite=True),
    "rtanti": _Rule("reach", _REACTION, _DECISION, opposite=True),
    "dlyanti": _Rule("reach", _DELAYED, _STIMULUS, opposite=True),
    "dm1": _at_once(shown=_RING_1, weighed=_RING_1),
    "dm2": _at_once(shown=_RING_2, weighed=_RING_2),
    "ctxdm1": _at_once(shown=(True, True), weighed=_RING_1),
    "ctxdm2": _at_once(shown=(True, True), weighed=_RING_2),
    "multidm": _at_once(shown=(True, True), weighed=(True, True)),
    "dlydm1": _in_turn(shown=_RING_1, weighed=_RING_1),
    "dlydm2": _in_turn(shown=_RING_2, weighed=_RING_2),
    "ctxdlydm1": _in_turn(shown=(True, True), weighed=_RING_1),
    "ctxdlydm2": _in_turn(shown=(True, True), weighed=_RING_2),
    "multidlydm": _in_turn(shown=(True, True), weighed=(True, True)),
    "dms": _match(category=False, go_on_match=True),
    "dnms": _match(category=False, go_on_match=False),
    "dmc": _match(category=True, go_on_match=True),
    "dnmc": _match(category=True, go_on_match=False),
}

# The table again, a column at a time, to be looked up for many trials at once.
_RULES = list(_TABLE.values())
_KIND, _FIRST, _SECOND, _OPPOSITE, _CATEGORY, _GO_ON_MATCH, _SHOWN, _WEIGHED = (
    np.array([getattr(rule, column) for rule in _RULES])
    for column in ("kind", "first", "second", "opposite", "category", "go_on_match", "shown", "weighed")
)
_IN_TURN = _SECOND == _COMPARISON

_TIE = 1e-6  # evidence below it is rounding: NeuroGym tosses a coin there

# Shorter than the paper's and NeuroGym's, so that networks train in minutes.
_DEFAULT_TIMING: Timing = MappingProxyType(
    {
        "train": {
            "fixation": [100, 200, 300],
            "stimulus": [300, 400, 500],
            "delay": [200, 300, 400],
            "comparison": [300, 400, 500],
            "decision": [100, 200, 300],
        },
        "test": {"fixation": 200, "stimulus": 400, "delay": 300, "comparison": 400, "decision": 200},
    }
)


@dataclass
class _Shown:
    """What trials show and ask; every array has trials as its first axis."""

    first: npt.NDArray[np.int64]
    """Direction of the first stimulus."""
    second: npt.NDArray[np.int64]
    """Direction of the second stimulus, -1 without one."""
    strength: npt.NDArray[np.float64]
    """Of the first and the second stimulus, on either ring, (trials, 2, 2)."""
    noisy: npt.NDArray[np.bool_]
    """Whether the rings are noisy while stimuli are shown, (trials, 2)."""
    answer: npt.NDArray[np.int64]
    has_answer: npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Yang19(TimedTask):
    r"""Twenty cognitive tasks for one network, which is told by the rule input which of them it is to do.

    They are those of Yang et al. 2019 (Nat Neurosci 22:297) as NeuroGym's collection ``yang19`` has them. Two rings
    show directions :math:`\theta_i = 2 \pi i / n`, each as a bump of activity,

    .. math:: x_i = \gamma \frac{4}{5} \exp\left(-\frac{1}{2} \left(\frac{|\theta_i - \theta|}{\pi / 8}\right)^2\right)

    with the strength :math:`\gamma` and the distance on the circle, and the network fixates or goes to a direction.

    - ``go``, ``anti``: go to the stimulus or opposite to it. It is shown on either ring, before the decision; before
      a delay for ``dlygo`` and ``dlyanti``; in the decision period itself for ``rtgo`` and ``rtanti``.
    - ``dm1``, ``dm2``: two stimuli at once, on the first or the second ring; go to the stronger, whose strengths are
      :math:`(1 \pm c) / 2`. Both rings show the two directions with strengths of their own for ``ctxdm1`` and
      ``ctxdm2``, which ask for the stronger on the first or the second ring, and for ``multidm``, which asks for the
      one that is stronger in sum.
    - ``dlydm1`` and so on: the same with the stimuli in turn, with a delay between them.
    - ``dms``, ``dmc``: two stimuli in turn on either ring; go to the second if its direction (category: the half of
      the ring) is the first one's, fixate otherwise; ``dnms``, ``dnmc``: if it is not. A second stimulus that does not
      match is opposite to the first (of the other category).

    The stimuli of all rules but those that ask to go or anti have Gaussian noise of standard deviation
    :math:`\sigma / \sqrt{dt}` in every step: on both rings, and for the matches on the ring that is used.
    NeuroGym's periods ``stim1`` and ``sample`` are called ``stimulus`` here, its ``stim2`` and ``test``
    ``comparison``.

    Trials are NeuroGym's, also where these are not the paper's: rings have 16 channels by default, where the paper has
    32; answers are one of ``dim_ring`` actions, where the paper's outputs are a bump; two stimuli of which one is to
    be chosen may be neighbours, where the paper's are at least a right angle apart; the fixation cue goes out after
    the fixation period in all rules but those that ask to go or anti, and with the stimulus of ``rtgo`` and
    ``rtanti``, where the paper's is on until the answer is due, and throughout for the latter two; nothing but the
    stimuli is noisy; and a first stimulus at :math:`\theta = \pi`, which as a second one is of the second category,
    counts as one of the first. One thing differs from NeuroGym: the ring of one stimulus is drawn for each trial,
    where NeuroGym's trials alternate between the two.

    Parameters
    ----------
    dt, timing
        See `TimedTask`; rules skip the periods that they do not have.
    timing_rules : mapping
        Durations that replace those of ``timing`` for single rules, ``{rule: {split: {period: duration}}}``; splits
        and periods may be left out. Empty by default, so that durations do not give the rule away.
    dim_ring : int
        Number of directions, and of channels of each ring.
    sigma : float
        Standard deviation of the stimulus noise, before it is divided by the square root of ``dt`` in ms.
    cohs : sequence of float
        Differences :math:`c` between the strengths of two stimuli that are shown at once.
    cohs_delayed : sequence of float
        Strengths of stimuli that are shown in turn; a ring never shows one strength twice.

    Raises
    ------
    DynalignError
        As `TimedTask`; if ``timing_rules`` has an unknown rule, or a period that the rule does not have; if
        ``dim_ring`` is odd; if ``sigma`` is negative; if ``cohs`` is empty, ``cohs_delayed`` has fewer than two, a
        coherence is not above 0 and at most 1, or is listed twice.
    """

    name: ClassVar[str] = "yang19"
    rules: ClassVar[tuple[str, ...]] = tuple(_TABLE)
    periods: ClassVar[tuple[str, ...]] = _PERIODS
    response: ClassVar[str] = "decision"
    never_empty: ClassVar[tuple[str, ...]] = ("stimulus", "comparison", "decision")

    timing: Timing = field(default_factory=lambda: _DEFAULT_TIMING)
    timing_rules: Mapping[str, Timing] = field(default_factory=dict)
    dim_ring: int = 16
    sigma: float = 1.0
    cohs: Sequence[float] = (0.08, 0.16, 0.32, 0.64)
    cohs_delayed: Sequence[float] = (0.3, 0.6, 1.0)

    def __post_init__(self) -> None:
        if check_positive_integer(self.dim_ring, "dim_ring, the number of directions,") % 2:
            raise DynalignError(f"dim_ring={self.dim_ring} has directions without an opposite; use an even number.")
        check_standard_deviation(self.sigma, "sigma")
        for name, least in (("cohs", 1), ("cohs_delayed", 2)):
            object.__setattr__(self, name, _checked_strengths(getattr(self, name), name, least))
        if not isinstance(self.timing_rules, Mapping):
            raise DynalignError(f"timing_rules must map rules to timings, not be {self.timing_rules!r}.")
        plain = {}
        for rule, timing in self.timing_rules.items():
            if rule not in _TABLE:
                raise DynalignError(f"timing_rules has no rule {rule!r}; {suggestion(rule, _TABLE)}")
            its_periods = [_PERIODS[period] for period in _TABLE[rule].periods]
            plain[rule] = plain_timing(timing, its_periods, f"timing_rules[{rule!r}]")
        object.__setattr__(self, "timing_rules", plain)
        super().__post_init__()

    @property
    def observation_space(self) -> Space:
        """Names of the observation channels."""
        first = tuple(range(1, self.dim_ring + 1))
        return {"fixation": 0, "stimulus_mod1": first, "stimulus_mod2": tuple(self.dim_ring + i for i in first)}

    @property
    def action_space(self) -> Space:
        """Names of the actions."""
        return {"fixation": 0, "choice": tuple(range(1, self.dim_ring + 1))}

    def trials(
        self,
        n: int,
        rules: str | Sequence[str],
        rng: np.random.Generator,
        split: str = "train",
        balanced: bool = False,
    ) -> Trials:
        """Draw a batch of trials; see `Task.trials`.

        The noise is drawn last. ``conditions`` has ``first`` and ``second``, the directions of the stimuli, -1 where
        there is no second one; and ``first_mod1``, ``second_mod1``, ``first_mod2``, ``second_mod2``, the strengths
        with which either ring shows them, 0 where it does not. There is no answer where two stimuli are equally
        strong in sum.
        """
        draw = self._draw(n, rules, rng, split, balanced)
        shown = self._show(draw.rule, draw.condition)
        inputs, periods = self._lay_out(draw, self._levels(draw.rule, shown))
        stimuli = (periods == _STIMULUS) | (periods == _COMPARISON)
        for ring in (0, 1):
            noisy = stimuli & shown.noisy[:, ring, None]
            add_noise(inputs, noisy, self._channels(ring), self.sigma / math.sqrt(self.dt), rng)
        conditions: dict[str, npt.NDArray[np.generic]] = {"first": shown.first, "second": shown.second}
        for place, name in enumerate(("first", "second")):
            for ring in (0, 1):
                conditions[f"{name}_mod{ring + 1}"] = shown.strength[:, place, ring].astype(np.float32)
        return self._answered(draw, inputs, periods, shown.answer, shown.has_answer, conditions)

    def ideal_accuracy(self, rule: str, split: str = "test", extra_noise: float = 0.0) -> float:
        """Return 1 where nothing is noisy, as in all that ask to go or anti, and NaN where it is not known.

        With noise, the observer has to find out the directions as well, and there is no closed form. See
        `Task.ideal_accuracy`.
        """
        index = self._check_observer(rule, split, extra_noise)
        noisy = extra_noise > 0 or (self.sigma > 0 and _KIND[index] != "reach")
        return float("nan") if noisy else 1.0

    @cached_property
    def _n_conditions(self) -> npt.NDArray[np.int64]:
        return np.asarray(self._radices.prod(axis=1), dtype=np.int64)

    def _has_period(self, rule: str, period: str) -> bool:
        return _PERIODS.index(period) in _TABLE[rule].periods

    def _duration(self, rule: str, period: str, split: str) -> tuple[Duration, str]:
        own = self.timing_rules.get(rule, {}).get(split, {})
        if period in own:
            return own[period], f"timing_rules[{rule!r}][{split!r}][{period!r}]"
        return super()._duration(rule, period, split)

    def _channels(self, ring: int) -> range:
        return range(1 + ring * self.dim_ring, 1 + (ring + 1) * self.dim_ring)

    @cached_property
    def _radices(self) -> npt.NDArray[np.int64]:
        """How many values each part of a rule's conditions has, (rules, parts); see ``_show`` for the parts."""
        at_once, in_turn = (len(self._strengths(in_turn=value)) for value in (False, True))
        table = []
        for rule, strengths in zip(_RULES, np.where(_IN_TURN, in_turn, at_once), strict=True):
            if rule.kind == "reach":
                table.append((1, 1, 1, 2, self.dim_ring, 1))
            elif rule.kind == "match":
                table.append((1, 1, 2, 2, self.dim_ring, self.dim_ring // 2 if rule.category else 1))
            else:
                on_1, on_2 = (strengths if shown else 1 for shown in rule.shown)
                table.append((on_1, on_2, 1 + all(rule.weighed), 1, self.dim_ring, self.dim_ring - 1))
        return np.array(table)

    def _strengths(self, *, in_turn: bool) -> npt.NDArray[np.float64]:
        """Return the pairs of strengths that a ring's two stimuli may have, (pairs, 2)."""
        if in_turn:
            return np.array([(a, b) for a in self.cohs_delayed for b in self.cohs_delayed if a != b])
        return np.array([(0.5 + sign * c / 2, 0.5 - sign * c / 2) for c in self.cohs for sign in (1, -1)])

    def _show(self, rule: npt.NDArray[np.int64], condition: npt.NDArray[np.int64]) -> _Shown:
        """Return what trials show and ask, given their rules and conditions, (trials,)."""
        radix = self._radices[rule]
        n_conditions = radix.prod(axis=1)
        # One condition after the next, a balanced set that is cut short would vary the first parts only.
        place = condition * _strides(self._n_conditions)[rule] % n_conditions
        parts = (place[:, None] // (np.cumprod(radix, axis=1) // radix) % radix).T
        on_1, on_2, side, ring, first, other = parts
        half, kind = self.dim_ring // 2, _KIND[rule]
        rings = np.arange(2) == ring[:, None]

        # What asks to go or anti.
        second = np.full(len(rule), -1)
        strength = np.zeros((len(rule), 2, 2))
        strength[:, 0] = rings
        noisy = np.zeros((len(rule), 2), dtype=bool)
        goal = (first + half * _OPPOSITE[rule]) % self.dim_ring
        answer = 1 + goal
        has_answer = np.ones(len(rule), dtype=bool)

        rows = np.flatnonzero(kind == "choose")
        if len(rows):
            second[rows] = (first[rows] + 1 + other[rows]) % self.dim_ring
            for in_turn in (False, True):
                some = rows[_IN_TURN[rule[rows]] == in_turn]
                pairs = self._strengths(in_turn=in_turn)
                strength[some] = np.stack([pairs[on_1[some]], pairs[on_2[some]]], axis=2)
            strength[rows] *= _SHOWN[rule[rows], None]
            noisy[rows] = True
            weighed = (strength[rows] * _WEIGHED[rule[rows], None]).sum(axis=2)
            evidence = weighed[:, 0] - weighed[:, 1]
            tie = np.abs(evidence) < _TIE
            to_second = np.where(tie, side[rows] == 1, evidence < 0)
            answer[rows] = 1 + np.where(to_second, second[rows], first[rows])
            has_answer[rows] = ~tie

        rows = np.flatnonzero(kind == "match")
        if len(rows):
            differs = side[rows]
            opposite = (first[rows] + half * differs) % self.dim_ring
            category = (first[rows] > half) ^ differs
            second[rows] = np.where(_CATEGORY[rule[rows]], other[rows] + half * category, opposite)
            strength[rows, 1] = rings[rows]
            noisy[rows] = rings[rows]
            goes = (differs == 0) == _GO_ON_MATCH[rule[rows]]
            answer[rows] = np.where(goes, 1 + second[rows], 0)
        return _Shown(first, second, strength, noisy, answer, has_answer)

    def _levels(self, rule: npt.NDArray[np.int64], shown: _Shown) -> npt.NDArray[np.float32]:
        """Return the observations without noise, (trials, periods, channels)."""
        trial = np.arange(len(rule))
        levels = np.zeros((len(rule), len(_PERIODS), 1 + 2 * self.dim_ring), dtype=np.float32)
        levels[:, _FIXATION, 0] = 1
        levels[_KIND[rule] == "reach", :_DECISION, 0] = 1
        bumps = _bumps(self.dim_ring)
        # Where there is no second stimulus, its strength is 0, and it does not matter which bump that makes vanish.
        for place, (direction, period) in enumerate(((shown.first, _FIRST), (shown.second, _SECOND))):
            activity = shown.strength[:, place, :, None] * bumps[direction, None]
            levels[trial, period[rule], 1:] += activity.reshape(len(rule), -1)
        return levels


def _bumps(n: int) -> npt.NDArray[np.float64]:
    """Return the activity of a ring's channels for a stimulus of strength 1 at each direction, (directions, n)."""
    steps = np.abs(np.arange(n)[:, None] - np.arange(n))
    distance = 2 * np.pi / n * np.minimum(steps, n - steps)
    activity: npt.NDArray[np.float64] = 0.8 * np.exp(-((distance / (np.pi / 8)) ** 2) / 2)
    return activity


def _strides(sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return for each size a step that reaches all of so many places, and spreads the first few evenly.

    The step is coprime to the size, so that multiples of it reach each place once, and near the golden section of it,
    so that no few multiples come close to each other (Weyl's sequence).
    """
    steps = []
    for size in sizes.tolist():
        step = round(size * (math.sqrt(5) - 1) / 2)
        while math.gcd(step, size) != 1:
            step += 1
        steps.append(step)
    return np.array(steps)


def _checked_strengths(values: object, name: str, least: int) -> tuple[float, ...]:
    """Return strengths as a tuple, or raise."""
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) < least:
        raise DynalignError(f"{name} must list at least {least} of the strengths of stimuli, not be {values!r}.")
    for value in values:
        if not is_number(value) or not 0 < value <= 1:
            raise DynalignError(f"{name} has {value!r}; strengths are numbers above 0 and at most 1.")
    if len(set(values)) < len(values):
        raise DynalignError(f"{name} lists a strength twice: {list(values)}.")
    return tuple(values)
