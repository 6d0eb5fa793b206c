from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from dynalign.report.page import duration, number

from dynalign.report import Failure, pairwise_matrix, write_report

META = {"command": "python train.py -m model=rnn,mamba noise=0,0.1", "date": "2030-01-02 03:04 UTC", "torch": "2.13.0"}
VOID = {"meta", "img", "br", "source", "link", "input", "hr"}


class Page(HTMLParser):
    """Reads a page: its text, its elements, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.pieces))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(path, data, **changes):
    arguments = {
        **data,
        "failures": [],
        "meta": META,
        "configs": {run: f"name: {run}\n" for run in data["runs"]["run"]},
        **changes,
    }
    return write_report(path / "sweep" / "report.html", **arguments).read_text(encoding="utf-8")


@pytest.fixture
def write(tmp_path):
    """Write a report without training curves, which take longest to draw."""
    return lambda data, **changes: written(tmp_path, {**data, "histories": {}}, **changes)


@pytest.fixture(scope="module")
def html(study, tmp_path_factory):
    """A whole report: two models by two noises, two metrics, two failures."""
    failures = [Failure(["model=gru", "noise=9"], "noise=9 is too much."), Failure([], "x")]
    return written(tmp_path_factory.mktemp("report"), study(), failures=failures)


@pytest.fixture
def small(study):
    """Two runs and one metric, which is quick to draw."""
    return study(noises=(0.0,), metrics=("dsa",))


def test_the_page_holds_every_run_and_every_number(study, html):
    data = study()
    page = Page(html)
    for run in data["runs"].to_dict("records"):
        assert run["run"] in page.text
        assert f"{run['accuracy']:.3f}" in page.text
        assert f"{run['ideal_accuracy']:.3f}" in page.text
        assert f"name: {run['run']}" in page.text
    for metric in ("dsa", "cka"):
        for value in pairwise_matrix(data["table"], metric)[1].ravel():
            assert number(value, 4) in page.text
    assert META["command"] in page.text
    assert "torch 2.13.0" in page.text


def test_sentences_name_the_extremes(study, html):
    rows = study()["table"]
    rows = rows[rows["metric"] == "dsa"]
    rows = rows[(rows["comparison"] == "pairwise") & (rows["run"] != rows["reference"])].sort_values("dissimilarity")
    near, far = rows.iloc[0], rows.iloc[-1]
    text = Page(html).text
    assert f"Most alike are {near['run']} and {near['reference']} ({near['dissimilarity']:.3f})" in text
    assert f"least alike are {far['run']} and {far['reference']} ({far['dissimilarity']:.3f})" in text
    assert "The largest distance of a network to itself, which should be 0, is 0." in text


def test_two_networks_have_one_distance(small, write):
    text = Page(write(small)).text
    assert re.search(r"rnn-noise0-seed0 and mamba-noise0-seed0 are 0\.\d{3} apart\.", text)
    assert "Most alike" not in text


def test_the_page_asks_nothing_of_the_network(html):
    assert not re.search(r"https?://|@import|url\(|<script|<link|<iframe", html, re.IGNORECASE)
    addresses = [
        value
        for _, attributes in Page(html).elements
        for name, value in attributes.items()
        if name in ("src", "srcset", "href")
    ]
    assert addresses
    assert all(address.startswith("data:image/svg+xml;base64,") for address in addresses)
    for address in addresses:
        assert not re.search(rb"href=\"(?!#|data:)|url\((?!#)|<script", base64.b64decode(address.split(",")[1]))


def test_text_is_escaped(study, write):
    data = study(models=("<script>alert(1)</script>", "$x_1^2"), noises=(0.0,), metrics=("<i>mine</i>",))
    html = write(
        data,
        failures=[Failure(["model=<b>"], "<img src=x onerror=alert(2)> & more")],
        meta={"command": "python train.py 'a=<i>'"},
    )
    assert "<script" not in html
    assert "onerror=alert(2)>" not in html
    assert "&lt;img src=x onerror=alert(2)&gt; &amp; more" in html
    page = Page(html)
    assert "<script>alert(1)</script>-noise0-seed0" in page.text
    assert "model=<b>" in page.text
    assert "'a=<i>'" in page.text
    assert not page.all("script") + page.all("b")
    assert len(page.all("i")) == 2  # the bars in the table of networks


def test_failures_are_shown_with_their_reasons(small, html, write):
    text = Page(html).text
    assert "2 jobs failed" in text
    assert "model=gru noise=9 noise=9 is too much." in text
    assert "(defaults)" in text
    assert "failed" not in Page(write(small)).text


def test_the_page_is_accessible(html):
    page = Page(html)
    assert page.all("html") == [{"lang": "en"}]
    assert all(attributes["alt"] for attributes in page.all("img"))
    assert all(attributes.get("scope") in ("row", "col") for attributes in page.all("th"))
    assert len(page.all("h1")) == 1
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    for section in page.all("section"):
        assert section["aria-labelledby"] in identities


def test_every_picture_has_a_dark_twin(html):
    page = Page(html)
    assert len(page.all("img")) == 2 * 2 + 2  # matrix and map per metric, learning, training
    dark = [a for a in page.all("source") if "dark" in (a["media"] or "")]
    assert len(dark) == 2 * 2 + 2 * 2  # the last two have narrow versions as well


def test_the_same_arguments_give_the_same_bytes(study, tmp_path):
    one = study(models=("rnn",), noises=(0.0,), metrics=("dsa",))
    assert written(tmp_path, one) == written(tmp_path, one)


def test_an_old_report_is_replaced_and_nothing_else_is_left(small, tmp_path):
    written(tmp_path, {**small, "table": small["table"].iloc[:0], "histories": {}})
    written(tmp_path, {**small, "table": small["table"].iloc[:0], "histories": {}}, meta={"command": "another"})
    (path,) = (tmp_path / "sweep").iterdir()
    assert path.name == "report.html"
    assert "another" in path.read_text(encoding="utf-8")


def test_the_guide_explains_the_metrics_that_were_used(study, write):
    text = Page(write(study(noises=(0.0,), metrics=("cka", "mine")))).text
    assert "CKA, centred kernel alignment" in text
    assert "Blind spot:" in text
    assert "DSA, dynamical" not in text
    assert "mine" in text


def test_what_all_runs_share_is_no_column(html):
    assert "task delay_anti · curriculum full · noise on input · seed 0" in Page(html).text
    assert '<th scope="col">noise</th>' in html
    assert '<th scope="col">task</th>' not in html


def test_one_run_has_no_matrix(study, write):
    page = Page(write(study(models=("rnn",), noises=(0.0,))))
    assert "One rnn network on delay_anti" in page.text
    assert "every network against every other" not in page.text
    assert "The network's distance to itself, which should be 0, is 0." in page.text


def test_no_run_finished(study, write):
    data = study()
    empty = {"table": data["table"].iloc[:0], "runs": data["runs"].iloc[:0], "histories": {}}
    page = Page(write(empty, failures=[Failure(["noise=9"], "too much")]))
    assert "No network finished" in page.text
    assert "noise=9 too much" in page.text
    assert not page.all("img")


def test_a_table_without_columns_is_empty(study, write):
    data = study()
    html = write(
        {
            **data,
            "runs": data["runs"].iloc[:0].drop(columns=["noise"]),
            "table": data["table"].iloc[:0],
            "histories": {},
        }
    )
    assert "Nothing has run yet" in html


def test_missing_values_are_dashes(study, write):
    data = study(metrics=("dsa",))
    data["table"].loc[data["table"]["comparison"] == "pairwise", "dissimilarity"] = np.nan
    data["runs"].loc[0, ["accuracy", "ideal_accuracy"]] = np.nan
    page = Page(write(data, meta={}))
    assert "–" in page.text
    assert "nan" not in page.text.lower()
    assert "Map of" not in str(page.elements)


def test_only_learning_rows(small, write):
    small["table"] = small["table"][small["table"]["comparison"] == "learning"]
    page = Page(write(small))
    assert "how far each network has moved" in page.text
    assert "every network against every other" not in page.text
    assert "Training" not in page.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.12345, "0.123"), (3e-8, "3e-08"), (0.0, "0"), (np.nan, "–"), (None, "–"), (0.0006, "0.001"), (1.0, "1.000")],
)
def test_numbers_keep_their_order_of_magnitude(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (12.34, "12.3 s"), (600, "10 min"), (7500, "2 h 05 min"), (np.nan, "–")]
)
def test_durations_take_a_fitting_unit(seconds, shown):
    assert duration(seconds) == shown
