from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from dynalign.cli import figures
from dynalign.cli.save import save_for_papers
from dynalign.errors import DynalignError
from dynalign.report import Problem, matrix_figure
from dynalign.results import Result, Sweep
from dynalign.tables import read_table, write_table


@pytest.fixture
def drawing() -> Figure:
    return matrix_figure(["one", "two"], np.array([[0.0, 0.4], [0.4, 0.0]]), "A title")


def test_fonts_travel_with_the_figures(drawing: Figure, tmp_path: Path) -> None:
    paths, problems = save_for_papers({"matrix/DSA(rank=3)": drawing, "map": Problem("no map")}, tmp_path / "figures")
    assert problems == ["no map"]
    assert [path.name for path in paths] == ["matrix-dsa-rank-3.svg", "matrix-dsa-rank-3.pdf"]
    svg, pdf = paths[0].read_text(encoding="utf-8"), paths[1].read_bytes()
    assert "<text" not in svg
    assert b"FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert not re.search(rb"CreationDate|https?://(?!matplotlib)", pdf)


def test_the_same_figure_gives_the_same_files(drawing: Figure, tmp_path: Path) -> None:
    one, two = (save_for_papers({"a": drawing}, tmp_path / name)[0] for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def left(folder: Path, status: str = "trained", command: str = "train") -> Path:
    Sweep.start(folder, command, [["seed=0"]])
    job = folder / "0"
    job.mkdir()
    Sweep.join(folder, job, command, 0, ["seed=0"])
    identity = Sweep.load(folder).results[0].sweep
    Result(command, 0, ["seed=0"], identity, status, key="0" * 16, folder=job).write()
    return folder


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nowhere", "nowhere is no folder"),
        (lambda folder: folder, "holds neither sweep.json nor result.json"),
        (lambda folder: left(folder, status="failed"), "has succeeded"),
        (lambda folder: left(folder, command="odd"), "figures are of train, testcase, study"),
        (left, "dissimilarities.parquet cannot be read"),
    ],
)
def test_a_folder_without_results_gets_one_sentence(make, said: str, tmp_path: Path) -> None:
    with pytest.raises(DynalignError, match=said):
        figures.write_figures(make(tmp_path), Console(file=io.StringIO()))


def test_figures_are_written_and_what_could_not_be_is_said(drawing, tmp_path: Path, monkeypatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("dynalign.cli.summary.figures", lambda _: {"one": drawing, "two": Problem("It [odd] failed.")})
    assert figures.write_figures(left(tmp_path), Console(file=out, width=60)) == ["It [odd] failed."]
    assert out.getvalue().splitlines() == [
        "It [odd] failed.",
        f"1 figure, each as SVG and PDF: {tmp_path / 'figures'}",
    ]


@pytest.mark.parametrize(("typed", "code"), [([], "type the one folder"), (["a", "b"], "type the one folder")])
def test_a_slip_of_the_command_line(typed, code: str, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["dynalign figures", *typed])
    with pytest.raises(SystemExit, match=code):
        figures.main()


def test_help(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["dynalign figures", "--help"])
    figures.main()
    assert "usage: dynalign figures FOLDER" in capsys.readouterr().out


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    write_table(table, tmp_path, "numbers")
    pd.testing.assert_frame_equal(read_table(tmp_path, "numbers"), table)
    (tmp_path / "numbers.parquet").write_text("no table")
    with pytest.raises(DynalignError, match="cannot be read"):
        read_table(tmp_path, "numbers")
