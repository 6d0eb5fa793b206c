from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dynalign.report import Failure, print_leaderboard


def printed(board, *, width=110, failures=(), paths=None, colours=None):
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=colours, force_terminal=colours is not None)
    print_leaderboard(
        console, board, failures=failures, paths={"report": Path("out/report.html")} if paths is None else paths
    )
    return stream.getvalue()


def test_metrics_stand_in_order_with_intervals_and_time(usual):
    lines = printed(usual[0]).splitlines()
    assert max(map(len, lines)) <= 110
    head = next(place for place, line in enumerate(lines) if line.split()[:1] == ["metric"])
    assert lines[head].split() == ["metric", "toy", "AUC↑", "bears", "noise↑", "per", "pair"]
    first = [line.split()[0] for line in lines[head + 2 : head + 14] if line.strip() and line[1] != " "]
    assert first == ["DSA", "CKA", "Procrustes", "Mine", "DSA(rank=3)", "Causal"]
    (at,) = [place for place, line in enumerate(lines[:20]) if line.split()[:1] == ["CKA"]]
    assert lines[at].split() == ["CKA", "0.900", "0.360", "1.7", "ms"]
    assert lines[at + 1].split() == ["[0.881,", "0.919]", "[0.341,", "0.379]"]


def test_the_other_criteria_follow_by_test_case(usual):
    lines = printed(usual[0]).splitlines()
    below = lines[lines.index("Toys") :]
    assert [line.split() for line in below if line.split()[:1] in (["DSA"], ["CKA"], ["Procrustes"])] == [
        ["DSA", "0"],
        ["CKA", "0"],
        ["Procrustes", "0.200"],
    ]
    assert not any("[0.1" in line for line in below)


def test_reasons_are_listed_once_under_their_number(usual):
    lines = printed(usual[0]).splitlines()
    assert lines.count("¹ took longer than 120 s") == 1
    assert lines.count("² not [red]today[/red] | <b>") == 1
    lost = [line.split()[2:] for line in lines if line.split()[:2] == ["Causal", "OT"]]
    assert lost == [["–¹", "–¹", "–"], ["–¹"]]
    assert ["Mine", "–²"] in [line.split() for line in lines]


def test_leaders_are_bold(usual):
    text = printed(usual[0], colours="standard")
    bold = [part.strip() for part in re.findall(r"\x1b\[1m([^\x1b]*)", text)]
    assert "> 1" in bold
    assert "0.951" in bold
    assert "0.950" not in bold
    assert "0.950" in text


def test_failures_and_paths_come_last(usual):
    lines = printed(usual[0], failures=[Failure(["metric=[a]"], "[red]no[/red]")]).splitlines()
    assert lines[-4:-2] == ["failed metric=[a]", "       [red]no[/red]"]
    assert lines[-1] == "report out/report.html"


@pytest.mark.parametrize("width", [60, 80, 110])
def test_wide_tables_are_continued_and_nothing_is_cut(toys, width):
    board, _ = toys({f"metric{place}": (0.5 + place / 100, 0.2, 0.1) for place in range(3)})
    case = board.cases["toy"]
    scores = board.scores[board.scores["criterion"] == "auc"]
    extra = [dataclasses.replace(case.criteria[0], name=f"auc{i}", title=f"a rather long title {i}") for i in range(6)]
    more = [scores.assign(criterion=each.name, low=-0.5, value=0.1 * i) for i, each in enumerate(extra)]
    case = type("Wide", (type(case),), {"criteria": (*case.criteria, *extra)})()
    board = dataclasses.replace(board, cases={"toy": case}, scores=pd.concat([board.scores, *more], ignore_index=True))
    text = printed(board, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    row = [line.split()[1:] for line in text.splitlines() if line.split()[:1] == ["metric0"]]
    values = [value for part in row for value in part]
    assert values == ["0.500", "0.200", "0", "0.100", "0.200", "0.300", "0.400", "0.500", "1.7", "ms", "0.100"]


@pytest.mark.parametrize("label", ["[red]x[/red]", "[/]", "a|b", "$x_$"])
def test_a_label_is_no_markup(toys, label):
    assert printed(toys({label: (0.9, 0.5, 0.1)})[0]).count(label) == 2


def test_a_long_label_is_folded(toys):
    label = "dsa " + "setting=value" * 5
    text = printed(toys({label: (0.9, 0.5, 0.1), "CKA": (0.9, np.inf, 0.1)})[0], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "CKA" in text


def test_nothing_was_measured(toys):
    board, _ = toys({"CKA": (0.9, 0.5, 0.1)})
    empty = dataclasses.replace(board, cases={}, scores=board.scores[:0], metrics=board.metrics[:0])
    assert printed(empty, failures=[Failure([], "no luck")]).splitlines()[:2] == ["failed (defaults)", "       no luck"]
