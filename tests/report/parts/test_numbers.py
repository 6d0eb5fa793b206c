from __future__ import annotations

import numpy as np
import pytest

from dynalign.report.parts.numbers import bounded, counted, duration, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.96388, "0.964"),
        (1863.097, "1863"),
        (187.2, "187"),
        (12.814, "12.8"),
        (6.007, "6.01"),
        (0.99996, "1.00"),
        (-0.0854, "-0.085"),
        (0.0029603, "0.0030"),
        (0.0004, "4e-4"),
        (1.7e-5, "2e-5"),
        (-3e-7, "-3e-7"),
        (1e-9, "1e-9"),
        (9e-10, "0"),
        (1e-15, "0"),
        (0.0, "0"),
        (2.5e6, "2e6"),
        (np.inf, "∞"),
        (-np.inf, "-∞"),
        (np.nan, "–"),
        (None, "–"),
        (np.float32(0.25), "0.250"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.05, "< 0.1"), (0.5, "0.500"), (2.0, "> 1"), (np.nan, "–")])
def test_numbers_beyond_what_was_tested_are_bounds(value, text):
    assert bounded(value, 0.1, 1.0) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (1e-6, "< 0.01 ms"),
        (0.000136, "0.14 ms"),
        (0.0017, "1.7 ms"),
        (0.221, "221 ms"),
        (0.9999, "1.0 s"),
        (12.34, "12.3 s"),
        (99.96, "1 min 40 s"),
        (120.4, "2 min 00 s"),
        (599.4, "9 min 59 s"),
        (599.6, "10 min"),
        (7500, "2 h 05 min"),
        (np.nan, "–"),
        (np.inf, "–"),
        (None, "–"),
    ],
)
def test_times_have_a_sensible_unit(seconds, text):
    assert duration(seconds) == text


def test_things_are_counted():
    assert [counted(n, "seed") for n in (0, 1, 2, 1234)] == ["0 seeds", "1 seed", "2 seeds", "1,234 seeds"]
