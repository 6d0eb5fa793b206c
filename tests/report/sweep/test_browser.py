"""The report of a sweep in a real browser: what a person sees and touches."""

from __future__ import annotations

import pytest
from tests.report.sweep.walks import walks

from dynalign.report import write_report

pytestmark = pytest.mark.slow

EVIL = "</script><script>window.bad = 1</script><b>rnn</b> %{x} $x$"


@pytest.fixture(scope="module")
def data(study):
    data = study(models=(EVIL, "mamba"), noises=(0.0,), seeds=3, metrics=("DSA",))
    return {**data, "table": data["table"].assign(floor=0.0321)}


@pytest.fixture(scope="module")
def page(data, tmp_path_factory):
    about = {"failures": [], "meta": {"command": EVIL}, "configs": {EVIL: EVIL}}
    states = {run: walks(place, EVIL) for place, run in enumerate(data["runs"]["run"][:2])}
    written = write_report(tmp_path_factory.mktemp("page") / "report.html", **data, **about, states=states)
    assert written.problems == []
    return written.path


@pytest.mark.parametrize("width", [390, 1400])
def test_pages_open_and_nothing_goes_wrong(browser, page, width):
    """The last of them stays open for the tests that follow."""
    assert browser.goes_well(page, width) == 9
    assert browser.evaluate("window.bad") is None
    assert browser.evaluate("document.querySelectorAll('section :not(li) > b').length") == 0
    buttons = browser.evaluate("[...document.querySelectorAll('.modebar button')].map(each => each.ariaLabel)")
    assert bool(buttons) == (width > 600)  # on a phone they would cover the figures
    assert not [label for label in buttons if "share" in label.lower() or "cloud" in label.lower()]


@pytest.fixture
def wide(browser, page):
    if browser.evaluate("window.innerWidth") != 1400 or browser.evaluate("document.readyState") != "complete":
        browser.dress(1400, "dark")
        browser.open(page)
    return browser


def test_a_cell_tells_both_runs_the_number_and_the_floor(wide, data):
    heat = wide.bring("Heat map")
    said = wide.tooltip(f"{heat}.querySelector('.heatmaplayer')", 3.5 / 6, 0.5 / 6)  # the fourth cell of the first row
    rows = data["table"].query("comparison == 'pairwise'")
    first, fourth = data["runs"]["run"].iloc[[0, 3]]
    (row,) = rows[(rows["run"] == first) & (rows["reference"] == fourth)].to_dict("records")
    assert f"{row['dissimilarity']:.3f}" in said
    assert f"1 · {first}" in said
    assert f"4 · {fourth}" in said
    assert "floor 0.032" in said


ROWS = "[...document.querySelectorAll('#networks ~ .wide tbody tr')]"


def test_rows_of_tables_sort(wide):
    assert wide.evaluate(f"{ROWS}.map(each => Number(each.cells[0].textContent))") == list(range(1, 7))
    heads = "[...document.querySelectorAll('#networks ~ .wide th')]"
    place = wide.evaluate(f"{heads}.findIndex(each => each.textContent.startsWith('DSA'))")
    values = f"{ROWS}.map(each => Number(each.cells[{place}].dataset.v))"
    wide.evaluate(f"{heads}[{place}].querySelector('button').click()")
    rising = wide.evaluate(values)
    assert rising == sorted(rising)
    wide.evaluate(f"{heads}[{place}].querySelector('button').click()")
    assert wide.evaluate(values) == rising[::-1]


def test_time_is_not_cut_and_the_map_is_beside_its_matrix(wide):
    cut = "[...document.querySelectorAll('#networks ~ .wide')].map(each => each.scrollWidth - each.clientWidth)"
    assert max(wide.evaluate(cut)) <= 0
    tops = [
        wide.evaluate(f"{wide.bring(label)}.closest('figure').getBoundingClientRect().top + window.scrollY")
        for label in ("Heat map", "Map of")
    ]
    assert tops[0] == tops[1]


def test_a_filter_hides_rows_and_curves(wide):
    curves = wide.bring("over epochs")
    box = "[...document.querySelectorAll('#filter label')].find(each => each.textContent === 'mamba').firstChild"
    before = wide.evaluate(f"{curves}.data.length")
    wide.evaluate(f"{box}.click()")
    assert wide.evaluate(f"{curves}.data.length") < before
    assert wide.evaluate(f"{ROWS}.filter(each => !each.hidden).length") == 3
    wide.evaluate(f"{box}.click()")
    assert wide.evaluate(f"{curves}.data.length") == before


def test_checkpoints_slide(wide):
    states = wide.bring("Trajectories")
    said = f"{states}.closest('section').querySelector('output').textContent"
    assert wide.evaluate(said) == "epoch 4 (final): 90 % of the variance"
    last = wide.evaluate(f"{states}.data[0].x[5]")
    wide.evaluate(
        "(slider => { slider.value = 0; slider.dispatchEvent(new Event('input')); })"
        f"({states}.closest('section').querySelector('input[type=range]'))"
    )
    assert wide.evaluate(said) == "epoch 0 (initial): 20 % of the variance"
    assert wide.evaluate(f"{states}.data[0].x[5]") != pytest.approx(last)
