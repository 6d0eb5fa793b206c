"""What identifies a measurement: the run, the checkpoint, what is seen of it, the metric, and the code of all that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.runs import run_of

import dynalign.studies.measuring
from dynalign.metrics import CKA, InputDSA
from dynalign.representations import Representation
from dynalign.store import RunStore
from dynalign.studies.measuring import Recordings, Seen, measure_seen, recorded

SEE = Representation(trials=20, rule="basic")


@dataclass(frozen=True)
class Counting(CKA):
    """Counts how often anything is prepared."""

    def prepare(self, x, *, where="x"):
        CALLS.append(where)
        return super().prepare(x, where=where)


CALLS: list[str] = []


@pytest.fixture
def seen(tmp_path: Path) -> dict[int, Seen]:
    run = run_of(RunStore(tmp_path))
    CALLS.clear()
    return {epoch: Seen(run, epoch, SEE) for epoch in run.epochs}


def test_each_system_is_prepared_once(seen: dict[int, Seen], tmp_path: Path) -> None:
    pairs = [(a, b) for a in seen for b in seen]
    found = measure_seen(Counting(), seen, pairs, RunStore(tmp_path))
    assert len(found) == 16
    assert len(CALLS) == 4
    measure_seen(Counting(), seen, pairs, RunStore(tmp_path))
    assert len(CALLS) == 4


def test_another_code_measures_again(seen: dict[int, Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path)
    measure_seen(Counting(), seen, [(0, 3)], store)
    measure_seen(Counting(), seen, [(0, 3)], store)
    assert len(CALLS) == 2
    monkeypatch.setattr(dynalign.studies.measuring, "code_key", lambda *_, **__: "corrected")
    measure_seen(Counting(), seen, [(0, 3)], store)
    assert len(CALLS) == 4


def test_a_metric_that_needs_inputs_sees_the_period_of_both(seen: dict[int, Seen], tmp_path: Path) -> None:
    metric = InputDSA(rank=4)
    system = seen[3].shown(metric)
    states = seen[3].shown(CKA())
    np.testing.assert_array_equal(system.states, states)
    assert system.inputs.shape == (*states.shape[:2], 7)
    (found,) = measure_seen(metric, seen, [(3, 0)], RunStore(tmp_path))
    assert found.value == pytest.approx(metric(system, seen[0].shown(metric)), abs=1e-9)


@pytest.mark.parametrize(
    "other", [{"trials": 30}, {"rule": "anti"}, {"period": None}, {"components": 3}, {"noise": 0.1}, {"seed": 1}]
)
def test_whatever_changes_the_states_is_part_of_the_identity(seen: dict[int, Seen], other: dict[str, object]) -> None:
    assert replace(seen[0], representation=replace(SEE, **other)).identity != seen[0].identity
    assert seen[0].identity != seen[1].identity


def test_metrics_share_recordings_up_to_a_limit(seen: dict[int, Seen], monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[int]()
    of = Representation.of
    monkeypatch.setattr(
        Representation, "of", lambda self, run, epoch, **rest: made.append(epoch) or of(self, run, epoch, **rest)
    )
    epochs = list(seen)
    one = seen[epochs[0]].shown(CKA()).nbytes  # type: ignore[union-attr]
    for limit, kept in ((np.inf, len(epochs)), (one, 1), (0, 0)):
        made.clear()
        shared = recorded(seen, Recordings(limit))
        for _ in range(2):
            for epoch in epochs:
                np.testing.assert_array_equal(shared[epoch].shown(CKA()), of(SEE, seen[epoch].run, epoch))
        assert len(made) == 2 * len(epochs) - kept
    assert {epoch: each.identity for epoch, each in shared.items()} == {e: each.identity for e, each in seen.items()}
