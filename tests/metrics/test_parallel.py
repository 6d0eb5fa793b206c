"""Pairs measured in several processes: the same numbers, and what goes wrong there is told here."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from tests.metrics.systems import spiral

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, pairwise
from dynalign.metrics.parallel import workers_of
from dynalign.processes import cores, side_by_side

SYSTEMS = [spiral(0.9 + 0.02 * seed, 0.3, seed=seed) for seed in range(4)]


class Dies(CKA):
    """A metric that takes its process with it."""

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        os._exit(3)


class Stays(CKA):
    """A metric that cannot leave its process."""

    def __reduce__(self) -> Any:
        raise TypeError("I stay here")


@pytest.mark.slow
def test_the_numbers_are_those_of_one_process() -> None:
    metric, seen = DSA(n_delays=2, rank=2), []
    names = ["a", "b", "c", "d"]
    before = os.environ.get("OMP_NUM_THREADS")
    found = pairwise(metric, SYSTEMS, n_jobs=2, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_allclose(found, pairwise(metric, SYSTEMS), rtol=0, atol=1e-12)
    assert seen[-1] == (10, 10)
    assert os.environ.get("OMP_NUM_THREADS") == before
    with pytest.raises(DynalignError, match=r"c holds .* NaN"):
        pairwise(metric, [*SYSTEMS[:2], np.full((4, 20, 2), np.nan), SYSTEMS[3]], n_jobs=2, names=names)


@pytest.mark.slow
def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(DynalignError, match=r"A process that computed died, .*__main__"):
        pairwise(Dies(), SYSTEMS, n_jobs=2)


@pytest.mark.slow
def test_processes_have_one_thread() -> None:
    with side_by_side(1) as run:
        assert list(run(os.getenv, [("OMP_NUM_THREADS",), ("MKL_NUM_THREADS",)])) == [(0, "1"), (1, "1")]


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(DynalignError, match=r"CKA cannot be sent to another process .*I stay here.* use n_jobs=1"):
        pairwise(Stays(), SYSTEMS, n_jobs=2)


def test_how_many_processes_are_meant() -> None:
    assert workers_of(3) == 3
    assert workers_of(-1) == cores()
    for wrong in (0, -2, 1.5, True):
        with pytest.raises(DynalignError, match="must be a whole number above 0, or -1"):
            workers_of(wrong)
    assert pairwise(CKA(), [], n_jobs=2).shape == (0, 0)
