"""The rule of verdicts, case by case."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.statistics import Estimate
from dynalign.studies.verdict import Part, Rule, verdict


def about(low: float, high: float) -> Estimate:
    """Return a number whose 95 % interval is (low, high), and whose 90 % interval is 20 / 19 narrower."""
    return Estimate((low + high) / 2, np.linspace(low - (high - low) / 38, high + (high - low) / 38, 1001))


def part(low: float, high: float, region: tuple[float, float] = (0, inf), name: str = "a", **more: Any) -> Part:
    return Part(name, "Something.", region, about(low, high), **more)


def lost(name: str = "lost", reason: str = "two networks are missing") -> Part:
    return Part(name, "Something.", (0, inf), None, missing=reason)


def test_the_helper_makes_the_interval_it_says() -> None:
    np.testing.assert_allclose(about(1, 3).interval(0.95), [1, 3], atol=0.01)
    np.testing.assert_allclose(about(1, 3).interval(0.9), [1.05, 2.95], atol=0.01)


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (part(0.1, 0.4), "inside"),
        (part(-0.1, 0.4), "undecided"),
        (part(-0.4, -0.1), "outside"),
        (part(1.9, 2.4, (1.8, inf)), "inside"),
        (part(1.1, 1.7, (1.8, inf)), "outside"),
        (part(1.1, 1.9, (1.8, inf)), "undecided"),
        (part(-0.5, 0.05, (-inf, 0.06)), "inside"),
        (part(0.07, 0.2, (-inf, 0.06)), "outside"),
        (part(-0.05, 0.05, (-0.06, 0.06)), "inside"),
        (part(-0.05, 0.07, (-0.06, 0.06)), "undecided"),
        # A p-value, alone in its claim.
        (part(0.1, 0.4, p=0.04), "inside"),
        (part(0.1, 0.4, p=0.05), "undecided"),
        (part(-0.4, -0.1, p=0.9), "outside"),
        # Equivalent to 0: within half of what was published, at a confidence of 90 %.
        (part(-0.1, 0.14, published=0.3), "outside"),
        (part(-0.1, 0.14, published=-0.3), "outside"),
        (part(-0.1, 0.153, published=0.3), "outside"),  # 90 %: up to 0.147
        (part(-0.1, 0.16, published=0.3), "undecided"),
        (part(-0.1, 0.1), "undecided"),
        (part(-0.08, 0.03, (-0.06, 0.06), published=0.3), "undecided"),  # the region holds 0: no effect is claimed
        # Where the claim is of a direction, a small effect in that direction is inside, ...
        (part(0.01, 0.1, published=0.3), "inside"),
        # ... unless its test does not bear it out.
        (part(0.01, 0.1, published=0.3, p=0.2), "outside"),
    ],
)
def test_a_part(given: Part, outcome: str) -> None:
    judged = verdict([given])
    assert judged.parts[0].outcome == outcome
    assert judged.outcome == {"inside": "reproduced", "outside": "not reproduced", "undecided": "undecided"}[outcome]


def test_ends_of_a_region_do_not_belong_to_it() -> None:
    nothing = Part("nothing", "An effect of exactly 0.", (0, inf), Estimate(0.0, np.zeros(10)))
    assert verdict([nothing]).outcome == "not reproduced"
    infinite = Part("ratio", "Something over nothing.", (1.8, inf), Estimate(inf, np.full(10, inf)))
    assert verdict([infinite]).outcome == "reproduced"
    bottomless = Part("ratio", "The logarithm of nothing.", (-inf, 0), Estimate(-inf, np.full(10, -inf)))
    assert verdict([bottomless]).outcome == "reproduced"


def test_a_claim_is_as_good_as_its_parts() -> None:
    good, open_, bad = part(1, 2, name="good"), part(-1, 2, name="open"), part(-2, -1, name="bad")
    fine = part(1, 2, name="fine")
    for parts, outcome, why in [
        ([good, fine], "reproduced", "All as the claim demands: good, fine."),
        ([good, open_], "undecided", "Undecided: open."),
        ([good, open_, bad], "not reproduced", "Outside what the claim demands: bad."),
        ([good, lost()], "undecided", "Undecided: lost."),
        ([bad, lost()], "not reproduced", "Outside what the claim demands: bad."),
    ]:
        judged = verdict(parts)
        assert (judged.outcome, judged.why) == (outcome, why)
        assert [each.part for each in judged.parts] == parts


def test_p_values_are_adjusted_within_the_claim() -> None:
    parts = [part(1, 2, name="a", p=0.01), part(1, 2, name="b", p=0.03), part(1, 2, name="c")]
    judged = verdict(parts).parts
    assert [each.p for each in judged] == [0.02, 0.03, None]
    assert [each.outcome for each in judged] == ["inside"] * 3
    judged = verdict([parts[0], parts[1], lost()]).parts  # what is missing is a test too
    assert [each.p for each in judged] == pytest.approx([0.03, 0.06, None])
    assert [each.outcome for each in judged] == ["inside", "undecided", "undecided"]
    assert "adjusted p 0.06" in judged[1].why


def test_reasons() -> None:
    judged = verdict([lost(), part(0.1, 0.4), part(-0.1, 0.14, name="b", published=0.3)]).parts
    assert judged[0].why == "It could not be computed: two networks are missing."
    assert judged[1].why == "It lies in the region from 0 to inf (0.25, 95 % interval 0.1 to 0.4)."
    assert judged[2].why.startswith("It is equivalent to 0: within 0.15, 0.5 of the published effect (0.02, 95 % ")


def test_an_unknown_interval_decides_nothing() -> None:
    unknown = Part("a", "Something.", (0, inf), Estimate(1.0, np.array([nan])), published=0.3)
    judged = verdict([unknown])
    assert judged.outcome == "undecided"
    assert "unknown" in judged.parts[0].why


def test_settings_of_the_rule() -> None:
    wide = part(0.001, 0.4)
    assert verdict([wide]).outcome == "reproduced"
    assert verdict([wide], Rule(alpha=0.01)).outcome == "undecided"
    small = part(-0.1, 0.14, published=0.3)
    assert verdict([small], Rule(equivalence=0.3)).outcome == "undecided"
    for settings in ({"alpha": 0.0}, {"alpha": 1.5}, {"equivalence": -1.0}):
        with pytest.raises(DynalignError, match="lies between 0 and 1"):
            Rule(**settings)


def test_parts_that_make_no_sense() -> None:
    with pytest.raises(DynalignError, match="from a lower to a higher end"):
        part(0, 1, (1, 1))
    with pytest.raises(DynalignError, match="either a number or the reason"):
        lost(reason="")
    with pytest.raises(DynalignError, match="either a number or the reason"):
        part(0, 1, missing="a network")
    with pytest.raises(DynalignError, match=r"p-value of 0\.1 but no number"):
        Part("a", "Something.", (0, inf), None, p=0.1, missing="a network")
    with pytest.raises(DynalignError, match="a name of its own"):
        verdict([part(0, 1), part(1, 2)])
    with pytest.raises(DynalignError, match="needs parts"):
        verdict([])
