"""Trained networks against each other: all pairs once, of what can be compared."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.runs import run_of

from dynalign.metrics import CKA, DSA, Procrustes
from dynalign.metrics.halves import floor_distances
from dynalign.representations import Representation
from dynalign.store import RunStore
from dynalign.studies import Trained, blocks, blocks_of_trained, comparable, compare_trained, pairwise

SEE = Representation(trials=20, rule="basic")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def networks(store: RunStore) -> list[Trained]:
    return [Trained(f"seed {seed}", run_of(store, seed), SEE, [CKA()]) for seed in range(3)]


def test_all_pairs_once(networks: list[Trained], store: RunStore) -> None:
    table = compare_trained(networks, store)
    names = [network.name for network in networks]
    pairs = list(zip(table["run"], table["reference"], strict=True))
    assert pairs == list(combinations_with_replacement(names, 2))
    states = {network.name: SEE.of(network.run, 3) for network in networks}
    expected = [CKA()(states[a], states[b]) for a, b in pairs]
    np.testing.assert_allclose(table["dissimilarity"], expected, rtol=1e-6, atol=1e-9)


def test_a_common_basis_is_made_for_each_pair(networks: list[Trained], store: RunStore) -> None:
    common = replace(SEE, basis="common", components=4)
    table = compare_trained([replace(each, representation=common) for each in networks], store)
    raw = {network.name: common.of(network.run, 3) for network in networks}
    first, second = common.reduce([raw["seed 0"], raw["seed 2"]])
    row = table[(table["run"] == "seed 0") & (table["reference"] == "seed 2")]
    assert row["dissimilarity"].item() == pytest.approx(CKA()(first, second), rel=1e-6)


def test_only_what_is_seen_alike_is_compared(networks: list[Trained]) -> None:
    one, two, three = networks

    def groups(*members: Trained) -> list[tuple[str, list[str]]]:
        return [(metric.label, [member.name for member in group]) for metric, group in comparable(members)]

    assert groups(one, two, three) == [("CKA", ["seed 0", "seed 1", "seed 2"])]
    assert groups(one, replace(two, metrics=[Procrustes()])) == [("CKA", ["seed 0"]), ("Procrustes", ["seed 1"])]
    ranks = [replace(one, metrics=[DSA(rank=rank)]) for rank in (5, 6)]
    assert groups(*ranks) == [("DSA(rank=5)", ["seed 0"]), ("DSA(rank=6)", ["seed 0"])]
    assert groups(one, one, replace(two, representation=replace(SEE, period="delay"))) == [
        ("CKA", ["seed 0"]),
        ("CKA", ["seed 1"]),
    ]
    assert groups(one, replace(two, representation=replace(SEE, noise=0.5))) == [("CKA", ["seed 0", "seed 1"])]


def test_one_network_under_two_names_stands_once(networks: list[Trained]) -> None:
    one, two, _ = networks
    (group,) = comparable([one, replace(one, name="the same, to another reference"), two])
    assert [member.name for member in group[1]] == ["seed 0", "seed 1"]


def test_progress_counts_what_is_measured(networks: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> None:
    seen: list[tuple[str, int, int]] = []
    store = RunStore(tmp_path_factory.mktemp("empty"))
    compare_trained(networks, store, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("CKA", 6, 6)
    seen.clear()
    compare_trained(networks, store, progress=lambda *step: seen.append(step))
    assert seen == []


def test_the_floor_of_a_pair_is_the_mean_of_both(networks: list[Trained], store: RunStore) -> None:
    metric = DSA(n_delays=2, rank=3)
    splits = [3, 3, 0]
    asked = [replace(each, metrics=[metric], floor_splits=k) for each, k in zip(networks, splits, strict=True)]
    table = compare_trained(asked, store).set_index(["run", "reference"])["floor"]
    floors = [floor_distances(metric, SEE.of(each.run, 3), splits=3).mean() for each in asked[:2]]
    assert table["seed 0", "seed 1"] == pytest.approx(sum(floors) / 2, abs=1e-9)
    assert table["seed 0", "seed 0"] == pytest.approx(floors[0], abs=1e-9)
    assert np.isnan(table["seed 0", "seed 2"])


@pytest.fixture(scope="module")
def many(store: RunStore) -> list[Trained]:
    metrics = [DSA(n_delays=2, rank=3, starts=12), CKA()]
    runs = [run_of(store, seed, train=()) for seed in range(7)]
    return [Trained(f"seed {run.config['seed']}", run, SEE, metrics) for run in runs]


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairwise, "_LEAST", 2)


@pytest.fixture(scope="module")
def undisturbed(many: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairwise, "_LEAST", 2)
        table = compare_trained(many, RunStore(tmp_path_factory.mktemp("undisturbed")), workers=1)
    assert len(table) == 2 * 28
    return table.drop(columns="seconds")


@pytest.mark.usefixtures("few_at_a_time")
def test_blocks_hold_few_networks(many: list[Trained]) -> None:
    blocks = blocks_of_trained(many)
    assert len(blocks) == 10
    assert all(len({name for pair in block.pairs for name in pair}) <= 4 for block in blocks)
    assert all([way.metric for way in block.ways.values()] == many[0].metrics for block in blocks)


def test_large_states_make_small_blocks(many: list[Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairwise, "_LEAST", 4)
    assert pairwise._part(many) == 4
    numbers = SEE.of(many[0].run, 0).size
    monkeypatch.setattr(pairwise, "_MEMORY", 2 * 2 * pairwise._BYTES * numbers)
    assert pairwise._part(many) == 2
    assert pairwise._part([replace(each, representation=replace(SEE, components=1)) for each in many]) == 4


@pytest.mark.usefixtures("few_at_a_time")
def test_an_interrupted_comparison_goes_on_to_the_same_bits(
    many: list[Trained], undisturbed: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after some blocks, and again: what they gave is there, and the numbers are those of one go."""
    distances = DSA.distances
    for blocks_done in (1, 4):
        calls = iter(range(100))

        def stopping(self: DSA, pairs: Any, calls: Any = calls, most: int = blocks_done) -> Any:
            if next(calls) == most:
                raise KeyboardInterrupt
            return distances(self, pairs)

        monkeypatch.setattr(DSA, "distances", stopping)
        with pytest.raises(KeyboardInterrupt):
            compare_trained(many, RunStore(tmp_path), workers=1)
    left = []
    monkeypatch.setattr(DSA, "distances", lambda self, pairs: left.append(len(pairs)) or distances(self, pairs))
    table = compare_trained(many, RunStore(tmp_path), workers=1)
    assert len(left) == 10 - 1 - 4
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), undisturbed, check_exact=True)


@pytest.mark.slow
@pytest.mark.usefixtures("few_at_a_time")
def test_processes_give_the_same_bits(
    many: list[Trained], undisturbed: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_FEW", 0)
    table = compare_trained(many, RunStore(tmp_path), workers=2)
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), undisturbed, check_exact=True)
    monkeypatch.setattr(blocks, "started", None)  # nothing may be started again
    pd.testing.assert_frame_equal(compare_trained(many, RunStore(tmp_path), workers=2), table, check_exact=True)


@pytest.mark.usefixtures("few_at_a_time")
def test_a_damaged_file_of_measurements_is_measured_again(
    many: list[Trained], undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    compare_trained(many, RunStore(tmp_path), workers=1)
    for path in sorted(tmp_path.rglob("*.npz"))[::3]:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="are damaged"):
        table = compare_trained(many, RunStore(tmp_path), workers=1)
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), undisturbed, check_exact=True)
