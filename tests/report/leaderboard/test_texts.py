from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from dynalign.report.leaderboard_table import Notes, criteria_of, headlines, raised
from dynalign.report.leaderboard_texts import answers, bounded, headed, number, pace, shown
from dynalign.report.metric_texts import metric_of, named

from dynalign.testcases import Criterion

PLAIN = Criterion("x", "x", "higher", "About x.")
LIMIT = Criterion("limit", "limit", "lower", "About limits.", least=0.001, most=1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.96388, "0.964"),
        (1863.097, "1863"),
        (187.2, "187"),
        (12.814, "12.8"),
        (6.007, "6.01"),
        (0.99996, "1.00"),
        (-0.0854, "-0.085"),
        (0.0029603, "0.0030"),
        (0.0004, "4e-4"),
        (1.7e-5, "2e-5"),
        (-3e-7, "-3e-7"),
        (1e-9, "1e-9"),
        (9e-10, "0"),
        (1e-15, "0"),
        (0.0, "0"),
        (2.5e6, "2e6"),
        (np.inf, "∞"),
        (-np.inf, "-∞"),
        (np.nan, "–"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "< 0.001"), (9e-4, "< 0.001"), (0.001, "0.0010"), (1.0, "1.00"), (1.01, "> 1"), (np.inf, "> 1")],
)
def test_values_beyond_what_was_tested_are_no_numbers(value, text):
    assert bounded(value, LIMIT) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "criterion", "text"),
    [
        (0.9639, 0.9451, 0.9826, PLAIN, "0.964 [0.945, 0.983]"),
        (0.38, 0.31, np.inf, LIMIT, "0.380 [0.310, > 1]"),
        (np.inf, 0.0, np.inf, LIMIT, "> 1 [< 0.001, > 1]"),
        (np.inf, np.inf, np.inf, LIMIT, "> 1"),
        (np.inf, 3.0, np.inf, PLAIN, "∞ [3.00, ∞]"),
        (1e-15, 1e-16, 2e-15, PLAIN, "0"),
        (0.5, np.nan, np.nan, PLAIN, "0.500 [–, –]"),
        (np.nan, np.nan, np.nan, PLAIN, "–"),
    ],
)
def test_a_score_has_its_interval(value, low, high, criterion, text):
    assert shown({"value": value, "low": low, "high": high}, criterion) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1e-6, "< 0.01 ms"),
        (0.000136, "0.14 ms"),
        (0.0017, "1.7 ms"),
        (0.221, "221 ms"),
        (0.9999, "1.0 s"),
        (12.34, "12.3 s"),
        (120.4, "120 s"),
        (np.nan, "–"),
    ],
)
def test_time_per_pair_has_a_sensible_unit(seconds, text):
    assert pace(seconds) == text


def test_a_title_says_which_way_is_better():
    assert (headed(PLAIN), headed(LIMIT)) == ("x\u00a0↑", "limit\u00a0↓")


@pytest.mark.parametrize(
    ("label", "name", "text"),
    [
        ("dsa", "dsa", "DSA"),
        ("dsa rank=10", "dsa", "DSA rank=10"),
        ("dsa_low_rank rank=3", "dsa", "DSA (low rank) rank=3"),
        ("soft_matching", "soft_matching", "Soft matching"),
        ("dsaster", None, "dsaster"),
        ("mine [red]", None, "mine [red]"),
    ],
)
def test_labels_are_named_by_their_metric(label, name, text):
    metric = metric_of(label)
    assert (metric.name if metric else None) == name
    assert named(label) == text


def test_tables_hold_every_metric_in_the_order_of_the_board(usual):
    board, _ = usual
    notes = Notes()
    table = headlines(board, notes)
    assert [label for label, _ in table.rows] == list(board.metrics["metric"])
    assert [criterion.name for criterion in table.criteria] == ["auc", "limit"]
    scores = dict(table.rows)
    assert [score.text for score in scores["dsa"]] == ["0.950 [0.931, 0.969]", "> 1"]
    assert [score.short for score in scores["procrustes"]] == ["0.951", "< 0.001"]
    assert scores["cka"][0].around == "[0.881, 0.919]"
    assert [score.leads for score in scores["dsa"]] == [False, True]
    assert [score.leads for score in scores["procrustes"]] == [True, False]


