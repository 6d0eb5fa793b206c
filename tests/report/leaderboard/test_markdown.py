from __future__ import annotations

import html
import re

import pytest

from dynalign.report import headline_table, leaderboard_markdown

META = {"command": "python testcase.py -m seed=0,1", "date": "2030-01-02", "torch": "2.13.0"}


def tables(text):
    """All tables of a Markdown text, as lists of rows of cells."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("| "):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            found.append(rows)
            rows = []
    return found


def test_the_document_holds_everything(usual):
    board, _ = usual
    text = leaderboard_markdown(board, meta=META)
    main, toys = tables(text)
    assert main[0] == ["metric", "toy AUC\u00a0↑", "bears noise\u00a0↑", "time per pair"]
    assert main[1] == [":--", "--:", "--:", "--:"]
    assert [row[0] for row in main[2:]] == ["DSA", "CKA", "Procrustes", "Mine", "DSA(rank=3)", "Causal OT"]
    assert main[2] == ["DSA", "0.950 [0.931, 0.969]", "**&gt; 1**", "1.7 ms"]
    assert main[7] == ["Causal OT", "–¹", "–¹", "–"]
    assert toys[0] == ["metric", "toy AUC\u00a0↑", "bears noise\u00a0↑", "drift of toys\u00a0↓"]
    assert toys[2][3] == "**0** [-0.019, 0.019]"
    for known in (
        "```sh\npython testcase.py -m seed=0,1\n```",
        "What toys are for.",
        "How well toys are told apart.",
        "- **drift of toys\u00a0↓**: How far toys drift.",
        "¹ took longer than 120 s<br>",
        "Against CKA: better on “toy AUC” and “bears noise”.",
        "95 %",
        "mean place",
        "1 seed · date 2030-01-02 · torch 2.13.0",
    ):
        assert known in text
    assert text.startswith("# ")
    assert text.endswith("\n")


def test_the_headline_table_explains_what_is_missing(usual):
    text = headline_table(usual[0])
    assert len(tables(text)) == 1
    assert text.splitlines()[-1] == "¹ took longer than 120 s"
    assert "today" not in text  # no number of this table is missing for that reason


@pytest.mark.parametrize("label", ["a|b", "[red](x)", "<b>*x*</b>", "$x_$", "`x`", "a\nb | c", "&lt;", "\\|", "[1](x)"])
def test_a_label_is_no_markup(toys, label):
    board, _ = toys({label: (0.9, 0.5, 0.1), "CKA": label})
    text = leaderboard_markdown(board, meta={})
    for table in tables(text):
        assert {len(row) for row in table} == {len(table[0])}
        cell = next(row[0] for row in table if row[0] not in ("metric", ":--", "CKA"))
        shown = html.unescape(re.sub(r"\\([^a-z\s])", r"\1", cell.replace("<span>$</span>", "$")))
        assert shown == label.replace("\n", " ")
        for special in "|*_[`":
            assert not re.search(rf"(?<!\\){re.escape(special)}", cell.replace("\\\\", ""))
    assert "<b>" not in text


def test_a_command_with_backticks_stays_in_its_block(toys):
    text = leaderboard_markdown(toys({"CKA": (0.9, 0.5, 0.1)})[0], meta={"command": "echo ```\nx"})
    assert "````sh\necho ```\nx\n````" in text


def test_the_same_board_gives_the_same_text(usual):
    assert leaderboard_markdown(usual[0], meta=META) == leaderboard_markdown(usual[0], meta=META)
