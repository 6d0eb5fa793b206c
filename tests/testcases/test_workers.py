"""Processes of their own: what hangs, dies or fails is lost alone, and the numbers are those of one process."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from tests.testcases.tables import TINY
from threadpoolctl import threadpool_info

from dynalign.metrics import CKA, Procrustes
from dynalign.testcases import Families, Measured, Workers, measure_material, workers

MATERIAL = Families().material(TINY, 0)


@dataclass(frozen=True)
class Sleeper(CKA):
    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        time.sleep(600)
        return super().distances(pairs)


@dataclass(frozen=True)
class Dying(CKA):
    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        os._exit(3)


@dataclass(frozen=True)
class Raising(CKA):
    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        raise KeyError("x")


@dataclass(frozen=True)
class Threads(CKA):
    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        pools = [pool["num_threads"] for pool in threadpool_info()]
        return np.full(len(pairs), float(max([torch.get_num_threads(), *pools])))


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    monkeypatch.setattr(sys.modules[Workers.__module__], "cores", lambda: 1)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(variable, "2")
    started = Workers()
    yield started
    started.stop()


def refuse_to_arrive() -> CKA:
    raise RuntimeError("not here")


class Unpackable(CKA):
    """Fails when another process unpacks it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return refuse_to_arrive, ()


class Unsendable(CKA):
    """Fails when it is packed."""

    def __reduce__(self) -> tuple[Any, ...]:
        raise RuntimeError("not there")


@pytest.mark.slow
def test_what_cannot_be_sent_is_lost_alone(one_process: Workers) -> None:
    metrics = [Unpackable(), Unsendable(), CKA()]
    found = dict(one_process.measure([(metric, MATERIAL) for metric in metrics], limit=60))
    assert found[0] == "RuntimeError: not here"
    assert found[1] == "cannot be sent to another process: RuntimeError: not there"
    assert isinstance(found[2], Measured)


@pytest.mark.slow
def test_what_hangs_dies_or_fails_is_lost_alone(one_process: Workers) -> None:
    class Local(CKA):
        """A class that another process cannot find."""

    metrics = [CKA(), Sleeper(), Local(), Dying(), Raising(), Threads(), Procrustes()]
    found = dict(one_process.measure([(metric, MATERIAL) for metric in metrics], limit=6))
    assert sorted(found) == list(range(len(metrics)))
    assert found.pop(1) == "took longer than 6 s"
    assert "cannot be sent to another process" in str(found.pop(2))
    assert found.pop(3) == "its process died (exit code 3)"
    measured = {index: outcome for index, outcome in found.items() if isinstance(outcome, Measured)}
    assert measured.keys() == found.keys()
    assert {(row["dissimilarity"], row["reason"]) for row in measured[4].rows} == {(None, "KeyError: 'x'")}
    assert {row["dissimilarity"] for row in measured[5].rows} == {1.0}
    for index in (0, 6):
        here = measure_material(metrics[index], MATERIAL)
        names, numbers = zip(*((row["first"], row["dissimilarity"]) for row in measured[index].rows), strict=True)
        assert names == tuple(row["first"] for row in here.rows)
        np.testing.assert_allclose(numbers, [row["dissimilarity"] for row in here.rows], rtol=1e-12, atol=1e-12)
        assert measured[index].pairs == here.pairs


def test_one_set_of_processes_for_all() -> None:
    assert workers() is workers()
