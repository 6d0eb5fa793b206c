"""Documents say what the code says."""

from __future__ import annotations

import importlib.util

from tests.command import ROOT


def test_the_table_of_metrics_is_that_of_the_metrics() -> None:
    """A new metric appears in it with ``python benchmarks/publish.py``."""
    spec = importlib.util.spec_from_file_location("publish", ROOT / "benchmarks" / "publish.py")
    publish = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(publish)
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert publish.replaced(text, "metrics", publish.metrics_table()) == text
