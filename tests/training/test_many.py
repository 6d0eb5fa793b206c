"""Many networks trained at once, in processes of their own."""

from __future__ import annotations

import os
import signal
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from tests.runs import spec_of

from dynalign.errors import DamagedWarning
from dynalign.networks import build_network
from dynalign.store import RunStore
from dynalign.training import RunSpec, obtain, train_many
from dynalign.training.many import Trained

pytestmark = pytest.mark.slow


@dataclass
class Raising(pl.Callback):
    """Fails every training that is given it."""

    def on_train_start(self, trainer, pl_module):
        warnings.warn("it will fail", DamagedWarning, stacklevel=1)
        raise KeyError("nobody foresaw this")


@dataclass
class Killed(pl.Callback):
    """Stands for a process that the system kills."""

    def on_train_start(self, trainer, pl_module):
        os.kill(os.getpid(), signal.SIGKILL)


def two_phases(seed: int, *last: str) -> RunSpec:
    return spec_of(seed, pretrain=("basic",), train=last)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunStore, list[RunSpec], list[Trained], dict[str, str]]:
    """Four good runs, two of which share their pretraining, and one whose pretraining fails."""
    store = RunStore(tmp_path_factory.mktemp("store"))
    bad = replace(two_phases(7, "anti"), callbacks=[Raising()])
    specs = [bad, two_phases(0, "anti"), two_phases(0, "delay", "anti"), spec_of(1), spec_of(2, train=())]
    told: list[Trained] = []
    with pytest.warns(DamagedWarning, match="it will fail") as said:  # where it is asked for, and not where it trains
        failed = train_many(specs, store, workers=2, progress=told.append)
    assert [Path(each.filename).name for each in said] == [Path(__file__).name]
    return store, specs, told, failed


def test_what_can_be_trained_is(many) -> None:
    store, specs, _, failed = many
    for spec in specs[1:]:
        assert store.open(spec.key).epochs
        assert spec.key not in failed
    assert store.open(specs[1].key).epochs == list(range(7))


def test_shared_pretraining_is_trained_once(many) -> None:
    store, specs, told, _ = many
    first, second = specs[1:3]
    assert first.before is not None
    assert second.before is not None
    assert first.before.key == second.before.key == store.open(first.key).before.key
    shared = [each for each in told if each.spec.key == first.before.key]
    assert len(shared) == 1
    assert told.index(shared[0]) < min(told.index(each) for each in told if len(each.spec.phases) == 2)


def test_a_failure_costs_itself_and_what_goes_on_from_it(many) -> None:
    store, (bad, *_), told, failed = many
    assert bad.before is not None
    assert set(failed) == {bad.key, bad.before.key}
    assert failed[bad.before.key] == "KeyError: 'nobody foresaw this'"
    assert failed[bad.key] == f"The run that it goes on from failed: {failed[bad.before.key]}"
    assert store.find(bad.key) is None
    assert {each.spec.key for each in told if each.reason} == {bad.before.key, bad.key}


def test_progress_counts_what_is_trained(many) -> None:
    _, _, told, _ = many
    assert [each.done for each in told] == list(range(1, len(told) + 1))
    assert {each.total for each in told} == {len(told)} == {7}  # five, and two pretrainings


def test_the_same_weights_as_one_by_one_to_the_bit(many, tmp_path: Path) -> None:
    store, specs, *_ = many
    alone, _ = obtain(two_phases(0, "anti"), RunStore(tmp_path))
    together = store.open(specs[1].key)
    pd.testing.assert_frame_equal(alone.history, together.history)
    for epoch in alone.epochs:
        weights = together.weights(epoch)
        for name, value in alone.weights(epoch).items():
            assert torch.equal(value, weights[name])


def test_what_trains_elsewhere_changes_nothing_here(many) -> None:
    _, specs, *_ = many
    for spec in specs:
        fresh = build_network(spec.config, spec.key).model.state_dict()
        for name, value in spec.network.model.state_dict().items():
            assert not value.is_shared()
            assert torch.equal(value, fresh[name])


def test_what_is_in_the_store_is_not_trained_again(many, monkeypatch: pytest.MonkeyPatch) -> None:
    store, specs, *_ = many
    monkeypatch.setattr("dynalign.training.many.ProcessPoolExecutor", None)  # nothing may be started
    told: list[Trained] = []
    assert train_many(specs[1:], RunStore(store.root), progress=told.append) == {}
    assert told == []
    assert train_many([], store) == {}


def test_a_killed_process_costs_its_own_run_alone(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    killed, *others = [replace(spec_of(0), callbacks=[Killed()]), spec_of(1), spec_of(2), spec_of(3)]
    failed = train_many([killed, *others], store, workers=2)
    assert set(failed) == {killed.key}
    assert "was killed" in failed[killed.key]
    assert all(store.open(spec.key).epochs == [0, 1, 2, 3] for spec in others)
