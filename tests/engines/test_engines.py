"""Engines: what is refused, how jobs are handed out, and that one which dies is lost alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.engines.jobs import half_or_die

from dynalign import processes
from dynalign.engines import ENGINES, Engine, Lost, engine_of
from dynalign.engines.base import died, side_by_side_on_this_machine
from dynalign.errors import DynalignError


class Here(Engine):
    """Runs nothing elsewhere; a job has ended when it is asked for the second time, the last one first."""

    cores_per_job, pause = 1, 0.0

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.batches: list[int] = []
        self.asked: set[int] = set()

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(len(tasks))
        return [(task, function(task)) for task in tasks]

    def ended(self, handle: Any) -> bool:
        known = handle[0] in self.asked
        self.asked.add(handle[0])
        return known

    def outcome(self, handle: Any) -> Any:
        return handle[1]

    def stop(self) -> None:
        pass


def test_tasks_are_handed_out_when_there_is_room() -> None:
    engine, given = Here(2), []

    def tasks() -> Any:
        for number in range(5):
            given.append(number)
            yield number

    run = engine.run(lambda number: number * 10, tasks())
    assert next(run) == (0, 0)
    assert given == [0, 1]
    assert dict(run) == {number: number * 10 for number in range(1, 5)}
    assert sum(engine.batches) == 5
    assert max(engine.batches) == 2


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("jobli", {}, "There is no launcher jobli; did you mean joblib"),
        ("joblib", {"n_job": 2}, "There is no setting hydra.launcher.n_job of joblib; did you mean n_jobs"),
        ("joblib", {"n_jobs": 0}, "hydra.launcher.n_jobs=0 must be a whole number above 0"),
        ("joblib", {"cores_per_job": 1.5}, "hydra.launcher.cores_per_job=1.5 must be a whole number above 0"),
    ],
)
def test_slips(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        engine_of(name, settings)


@pytest.mark.parametrize("name", ENGINES)
def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    package = ENGINES[name][1]
    with pytest.raises(DynalignError) as told:
        engine_of(name, {})
    assert str(told.value) == (
        f"hydra/launcher={name} needs the package {package}; pip install 'dynalign[{package}]' brings it."
    )


def test_as_many_jobs_as_there_are_processors_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynalign.engines.base.cores", lambda: 8)
    assert engine_of("joblib", {}).at_once == 8
    assert engine_of("joblib", {"cores_per_job": 3}).at_once == 2
    assert engine_of("joblib", {"n_jobs": 3}).about == "3 side by side, 1 thread each"
    assert side_by_side_on_this_machine(5, 2) == (
        "5 side by side, 2 threads each: more than there are processors (8), so that they slow each other"
    )


def test_a_job_computes_on_its_share_of_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_limit", None)
    there = processes.cores()
    processes.limit_cores(there + 5)
    assert processes.cores() == there
    processes.limit_cores(1)
    assert processes.cores() == 1


def test_how_a_process_died() -> None:
    assert died(-9) == "Its process died (signal 9, perhaps for want of memory)."
    assert died(3) == "Its process died (exit code 3)."


@pytest.mark.slow
@pytest.mark.parametrize("name", ["submitit_local", "ray"])
def test_a_job_that_dies_is_lost_alone(name: str, request: pytest.FixtureRequest) -> None:
    """As joblib's is in a whole sweep, in ``tests/cli/test_launchers.py``."""
    pytest.importorskip(ENGINES[name][1], exc_type=ImportError)
    folder = request.getfixturevalue("tmp_path")
    settings = {"submitit_folder": str(folder / "%j"), "n_jobs": 2} if name == "submitit_local" else {}
    engine = engine_of(name, settings)
    try:
        found = dict(engine.run(half_or_die, [8, -1]))
    finally:
        engine.stop()
    assert found[0] == 4
    assert isinstance(found[1], Lost)
    assert found[1].reason.startswith("Its process died")