def test_a_reason_is_noted_once(usual):
    board, _ = usual
    notes = Notes()
    scores = dict(criteria_of(board, "toy", notes).rows)
    assert {score.note for score in scores["causal_ot"]} == {notes.mark("took longer than 120 s")}
    assert scores["mine"][2].note == notes.mark("not [red]today[/red] | <b>")
    assert [score.note for score in scores["mine"][:2]] == [0, 0]
    assert len(notes.reasons) == 2
    assert [criterion.name for criterion in criteria_of(board, "toy", notes, headline=False).criteria] == ["drift"]
    assert (raised(0), raised(12)) == ("", "¹²")


def test_no_rounding_error_leads_another(toys):
    board, _ = toys({"cka": (0.9, 0.5, 1e-15), "dsa": (0.9, 0.5, 3e-12), "rsa": (0.9, 0.5, 0.1)})
    board.scores["leads"] = board.scores["metric"] == "cka"
    drift = {label: scores[2] for label, scores in criteria_of(board, "toy", Notes()).rows}
    assert {label: score.leads for label, score in drift.items()} == {"cka": True, "dsa": True, "rsa": False}


def test_answers_compare_dynamics_with_geometry(usual):
    found = {answer.metric: answer for answer in answers(usual[0])}
    assert set(found) == {"DSA", "DSA (low rank) rank=3", "Causal OT"}
    assert found["DSA"].short == [
        "Against CKA: better on “toy AUC” and “bears noise”.",
        "Against Procrustes: better on “bears noise”; worse on “toy AUC”.",
    ]
    assert found["DSA"].sentences[0] == (
        "“toy AUC”: DSA does better than CKA (0.950 against 0.900; the difference of 0.050 has the interval "
        "[0.050, 0.050]); it does worse than Procrustes (0.950 against 0.951; the difference of -0.0010 has the "
        "interval [-0.0010, -0.0010])."
    )
    assert found["DSA"].sentences[1] == (
        "“bears noise”: DSA does better than CKA (> 1 against 0.360) and Procrustes (> 1 against < 0.001)."
    )
    assert found["Causal OT"].sentences[0] == "“toy AUC”: Causal OT has no number (took longer than 120 s)."
    assert found["Causal OT"].short[0] == "Against CKA: no number on “toy AUC” and “bears noise”."


def test_a_difference_whose_interval_holds_0_tells_nothing_apart(toys):
    board, _ = toys({"dsa": (0.9, 0.3, 0.0), "cka": (0.8, 0.3, 0.0)})
    board.differences.loc[board.differences["criterion"] == "auc", ["low", "high"]] = [-0.1, 0.3]
    (answer,) = answers(board)
    assert answer.short == ["Against CKA: not told apart on “toy AUC” and “bears noise”."]
    assert "DSA cannot be told apart from CKA (0.900 against 0.800; the difference of 0.100" in answer.sentences[0]


def test_two_beyond_what_was_tested_are_not_told_apart(toys):
    board, _ = toys({"dsa": (0.9, np.inf, 0.0), "cka": (0.8, np.inf, 0.0)})
    board.differences.loc[board.differences["criterion"] == "limit", ["value", "low", "high"]] = np.nan
    (answer,) = answers(board)
    assert answer.sentences[1] == "“bears noise”: DSA cannot be told apart from CKA (> 1 against > 1)."


def test_half_an_interval_may_be_known(toys):
    board, _ = toys({"dsa": (0.9, np.inf, 0.0), "cka": (0.8, 0.4, 0.0)})
    board.differences.loc[board.differences["first"] == "dsa", "low"] = 0.19
    text = "(> 1 against 0.400; the difference has the interval [0.190, ∞])"
    assert text in answers(board)[0].sentences[1]


def test_less_can_be_better(toys):
    board, _ = toys({"dsa": (0.2, 0.3, 0.0), "cka": (0.8, 0.3, 0.0)})
    first, *others = board.cases["toy"].criteria
    criteria = (dataclasses.replace(first, better="lower"), *others)
    lower = type("Lower", (type(board.cases["toy"]),), {"criteria": criteria})
    board = dataclasses.replace(board, cases={"toy": lower()})
    assert answers(board)[0].short == ["Against CKA: better on “toy AUC”; not told apart on “bears noise”."]


def test_without_cka_and_procrustes_there_is_nothing_to_answer(toys):
    assert answers(toys({"dsa": (0.9, 0.3, 0.0), "rsa": (0.8, 0.3, 0.0)})[0]) == []


def test_a_rival_without_numbers(toys):
    (answer,) = answers(toys({"dsa": (0.9, 0.3, 0.0), "cka": "broke"})[0])
    assert answer.sentences[0] == "“toy AUC”: DSA cannot be compared, for lack of a number, with CKA."
