"""DSA against numbers of the package dsa-metric (see tests/reference/make_dsa_metric.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynalign.metrics import DSA, pairwise

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "dsa_metric.npz")
METRIC = DSA(n_delays=3, delay_interval=2, rank=8, scale="radians")


@pytest.mark.parametrize("index", range(4))
def test_operators_have_the_same_eigenvalues(index: int) -> None:
    # Theirs are in single precision and of norm 1; eigenvalues do not depend on the coordinates.
    theirs = np.linalg.eigvals(REFERENCE["operators"][index].astype(float))
    ours = np.linalg.eigvals(METRIC.prepare(REFERENCE["states"][index]).operator.numpy())
    np.testing.assert_allclose(np.sort_complex(ours), np.sort_complex(theirs), atol=1e-4)


def test_distances_are_never_larger() -> None:
    # Both minimise over the same rotations, so the smaller distance is the more right one.
    ours, theirs = pairwise(METRIC, list(REFERENCE["states"])), REFERENCE["angles"]
    assert (ours <= theirs + 1e-4).all()
