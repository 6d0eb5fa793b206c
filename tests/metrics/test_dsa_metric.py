"""The package dsa-metric behind our interface: its own numbers, and no smaller ones than ours."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dynalign.errors import DynalignError
from dynalign.metrics import DSA
from dynalign.metrics.dsa_metric import DSAMetric

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "dsa_metric.npz")
STATES = list(REFERENCE["states"])
METRIC = DSAMetric(n_delays=3, delay_interval=2, rank=8, iters=60, scale="radians")


@pytest.fixture
def _package() -> None:
    pytest.importorskip("DSA")


with_package = pytest.mark.usefixtures("_package")


@with_package
@pytest.mark.parametrize("index", range(4))
def test_operators_have_the_same_eigenvalues(index: int) -> None:
    # Those of the reference were saved after a comparison, which makes their norm 1.
    operator = METRIC.prepare(STATES[index]).numpy().astype(float)
    theirs = np.linalg.eigvals(REFERENCE["operators"][index].astype(float))
    found = np.linalg.eigvals(operator / np.linalg.norm(operator))
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(theirs), atol=1e-4)


@with_package
def test_distances_fall_towards_the_packages_best_and_never_below_ours() -> None:
    pairs = [(0, 1), (0, 3), (1, 2)]
    exact = DSA(n_delays=3, delay_interval=2, rank=8, scale="radians", estimator="havok")
    operators, ours = [METRIC.prepare(x) for x in STATES], [exact(STATES[a], STATES[b]) for a, b in pairs]
    found = METRIC.distances([(operators[a], operators[b]) for a, b in pairs])
    assert (found >= np.array(ours) - 1e-4).all()
    best = np.array([REFERENCE["angles"][pair] for pair in pairs])  # after 5000 iterations
    assert (found >= best - 1e-3).all()
    longer = DSAMetric(n_delays=3, delay_interval=2, rank=8, iters=300, scale="radians")
    (nearer,) = longer.distances([(operators[0], operators[1])])
    assert best[0] - 1e-3 <= nearer < found[0] - 0.01


@with_package
def test_units_and_radians() -> None:
    operators = METRIC.prepare(STATES[0]), METRIC.prepare(STATES[2])
    unit = DSAMetric(n_delays=3, delay_interval=2, rank=8, iters=60)
    (radians,), (share,) = METRIC.distances([operators]), unit.distances([operators])
    assert 0 < share < 1
    assert radians == pytest.approx(share * math.pi / 2)


@with_package
def test_the_seed_alone_decides_and_the_global_one_stays() -> None:
    pair = METRIC.prepare(STATES[0]), METRIC.prepare(STATES[1])
    torch.manual_seed(5)
    before = torch.get_rng_state()
    (first,) = METRIC.distances([pair])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again, with_others = METRIC.distances([pair]), METRIC.distances([pair[::-1], pair])
    assert first == again[0] == with_others[1]
    other = DSAMetric(n_delays=3, delay_interval=2, rank=8, iters=60, scale="radians", seed=1)
    assert other.distances([pair])[0] != first


@with_package
def test_as_large_a_rank_as_there_is_room_for() -> None:
    x = np.random.default_rng(0).normal(size=(2, 10, 3))
    for metric in (DSAMetric(n_delays=2, rank=6), DSAMetric(n_delays=4, rank=12)):
        assert metric.prepare(x).shape == (metric.rank, metric.rank)


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        ({"n_delays": 2, "rank": 7}, 6),  # 2 delays of 3 units
        ({"n_delays": 8, "rank": 5}, 4),  # 3 windows make 2 steps in each of 2 trials
        ({"n_delays": 4, "delay_interval": 3, "rank": 1}, 0),  # 10 time steps: a single window
        ({"n_delays": 9, "delay_interval": 9, "rank": 1}, 0),
    ],
)
def test_too_large_a_rank(arguments: dict[str, Any], most: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 10, 3))
    message = f"loud has 2 trials, 10 time steps and 3 units: .* leave room for rank {most}, not {arguments['rank']}"
    with pytest.raises(DynalignError, match=message):
        DSAMetric(**arguments).prepare(x, where="loud")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(({key: 0}, f"DSAMetric needs {key} >= 1, not 0") for key in ("n_delays", "delay_interval", "rank", "iters")),
        *(({"lr": lr}, f"DSAMetric needs lr > 0, not {lr}") for lr in (0.0, -1.0, math.nan, math.inf)),
        ({"scale": "degrees"}, "scale=degrees is unknown"),
    ],
)
def test_bad_parameters(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        DSAMetric(**arguments)


def test_states_are_checked_first() -> None:
    with pytest.raises(DynalignError, match="x is constant"):
        METRIC.prepare(np.ones((5, 40, 3)))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "DSA"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "DSA", None)
    with pytest.raises(DynalignError, match=r"needs the package dsa-metric; pip install 'dynalign\[peers\]' brings it"):
        METRIC.prepare(STATES[0])
