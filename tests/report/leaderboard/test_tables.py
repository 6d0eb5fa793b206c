from __future__ import annotations

from dynalign.report.leaderboard.tables import Notes, criteria_of, headlines, raised


def test_tables_hold_every_metric_in_the_order_of_the_board(usual):
    board, _ = usual
    notes = Notes()
    table = headlines(board, notes)
    assert [label for label, _ in table.rows] == list(board.metrics["metric"])
    assert [criterion.name for criterion in table.criteria] == ["auc", "limit"]
    scores = dict(table.rows)
    assert [score.text for score in scores["DSA"]] == ["0.950 [0.931, 0.969]", "> 1"]
    assert [score.short for score in scores["Procrustes"]] == ["0.951", "< 0.001"]
    assert scores["CKA"][0].around == "[0.881, 0.919]"
    assert [score.leads for score in scores["DSA"]] == [False, True]
    assert [score.leads for score in scores["Procrustes"]] == [True, False]


def test_a_reason_is_noted_once(usual):
    board, _ = usual
    notes = Notes()
    scores = dict(criteria_of(board, "toy", notes).rows)
    assert {score.note for score in scores["Causal OT"]} == {notes.mark("took longer than 120 s")}
    assert scores["Mine"][2].note == notes.mark("not [red]today[/red] | <b>")
    assert [score.note for score in scores["Mine"][:2]] == [0, 0]
    assert len(notes.reasons) == 2
    assert [criterion.name for criterion in criteria_of(board, "toy", notes, headline=False).criteria] == ["drift"]
    assert (raised(0), raised(12)) == ("", "¹²")


def test_no_rounding_error_leads_another(toys):
    board, _ = toys({"CKA": (0.9, 0.5, 1e-15), "DSA": (0.9, 0.5, 3e-12), "RSA": (0.9, 0.5, 0.1)})
    board.scores["leads"] = board.scores["metric"] == "CKA"
    drift = {label: scores[2] for label, scores in criteria_of(board, "toy", Notes()).rows}
    assert {label: score.leads for label, score in drift.items()} == {"CKA": True, "DSA": True, "RSA": False}
