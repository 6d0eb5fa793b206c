"""Many pairs, in blocks and in processes: the same numbers, and no block lost for the sake of another."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, ClassVar

import pytest
from tests.runs import run_of

from dynalign.metrics import CKA, Procrustes
from dynalign.representations import Representation
from dynalign.store import Run, RunStore
from dynalign.studies import Column, Look, Member, comparing, plan_blocks
from dynalign.studies import blocks as module
from dynalign.studies.blocks import measure_blocks, tiles
from dynalign.studies.comparing import blocks_of

SEE = Representation(trials=10, rule="basic", components=4)
COLUMNS = [Column("cka", "CKA", CKA(), SEE), Column("procrustes", "Procrustes", Procrustes(), SEE)]


@dataclass(frozen=True)
class Dying(CKA):
    """Takes its process with it where it sees the first network."""

    name: ClassVar[str] = "dying"

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        if "seed 0 " in where:
            os._exit(7)
        return super().prepare(x, where=where)


@dataclass(frozen=True)
class Doubting(CKA):
    """Warns of every network."""

    name: ClassVar[str] = "doubting"

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        warnings.warn(f"I doubt {where}", UserWarning, stacklevel=2)
        return super().prepare(x, where=where)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def runs(store: RunStore) -> dict[Look, Run]:
    found = {seed: run_of(store, seed) for seed in range(3)}
    return {Look(Member("rnn", "master", seed), epoch): run for seed, run in found.items() for epoch in run.epochs}


@pytest.fixture(scope="module")
def pairs(runs: dict[Look, Run]) -> list[tuple[Look, Look]]:
    return list(combinations_with_replacement(sorted(runs), 2))


def test_the_same_numbers_however_pairs_are_cut(runs, pairs, store, tmp_path, monkeypatch) -> None:
    whole = measure_blocks(blocks_of(COLUMNS, pairs, runs), store)
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(comparing, "_MOST", 10)
    cut = measure_blocks(
        blocks_of(COLUMNS, pairs, runs), RunStore(tmp_path), progress=lambda *what: told.append(what), workers=1
    )
    blocks, empty = blocks_of(COLUMNS, pairs, runs), RunStore(tmp_path / "empty")
    for kept, known in ((store, len(pairs)), (empty, 0)):
        assert [(each.wanted, each.known) for each in plan_blocks(blocks, kept)] == [(len(pairs), known)] * 2
    for name, numbers in whole.items():
        assert list(cut[name]) == pairs
        for pair in pairs:
            assert cut[name][pair].value == pytest.approx(numbers[pair].value, abs=1e-9)
    for title in ("CKA, rnn", "Procrustes, rnn"):
        counts = [done for what, done, _ in told if what == title]
        assert counts == sorted(counts)
        assert counts[-1] == len(pairs) == {total for what, _, total in told if what == title}.pop()


@pytest.mark.slow
def test_processes_measure_the_same_and_keep_it(runs, pairs, store, tmp_path, monkeypatch) -> None:
    whole = measure_blocks(blocks_of(COLUMNS, pairs, runs), store)
    monkeypatch.setattr(comparing, "_MOST", 20)
    monkeypatch.setattr(module, "_FEW", 0)
    side_by_side = measure_blocks(blocks_of(COLUMNS, pairs, runs), RunStore(tmp_path), workers=2)
    monkeypatch.setattr(module, "started", None)  # nothing may be started
    again = measure_blocks(blocks_of(COLUMNS, pairs, runs), RunStore(tmp_path), workers=2)
    for name, numbers in whole.items():
        for pair in pairs:
            assert side_by_side[name][pair].value == pytest.approx(numbers[pair].value, abs=1e-9)
            assert again[name][pair].value == side_by_side[name][pair].value


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_tiles_hold_every_pair_once_and_few_networks(size: int) -> None:
    names = list("abcdefg")
    parts = tiles(names, size)
    assert sorted(pair for part in parts for pair in part) == list(combinations_with_replacement(names, 2))
    assert max(len({name for pair in part for name in pair}) for part in parts) <= 2 * size


@pytest.mark.slow
def test_a_process_that_dies_costs_its_block(runs, pairs, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "_FEW", 0)
    first = [pair for pair in pairs if any(look.member.seed == 0 for look in pair)]
    others = [pair for pair in pairs if pair not in first]
    column = Column("dying", "Dying", Dying(), SEE)
    blocks = [block for part in (first, others) for block in blocks_of([column], part, runs)]
    found = measure_blocks(blocks, RunStore(tmp_path), workers=2)["dying"]
    assert all("died (exit code 7)" in found[pair].reason for pair in first)
    assert all(found[pair].reason == "" and found[pair].value >= 0 for pair in others)


@pytest.mark.slow
def test_warnings_of_other_processes_are_heard_here(runs, pairs, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "_FEW", 0)
    column = Column("doubting", "Doubting", Doubting(), SEE)
    monkeypatch.setattr(comparing, "_MOST", len(pairs) // 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        measure_blocks(blocks_of([column], pairs, runs), RunStore(tmp_path), workers=2)
    assert {str(each.message) for each in caught} == {f"I doubt {look}" for look in runs}
    assert f"I doubt rnn master seed 0 at epoch {max(look.epoch for look in runs)}" in {str(c.message) for c in caught}
