"""The study's own way of looking at networks: trials of their own, axes swapped, the window at the trial's start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.runs import run_of

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, InputDSA
from dynalign.networks import Network, build_network
from dynalign.representations import Representation
from dynalign.store import Run, RunStore
from dynalign.studies import Column, Look, Member, Pair, Population, PublishedRepresentation, compare

SEE = PublishedRepresentation(trials=12, rule="basic")
STEPS, BEGIN = 10, 2  # of 20 ms: a stimulus of 200 ms after a fixation of 40 ms


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def runs(store: RunStore) -> tuple[Run, Run]:
    return run_of(store, 0), run_of(store, 1)


def network_of(run: Run, epoch: int = 3) -> Network:
    network = build_network(run.config, run.key)
    network.model.load_state_dict(run.weights(epoch))
    return network


def test_time_steps_take_the_place_of_trials(runs: tuple[Run, Run]) -> None:
    assert SEE.of(runs[0], 3).shape == (STEPS, 12, 8)
    assert Representation(trials=12, rule="basic", components=None).of(runs[0], 3).shape == (12, STEPS, 8)


def test_a_stored_run_gives_its_states(runs: tuple[Run, Run]) -> None:
    last = runs[0].epochs[-1]
    wanted = Representation(trials=12, components=None).of(runs[0], last)
    np.testing.assert_array_equal(runs[0].states(trials=12), wanted)
    assert (runs[0].states(0, trials=12) != wanted).any()
    assert runs[0].states(period=None, trials=12, components=3).shape[2] == 3
    with pytest.raises(DynalignError, match="has no checkpoint 99"):
        runs[0].states(99)


def test_the_window_is_as_long_as_the_period_and_begins_with_the_trial(runs: tuple[Run, Run]) -> None:
    network = network_of(runs[0])
    trials = SEE.probe(network.task)
    mask = trials.in_period("stimulus")[0]
    assert np.flatnonzero(mask).tolist() == list(range(BEGIN, BEGIN + STEPS))
    states = network.record(torch.from_numpy(trials.inputs))
    np.testing.assert_array_equal(SEE.seen(network, 3, trials), states[:, :STEPS].swapaxes(0, 1))
    np.testing.assert_array_equal(SEE.inputs(network, trials), trials.inputs[:, :STEPS].swapaxes(0, 1))


def test_metrics_are_checked_on_what_they_will_be_shown(runs: tuple[Run, Run]) -> None:
    task = network_of(runs[0]).task
    see = replace(SEE, trials=60)
    see.check(task)
    see.check_metrics([DSA(n_delays=20, rank=3)], task, 8)  # delays over 60 trials; a trial has 10 time steps
    with pytest.raises(DynalignError, match="too few for n_delays=20"):
        SEE.check_metrics([DSA(n_delays=20, rank=3)], task, 8)
    with pytest.raises(DynalignError, match="too few for n_delays=20"):
        Representation(trials=60, rule="basic").check_metrics([DSA(n_delays=20, rank=3)], task, 8)


def test_each_network_is_asked_trials_of_its_own(runs: tuple[Run, Run]) -> None:
    first, second = (SEE.inputs(network_of(run)) for run in runs)
    assert first.shape == second.shape == (STEPS, 12, 7)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, SEE.inputs(network_of(runs[0])))
    same = Representation(trials=12, rule="basic")
    np.testing.assert_array_equal(same.inputs(network_of(runs[0])), same.inputs(network_of(runs[1])))


def test_another_seed_asks_other_trials(runs: tuple[Run, Run]) -> None:
    other = replace(SEE, seed=SEE.seed + 1)
    assert not np.allclose(SEE.of(runs[0], 3), other.of(runs[0], 3))


def test_states_and_inputs_of_a_network_are_of_the_same_trials(runs: tuple[Run, Run]) -> None:
    for run in runs:
        both = SEE.driven(run, 3)
        np.testing.assert_array_equal(both.states, SEE.of(run, 3))
        np.testing.assert_array_equal(both.inputs, SEE.inputs(network_of(run)))
        states = network_of(run).record(torch.from_numpy(np.ascontiguousarray(both.inputs.swapaxes(0, 1))))
        np.testing.assert_allclose(states.swapaxes(0, 1), both.states, rtol=0, atol=1e-5)  # single precision


def test_conditions_are_random_and_not_balanced(runs: tuple[Run, Run]) -> None:
    network = network_of(runs[0])
    balanced = Representation(trials=12, rule="basic").probe(network.task)
    drawn = SEE.probe(network.task)
    counts = [np.unique(trials.inputs.max(axis=1), axis=0, return_counts=True)[1] for trials in (balanced, drawn)]
    assert sum(counts[0]) == sum(counts[1]) == 12
    assert not np.array_equal(np.sort(balanced.inputs, axis=0), np.sort(drawn.inputs, axis=0))


def test_the_whole_trial(runs: tuple[Run, Run]) -> None:
    whole = replace(SEE, period=None).of(runs[0], 3)
    np.testing.assert_array_equal(whole[:STEPS], SEE.of(runs[0], 3))
    assert whole.shape[0] > STEPS


def test_comparing_sees_what_it_shows(runs: tuple[Run, Run], store: RunStore) -> None:
    members = Member("rnn", "master", 0), Member("rnn", "master", 1)
    population = Population(dict(zip(members, runs, strict=True)), {}, 0.9, 0.9)
    pair = Pair(Look(members[0], 3), Look(members[1], 3), "trained")
    driven = Column("inputs", "Inputs", InputDSA(rank=4), SEE)
    rows = compare([pair], [Column("cka", "CKA", CKA(), SEE), driven], population, store)
    assert rows["dissimilarity"].iloc[0] == pytest.approx(CKA()(*(SEE.of(run, 3) for run in runs)), abs=1e-9)
    assert rows["dissimilarity"].iloc[1] == pytest.approx(
        InputDSA(rank=4)(*(SEE.driven(run, 3) for run in runs)), abs=1e-9
    )


def test_it_is_another_identity_than_the_corrected_one(runs: tuple[Run, Run], tmp_path: Path) -> None:
    members = Member("rnn", "master", 0), Member("rnn", "master", 1)
    population = Population(dict(zip(members, runs, strict=True)), {}, 0.9, 0.9)
    pair = Pair(Look(members[0], 3), Look(members[1], 3), "trained")
    corrected = Representation(trials=12, rule="basic", components=None)
    store = RunStore(tmp_path)
    values = [
        compare([pair], [Column("cka", "CKA", CKA(), see)], population, store)["dissimilarity"].item()
        for see in (SEE, corrected, SEE)
    ]
    assert values[0] == values[2] != values[1]
