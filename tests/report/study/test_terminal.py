from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from dynalign.report import Failure, print_studies


def printed(*studies, width=140, failures=(), paths=None):
    stream = io.StringIO()
    console = Console(file=stream, width=width, color_system=None)
    print_studies(
        console, studies, failures=failures, paths={"report": Path("out/report.html")} if paths is None else paths
    )
    return stream.getvalue()


def lines_of(text):
    return [line.split() for line in text.splitlines()]


def test_groups_stand_in_order_with_what_they_reached(usual):
    lines = lines_of(printed(usual))
    rnn = [line for line in lines if line[:1] == ["RNN"]]
    assert [line[1] for line in rnn] == ["untrained", "master", "master", "basic", "full", "master,"]
    full = rnn[4]
    assert full[:4] == ["RNN", "full", "5/6", "0.900"]
    assert 0.1 < float(full[4]) < 0.11
    assert rnn[0][2] == "0.500"  # what is untrained has learned nothing, and was not to
    assert sum(line[:1] == ["Mamba"] for line in lines) == 3


def test_missing_networks_are_named_with_their_reason_as_it_is(usual):
    assert "missing  rnn basic seed 9: it [red]broke[/red] <b>" in printed(usual)


def test_a_reason_that_looks_like_markup_breaks_nothing(made):
    known = made([], lost={})
    odd = usual_row(known, "no [/such] tag")
    assert "no [/such] tag" in printed(odd)


def usual_row(known, reason):
    row = {
        "model": "rnn",
        "group": "[b]",
        "seed": 0,
        "accuracy": float("nan"),
        "learned": False,
        "epochs": float("nan"),
    }
    return replace(known, networks=type(known.networks)([{**row, "reason": reason}]))


def test_verdicts_follow_a_column_for_each_study(usual):
    text = printed(usual, replace(usual, title="published"))
    lines = lines_of(text)
    assert ["corrected"] in lines
    assert ["published"] in lines
    for claim in (4, 5, 6, 7):
        (line,) = [line for line in lines if line[:1] == [str(claim)]]
        outcome = usual.verdict(claim)["outcome"].split()
        assert line[-2 * len(outcome) :] == outcome * 2


def test_without_verdicts_there_is_no_table_of_them(usual):
    assert "claim" not in printed(replace(usual, verdicts=[]))


def test_what_is_missing_is_a_dash(bare):
    text = printed(bare)
    assert "nan" not in text
    (line,) = [line for line in lines_of(text) if line[:2] == ["RNN", "full"]]
    assert line == ["RNN", "full", "0/2", "–", "–", "–", "–"]
    assert text.count("no luck") == 4


def test_failures_and_paths_come_last(usual):
    text = printed(usual, failures=[Failure(["protocol=published"], "no [luck]")])
    assert "no [luck]" in text
    assert text.strip().splitlines()[-1].split() == ["report", "out/report.html"]


def test_only_failures():
    assert "no luck" in printed(failures=[Failure([], "no luck")])


def test_hostile_names_are_printed_as_they_are(hostile):
    text = printed(hostile, width=220)
    assert "<script>alert(1)</script>|[x]" in text
    assert "<i>DSA|</i>" in text
    assert "$x_{$" in text
