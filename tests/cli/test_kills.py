"""Kills at any moment, and what a store and a result of someone else, or of a worse day, can do to a command."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from tests.cli.tiny import TINY
from tests.command import Ran, run

pytestmark = pytest.mark.slow
KILLS = 6


def sweep(store: Path, folder: Path, *more: str, kill_after: float | None = None) -> Ran:
    """Train two small networks, the second of which goes on from a phase of its own, and compare them."""
    typed = ["-m", "curriculum=master,basic_delay", "model.hidden=8", "metric=cka", "logger=none", *TINY, *more]
    return run("train.py", store, folder, *typed, kill_after=kill_after)


def table(done: Ran) -> pd.DataFrame:
    return pd.read_parquet(done.folder / "dissimilarities.parquet").drop(columns="seconds")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, float]:
    """The sweep undisturbed, and how long it took."""
    base = tmp_path_factory.mktemp("kills")
    sweep(base / "once", base / "first", "seed=5")  # which loads what a first command loads
    start = time.monotonic()
    done = sweep(base / "store", base / "whole")
    assert done.code == 0, done.output
    return done, time.monotonic() - start


def test_a_sweep_that_is_killed_at_random_moments_comes_to_the_same_end(
    whole: tuple[Ran, float], tmp_path: Path
) -> None:
    expected, seconds = whole
    moments = random.Random(12)
    codes = []
    for number in range(KILLS):
        moment = moments.uniform(0.1, 1.0) * seconds
        codes.append(sweep(tmp_path / "store", tmp_path / str(number), kill_after=moment).code)
    assert set(codes) <= {-signal.SIGKILL, 0}
    last = sweep(tmp_path / "store", tmp_path / "last")
    assert last.code == 0, last.output
    assert "Traceback" not in last.output
    assert "damaged" not in last.output
    pd.testing.assert_frame_equal(table(last), table(expected), check_exact=True)


def test_what_is_damaged_in_a_store_is_named_and_computed_again(whole: tuple[Ran, float], tmp_path: Path) -> None:
    expected, _ = whole
    store = tmp_path / "store"
    shutil.copytree(expected.folder.parent / "store", store)
    runs = [folder for folder in store.iterdir() if (folder / "weights").is_dir()]
    assert len(runs) == 3
    for folder in runs[:2]:
        path = max((folder / "weights").iterdir())
        path.write_bytes(path.read_bytes()[:-20])
    again = sweep(store, tmp_path / "again")
    assert again.code == 0, again.output
    assert again.output.count("is damaged (weights/epoch-") == 2
    assert "Traceback" not in again.output
    pd.testing.assert_frame_equal(table(again), table(expected), check_exact=True)


def test_a_loss_that_is_no_number_fails_its_job_with_a_sentence(tmp_path: Path) -> None:
    done = sweep(tmp_path / "store", tmp_path / "nan", "trainer.learning_rate=1e30", "trainer.gradient_clip=1e30")
    assert done.code == 1
    assert "Training diverged: the loss of epoch" in done.output
    assert "Traceback" not in done.output


def test_a_store_that_cannot_be_made_is_told_before_anything_trains(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = sweep(tmp_path / "file" / "store", tmp_path / "nowhere")
    assert done.code == 1
    assert "cannot be made" in done.output
    assert "Traceback" not in done.output
    reasons = {json.loads(path.read_text())["reason"] for path in (tmp_path / "nowhere").glob("*/result.json")}
    assert len(reasons) == 1
