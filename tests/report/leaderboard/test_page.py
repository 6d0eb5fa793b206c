from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from tests.report.pages import Page, asks_nothing

from dynalign.report import Failure, write_leaderboard
from dynalign.report.leaderboard.page import ranges
from dynalign.report.leaderboard.tables import Notes, Score, headlines
from dynalign.testcases import Criterion

META = {"command": "python testcase.py -m seed=0,1", "date": "2030-01-02 03:04 UTC", "torch": "2.13.0"}


def written(folder, board, rows, lost=(), **changes):
    arguments = {"failures": [], "meta": META, "configs": {"seed 0": "seed: 0\n"}, **changes}
    page, problems = write_leaderboard(folder / "out" / "report.html", board=board, rows=rows, **arguments)
    assert list(problems) == list(lost)
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(usual, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    failures = [Failure(["metric=causal_ot"], "took longer than 120 s")]
    written(folder, *usual, failures=failures)
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def html(page):
    return page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_browser_opens_it_and_the_mouse_finds_numbers(browser, page):
    assert browser.goes_well(page, 390, 1400) == 10
    heat = browser.bring("Heat map of the CKA dissimilarities of all systems, matched")
    said = browser.tooltip(f"{heat}.querySelector('.heatmaplayer')", 2.5 / 4, 0.5 / 4)
    assert "0.400" in said
    assert "1 · ring(rate=0.5)" in said
    assert "3 · line(rate=0.5)" in said


@pytest.fixture
def bare(toys):
    """A board without figures, which is quick to write."""

    def bare(scores, warnings=None):
        board, rows = toys(scores, warnings)
        case = type("Bare", (type(board.cases["toy"]),), {"panels": (), "matrices": ()})()
        return dataclasses.replace(board, cases={"toy": case}), rows

    return bare


def cells(html, table):
    """The texts of a table's cells, row by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", re.findall(r"<table.*?</table>", html, re.DOTALL)[table], re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", " ", cell).split() for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def test_the_leaderboard_holds_every_score(html):
    main, toys = cells(html, 0), cells(html, 1)
    assert [row[0][0] for row in main[1:]] == ["DSA", "CKA", "Procrustes", "Mine", "DSA(rank=3)", "Causal"]
    assert main[1][1:] == [["0.950", "[0.931,", "0.969]"], ["&gt;", "1"], ["1.7", "ms"]]
    assert main[2][1] == ["0.900", "[0.881,", "0.919]"]
    assert main[6][1:] == [["–", "1"], ["–", "1"], ["–"]]
    assert toys[0][-1] == ["drift", "of", "toys", "↓"]
    assert toys[4][-1] == ["–", "2"]


def test_leaders_are_strong(html):
    table = re.findall(r"<table.*?</table>", html, re.DOTALL)[0]
    assert re.findall(r"<strong>(.*?)</strong>", table) == ["&gt; 1", "0.951"]


def test_everything_else_is_there(html):
    text = Page(html).text
    for known in (
        "6 metrics on 1 test case",
        "has the best mean place DSA",
        "What toys are for.",
        "How far toys drift.",
        "Against CKA: better on “toy AUC” and “bears noise”.",
        "took longer than 120 s",
        "not [red]today[/red] | <b>",
        "DSA: 7 warnings",
        "warning <4>",
        "And 2 more.",
        "1 job failed",
        "metric=causal_ot",
        "python testcase.py -m seed=0,1",
        "torch 2.13.0",
        "seed: 0",
        "mean place over the columns",
        "CKA, centred kernel alignment",
    ):
        assert known in text
    assert "warning <5>" not in text
    assert "nan" not in re.sub("[a-z]*nan[a-z]+", "", text.lower())


def test_each_metric_is_explained_once(html):
    assert Page(html).text.count("DSA, dynamical similarity analysis DSA, DSA(rank=3) Fits") == 1
    assert "Mine, in full Compares tea. Blind spot: Coffee." in Page(html).text


def test_numbers_are_said_to_have_their_units(html):
    text = Page(html).text
    assert "DSA, DSA(rank=3), CKA, Procrustes and Causal OT: an angle divided by π/2" in text
    assert "Mine: a number without a unit." in text


def test_one_figure_that_fails_costs_that_figure(toys, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyError("odd")

    monkeypatch.setattr("dynalign.report.leaderboard.page.systems_chart", fail)
    lost = [f"The matrix of CKA, {part}, of Toys could not be shown: KeyError: 'odd'." for part in ("matched", "fresh")]
    page = Page(written(tmp_path, *toys({"CKA": (0.9, 0.5, 0.1)}), lost=lost))
    assert all(sentence in page.text for sentence in lost)
    assert not page.charts
    assert len(page.pictures) == 3


def test_figures_are_there_with_words(html):
    page = Page(html)
    assert len(page.pictures) == 1 + 2  # the systems, and the curves, which have a narrow version as well
    assert page.pictures[1] == page.pictures[2]
    assert page.pictures[1].startswith("Toys: a line per metric")
    assert len(page.charts) == 5 * 2
    labels = [each["aria-label"] for each in page.all("div") if each.get("class") == "chart"]
    assert "Heat map of the DSA(rank=3) dissimilarities of all systems, fresh." in labels
    assert sum(name == "details" and "open" in attributes for name, attributes in page.elements) == 1


def test_the_page_asks_nothing_of_the_network(html):
    asks_nothing(html)
    assert all(attributes.get("href", "#").startswith("#") for _, attributes in Page(html).elements)


def test_the_page_is_accessible_and_its_notes_are_found(html):
    page = Page(html)
    assert all(page.pictures)
    assert all(attributes.get("scope") in ("row", "col") for attributes in page.all("th"))
    assert len(page.all("h1")) == 1
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert all(section["aria-labelledby"] in identities for section in page.all("section"))
    links = {attributes["href"][1:] for attributes in page.all("a")}
    assert links == {"note-1", "note-2"}
    assert links <= set(identities)


def test_text_is_escaped(bare, tmp_path):
    label = "<script>alert(1)</script> [red] $x_$ |"
    board, rows = bare({label: (0.9, 0.5, 0.1), "CKA": "<img src=x onerror=alert(2)>"}, {label: ["<i>w</i>"]})
    html = written(tmp_path, board, rows, meta={"command": "a='<i>'"}, configs={"<u>": "<u>"})
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    page = Page(html)
    assert label in page.text
    assert "<img src=x onerror=alert(2)>" in page.text
    assert "<i>w</i>" in page.text
    assert not page.all("u")


def test_hostile_labels_can_be_drawn(toys, tmp_path):
    html = written(tmp_path, *toys({"$x_{$ <b>": (0.9, 0.5, 0.1)}))
    assert len(Page(html).charts) == 2
    assert "$x_{$ &lt;b&gt;" in html


def test_the_same_arguments_give_the_same_bytes(bare, tmp_path):
    arguments = bare({"CKA": (0.9, 0.5, 0.1), "DSA": (0.8, 0.4, 0.2)})
    assert written(tmp_path, *arguments) == written(tmp_path, *arguments)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]


def test_all_cells_were_lost(toys, tmp_path):
    board, _ = toys({"CKA": "broke", "DSA": "broke"})
    page = Page(written(tmp_path, board, pd.DataFrame()))
    assert "2 metrics on 1 test case" in page.text
    assert not page.pictures


def test_nothing_was_measured(toys, tmp_path):
    board, _rows = toys({"CKA": (0.9, 0.5, 0.1)})
    empty = dataclasses.replace(board, cases={}, scores=board.scores[:0], metrics=board.metrics[:0])
    page = Page(written(tmp_path, empty, pd.DataFrame(), failures=[Failure([], "no luck")]))
    assert "No metric has been measured" in page.text
    assert "(defaults) no luck" in page.text
    assert not page.all("table")


def score(low, value, high):
    return Score("", "", value, low, high, False, 0)


def test_ranges_share_the_scale_of_their_column():
    plain = Criterion("x", "x", "higher", "x")
    first, second, lost = ranges(plain, [score(0.0, 0.5, 1.0), score(1.0, 1.5, 2.0), score(np.nan, np.nan, np.nan)])
    assert first == (0, 50, 25)
    assert second == (50, 50, 75)
    assert lost is None


def test_ranges_of_limits_are_logarithmic_and_end_where_was_tested():
    limit = Criterion("x", "x", "higher", "x", least=0.01, most=1.0)
    first, second = ranges(limit, [score(0.0, 0.1, np.inf), score(0.1, np.inf, np.inf)])
    assert first == pytest.approx((0, 100, 50))
    assert second == pytest.approx((50, 50, 100))


def test_infinite_scores_without_a_bound_are_drawn_at_the_end():
    plain = Criterion("x", "x", "higher", "x")
    first, second = ranges(plain, [score(1.0, np.inf, np.inf), score(1.0, 2.0, 3.0)])
    assert first == pytest.approx((0, 100, 100))
    assert second == pytest.approx((0, 100, 50))


def test_rounding_errors_have_no_ranges(usual):
    plain = Criterion("x", "x", "lower", "x")
    assert ranges(plain, [score(0.0, 1e-16, 2e-16), score(0.0, 0.0, 0.0)]) == [None, None]
    table = headlines(usual[0], Notes())
    assert ranges(table.criteria[0], []) == []
