from __future__ import annotations

from dataclasses import replace

import pytest

from dynalign.report.study.texts import CLAIMS, outcome_of, shown, value_of
from dynalign.studies.judging import EVERY, GATED

PART = {
    "name": "fall", "about": "How far.", "region": [0.0, None], "published": 0.1, "outcome": "inside", "why": "So.",
    "p": 0.01, "value": 0.2, "low": 0.1, "high": 0.3,
}  # fmt: skip


def test_all_seven_claims_are_known():
    assert [claim.number for claim in CLAIMS] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "✓ 0.200 [0.100, 0.300], p 0.010"),
        ({"p": None, "outcome": "outside"}, "✗ 0.200 [0.100, 0.300]"),
        ({"high": None, "p": None, "outcome": "undecided"}, "? 0.200 [0.100, –]"),
        ({"value": None, "low": None, "high": None, "p": None, "outcome": "undecided"}, "? –"),
    ],
)
def test_a_number_with_its_interval(changes, text):
    assert value_of({**PART, **changes}) == text


def test_claims_with_verdicts_are_shown_in_order_with_every_part(usual):
    found = shown([usual])
    assert [each.claim.number for each in found] == [4, 5, 6, 7]
    four = found[0]
    assert four.outcomes == [
        ("DSA", usual.verdict(4)["outcome"]),
        (f"DSA, {GATED}", usual.verdict(4, networks=GATED)["outcome"]),
    ]
    assert four.heads == ["DSA"]
    assert [row.name for row in four.rows] == [part["name"] for part in usual.verdict(4)["parts"]]
    assert [row.wanted for row in four.rows] == ["> 0"] * 3 + ["< 0.06"] * 2
    assert [row.published for row in four.rows][3:] == ["–", "–"]
    assert "–" not in [row.published for row in four.rows][:3]


def test_protocols_stand_beside_each_other(usual):
    fewer = [
        {**each, "parts": each["parts"][:1], "outcome": "reproduced"}
        for each in usual.verdicts
        if each["claim"] == 4 and each["networks"] == EVERY
    ]
    other = replace(usual, title="published", verdicts=fewer)
    four = shown([usual, other])[0]
    assert four.heads == ["corrected, DSA", "published, DSA"]
    assert [row.cells[1] for row in four.rows][1:] == ["–"] * 4
    assert four.rows[0].cells[0] == four.rows[0].cells[1]
    assert outcome_of(4, other) == "reproduced"
    assert outcome_of(5, other) == "–"
    assert outcome_of(4, usual, GATED) == usual.verdict(4, networks=GATED)["outcome"]


def test_claims_on_known_systems_are_not_by_the_column_that_is_judged(usual):
    one = {"claim": 1, "column": "dsa", "networks": EVERY, "outcome": "reproduced", "why": "So.", "parts": [PART]}
    known = replace(usual, judged="dsa_inputs", verdicts=[one])
    assert outcome_of(1, known) == "reproduced"
    assert shown([known])[0].outcomes == [("all", "reproduced")]


def test_a_region_with_two_ends_is_written_as_such(usual):
    verdict = {"claim": 4, "column": "dsa", "networks": EVERY, "outcome": "undecided", "why": "So."}
    part = {**PART, "region": [-0.1, 0.1]}
    (found,) = shown([replace(usual, verdicts=[{**verdict, "parts": [part]}])])
    assert found.rows[0].wanted == "-0.1 to 0.1"
