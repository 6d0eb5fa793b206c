"""Pictures within a page: their colours are the page's, their ids are their own, and they are small."""

from __future__ import annotations

import io
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from dynalign.report.parts.vector import CARD, INK, embedded, themed


def drawn() -> Figure:
    figure = Figure(figsize=(4, 3))
    axes, beside = figure.subplots(1, 2)
    axes.plot(np.linspace(0, 1, 300), np.sin(np.linspace(0, 30, 300)), "o-", color="#0072B2")
    axes.set_title("</svg><script>bad()</script> -->")
    axes.set_xlabel("time")
    beside.imshow(np.eye(3), cmap="viridis")
    beside.text(0, 0, "1", color="white")
    return figure


@pytest.fixture(scope="module")
def twice() -> tuple[str, str]:
    with matplotlib.rc_context(themed()):
        return embedded(drawn(), "p1"), embedded(drawn(), "p2")


def test_colours_are_those_of_the_page_and_no_others_change(twice: tuple[str, str]) -> None:
    assert INK not in twice[0]
    assert CARD not in twice[0]
    assert "fill:var(--ink)" in twice[0]
    assert "fill:var(--card)" in twice[0]
    assert "stroke:#0072b2" in twice[0]
    assert "fill:#ffffff" in twice[0]  # the number on a dark cell


def test_parts_are_found_and_two_pictures_share_no_id(twice: tuple[str, str]) -> None:
    ids = [re.findall(r'id="([^"]+)"', each) for each in twice]
    assert len(set(ids[0] + ids[1])) == len(ids[0] + ids[1]) > 0
    for mine, inside in zip(ids, twice, strict=True):
        referred = set(re.findall(r'href="#([^"]+)"', inside) + re.findall(r"url\(#([^)]+)\)", inside))
        assert referred == set(mine)


def test_nothing_of_a_name_and_nothing_from_elsewhere_is_in_it(twice: tuple[str, str]) -> None:
    assert not re.search(r"script|http|xmlns|style>|<!--", twice[0])
    assert twice[0].count("data:image/png") == 1


def test_it_is_smaller_and_lines_lie_where_they_did(twice: tuple[str, str]) -> None:
    buffer = io.StringIO()
    with matplotlib.rc_context({**themed(), "svg.fonttype": "path"}):
        drawn().savefig(buffer, format="svg")
    whole = buffer.getvalue()
    assert len(twice[0]) < 0.75 * len(whole)
    most = [max(re.findall(r' d="([^"]*)"', text), key=lambda path: path.count("L")) for text in (whole, twice[0])]
    exact, rounded = (np.array(re.findall(r"-?[\d.]+", path), dtype=float) for path in most)
    np.testing.assert_allclose(rounded, exact, atol=0.0051)
