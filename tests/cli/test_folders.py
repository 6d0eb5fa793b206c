"""A sweep as users type it: in the default folders and in others, used again, with a job killed, stopped halfway."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from tests.cli.tiny import DSA, TINY
from tests.command import ROOT, Ran, type_in

pytestmark = pytest.mark.slow

QUICK = [*TINY, "logger=none", "metric=cka"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to type in, whose store fills up from test to test."""
    return tmp_path_factory.mktemp("place")


def told(ran: Ran) -> tuple[set[str], set[str], int]:
    """Return the runs (without what ``QUICK`` adds to a name) and metrics of a table, and its pairs of two networks."""
    table = pd.read_csv(ran.folder / "dissimilarities.csv")
    pairs = table[(table["comparison"] == "pairwise") & (table["run"] != table["reference"])]
    return {name.partition(" representation.")[0] for name in table["run"]}, set(table["metric"]), len(pairs)


def test_a_swept_value_of_the_model_makes_two_networks(place: Path) -> None:
    ran = type_in(place, "train.py", "-m", "model.hidden=8,16", *QUICK)
    assert ran.code == 0, ran.output
    assert told(ran) == ({"rnn model.hidden=8", "rnn model.hidden=16"}, {"CKA"}, 1), ran.output
    assert sum(line.startswith("trained    ") for line in ran.output.splitlines()) == 2
    for name in ("rnn model.hidden=8", "rnn model.hidden=16"):
        assert name in (ran.folder / "report.html").read_text()


def test_a_swept_value_of_a_metric_makes_two_metrics(place: Path) -> None:
    ran = type_in(place, "train.py", "-m", "metric=dsa", "metric.dsa.rank=5,6", *TINY, *DSA[1:], "logger=none")
    assert ran.code == 0, ran.output
    runs, metrics, pairs = told(ran)
    assert (runs, pairs) == ({"rnn"}, 0)
    assert metrics == {f"DSA(n_delays=3, rank={rank}, starts=12)" for rank in (5, 6)}
    for metric in metrics:
        assert metric in (ran.folder / "report.html").read_text()


LAYOUTS = {
    "another sweep folder": ["hydra.sweep.dir=out"],
    "nested subfolders": ["hydra.sweep.dir=deep", "hydra.sweep.subdir=a/b/${hydra.job.num}"],
    "subfolders by what was typed": ["hydra.sweep.dir=named", "hydra.sweep.subdir=${hydra.job.override_dirname}"],
    "subfolders by value": ["hydra.sweep.dir=valued", "hydra.sweep.subdir=noise/${noise}"],
    "used before": ["hydra.sweep.dir=out", "hydra.sweep.subdir=again${hydra.job.num}"],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_folders_make_no_difference(place: Path, layout: list[str]) -> None:
    ran = type_in(place, "train.py", "-m", "noise=0,0.1", *QUICK, *layout)
    assert ran.code == 0, ran.output
    ran.folder = place / layout[0].partition("=")[2]
    assert told(ran) == ({"rnn noise=0", "rnn noise=0.1"}, {"CKA"}, 1)


def test_jobs_in_one_folder_are_told_apart_or_refused(place: Path) -> None:
    ran = type_in(place, "train.py", "-m", "noise=0,0.1", *QUICK, "hydra.sweep.dir=one", "hydra.sweep.subdir=same")
    assert ran.code == 1
    assert "Job 1 has the folder of job 0" in " ".join(ran.output.split())
    assert told(Ran(0, "", place / "one"))[0] == {"rnn"}


def test_single_runs_have_folders_of_their_own(place: Path) -> None:
    first, second = (type_in(place, "train.py", f"noise={noise}", *QUICK, afresh=True) for noise in (0, 0.1))
    assert (first.code, second.code) == (0, 0), first.output + second.output
    assert first.folder != second.folder
    assert told(first)[0] == {"rnn"}
    assert told(second)[0] == {"rnn noise=0.1"}
    assert "Traceback" not in first.output
    assert "Warning" not in first.output


def test_what_ctrl_c_has_stopped_goes_on(tmp_path: Path) -> None:
    # The first job is soon done; the second one takes long enough to be stopped halfway.
    swept = ["trainer.epochs=2,40", *(word for word in QUICK if not word.startswith("trainer.epochs"))]
    command = [sys.executable, str(ROOT / "train.py"), "-m", *swept, "hydra.sweep.dir=out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Where tests run in the background, Ctrl-C is ignored, and would be by whoever is started from there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    first, deadline = tmp_path / "out" / "0" / "result.json", time.monotonic() + 120
    while not (first.exists() and json.loads(first.read_text())["status"] == "trained"):
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    weights = tmp_path / "multirun" / "store"
    while len(list(weights.glob("*.partial/weights/epoch-000[3-9].pt"))) == 0:
        assert running.poll() is None, running.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "The same command goes on where this one was." in output
    assert "Traceback" not in output
    again = type_in(tmp_path, "train.py", *command[2:])
    assert again.code == 0, again.output
    states = [json.loads((tmp_path / "out" / str(job) / "result.json").read_text())["status"] for job in (0, 1)]
    assert states == ["from store", "resumed"]
    again.folder = tmp_path / "out"
    assert told(again) == ({"rnn trainer.epochs=2", "rnn trainer.epochs=40"}, {"CKA"}, 1)
