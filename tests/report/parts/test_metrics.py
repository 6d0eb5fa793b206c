from __future__ import annotations

import inspect

import pytest
from tests.report.metrics import described

import dynalign.metrics
from dynalign.metrics import Metric
from dynalign.report.parts.metrics import guides, heading, listed, scales, with_unit

_EXPORTED = [getattr(dynalign.metrics, name) for name in dynalign.metrics.__all__]
METRICS = [each for each in _EXPORTED if inspect.isclass(each) and issubclass(each, Metric) and each is not Metric]


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_of_this_package_has_a_title_and_sentences(metric):
    assert 0 < len(metric.title) <= 16
    assert metric.full_title.startswith(metric.title.split()[0])
    assert metric.compares in ("dynamics", "geometry")
    for text in (metric.about, metric.blind_spot):
        assert text[0].isupper()
        assert text.endswith(".")
    assert metric.about.count(". ") == 0


def test_no_two_metrics_share_a_text():
    for text in ("name", "title", "full_title", "about", "blind_spot"):
        assert len({getattr(metric, text) for metric in METRICS}) == len(METRICS)


def test_a_heading_says_what_is_compared():
    metrics = described("DSA(rank=3)", "Mine")
    assert heading("DSA(rank=3)", metrics) == "DSA(rank=3) · dynamics"
    assert heading("Mine", metrics) == "Mine · geometry"
    assert heading("unknown", metrics) == "unknown"


def test_a_quantity_has_its_unit_if_there_is_one():
    assert with_unit("dissimilarity", "rad") == "dissimilarity (rad)"
    assert with_unit("dissimilarity", "none") == "dissimilarity"


def test_metrics_that_differ_in_settings_are_explained_together():
    metrics = described("DSA", "Mine", "DSA(rank=3)")
    dsa, mine = guides(metrics)
    assert dsa.labels == ["DSA", "DSA(rank=3)"]
    assert (dsa.title, dsa.about) == (metrics["DSA"].title, metrics["DSA"].about)
    assert mine == ("Mine, in full", "Compares tea.", "Coffee.", ["Mine"])


def test_scales_are_told_by_unit():
    assert scales({}) == []
    assert scales(described("DSA", "CKA")) == [
        "Every dissimilarity here is an angle divided by π/2: 1 is a right angle, nothing in common."
    ]
    assert scales(described("Mine")) == ["Every dissimilarity here is a number without a unit."]
    mixed = scales(described("DSA", "DSA(scale=radians)", "CKA", "Mine"))
    assert [text.split(":")[0] for text in mixed] == ["DSA and CKA", "DSA(scale=radians)", "Mine"]
    assert "π/2, about 1.57, is a right angle" in mixed[1]


def test_lists_read_as_sentences_do():
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
