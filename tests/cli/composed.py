"""Compose a config as a command would, and build its job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from dynalign.cli import CONF, job
from dynalign.cli import testcase_job as testcase


def build(command: str, make: Callable[[Any, Any], Any], store: Path, *overrides: str) -> Any:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        whole = compose(command, overrides=[f"store={store}", *overrides], return_hydra_config=True)
        config = OmegaConf.masked_copy(whole, [key for key in whole if key != "hydra"])
        return make(config, whole.hydra)


def train_job(store: Path, *overrides: str) -> job.Job:
    return build("train", job.build_job, store, *overrides)


def test_job(store: Path, *overrides: str) -> testcase.Job:
    return build("testcase", testcase.build_job, store, *overrides)


test_job.__test__ = False  # type: ignore[attr-defined]
