"""Names and numbers that have broken a report: formulas, markup, infinities."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tests.report.pages import unscripted

from dynalign.report import print_summary, write_report


def renamed(study, suffix):
    new = {run: run + suffix for run in study["runs"]["run"]}
    return {
        **study,
        "table": study["table"].replace({"run": new, "reference": new}),
        "runs": study["runs"].replace({"run": new}),
        "histories": {new[run]: history for run, history in study["histories"].items()},
    }


def page(path, study):
    page, problems = write_report(path, **study, failures=[], meta={}, configs={})
    assert problems == []
    return unscripted(page.read_text(encoding="utf-8"))


def screen(study, width=100):
    written = io.StringIO()
    console = Console(file=written, width=width)
    told = {name: study[name] for name in ("runs", "table", "factors", "metrics")}
    print_summary(console, **told, failures=[], paths={"report": Path("report.html")})
    return written.getvalue()


@pytest.mark.parametrize("suffix", ["-$x_$", r"-$\frac{$", "-[/bold]", "-<b>&", "-_"])
def test_a_name_is_no_formula_and_no_markup(study, tmp_path, suffix):
    odd = renamed(study(metrics=("DSA",)), suffix)
    assert "<b>" not in page(tmp_path / "report.html", odd)
    assert suffix[-3:].strip() in screen(odd, width=160)


@pytest.mark.parametrize("reference", ["rnn[/]", "[red]", "a$_$"])
def test_a_reference_is_no_formula_and_no_markup(study, tmp_path, reference):
    odd = study(metrics=("DSA",))
    odd["table"] = odd["table"].replace({"reference": {"initial": reference}})
    page(tmp_path / "report.html", odd)
    assert f"dissimilarity to {reference}" in screen(odd)


def test_an_infinite_dissimilarity_costs_the_map_alone(study, tmp_path):
    odd = study(metrics=("DSA",))
    table = odd["table"]
    pairs = (table["comparison"] == "pairwise") & (table["run"] != table["reference"])
    table.loc[table.index[pairs][0], "dissimilarity"] = np.inf
    written = page(tmp_path / "report.html", odd)
    assert "Heat map of the DSA" in written
    assert "Map of the networks" not in written


def test_names_of_the_default_sweep_stay_on_one_line(study):
    usual = study(metrics=("DSA", "CKA", "Procrustes"))
    usual["runs"]["status"] = "from store"
    lines = screen(usual).splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 100
    for run in usual["runs"]["run"]:
        assert any(run in line for line in lines)
