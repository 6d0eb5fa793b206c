"""What a store holds, and what past runs say of the cost of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dynalign.inventory import estimate, inventory, past_runs, size_of


def config(seed: int, *, model: str = "RNN", rules: int = 1, epochs: int = 3) -> dict[str, Any]:
    return {
        "model": {"_target_": model},
        "task": {"_target_": "Task"},
        "phases": [{"rules": ["rule"] * rules}],
        "training": {"epochs": epochs},
        "seed": seed,
    }


def keep(root: Path, key: str, about: dict[str, Any], seconds: float) -> None:
    folder = root / (key * 16)
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "epoch-0000.pt").write_bytes(bytes(1000))
    (folder / "config.json").write_text(json.dumps(about))
    (folder / "run.json").write_text(json.dumps({"seconds": seconds, "before": None}))
    (root / f"{key * 16}.lock").touch()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    keep(tmp_path, "a", config(0), 10.0)
    keep(tmp_path, "b", config(1), 20.0)
    keep(tmp_path, "c", config(0, epochs=9), 90.0)
    (tmp_path / ("d" * 16 + ".partial")).mkdir()
    (tmp_path / ("e" * 16 + ".damaged")).mkdir()
    (tmp_path / ("e" * 16 + ".damaged-1")).mkdir()
    (tmp_path / "measurements").mkdir()
    (tmp_path / "measurements" / "x.json").write_bytes(bytes(77))
    (tmp_path / "notes.txt").touch()
    (tmp_path / ("f" * 16)).symlink_to(tmp_path / "measurements")
    return tmp_path


def test_everything_has_its_kind_and_size(root: Path) -> None:
    kept, foreign = inventory(root)
    counts = {kind: sum(each.counts for each in kept if each.kind == kind) for kind in {e.kind for e in kept}}
    assert counts == {"runs": 3, "begun": 1, "measurements": 1, "damaged": 2}
    assert {each.bytes for each in kept if each.kind == "measurements"} == {77}
    assert sorted(path.name for path in foreign) == ["f" * 16, "notes.txt"]
    assert inventory(root / "nowhere") == ([], [])


def test_runs_that_differ_by_seed_alone_say_what_another_costs(root: Path) -> None:
    past = past_runs(root)
    found = estimate(config(5), past)
    assert found is not None
    assert (found.seconds, found.source) == (15.0, "that differ by seed alone")
    assert found.bytes == (size_of(root / ("a" * 16)) + size_of(root / ("b" * 16))) / 2


def test_or_those_of_the_same_model_and_task(root: Path) -> None:
    found = estimate(config(0, epochs=5), past_runs(root))
    assert found is not None
    assert (found.seconds, found.source) == (40.0, "of the same model and task")


@pytest.mark.parametrize("other", [config(0, model="Mamba"), config(0, rules=4)])
def test_where_none_is_alike_nothing_is_said(root: Path, other: dict[str, Any]) -> None:
    assert estimate(other, past_runs(root)) is None


def test_runs_that_cannot_be_read_say_nothing(root: Path) -> None:
    (root / ("a" * 16) / "run.json").write_text("{oh")
    (root / ("b" * 16) / "config.json").unlink()
    assert [each.seconds for each in past_runs(root)] == [90.0]
