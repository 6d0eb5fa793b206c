from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.report.pages import Page, asks_nothing

from dynalign.report import Failure, write_studies

META = {"command": "python study.py a='<i>'", "date": "2030-01-02 03:04 UTC", "torch": "2.13.0"}


def written(folder, *studies, lost=(), **changes):
    arguments = {"failures": [], "meta": META, "configs": {"corrected": "seed: 0\n"}, **changes}
    page, problems = write_studies(folder / "out" / "report.html", studies=studies, **arguments)
    assert list(problems) == list(lost)
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(usual, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    few = replace(usual, rows=usual.rows[usual.rows["model"] == "mamba"])  # figures take their time
    failures = [Failure(["protocol=published"], "no luck")]
    written(folder, few, failures=failures)
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def html(page):
    return page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_browser_opens_it_and_the_mouse_finds_numbers(browser, page):
    assert browser.goes_well(page, 390, 1400) == 10
    strips = browser.bring("masters")
    assert browser.evaluate(f"{strips}.data.some(each => each.type === 'violin')") is False  # of groups of three
    assert "seed" in browser.tooltip(f"{strips}.querySelector('.scatterlayer .points path')")
    means = browser.evaluate(f"{strips}.data.filter(each => each.error_x).map(each => each.hovertext[0])")
    assert len(means) == 2
    assert all("mean" in mean and "[" in mean for mean in means)


def test_everything_is_there(html, usual):
    text = Page(html).text
    for known in (
        "The study's claims, tested", "Claims and verdicts", f"networks {len(usual.networks)}",
        "no luck", "protocol=published", "python study.py a='<i>'", "torch 2.13.0", "seed: 0", "master, pool",
        "Stable fixed points in the delay", "How to read these numbers",
    ):  # fmt: skip
        assert known in text
    for verdict in usual.verdicts:
        for part in verdict["parts"]:
            assert part["name"] in text
    assert "nan" not in re.sub("[a-z]*nan[a-z]+", "", text.lower())
    assert "None" not in text


def test_figures_have_words(html):
    page = Page(html)
    kinds = [chart["kind"] for chart in page.charts.values()]
    assert kinds == ["strips", *["matrix"] * 9]  # groups, what was published of them, and checkpoints
    assert len(page.charts["chart-1"]["choices"]) == 3
    assert all(each["aria-label"] for each in page.all("div") if each.get("class") == "chart")
    assert len(page.all("h1")) == 1


def test_links_lead_somewhere_and_the_page_asks_nothing_of_the_network(html):
    page = Page(html)
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert {link["href"][1:] for link in page.all("a")} >= {"claim-4", "claim-7"}
    assert {link["href"][1:] for link in page.all("a")} <= set(identities)
    asks_nothing(html)


def without_figures(studied):
    return replace(studied, rows=studied.rows.assign(dissimilarity=float("nan"), part="other"))


def test_names_are_escaped(hostile, tmp_path):
    html = written(tmp_path, without_figures(hostile), configs={"<u>": "<u>"})
    assert "<script>alert" not in html
    page = Page(html)
    assert not page.all("img")
    assert not page.pictures
    assert not page.all("u")
    assert not page.all("i")
    for known in ("<script>alert(1)</script>|[x]", "<img src=x>|", "<i>DSA|</i> $x_{$"):
        assert known in page.text


def test_protocols_stand_beside_each_other(usual, tmp_path):
    other = replace(usual, title="published", verdicts=[each for each in usual.verdicts if each["claim"] == 4])
    page = Page(written(tmp_path, without_figures(usual), without_figures(other)))
    assert "corrected" in page.text
    assert "published" in page.text
    assert "–" in page.text
    assert f"networks {len(usual.networks)} " in " ".join(page.text.split())  # the same ones, counted once


def test_what_is_missing_is_a_dash(bare, tmp_path):
    html = written(tmp_path, bare)
    assert "nan" not in re.sub("[a-z]*nan[a-z]+", "", Page(html).text.lower())
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    (full,) = [re.findall(r"<td.*?>(.*?)</td>", row) for row in rows if ">full<" in row]
    assert full == ["full", "2", "0/2", "–", "–", "–"]


def test_studies_without_claims_and_no_studies_at_all(usual, tmp_path):
    assert "Groups of networks, compared" in Page(written(tmp_path, replace(without_figures(usual), verdicts=[]))).text
    assert "no luck" in Page(written(tmp_path, failures=[Failure([], "no luck")])).text


def test_one_figure_that_fails_costs_that_figure(usual, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyError("odd")

    monkeypatch.setattr("dynalign.report.study.charts.groups_chart", fail)
    rows = usual.rows[(usual.rows["model"] == "mamba") & (usual.rows["part"] == "trained")]
    known = replace(usual, rows=rows)
    lost = "The figure groups-mamba could not be shown: KeyError: 'odd'."
    page = Page(written(tmp_path, known, lost=[lost] * 3))
    assert lost in page.text
    assert not page.pictures
    assert len(page.charts) == 1 + 3
