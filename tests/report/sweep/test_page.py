from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from tests.report.pages import Page, asks_nothing, unscripted
from tests.report.sweep.walks import walks

from dynalign.report import Failure, pairwise_matrix, write_report
from dynalign.report.parts.numbers import number
from dynalign.report.sweep.groups import mean

META = {"command": "python train.py -m model=rnn,mamba noise=0,0.1", "date": "2030-01-02 03:04 UTC", "torch": "2.13.0"}


def written(path, data, lost=(), **changes):
    arguments = {
        **data,
        "failures": [],
        "meta": META,
        "configs": {run: f"name: {run}\n" for run in data["runs"]["run"]},
        **changes,
    }
    page, problems = write_report(path / "sweep" / "report.html", **arguments)
    assert list(problems) == list(lost)
    return page.read_text(encoding="utf-8")


@pytest.fixture
def write(tmp_path):
    """Write a report without training curves, which take longest to draw."""
    return lambda data, **changes: written(tmp_path, {**data, "histories": {}}, **changes)


@pytest.fixture(scope="module")
def html(study, tmp_path_factory):
    """A whole report: two models by two noises, two metrics, two failures."""
    failures = [
        Failure(["model=gru", "noise=9"], "noise=9 is too much."),
        Failure([], "x"),
        Failure(["seed=8"], "It was killed.", "killed"),
        Failure(["seed=9"], "It was not started.", "missing"),
    ]
    return written(tmp_path_factory.mktemp("report"), study(), failures=failures)


@pytest.fixture
def small(study):
    """Two runs and one metric, which is quick to draw."""
    return study(noises=(0.0,), metrics=("DSA",))


def test_the_page_holds_every_run_and_every_number(study, html):
    data = study()
    page = Page(html)
    for run in data["runs"].to_dict("records"):
        assert run["run"] in page.text
        assert f"{run['accuracy']:.3f}" in page.text
        assert f"{run['ideal_accuracy']:.3f}" in page.text
        assert f"name: {run['run']}" in page.text
    for metric in ("DSA", "CKA"):
        for value in pairwise_matrix(data["table"], metric)[1].ravel():
            assert number(value) in page.text
    assert META["command"] in page.text
    assert "torch 2.13.0" in page.text


def test_sentences_name_the_extremes(study, html):
    rows = study()["table"]
    rows = rows[rows["metric"] == "DSA"]
    rows = rows[(rows["comparison"] == "pairwise") & (rows["run"] != rows["reference"])].sort_values("dissimilarity")
    near, far = rows.iloc[0], rows.iloc[-1]
    text = Page(html).text
    assert f"Most alike are {near['run']} and {near['reference']} ({near['dissimilarity']:.3f})" in text
    assert f"least alike are {far['run']} and {far['reference']} ({far['dissimilarity']:.3f})" in text
    assert "The largest distance of a network to itself, which should be 0, is 0." in text


def test_two_networks_have_one_distance(small, write):
    text = Page(write(small)).text
    assert re.search(r"rnn noise=0 seed=0 and mamba noise=0 seed=0 are 0\.\d{3} apart\.", text)
    assert "Most alike" not in text


def test_the_page_asks_nothing_of_the_network(html):
    asks_nothing(html)
    assert len(html) < 6e6


def test_files_are_linked_from_where_the_page_lies(small, tmp_path):
    links = {"all numbers": tmp_path / "sweep" / "a table.csv", "networks": tmp_path / "store"}
    page = Page(written(tmp_path, {**small, "histories": {}}, links=links))
    assert [link["href"] for link in page.all("a")] == ["a%20table.csv", "../store"]


def test_text_is_escaped(study, write):
    data = study(models=("<script>alert(1)</script>", "$x_1^2"), noises=(0.0,), metrics=("<i>mine</i>",))
    html = write(
        data,
        failures=[Failure(["model=<b>"], "<img src=x onerror=alert(2)> & more")],
        meta={"command": "python train.py 'a=<i>'"},
    )
    assert len(Page(html).all("script")) == 3
    assert "<script>alert" not in html
    assert "</script>alert" not in html
    assert "onerror=alert(2)>" not in html
    assert "&lt;img src=x onerror=alert(2)&gt; &amp; more" in html
    page = Page(html)
    assert "<script>alert(1)</script> noise=0 seed=0" in page.text
    assert "model=<b>" in page.text
    assert "'a=<i>'" in page.text
    assert not page.all("b")
    assert any("<script>alert(1)</script>" in name for chart in page.charts.values() for name in chart.get("names", ()))
    assert len(page.all("i")) == 2  # the bars in the table of networks


def test_failures_are_shown_with_their_reasons(small, html, write):
    text = Page(html).text
    assert "2 jobs failed, 1 was killed, 1 never started" in text
    assert "seed=8 It was killed." in text
    assert "did not succeed 4" in text
    assert "model=gru noise=9 noise=9 is too much." in text
    assert "(defaults)" in text
    assert "failed" not in Page(write(small)).text
    assert "did not succeed" not in Page(write(small)).text


