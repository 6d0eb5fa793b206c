"""A sweep whose jobs run in other processes: the same numbers, and one that is killed loses itself alone."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from tests.cli.tiny import TINY
from tests.command import Ran, run

from dynalign.cli import CONF
from dynalign.cli.check import _check_launcher
from dynalign.cli.names import prefer_own
from dynalign.engines import ENGINES


def table(ran: Ran) -> pd.DataFrame:
    """Return what is told of numbers that do not depend on the clock, and of CKA, which both sweeps measure."""
    whole = pd.read_csv(ran.folder / "dissimilarities.csv").drop(columns="seconds")
    return whole[whole["metric"] == "CKA"].reset_index(drop=True)


@pytest.mark.slow
def test_jobs_of_joblib_are_those_of_one_process(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    (tmp_path / "mine" / "metric").mkdir(parents=True)
    config = "# @package metric.dying\n_target_: tests.foreign_metrics.Dying\n"
    (tmp_path / "mine" / "metric" / "dying.yaml").write_text(config)
    typed = ["-m", f"--config-dir={tmp_path / 'mine'}", "seed=0", "logger=none", *TINY]
    alone = run("train.py", tmp_path / "store", tmp_path / "alone", *typed, "metric=cka")
    assert alone.code == 0, alone.output
    aside = run(
        "train.py", tmp_path / "other", tmp_path / "aside", *typed, "metric=dying,cka", "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=1",
    )  # fmt: skip
    assert aside.code == 1, aside.output
    assert "Traceback" not in aside.output
    lines = aside.output.splitlines()
    assert "joblib: 1 side by side, 1 thread each" in lines
    (lost,) = [line for line in lines if line.startswith("lost ")]
    assert "metric=dying" in lost
    assert lost.endswith(": Its process died (exit code 3).")
    states = [json.loads((aside.folder / str(job) / "result.json").read_text())["status"] for job in (0, 1)]
    assert states[0] == "killed"
    assert states[1] in ("trained", "resumed")
    pd.testing.assert_frame_equal(table(aside), table(alone), check_exact=True)


@pytest.mark.parametrize("name", ["joblib", "submitit_local", "submitit_slurm", "ray"])
def test_a_plugin_of_the_same_name_does_not_stand_in_the_way(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    prefer_own()  # which looks for the plugins that there are
    store = ConfigStore.instance()
    monkeypatch.setattr(store, "repo", {**store.repo, "hydra": {**store.repo["hydra"]}})
    store.repo["hydra"]["launcher"] = {**store.repo["hydra"]["launcher"]}
    pytest.importorskip(ENGINES[name][1])
    store.store(group="hydra/launcher", name=name, node={"_target_": "theirs", "defaults": []})
    prefer_own()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"hydra/launcher={name}", "threads=2"], return_hydra_config=True)
        assert config.hydra.launcher.engine == name
        _check_launcher(config)  # all of its settings are some of the engine's
        assert 2 in [config.hydra.launcher.get(each) for each in ("cores_per_job", "cpus_per_task")]
        theirs = compose("train", overrides=[f"hydra/launcher={name}_plugin"], return_hydra_config=True)
        assert theirs.hydra.launcher._target_ == "theirs"
