from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dynalign.report import Failure, pairwise_matrix, print_summary


@pytest.fixture
def printed():
    def printed(data, failures=(), paths=None, width=100):
        stream = io.StringIO()
        console = Console(file=stream, width=width, color_system=None)
        print_summary(
            console,
            runs=data["runs"],
            table=data["table"],
            failures=failures,
            paths={"table": Path("out/table.csv"), "report": Path("out/report.html")} if paths is None else paths,
        )
        return stream.getvalue()

    return printed


def test_four_runs_fit_one_screen(study, printed):
    data = study(metrics=("dsa", "cka", "procrustes"))
    lines = printed(data).splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 100
    for run in data["runs"]["run"]:
        (line,) = [line for line in lines if run in line]
        assert "trained" in line
        assert "12.3 s" in line
    assert any("0.900/0.950" in line and "0.400" in line for line in lines)


def test_pairs_are_shown_by_place(study, printed):
    data = study()
    _, matrix = pairwise_matrix(data["table"], "dsa")
    lines = printed(data).splitlines()
    head = next(line for line in lines if "1–2" in line)
    assert head.split() == ["metric", "1–2", "1–3", "1–4", "2–3", "2–4", "3–4"]
    row = next(line for line in lines[lines.index(head) :] if line.split()[:1] == ["dsa"])
    assert row.split()[1:] == [f"{matrix[i, j]:.3f}" for i in range(4) for j in range(i + 1, 4)]


@pytest.mark.parametrize(("seeds", "pairs"), [(3, True), (4, False)])
def test_pairs_of_many_runs_are_left_to_the_report(study, printed, seeds, pairs):
    text = printed(study(noises=(0.0,), seeds=seeds))
    assert ("against each other" in text) == pairs
    assert ("5–6" in text) == pairs
    assert max(map(len, text.splitlines())) <= 100


def test_many_runs_are_cut(study, printed):
    text = printed(study(seeds=10))
    assert "... and 10 more runs, which the report shows." in text
    assert "#" in text


def test_failures_keep_brackets_and_come_before_the_paths(study, printed):
    text = printed(study(), [Failure(["model=[a]", "noise=9"], "noise=9 is [red]too much[/red].")])
    lines = text.splitlines()
    at = lines.index("failed model=[a] noise=9")
    assert lines[at + 1].strip() == "noise=9 is [red]too much[/red]."
    assert lines[-2:] == ["table  out/table.csv", "report out/report.html"]


def test_names_in_brackets_are_no_markup(study, printed):
    assert "[bold]-noise0-seed0" in printed(study(models=("[bold]",), noises=(0.0,)))


def test_long_paths_stay_on_one_line(study, printed):
    path = Path("folder" * 30)
    assert str(path) in printed(study(), paths={"report": path}).splitlines()[-1]


def test_nothing_finished(study, printed):
    data = study()
    empty = {"table": data["table"].iloc[:0], "runs": data["runs"].iloc[:0]}
    assert printed(empty, [Failure([], "no luck")]).splitlines()[:2] == ["failed (defaults)", "       no luck"]


def test_one_run_without_numbers(study, printed):
    data = study(models=("rnn",), noises=(0.0,))
    data["table"]["dissimilarity"] = np.nan
    data["runs"]["ideal_accuracy"] = np.nan
    text = printed(data)
    assert "0.900/–" in text
    assert "against each other" not in text
    assert "nan" not in text


def test_many_metrics_are_all_shown_and_nothing_is_cut(study, printed):
    metrics = ("dsa", "cka", "procrustes", "cca", "svcca", "pwcca", "rsa", "soft_matching", "causal_ot")
    lines = printed(study(metrics=metrics)).splitlines()
    assert max(map(len, lines)) <= 100
    for run in ("rnn-noise0-seed0", "mamba-noise0.1-seed0"):
        first, second = (line.split() for line in lines if run in line)
        assert first[-3:] == ["trained", "12.3", "s"], lines
        assert len(first) + len(second) == 2 * 2 + 2 + len(metrics) + 3
    assert any(line.split()[:1] == ["soft_matching"] for line in lines)
