"""What was measured is kept: typed twice it is measured once, and what was stopped goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import dynalign
from dynalign.comparison import Effort
from dynalign.comparison.keeping import _blocks
from dynalign.data import Recording
from dynalign.metrics import CKA
from dynalign.store import RunStore

FEW = Effort(bootstrap=6, splits=5, permutations=0)


class Counted(CKA):
    """CKA that counts the pairs it compares, and can be stopped after some."""

    pairs: ClassVar[int] = 0
    stop: ClassVar[int | None] = None

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> Any:
        if Counted.stop is not None and Counted.pairs >= Counted.stop:
            raise KeyboardInterrupt
        Counted.pairs += len(pairs)
        return super().distances(pairs)


@pytest.fixture
def recordings() -> list[Recording]:
    rng = np.random.default_rng(0)
    return [Recording(name, list(rng.normal(size=(12, 9, 4))), list("abc") * 4) for name in ("x", "y", "z")]


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counted, "pairs", 0)


def compared(recordings: list[Recording], root: Path, metric: CKA | None = None, effort: Effort = FEW) -> Any:
    store = RunStore(root)  # anew, as by another process
    return dynalign.compare(recordings, metric or Counted(), align="condition_mean", effort=effort, store=store).table()


def counted(recordings: list[Recording], root: Path, **more: Any) -> int:
    before = Counted.pairs
    compared(recordings, root, **more)
    return Counted.pairs - before


def test_typed_twice_it_is_measured_once(recordings: list[Recording], tmp_path: Path) -> None:
    first = compared(recordings, tmp_path)
    assert Counted.pairs > 3 * 6 + 3
    again = Counted.pairs
    assert compared(recordings, tmp_path).equals(first)  # seconds included
    assert Counted.pairs == again


def test_what_differs_is_measured(recordings: list[Recording], tmp_path: Path) -> None:
    whole = counted(recordings, tmp_path)
    changed = [*recordings[:2], replace(recordings[2], trials=[trial + 1e-3 for trial in recordings[2].trials])]
    changed[2].trials[0][0, 0] += 1
    assert 0 < counted(changed, tmp_path) < whole  # pairs without it are known
    relabelled = [*recordings[:2], replace(recordings[2], conditions=list("bca") * 4)]
    assert counted(relabelled, tmp_path) > 0
    assert counted(recordings, tmp_path, metric=Counted(scale="radians")) == whole
    assert counted(recordings, tmp_path, effort=replace(FEW, seed=1)) == whole - 3 - 3  # but for distances of the whole
    assert counted(recordings, tmp_path, effort=replace(FEW, bootstrap=7)) == 3


def test_what_was_stopped_goes_on(recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynalign.comparison.keeping._BLOCK", 1)
    whole = counted(recordings, tmp_path / "other")
    monkeypatch.setattr(Counted, "stop", Counted.pairs + 12)
    with pytest.raises(KeyboardInterrupt):
        compared(recordings, tmp_path / "store")
    done = Counted.pairs - whole
    assert 12 <= done < whole
    monkeypatch.setattr(Counted, "stop", None)
    assert counted(recordings, tmp_path / "store") == whole - done


def test_nothing_is_kept_where_no_store_is_given(recordings: list[Recording]) -> None:
    alone = [dynalign.compare(recordings, Counted(), align="condition_mean", effort=FEW).table() for _ in range(2)]
    assert alone[0].drop(columns="seconds").equals(alone[1].drop(columns="seconds"))


def test_no_system_is_prepared_for_two_blocks() -> None:
    pairs = [((name, draw), (other, draw)) for draw in range(90) for name, other in ("ab", "ac", "bc")]
    blocks = list(_blocks(pairs, ()))
    assert [place for block in blocks for place in block] == list(range(270))
    assert len(blocks) == 5
    sets = [{name for place in block for name in pairs[place]} for block in blocks]
    assert sum(map(len, sets)) == len(set().union(*sets))
    shared = [("x", place) for place in range(200)]
    assert len(list(_blocks(shared, ()))) == 1
    assert len(list(_blocks(shared, {"x"}))) == 4
