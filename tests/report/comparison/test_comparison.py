"""Recordings beside each other, in a terminal and on a page, whatever is not known."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from tests.report.browser import Browser
from tests.report.pages import Page, asks_nothing, overflow
from tests.report.sweep.walks import walks

from dynalign.comparison import Comparison, Fit, Pair
from dynalign.comparison.trajectories import trajectories_of
from dynalign.data import Recording
from dynalign.metrics import CKA, DSA
from dynalign.report import Written, comparison_figures, print_comparison, write_comparison


def made() -> Comparison:
    known = Pair(
        "a", "b", "DSA", "none", 0.123, 0.1, 0.15, 0.21, 0.2, 0.25, 0.0417, 1 / 24, 192.0, 30.0, 0.01, seconds=0.1
    )
    pairs = [
        known,
        replace(known, reference="c", halves=0.6, dissimilarity=0.5, low=0.45, high=0.55),
        replace(known, run="b", reference="c", dissimilarity=math.nan, low=math.nan, high=math.nan, halves=math.nan,
                floor=math.nan, floor_high=math.nan, p=math.nan, reason="c is too short."),
        *(Pair(*both, "CKA", "none", value) for both, value in {"ab": 0.3, "ac": 0.4, "bc": 0.2}.items()),
    ]  # fmt: skip
    fits = [Fit(name, "DSA", 0.0, 0.2, 0.15, 0.25, 8.0, 0.98, 0.4, 1.5) for name in "ab"]
    fits.append(Fit("c", "DSA", warnings="The operator of c predicts hardly better than no change."))
    fits += [Fit(name, "CKA", 0.0) for name in "abc"]
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


@pytest.fixture(scope="module")
def written(shown: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Written:
    states = {name: trajectories_of(Recording(name, list(walks(place).states[0]))) for place, name in enumerate("abc")}
    about = {"meta": {"command": "python compare.py"}, "configs": {}, "states": states}
    return write_comparison(tmp_path_factory.mktemp("page") / "report.html", **shown, **about)


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


def test_the_page(written: Written) -> None:
    html = written.path.read_text(encoding="utf-8")
    page = Page(html)
    assert written.problems == []
    assert (
        "a and b are 0.123 [0.100, 0.150] apart; a half of one is 0.210 from a half of the other, no farther than"
        in page.text
    )
    assert "b and c: no distance. c is too short." in page.text
    assert not re.search(r"\bnan\b", page.text)
    asks_nothing(html)
    kinds = [chart["kind"] for chart in page.charts.values()]
    assert kinds == ["strips", "matrix", "strips", "matrix", "map", "trajectories"]  # a distance by DSA is not known
    assert len(html) < 2.5e6


def test_charts_hold_what_the_table_holds(written: Written) -> None:
    charts = list(Page(written.path.read_text(encoding="utf-8")).charts.values())
    pairs, matrix = charts[:2]
    assert matrix["names"] == ["a", "b", "c"]
    assert matrix["z"] == [[0.0, 0.123, 0.5], [0.123, 0.0, None], [0.5, None, None]]
    assert (matrix["low"][0][1], matrix["high"][0][1], matrix["floor"][0][1]) == (0.1, 0.15, 0.2)
    first = pairs["choices"][0]["groups"][0]
    assert (first["mean"], first["low"], first["high"], first["values"]) == (0.123, 0.1, 0.15, [0.21])
    assert first["floor"] == {"value": 0.2, "high": 0.25}
    assert len(pairs["choices"][0]["groups"]) == 2  # that without a distance has no row
    assert len(charts[-1]["networks"]) == 3


def test_many_pairs_are_told_in_few_sentences(shown: dict[str, Any], tmp_path: Path) -> None:
    row = shown["table"].iloc[0]
    rows = [row.replace("b", f"b{place}").to_dict() | {"dissimilarity": 0.1 + place / 100} for place in range(9)]
    rows[3] |= {"reason": "it is odd.", "dissimilarity": math.nan}
    metrics = {"DSA": shown["metrics"]["DSA"]}
    written = write_comparison(
        tmp_path / "report.html", meta={}, configs={}, **{**shown, "table": pd.DataFrame(rows), "metrics": metrics}
    )
    text = Page(written.path.read_text(encoding="utf-8")).text
    assert "Most alike: a and b0 are 0.100" in text
    assert "Least alike: a and b8 are 0.180" in text
    assert "Of 8 pairs, 0 are farther apart than two halves" in text
    assert "a and b3: no distance. it is odd." in text
    assert "a and b4 are" not in text


@pytest.mark.slow
def test_a_browser_opens_it_and_the_mouse_finds_numbers(browser: Browser, written: Written) -> None:
    assert browser.goes_well(written.path, 390, 1400) == 6
    heat = browser.bring("Heat map")
    said = browser.tooltip(f"{heat}.querySelector('.heatmaplayer')", 1.5 / 3, 0.5 / 3)
    for known in ("0.123 [0.100, 0.150]", "1 · a", "2 · b", "floor 0.200"):
        assert known in said
    pairs = browser.bring("Every pair")
    mean = f"[...{pairs}.querySelectorAll('.scatterlayer .points')][1].querySelector('path')"
    assert "a – b, all trials" in browser.tooltip(mean)
    heads = "[...document.querySelectorAll('#recordings ~ .wide th')]"
    browser.evaluate(f"{heads}[2].querySelector('button').click()")
    assert browser.evaluate(f"{heads}[2].ariaSort") == "ascending"


def test_figures_hold_what_they_show(shown: dict[str, Any]) -> None:
    figures = comparison_figures(shown["table"], shown["fits"], shown["metrics"])
    assert set(figures) == {"pairs DSA", "matrix DSA", "pairs CKA", "matrix CKA", "map CKA"}  # one by DSA is not known
    assert all(overflow(figure) < 0.02 for figure in figures.values())
