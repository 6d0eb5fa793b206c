"""Recordings beside each other, in a terminal and on a page, whatever is not known."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from tests.report.pages import Page, overflow

from dynalign.comparison import Comparison, Fit, Pair
from dynalign.data import Recording
from dynalign.metrics import CKA, DSA
from dynalign.report import comparison_figures, print_comparison, write_comparison


def made() -> Comparison:
    known = Pair(
        "a", "b", "DSA", "none", 0.123, 0.1, 0.15, 0.21, 0.2, 0.25, 0.0417, 1 / 24, 192.0, 30.0, 0.01, seconds=0.1
    )
    pairs = [
        known,
        replace(known, reference="c", halves=0.6, dissimilarity=0.5, low=0.45, high=0.55),
        replace(known, run="b", reference="c", dissimilarity=math.nan, low=math.nan, high=math.nan, halves=math.nan,
                floor=math.nan, floor_high=math.nan, p=math.nan, reason="c is too short."),
        Pair("a", "b", "CKA", "none", 0.3),
    ]  # fmt: skip
    fits = [Fit(name, "DSA", 0.0, 0.2, 0.15, 0.25, 8.0, 0.98, 0.4, 1.5) for name in "ab"]
    fits.append(Fit("c", "DSA", warnings="The operator of c predicts hardly better than no change."))
    fits += [Fit(name, "CKA", 0.0) for name in "ab"]
    x = np.zeros((3, 5, 2))
    recordings = [
        Recording(name, list(x), conditions) for name, conditions in (("a", list("xyx")), ("b", None), ("c", None))
    ]
    return Comparison(recordings, {each.label: each.describe() for each in (DSA(), CKA())}, pairs, fits, ["A note."])


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    found = made()
    return {
        "table": found.table(), "recordings": found.recording_table(), "fits": found.fit_table(),
        "notes": found.notes, "metrics": found.metrics,
    }  # fmt: skip


def test_the_terminal_of_80_columns(shown: dict[str, Any]) -> None:
    out = io.StringIO()
    print_comparison(Console(file=out, width=80), paths={"report": Path("report.html")}, **shown)
    said = out.getvalue()
    assert "within the" in said
    assert "beyond the" in said
    assert "No distance of b and c: c is too short." in said
    assert "warning  The operator of c predicts hardly better than no change." in said
    assert not re.search(r"\bnan\b", said)
    assert max(map(len, said.splitlines())) <= 80


def test_the_page(shown: dict[str, Any], tmp_path: Path) -> None:
    written = write_comparison(tmp_path / "report.html", meta={"command": "python compare.py"}, configs={}, **shown)
    html = written.path.read_text(encoding="utf-8")
    page = Page(html)
    assert written.problems == []
    assert (
        "a and b are 0.123 [0.100, 0.150] apart; a half of one is 0.210 from a half of the other, no farther than"
        in page.text
    )
    assert "b and c: no distance. c is too short." in page.text
    assert not re.search(r"\bnan\b", page.text)
    assert not any("src" in each for each in page.all("script"))  # it needs nothing but itself


def test_figures_hold_what_they_show(shown: dict[str, Any]) -> None:
    figures = comparison_figures(shown["table"], shown["fits"], shown["metrics"])
    assert set(figures) == {"pairs DSA", "matrix DSA", "pairs CKA", "matrix CKA"}  # no map: one distance is not known
    assert all(overflow(figure) < 0.02 for figure in figures.values())
