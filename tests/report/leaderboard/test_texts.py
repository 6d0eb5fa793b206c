from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dynalign.report.leaderboard.texts import answers, headed, shown, value_of
from dynalign.testcases import Criterion

PLAIN = Criterion("x", "x", "higher", "About x.")
LIMIT = Criterion("limit", "limit", "lower", "About limits.", least=0.001, most=1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "< 0.001"), (9e-4, "< 0.001"), (0.001, "0.0010"), (1.0, "1.00"), (1.01, "> 1"), (np.inf, "> 1")],
)
def test_values_beyond_what_was_tested_are_no_numbers(value, text):
    assert value_of(value, LIMIT) == text


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


def test_a_title_says_which_way_is_better():
    assert (headed(PLAIN), headed(LIMIT)) == ("x\u00a0↑", "limit\u00a0↓")


def test_answers_compare_dynamics_with_geometry(usual):
    found = {answer.metric: answer for answer in answers(usual[0])}
    assert set(found) == {"DSA", "DSA(rank=3)", "Causal OT"}
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
    board, _ = toys({"DSA": (0.9, 0.3, 0.0), "CKA": (0.8, 0.3, 0.0)})
    board.differences.loc[board.differences["criterion"] == "auc", ["low", "high"]] = [-0.1, 0.3]
    (answer,) = answers(board)
    assert answer.short == ["Against CKA: not told apart on “toy AUC” and “bears noise”."]
    assert "DSA cannot be told apart from CKA (0.900 against 0.800; the difference of 0.100" in answer.sentences[0]


def test_two_beyond_what_was_tested_are_not_told_apart(toys):
    board, _ = toys({"DSA": (0.9, np.inf, 0.0), "CKA": (0.8, np.inf, 0.0)})
    board.differences.loc[board.differences["criterion"] == "limit", ["value", "low", "high"]] = np.nan
    (answer,) = answers(board)
    assert answer.sentences[1] == "“bears noise”: DSA cannot be told apart from CKA (> 1 against > 1)."


def test_half_an_interval_may_be_known(toys):
    board, _ = toys({"DSA": (0.9, np.inf, 0.0), "CKA": (0.8, 0.4, 0.0)})
    board.differences.loc[board.differences["first"] == "DSA", "low"] = 0.19
    text = "(> 1 against 0.400; the difference has the interval [0.190, ∞])"
    assert text in answers(board)[0].sentences[1]


def test_less_can_be_better(toys):
    board, _ = toys({"DSA": (0.2, 0.3, 0.0), "CKA": (0.8, 0.3, 0.0)})
    first, *others = board.cases["toy"].criteria
    criteria = (dataclasses.replace(first, better="lower"), *others)
    lower = type("Lower", (type(board.cases["toy"]),), {"criteria": criteria})
    board = dataclasses.replace(board, cases={"toy": lower()})
    assert answers(board)[0].short == ["Against CKA: better on “toy AUC”; not told apart on “bears noise”."]


def test_without_cka_and_procrustes_there_is_nothing_to_answer(toys):
    assert answers(toys({"DSA": (0.9, 0.3, 0.0), "RSA": (0.8, 0.3, 0.0)})[0]) == []


def test_a_rival_without_numbers(toys):
    (answer,) = answers(toys({"DSA": (0.9, 0.3, 0.0), "CKA": "broke"})[0])
    assert answer.sentences[0] == "“toy AUC”: DSA cannot be compared, for lack of a number, with CKA."


def test_a_metric_of_dynamics_from_elsewhere_is_compared_too(toys):
    board, _ = toys({"Mine": (0.9, 0.3, 0.0), "CKA": (0.8, 0.3, 0.0)})
    mine = dataclasses.replace(board.descriptions["Mine"], compares="dynamics")
    assert answers(board) == []
    (answer,) = answers(dataclasses.replace(board, descriptions={**board.descriptions, "Mine": mine}))
    assert answer.metric == "Mine"


def test_rivals_are_known_whatever_their_settings(toys):
    board, _ = toys({"DSA": (0.9, 0.3, 0.0), "CKA (debiased)": (0.8, 0.3, 0.0)})
    rival = dataclasses.replace(board.descriptions["CKA (debiased)"], name="cka")
    known = dataclasses.replace(board, descriptions={**board.descriptions, "CKA (debiased)": rival})
    assert answers(known)[0].short[0].startswith("Against CKA (debiased): better on “toy AUC”")
