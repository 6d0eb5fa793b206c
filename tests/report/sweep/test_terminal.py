from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dynalign.report import Failure, pairwise_matrix, print_summary
from dynalign.report.parts.numbers import number


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
            factors=data["factors"],
            metrics=data["metrics"],
        )
        return stream.getvalue()

    return printed


def test_four_runs_fit_one_screen(study, printed):
    data = study(metrics=("DSA", "CKA", "Procrustes"))
    lines = printed(data).splitlines()
    assert len(lines) <= 22
    assert max(map(len, lines)) <= 100
    for run in data["runs"]["run"]:
        (line,) = [line for line in lines if run in line]
        assert "trained" in line
        assert "12.3 s" in line
    assert any("0.900/0.950" in line and "0.400" in line for line in lines)


def test_pairs_are_shown_by_place(study, printed):
    data = study()
    _, matrix = pairwise_matrix(data["table"], "DSA")
    lines = printed(data).splitlines()
    head = next(line for line in lines if "1–2" in line)
    assert head.split() == ["metric", "1–2", "1–3", "1–4", "2–3", "2–4", "3–4"]
    row = next(line for line in lines[lines.index(head) :] if line.split()[:1] == ["DSA"])
    assert row.split()[1:] == [number(matrix[i, j]) for i in range(4) for j in range(i + 1, 4)]


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
    assert lines[-3] == "1 job failed; the same command again computes only what is missing."
    assert lines[-2:] == ["table  out/table.csv", "report out/report.html"]


def test_names_in_brackets_are_no_markup(study, printed):
    assert "[bold] noise=0 seed=0" in printed(study(models=("[bold]",), noises=(0.0,)))


def test_long_paths_stay_on_one_line(study, printed):
    path = Path("folder" * 30)
    assert str(path) in printed(study(), paths={"report": path}).splitlines()[-1]


def test_nothing_finished(study, printed):
    data = study()
    empty = {**data, "table": data["table"].iloc[:0], "runs": data["runs"].iloc[:0]}
    assert printed(empty, [Failure([], "no luck")]).splitlines()[:2] == ["failed (defaults)", "       no luck"]


def test_one_run_without_numbers(study, printed):
    data = study(models=("rnn",), noises=(0.0,))
    data["table"]["dissimilarity"] = np.nan
    data["runs"]["ideal_accuracy"] = np.nan
    text = printed(data)
    assert "0.900 " in text
    assert "0.900/" not in text
    assert "against each other" not in text
    assert "nan" not in text


def test_many_metrics_are_all_shown_and_nothing_is_cut(study, printed):
    metrics = ("DSA", "CKA", "Procrustes", "CCA", "SVCCA", "PWCCA", "RSA", "Soft_matching", "DSA(rank=10)")
    lines = printed(study(metrics=metrics)).splitlines()
    assert max(map(len, lines)) <= 100
    for run in ("rnn noise=0 seed=0", "mamba noise=0.1 seed=0"):
        first, second = (line.split() for line in lines if run in line)
        assert first[-3:] == ["trained", "12.3", "s"], lines
        assert len(first) + len(second) == 2 * 4 + 2 + len(metrics) + 3
    assert any(line.split()[:1] == ["Soft_matching"] for line in lines)


def test_the_legend_says_what_varied_and_in_which_units(study, printed):
    text = " ".join(printed(study(metrics=("DSA(scale=radians)", "CKA", "Mine"), seeds=7)).split())
    assert text.startswith("varied: model mamba, rnn; noise 0, 0.1; seed (7 levels) accuracy/the ideal observer's; ")
    assert (
        "; DSA = DSA(scale=radians) (dynamics, rad), CKA (geometry, angle / (π/2)), Mine (geometry): "
        "dissimilarity to initial (0 is the same)"
    ) in text


def test_runs_that_lack_a_metric_have_a_table_without_it(study, printed):
    data = study()
    table = data["table"]
    gone = (table["metric"] == "CKA") & ((table["model"] == "rnn") | table["reference"].str.startswith("rnn"))
    text = printed({**data, "table": table[~gone]})
    assert " –" not in text
    heads = [line.split() for line in text.splitlines() if line.split()[:1] == ["#"]]
    assert heads == [
        ["#", "run", "accuracy", "epochs", "DSA", "status", "time"],
        ["#", "run", "accuracy", "epochs", "DSA", "CKA", "status", "time"],
    ]
    lines = text.splitlines()
    (place,) = [i for i, line in enumerate(lines) if line.split() == ["metric", "3–4"]]
    assert lines[place + 2].split()[0] == "CKA"


def test_two_references_are_told_apart(study, printed):
    data = study(metrics=("DSA",))
    learning = data["table"][data["table"]["comparison"] == "learning"]
    data["table"] = pd.concat([learning, learning.assign(reference="previous", dissimilarity=0.25)])
    text = printed(data)
    assert "dissimilarity to initial, previous" in text
    row = next(line for line in text.splitlines() if "rnn noise=0 seed=0" in line)
    assert row.split()[5:8] == ["4", "0.400", "0.250"]


def test_floors_stand_in_brackets_and_below_pairs(study, printed):
    data = study(metrics=("DSA", "CKA", "Procrustes"))
    table = data["table"]
    data["table"] = table.assign(floor=np.where(table["metric"] == "DSA", 0.0321, np.nan))
    text = printed(data)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "in brackets the floor: of halves of a network's own trials" in " ".join(text.split())
    assert any("DSA (floor)    CKA  Procrustes" in line for line in lines)
    assert any("0.400 (0.032)  0.400       0.400" in line for line in lines if "rnn noise=0 seed=0" in line)
    assert [line.split()[2:] for line in lines if line.split()[:2] == ["DSA", "floor"]] == [["0.032"] * 6]
    assert "CKA floor" not in text
    assert " –" not in text


def test_many_metrics_with_floors_go_on_below(study, printed):
    data = study(metrics=("DSA", "DSA(rank=10)", "DSA(rank=20)", "CKA"))
    data["table"] = data["table"].assign(floor=0.0321)
    lines = printed(data).splitlines()
    assert max(map(len, lines)) <= 100
    assert len([line for line in lines if "rnn noise=0 seed=0" in line]) == 2


@pytest.mark.parametrize("width", [80, 120])
def test_heads_and_numbers_are_whole_at_any_width(study, printed, width):
    labels = ("DSA(n_delays=3, rank=6, starts=12)", "DSA(n_delays=9)", "CKA", "Procrustes")
    data = study(metrics=labels)
    data["runs"]["status"] = "from store"
    text = printed(data, width=width)
    for said in ("DSA 1 = DSA(n_delays=3,", "DSA 2 =", "accuracy  epochs", "12.3 s", "from store"):
        assert said in text.replace("\n", " ")
    tables = [line.split() for line in text.splitlines() if line.lstrip().startswith("#  run")]
    heads = " ".join(word for line in tables for word in line[2:])
    assert [word for word in ("DSA 1", "DSA 2", "CKA", "Procrustes") if word in heads] == [
        "DSA 1", "DSA 2", "CKA", "Procrustes",
    ]  # fmt: skip
    assert (len(tables) > 1) == (width < 120)
    assert max(map(len, text.splitlines())) <= width
