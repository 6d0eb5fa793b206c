"""Type a command as a user who is not logged in to W&B would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass
class Ran:
    code: int
    output: str
    folder: Path


def run(script: str, store: Path, folder: Path, *arguments: str) -> Ran:
    """Run a script of the project's top level, with its results in ``folder`` and what it keeps in ``store``."""
    key = "hydra.sweep.dir" if "-m" in arguments else "hydra.run.dir"
    return type_in(ROOT, script, *arguments, f"store={store}", f"{key}={folder}", home=store.parent, folder=folder)


def type_in(place: Path, script: str, *arguments: str, home: Path | None = None, folder: Path | None = None) -> Ran:
    """Run a script of the project's top level from the folder ``place``, and say nothing of any other folder.

    The folder of what ran is the one that it made, if it made one.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(home or place)}
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        environment.pop(name, None)
    command = [sys.executable, str(ROOT / script), *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout + done.stderr, folder or _newest(place / "multirun"))


def _newest(results: Path) -> Path:
    dated = [*results.glob("2*/"), *results.glob("single/2*/")]
    return max(dated, key=lambda path: path.name, default=results)
