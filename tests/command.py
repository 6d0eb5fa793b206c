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
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(store.parent)}
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        environment.pop(name, None)
    key = "hydra.sweep.dir" if "-m" in arguments else "hydra.run.dir"
    command = [sys.executable, script, *arguments, f"store={store}", f"{key}={folder}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout + done.stderr, folder)
