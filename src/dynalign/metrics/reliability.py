"""How far is a system from itself, measured again? The floor, below which a distance says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.metrics.base import Metric
from dynalign.metrics.halves import check_halves, count, drawn_halves, half_size, take, trials_of
from dynalign.metrics.pairwise import measure
from dynalign.statistics import Estimate, bootstrap_weights, estimate, ratio_of_means

_SPREAD = (2.5, 97.5)  # per cent of the values between which ``low`` and ``high`` lie


@dataclass(frozen=True, eq=False)
class Reliability:
    """How far a system is from itself, and from others, on equally many trials. ``print`` it.

    Attributes
    ----------
    metric : str
        Label of the metric.
    trials : int
        In each half.
    values : array, shape (splits,)
        Distances of the system from itself, one per split of its trials.
    between : array, shape (splits, others)
        Distances of a half of the system from a half of each of the others.
    again : float or None
        Distance of all trials from all of the second recording, if there is one.
    ratio : Estimate or None
        Mean of ``between`` over mean of ``values``, with a bootstrap interval over the splits, if there are others. It
        says how sure the ratio is for these trials; new ones, or a second seed, may move it farther.
    """

    metric: str
    trials: int
    values: npt.NDArray[np.float64]
    between: npt.NDArray[np.float64]
    again: float | None
    ratio: Estimate | None

    @property
    def floor(self) -> float:
        """Mean distance of the system from itself."""
        return float(self.values.mean())

    @property
    def low(self) -> float:
        """The end below which 2.5 % of the distances from itself lie."""
        return float(np.percentile(self.values, _SPREAD[0]))

    @property
    def high(self) -> float:
        """The end above which 2.5 % of the distances from itself lie."""
        return float(np.percentile(self.values, _SPREAD[1]))

    def __str__(self) -> str:
        lines = [
            f"{self.metric} floor {self.floor:.3g} [{self.low:.3g}, {self.high:.3g}]: the system from itself, "
            f"{len(self.values)} times {self.trials} trials from {self.trials}"
        ]
        if self.again is not None:
            lines.append(f"measured again, all trials: {self.again:.3g}")
        if self.ratio is not None:
            verdict = "farther" if self.ratio.low > 1 else "no farther"
            others = self.between.shape[1]
            lines.append(
                f"from {others} other{'s' * (others != 1)} {self.between.mean():.3g}, which is {self.ratio.value:.3g} "
                f"[{self.ratio.low:.3g}, {self.ratio.high:.3g}] times the floor: {verdict} than from itself"
            )
        return "\n".join(lines)


def reliability(
    metric: Metric,
    x: Any,
    *,
    again: Any = None,
    others: Sequence[Any] = (),
    splits: int = 16,
    seed: int = 0,
) -> Reliability:
    """Measure how far a system is from itself, and how much farther from others.

    The trials of ``x`` are halved at random, many times, and one half is compared with the other. A metric that
    compares trial by trial cannot do that, for the halves hold different trials: it compares a half of ``x`` with the
    same trials in ``again``.

    Halves hold less than the whole. Noise weighs more in them, so that their distance is the floor of half of the data
    and an upper bound for that of all trials. Distances to ``others`` are therefore taken between halves, too.

    Parameters
    ----------
    metric : Metric
    x : array or Tensor, shape (trials, time, units); or Driven, if the metric needs inputs
        Two trials at least. A sequence of trials where the metric takes one.
    again : like ``x``, optional
        The same system, measured again: with other probe trials, another draw of the noise, another seed. The same
        trials in the same order for a metric that compares trial by trial, which needs it.
    others : sequence of systems like ``x``
        Those that ``x`` is to be told from.
    splits : int
        How often the trials are halved.
    seed : int
        Of the halves and of the bootstrap.

    Returns
    -------
    Reliability

    Raises
    ------
    DynalignError
        If there are fewer than two trials, trials that should match do not, ``again`` is missing where it is needed, or
        the metric refuses a half.

    Examples
    --------
    >>> from dynalign.metrics import DSA, reliability
    >>> print(reliability(DSA(), x, others=[y]))  # doctest: +SKIP
    """
    matched = metric.needs_matched_trials
    if again is None:
        check_halves(metric)
    whole = trials_of(x, "x")
    more = {f"other {place}": trials_of(other, f"other {place}") for place, other in enumerate(others)}
    repeated = None if again is None else trials_of(again, "again")
    _check_matched(metric, count(whole), more if repeated is None else {"again": repeated, **more})
    size = half_size([count(whole), *map(count, more.values())])
    halves = list(drawn_halves(count(whole), size, splits, seed))
    theirs = {
        name: [
            first for first, _ in (halves if matched else drawn_halves(count(other), size, splits, seed + 1 + place))
        ]
        for place, (name, other) in enumerate(more.items())
    }
    systems: dict[str, Any] = {}
    within, across = [], []
    for split, (first, second) in enumerate(halves):
        mine = f"a half of x (split {split})"
        systems[mine] = partial(take, whole, first)
        own = f"the same half of again (split {split})" if matched else f"the other half of x (split {split})"
        systems[own] = partial(take, *((repeated, first) if matched else (whole, second)))
        within.append((mine, own))
        for name, other in more.items():
            its = f"a half of {name} (split {split})"
            systems[its] = partial(take, other, theirs[name][split])
            across.append((mine, its))
    found = measure(metric, systems, within + across, strict=True)
    distances = np.array([each.value for each in found])
    values, between = distances[:splits], distances[splits:].reshape(splits, len(more))
    return Reliability(
        metric=metric.label,
        trials=size,
        values=values,
        between=between,
        again=None if again is None else metric(x, again),
        ratio=_ratio(values, between, seed) if more else None,
    )


def _check_matched(metric: Metric, trials: int, those: dict[str, Any]) -> None:
    for name, other in those.items():
        if metric.needs_matched_trials and count(other) != trials:
            raise DynalignError(
                f"x has {trials} trials and {name} has {count(other)}, but {metric.label} compares trial by trial; "
                "give the same trials in the same order."
            )


def _ratio(values: npt.NDArray[np.float64], between: npt.NDArray[np.float64], seed: int) -> Estimate:
    """Return the mean of ``between`` over that of ``values``; a bootstrap draws splits, with all that is in them."""
    places = np.arange(len(values))
    split = [*places.tolist(), *np.repeat(places, between.shape[1]).tolist()]
    above = np.arange(len(split)) >= len(values)
    every = np.concatenate([values, between.ravel()])
    return estimate(lambda weights: ratio_of_means(every, above, weights), bootstrap_weights([[split]], seed=seed))
