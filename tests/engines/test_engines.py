"""Engines: what is refused, how jobs are handed out, and that one which dies is lost alone."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.engines.jobs import half_or_die, halves_elsewhere, in_slurm
from tests.engines.slurm import install

from dynalign import processes
from dynalign.engines import ENGINES, Engine, Lost, engine_of
from dynalign.engines.base import _ended, died, side_by_side_on_this_machine
from dynalign.errors import DynalignError, EngineWarning


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


@pytest.mark.slow
def test_a_job_of_joblib_starts_processes_of_its_own() -> None:
    pytest.importorskip("joblib")
    engine = engine_of("joblib", {"n_jobs": 1})
    try:
        assert dict(engine.run(halves_elsewhere, [[2, 4]])) == {0: [1, 2]}
    finally:
        engine.stop()


def test_a_process_is_told_of_the_end_of_another() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    with process, _ended(process.pid) as ended:
        assert not ended()
        process.kill()
        process.wait()
        assert ended()


def slurm(monkeypatch: pytest.MonkeyPatch, folder: Path, *, accounting: bool = True, **settings: Any) -> Engine:
    """Return an engine whose SLURM is this machine."""
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", f"{install(folder / 'slurm', accounting=accounting)}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(Path(__file__).parents[2])
    engine = engine_of("submitit_slurm", {"submitit_folder": str(folder / "jobs" / "%j"), "timeout_min": 1, **settings})
    engine.pause = 0.05
    return engine


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="its memory is read from /proc")
def test_what_becomes_of_jobs_of_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reasons = {
        "works": "",
        "fails": "ValueError: it could not be done (",
        "dies": "The process of its job 1000_2 died. (",
        "eats": "It needed more memory than hydra.launcher.mem_gb=0.25. (",
        "is cancelled": "Its job 1000_4 was cancelled. (",
        "goes on": "",
        "needs more time": "It took longer than hydra.launcher.timeout_min=1; the same command goes on",
        "hears nothing": "It took longer than hydra.launcher.timeout_min=1; the same command goes on",
    }
    engine = slurm(monkeypatch, tmp_path, partition="cpu", mem_gb=0.25, max_num_timeout=1)
    try:
        found = dict(engine.run(in_slurm, [(what, tmp_path / "slurm" / "state") for what in reasons]))
    finally:
        engine.stop()
    for place, (what, reason) in enumerate(reasons.items()):
        said = found[place].reason if isinstance(found[place], Lost) else ""
        assert said.startswith(reason), said
        assert bool(said) == bool(reason)
        if not reason:
            assert found[place] == what
    log = (tmp_path / "jobs" / "1000_6" / "1000_6_0_log.out").read_text()
    assert log.count("Starting with JobEnvironment") == 2
    assert Path(found[1].reason.partition("(")[2].partition(" ")[0]).is_file()


def test_a_job_that_cannot_be_put_back_into_the_queue() -> None:
    on_submitit = pytest.importorskip("dynalign.engines.on_submitit", exc_type=ImportError)

    def requeue(*_: Any) -> None:
        raise subprocess.CalledProcessError(1, "scontrol")

    def work() -> None:
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(10)

    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        found = on_submitit._in_time(1, work)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert found.reason.startswith("It had to end and could not be put back into the queue (Command 'scontrol'")


@pytest.mark.slow
def test_a_slurm_that_keeps_no_accounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = slurm(monkeypatch, tmp_path, accounting=False)
    with pytest.warns(EngineWarning, match=r"\(Slurm accounting storage is disabled\)"):
        found = dict(engine.run(in_slurm, [("works", tmp_path)]))
    assert found == {0: "works"}
    assert capfd.readouterr() == ("", "")


def test_a_job_that_slurm_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = slurm(monkeypatch, tmp_path, partition="gpu")
    with pytest.raises(DynalignError, match="could not start the jobs: Batch job submission failed: Invalid partition"):
        engine.submit(in_slurm, [("works", tmp_path)])
    assert capfd.readouterr() == ("", "")
    (tmp_path / "slurm" / "bin" / "sbatch").unlink()
    with pytest.raises(DynalignError, match="No such file or directory: 'sbatch'"):
        engine.submit(in_slurm, [("works", tmp_path)])
    (tmp_path / "slurm" / "bin" / "srun").unlink()
    with pytest.raises(DynalignError, match='Could not detect "srun"'):
        engine.submit(in_slurm, [("works", tmp_path)])


class Told:
    """A job of which SLURM tells states, one after the other."""

    job_id = "1000_0"

    def __init__(self, folder: Path) -> None:
        self.state, self.paths, self.watcher = "", SimpleNamespace(result_pickle=folder / "result"), self
        self._finished: set[str] = set()

    def done(self) -> bool:
        """As submitit takes a state."""
        if self.state not in ("RUNNING", "PREEMPTED"):
            self._finished.add(self.job_id)
        return self.job_id in self._finished or self.paths.result_pickle.exists()

    def get_state(self, _job: str, mode: str) -> str:
        assert mode == "force"
        return self.state


def test_jobs_of_slurm_that_others_displace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine, job, now = slurm(monkeypatch, tmp_path), Told(tmp_path), [0.0]
    monkeypatch.setattr("dynalign.engines.on_submitit.time.monotonic", lambda: now[0])
    for minute, (state, ended) in enumerate(
        [("RUNNING", False), ("SUSPENDED", False), ("RUNNING", False), ("PREEMPTED", False), ("RUNNING", False),
         ("PREEMPTED", False), ("PREEMPTED", False), ("PREEMPTED", True)]
    ):  # fmt: skip
        now[0], job.state = 160.0 * minute, state
        assert engine.ended(job) is ended, minute
    job.state = "SUSPENDED"
    job.paths.result_pickle.touch()
    assert engine.ended(job)
