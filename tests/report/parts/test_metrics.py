from __future__ import annotations

import inspect

import pytest
from dynalign.report.metric_texts import METRICS, figure_title, guide, title

import dynalign.metrics
from dynalign.metrics import Metric


def test_every_exported_metric_is_known_by_its_name():
    classes = [getattr(dynalign.metrics, name) for name in dynalign.metrics.__all__]
    exported = {each for each in classes if inspect.isclass(each) and issubclass(each, Metric)} - {Metric}
    assert set(METRICS.values()) == exported
    assert all(METRICS[each.name] is each for each in exported)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_title_and_a_sentence(name):
    metric = METRICS[name]
    assert 0 < len(metric.title) <= 16
    assert metric.full_title.startswith(metric.title.split()[0])
    assert metric.compares in ("dynamics", "geometry")
    for text in (metric.about, metric.blind_spot):
        assert text[0].isupper()
        assert text.endswith(".")
    assert metric.about.count(". ") == 0
    assert guide(name) == (metric.full_title, metric.about, metric.blind_spot)


def test_no_two_metrics_share_a_text():
    for text in ("title", "full_title", "about", "blind_spot"):
        assert len({getattr(metric, text) for metric in METRICS.values()}) == len(METRICS)


def test_titles():
    assert [title(name) for name in ("dsa", "soft_matching", "mine")] == ["DSA", "Soft matching", "mine"]
    assert [figure_title(name) for name in ("dsa", "cka", "mine")] == ["DSA · dynamics", "CKA · geometry", "mine"]


def test_an_unknown_metric_keeps_its_name():
    assert guide("mine").name == "mine"
    assert guide("mine").blind_spot == ""
