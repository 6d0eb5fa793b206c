from __future__ import annotations

import base64
import gzip
import math

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from dynalign.report.parts.interactive import clustered, library, listed_numbers, look, script, short
from dynalign.report.parts.style import LINES, MARKERS, style


def test_the_library_is_whole_and_small():
    assert gzip.decompress(base64.b64decode(library())).decode("utf-8") == get_plotlyjs()
    assert len(library()) < 3e6


def test_the_pages_own_script_closes_no_element_and_names_no_address():
    assert "</script" not in script()
    assert "://" not in script()


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.123456789, 0.12346), (math.nan, None), (None, None), (math.inf, "inf"), (-math.inf, None), (0.0, 0.0)],
)
def test_numbers_are_such_as_json_has(value, written):
    assert short(value) == written


def test_matrices_are_lists_of_rows():
    assert listed_numbers([[1, np.nan], [2, 3]]) == [[1, None], [2, 3]]


def test_styles_keep_their_looks_in_the_librarys_words():
    looks = [look(style(place, place)) for place in range(min(len(LINES), len(MARKERS)))]
    assert len({each["dash"] for each in looks}) == len(LINES)
    assert len({each["mark"] for each in looks}) == len(looks)


def test_clusters_stand_together():
    belongs = np.array([0, 1, 2, 0, 1, 2, 0])
    matrix = np.where(belongs[:, None] == belongs, 0.1, 1.0) + 0.01 * np.abs(np.subtract.outer(range(7), range(7)))
    np.fill_diagonal(matrix, 0.0)
    ((found),) = clustered(matrix)
    assert found["name"] == "clustered"
    assert sorted(found["order"]) == list(range(7))
    assert np.count_nonzero(np.diff(belongs[found["order"]])) == 2


def test_what_is_unknown_or_too_little_has_no_clusters():
    assert clustered(np.zeros((2, 2))) == []
    assert clustered(np.full((3, 3), np.nan)) == []