def test_the_page_is_accessible(html):
    page = Page(html)
    assert page.all("html") == [{"lang": "en"}]
    assert all(attributes.get("scope") in ("row", "col") for attributes in page.all("th"))
    assert len(page.all("h1")) == 1
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    for section in page.all("section"):
        assert section["aria-labelledby"] in identities


def test_every_figure_has_its_place_and_its_words(html):
    page = Page(html)
    kinds = Counter(chart["kind"] for chart in page.charts.values())
    assert kinds == {"matrix": 2, "map": 2, "lines": 2 + 2}  # per metric; loss and accuracy
    assert all(each["aria-label"] for each in page.all("div") if each.get("class") == "chart")


def test_seeds_bring_means_in_a_table_and_in_figures(study, write):
    data = study(seeds=3)
    page = Page(write(data))
    assert "Groups: means over seeds" in page.text
    assert "differ in their seeds alone are" in page.text
    rows = data["table"].query(
        "comparison == 'learning' and metric == 'DSA' and epoch == 4 and model == 'rnn' and noise == 0"
    )
    told = mean(rows["dissimilarity"])
    assert f"{number(told.value)} [{number(told.low)}, {number(told.high)}]" in " ".join(page.text.split())
    kinds = Counter(chart["kind"] for chart in page.charts.values())
    assert kinds == {"strips": 1, "matrix": 2 * 2, "map": 2, "lines": 2}


def test_states_that_are_left_out_are_counted(study, write):
    data = study()
    states = {run: walks(place) for place, run in enumerate(data["runs"]["run"][:2])}
    page = Page(write(data, states=states))
    assert "Shown are 2 of 4 networks" in page.text
    kinds = [chart["kind"] for chart in page.charts.values()]
    assert kinds[-2:] == ["trajectories", "trial"]
    network = list(page.charts.values())[-2]["networks"][1]
    np.testing.assert_allclose(
        np.array(network["states"]) * network["scale"], states[network["name"]].states, atol=0.02
    )


def test_courses_over_learning_stand_in_the_table(study, html):
    courses = [each["points"] for each in Page(html).all("polyline")]
    assert len(courses) == 4 * 2
    points = [tuple(map(float, point.split(","))) for point in courses[0].split()]
    assert points == [(0, 14), (15, 10.8), (30, 7.5), (45, 4.2), (60, 1)]


def test_keys_are_told(study, html):
    for key in study()["runs"]["key"]:
        assert key[:8] in Page(html).text


def test_many_networks_leave_a_page_that_can_be_used(study, write):
    data = study(models=("rnn", "mamba"), noises=(0.0, 0.1, 0.2, 0.3, 0.4), seeds=10, metrics=("DSA",))
    html = write(data)
    assert len(html) < 1e7
    assert "are in the files" in Page(html).text
    assert "as numbers" not in Page(html).text


def test_the_same_arguments_give_the_same_bytes(study, tmp_path):
    one = study(models=("rnn",), noises=(0.0,), metrics=("DSA",))
    assert written(tmp_path, one) == written(tmp_path, one)


def test_an_old_report_is_replaced_and_nothing_else_is_left(small, tmp_path):
    written(tmp_path, {**small, "table": small["table"].iloc[:0], "histories": {}})
    written(tmp_path, {**small, "table": small["table"].iloc[:0], "histories": {}}, meta={"command": "another"})
    (path,) = (tmp_path / "sweep").iterdir()
    assert path.name == "report.html"
    assert "another" in path.read_text(encoding="utf-8")


def test_the_guide_explains_the_metrics_that_were_used(study, write):
    text = Page(write(study(noises=(0.0,), metrics=("CKA", "Mine", "DSA", "DSA(rank=10)")))).text
    assert "CKA, centred kernel alignment" in text
    assert "Mine, in full Compares tea. Blind spot: Coffee." in text
    assert text.count("DSA, dynamical similarity analysis") == 1
    assert "DSA, dynamical similarity analysis DSA, DSA(rank=10) Fits" in text
    assert "Procrustes" not in text


def test_what_all_runs_share_is_no_column(html):
    assert "task delay_anti · curriculum full · perturbation input · seed 0" in Page(html).text
    assert "model mamba, rnn · noise 0, 0.1 · 2030-01-02" in Page(html).text
    assert '<th scope="col">noise</th>' in html
    assert ">task</th>" not in html


def test_one_run_has_no_matrix(study, write):
    page = Page(write(study(models=("rnn",), noises=(0.0,))))
    assert "One rnn network on delay_anti" in page.text
    assert "every network against every other" not in page.text
    assert "The network's distance to itself, which should be 0, is 0." in page.text


def test_no_run_finished(study, write):
    data = study()
    empty = {**data, "table": data["table"].iloc[:0], "runs": data["runs"].iloc[:0]}
    page = Page(write(empty, failures=[Failure(["noise=9"], "too much")]))
    assert "No network finished" in page.text
    assert "noise=9 too much" in page.text
    assert not page.charts


