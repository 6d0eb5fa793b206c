"""Jobs that cannot begin, since the disk of their folder is full: each costs itself alone, wherever jobs run."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hydra.utils
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from dynalign.cli import CONF, launching
from dynalign.cli.check import check_command_line
from dynalign.cli.names import prefer_own
from dynalign.engines import Lost
from dynalign.errors import DynalignError
from dynalign.results import Result, Sweep

JOBS = [["seed=0"], ["seed=1"]]


@pytest.fixture
def config(tmp_path: Path) -> DictConfig:
    Sweep.start(tmp_path, "train", JOBS)
    return OmegaConf.create({"hydra": {"job": {"config_name": "train"}, "sweep": {"dir": str(tmp_path)}}})


def full(*_: object, **__: object) -> None:
    """Fail as Hydra does where it cannot write a job's config: without saying where."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def launch_one(jobs: Sequence[Sequence[str]], number: int) -> list[JobReturn]:
    """Launch the one job that it is given; the first has no room."""
    assert len(jobs) == 1
    if number == 0:
        full()
    return [JobReturn(overrides=jobs[0], status=JobStatus.COMPLETED, _return_value=0.5)]


def test_the_jobs_behind_one_that_cannot_begin_are_run(
    config: DictConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = launching.launch_here(launch_one, config, JOBS, 0)
    assert (first.return_value, second.return_value) == (None, 0.5)
    reason = f"The disk is full at {tmp_path}; what was finished is kept, and the same command goes on from there."
    assert capsys.readouterr().out == f"lost     seed=0: {reason}\n"
    lost = Sweep.load(tmp_path).lost
    assert (lost[0].number, lost[0].reason) == (0, reason)


def test_a_disk_that_takes_no_reason_either(
    config: DictConfig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Result, "write", full)
    assert len(launching.launch_here(launch_one, config, JOBS, 0)) == 2
    assert capsys.readouterr().out.startswith("lost     seed=0: The disk is full at ")


def test_a_job_in_another_process_says_why_it_could_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "run_job", full)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # to be put back
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"hydra.sweep.dir={tmp_path}"], return_hydra_config=True)
    sent = launching._Sent("this", config, None, print, Singleton.get_state(), str(Path.cwd()), [], 1, None)  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as beside:
        came = beside.submit(launching._work, sent).result()
    assert isinstance(came, Lost)
    assert came.reason.startswith(f"The disk is full at {tmp_path}; ")


def test_the_launcher_of_this_process_is_ours() -> None:
    prefer_own()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        launcher = compose("train", return_hydra_config=True).hydra.launcher
    assert type(hydra.utils.instantiate(launcher)).__name__ == "InTurn"  # Hydra loads the module of plugins anew


@pytest.mark.parametrize("swept", [True, False])
def test_a_launcher_in_a_file_that_is_swept_over_is_refused(tmp_path: Path, swept: bool) -> None:
    pytest.importorskip("joblib")
    (tmp_path / "experiment").mkdir()
    for name in ("one", "two"):
        text = "# @package _global_\ndefaults:\n  - override /hydra/launcher: joblib\n"
        (tmp_path / "experiment" / f"{name}.yaml").write_text(text)
    typed = ["-m", f"--config-dir={tmp_path}", f"experiment=one{',two' * swept}", "seed=0,1"]
    if not swept:
        assert len(check_command_line(typed, CONF, "train").expected or []) == 2
        return
    with pytest.raises(DynalignError, match="A file of experiment=one chooses hydra/launcher=joblib, too late"):
        check_command_line(typed, CONF, "train")
    check_command_line([*typed, "hydra/launcher=joblib"], CONF, "train")
