"""Is a published claim reproduced? One rule for all claims, fixed before there are numbers.

A claim has parts, each a number with an interval and the region in which the claim wants it. A part is

- *inside* if its interval lies wholly in the region, and its p-value, if it has one, is below alpha after Holm's
  adjustment for the tests of the claim;
- *outside* if it is not inside, and its interval lies wholly outside the region, or the number is equivalent to 0: two
  one-sided tests at alpha put it within a share of the published effect. That is asked only where an effect was
  published and the region leaves out 0;
- *undecided* otherwise, and where it could not be computed.

A claim is reproduced if all its parts are inside, not reproduced if one is outside, and undecided otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dynalign.errors import DynalignError
from dynalign.inference import equivalent, holm
from dynalign.statistics import Estimate

Place = Literal["inside", "outside", "undecided"]
Outcome = Literal["reproduced", "not reproduced", "undecided"]


@dataclass(frozen=True)
class Rule:
    """The settings of the rule.

    Attributes
    ----------
    alpha : float
        The level of every test; intervals have a confidence of 1 - alpha.
    equivalence : float
        An effect smaller than this share of the published one counts as none.
    """

    alpha: float = 0.05
    equivalence: float = 0.5

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("equivalence", self.equivalence)):
            if not 0 < value < 1:
                raise DynalignError(f"The {name} of a rule lies between 0 and 1, which {value} does not.")


RULE = Rule()


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a claim.

    Attributes
    ----------
    name : str
        Unique within its claim.
    about : str
        What the number is, in one sentence.
    region : (float, float)
        Where the claim wants it: above the first and below the second, either of which may be infinite.
    estimate : Estimate or None
        The number with its interval; None if it could not be computed.
    p : float, optional
        Of a test of the part, not adjusted.
    published : float, optional
        The published effect, on the scale of the number.
    missing : str
        Why there is no number; given exactly where there is none.
    """

    name: str
    about: str
    region: tuple[float, float]
    estimate: Estimate | None
    p: float | None = None
    published: float | None = None
    missing: str = ""

    def __post_init__(self) -> None:
        low, high = self.region
        if not low < high:
            raise DynalignError(f"The region of part {self.name} goes from a lower to a higher end, not {self.region}.")
        if (self.estimate is None) != bool(self.missing):
            raise DynalignError(f"Part {self.name} needs either a number or the reason why there is none.")
        if self.estimate is None and self.p is not None:
            raise DynalignError(f"Part {self.name} has a p-value of {self.p} but no number.")

    def holds(self, low: float, high: float) -> bool:
        """Return whether an interval lies wholly in the region."""
        return (self.region[0] < low or self.region[0] == -math.inf) and (
            high < self.region[1] or self.region[1] == math.inf
        )

    def leaves_out(self, low: float, high: float) -> bool:
        """Return whether an interval lies wholly outside the region; its ends do not belong to it."""
        below = -math.inf < self.region[0] and high <= self.region[0]
        return below or (self.region[1] < math.inf and low >= self.region[1])


@dataclass(frozen=True, eq=False)
class Judgement:
    """What became of a part.

    Attributes
    ----------
    part : Part
    outcome : {"inside", "outside", "undecided"}
    p : float or None
        Holm's adjusted p-value, for the tests of the claim.
    why : str
        One sentence.
    """

    part: Part
    outcome: Place
    p: float | None
    why: str


@dataclass(frozen=True, eq=False)
class Verdict:
    """What became of a claim: ``parts`` in the order given, and ``why`` in one sentence."""

    outcome: Outcome
    parts: Sequence[Judgement]
    why: str


def verdict(parts: Sequence[Part], rule: Rule = RULE) -> Verdict:
    """Return whether a claim is reproduced.

    Raises
    ------
    DynalignError
        If there are no parts, or two of one name.
    """
    names = [part.name for part in parts]
    if not parts or len(set(names)) < len(names):
        raise DynalignError(f"A claim needs parts, each with a name of its own, not {names}.")
    adjusted = _adjusted(parts)
    judged = [_judge(part, p, rule) for part, p in zip(parts, adjusted, strict=True)]
    outcome, why = _outcome(judged)
    return Verdict(outcome, judged, why)


def _adjusted(parts: Sequence[Part]) -> list[float | None]:
    """Return Holm's p-values; a part without a number counts as a test that failed, so that others gain nothing."""
    tests = {part.name: 1.0 if part.p is None else part.p for part in parts if part.p is not None or part.missing}
    adjusted = dict(zip(tests, holm(list(tests.values())).tolist(), strict=True))
    return [None if part.p is None else adjusted[part.name] for part in parts]


def _judge(part: Part, p: float | None, rule: Rule) -> Judgement:
    if part.estimate is None:
        return Judgement(part, "undecided", None, f"It could not be computed: {part.missing}.")
    low, high = part.estimate.interval(1 - rule.alpha)
    number = f"{part.estimate.value:.3g}, {100 * (1 - rule.alpha):.3g} % interval {low:.3g} to {high:.3g}"
    region = f"the region from {part.region[0]:g} to {part.region[1]:g}"
    if math.isnan(low) or math.isnan(high):
        return Judgement(part, "undecided", p, f"Its interval is unknown ({number}).")
    significant = p is None or p < rule.alpha
    tested = "" if p is None else f", adjusted p {p:.2g}"
    if part.holds(low, high) and significant:
        return Judgement(part, "inside", p, f"It lies in {region} ({number}{tested}).")
    if part.leaves_out(low, high):
        return Judgement(part, "outside", p, f"It lies outside {region} ({number}{tested}).")
    if part.published is not None and not part.region[0] < 0 < part.region[1]:
        margin = rule.equivalence * abs(part.published)
        if equivalent(part.estimate, margin, alpha=rule.alpha):
            share = f"{margin:.3g}, {rule.equivalence:.3g} of the published effect"
            return Judgement(part, "outside", p, f"It is equivalent to 0: within {share} ({number}{tested}).")
    if part.holds(low, high):
        return Judgement(
            part, "undecided", p, f"It lies in {region}, but its test does not bear it out ({number}{tested})."
        )
    return Judgement(part, "undecided", p, f"Its interval crosses the border of {region} ({number}{tested}).")


def _outcome(judged: Sequence[Judgement]) -> tuple[Outcome, str]:
    of: dict[Place, list[str]] = {"inside": [], "outside": [], "undecided": []}
    for each in judged:
        of[each.outcome].append(each.part.name)
    if of["outside"]:
        return "not reproduced", f"Outside what the claim demands: {', '.join(of['outside'])}."
    if of["undecided"]:
        return "undecided", f"Undecided: {', '.join(of['undecided'])}."
    return "reproduced", f"All as the claim demands: {', '.join(of['inside'])}."