def test_a_table_without_columns_is_empty(study, write):
    data = study()
    html = write(
        {**data, "runs": data["runs"].iloc[:0].drop(columns=["noise"]), "table": data["table"].iloc[:0], "metrics": {}}
    )
    assert "Nothing has run yet" in html


def test_missing_values_are_dashes(study, write):
    data = study(metrics=("DSA",))
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


def test_units_stand_at_all_numbers(study, write):
    data = study(metrics=("DSA", "DSA(scale=radians)", "Mine"))
    html = write(data)
    text = Page(html).text
    heads = [re.sub(r"<br>", " ", head) for head in re.findall(r'<th scope="col">(.*?)</th>', html)]
    assert "DSA to initial (angle / (π/2))" in heads
    assert "DSA(scale=radians) to initial (rad)" in heads
    assert "Mine to initial" in heads
    assert "DSA(scale=radians) (rad) Most alike" in text
    assert "Mine Most alike" in text
    assert "DSA(scale=radians) · dynamics as numbers (rad)" in text
    assert "DSA: an angle divided by π/2" in text
    assert "DSA(scale=radians): an angle in radians" in text
    assert "Mine: a number without a unit." in text
    assert "Every dissimilarity" not in text


def test_one_unit_is_said_of_all(small, write):
    assert "Every dissimilarity here is an angle divided by π/2" in Page(write(small)).text


@pytest.fixture
def broken(monkeypatch):
    """Make a figure of the report fail as no one foresaw."""

    def broken(figure):
        def fail(*_, **__):
            raise ZeroDivisionError("a <b> of 0")

        monkeypatch.setattr(f"dynalign.report.sweep.charts.{figure}", fail)

    return broken


@pytest.mark.parametrize(
    ("figure", "what", "images"),
    [
        ("matrix_chart", "The matrix of DSA", 2),
        ("map_chart", "The map of DSA", 2),
        ("learning_chart", "The figure of DSA over learning", 2),
    ],
)
def test_one_figure_that_fails_costs_that_figure(study, write, broken, figure, what, images):
    broken(figure)
    sentence = f"{what} could not be shown: ZeroDivisionError: a <b> of 0."
    page = Page(write(study(metrics=("DSA",)), lost=[sentence]))
    assert sentence in page.text
    assert len(page.charts) == images
    assert "How to read these numbers" in page.text


def test_factors_of_all_kinds_are_columns(study, write):
    data = study(seeds=2)
    hidden = pd.Series([8, 8, 16, 16, None, None, None, None], dtype=object)
    cohs = pd.Series([[1, 23], [12, 3]] * 4)
    runs = data["runs"].assign(**{"model.hidden": hidden, "task.cohs": cohs, "trainer.fast": [True, False] * 4})
    factors = [*data["factors"], "model.hidden", "task.cohs", "trainer.fast"]
    html = write({**data, "runs": runs, "factors": factors})
    page = Page(html)
    assert "model.hidden 8, 16, –" in page.text
    assert "task.cohs [1,23], [12,3]" in page.text
    for cell in ("[12,3]", "false", "16", "–"):
        assert f"<td>{cell}</td>" in html
    assert "nan" not in page.text.lower()
    assert "None" not in page.text


def test_many_levels_are_counted(study, write):
    assert "noise 0, 0.1 · 5 levels of seed · 2030" in Page(write(study(models=("rnn",), seeds=5))).text


def test_a_metric_of_some_runs_makes_no_gaps_for_the_others(study, write):
    data = study(metrics=("DSA", "CKA"))
    table = data["table"]
    gone = (table["metric"] == "CKA") & ((table["model"] == "rnn") | table["reference"].str.startswith("rnn"))
    html = write({**data, "table": table[~gone]})
    networks = html[html.index('id="networks"') : html.index('id="after"')]
    assert networks.count("<table") == 2
    assert "–" not in networks
    assert "CKA to" not in networks[: networks.index("</table>")].replace("<br>", " ")


def test_what_no_run_has_is_no_column(study, write):
    data = study()
    html = write({**data, "runs": data["runs"].assign(ideal_accuracy=np.nan)})
    networks = html[html.index('id="networks"') : html.index('id="after"')]
    assert "–" not in networks
    assert "coherence 0" not in networks
    assert "ideal" not in networks


def test_floors_are_told_where_there_are_some(small, write):
    page = write(small)
    assert "floor" not in unscripted(page)[unscripted(page).index("<body>") :]
    table = small["table"]
    page = Page(write({**small, "table": table.assign(floor=0.0321)})).text
    assert "0.400 floor 0.032" in " ".join(page.split())
    (apart,) = table[(table["comparison"] == "pairwise") & (table["run"] != table["reference"])]["dissimilarity"]
    assert f"are {number(apart)} apart (floor 0.032)." in " ".join(page.split())
    assert "The band is the floor, the highest of the networks" in page
    assert "A floor is how far a network is from itself" in page
