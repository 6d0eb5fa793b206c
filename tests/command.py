"""Type a command as a user who is not logged in to W&B would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass
class Ran:
    code: int
    output: str
    folder: Path


def run(
    script: str,
    store: Path,
    folder: Path,
    *arguments: str,
    afresh: bool = False,
    kill_after: float | None = None,
) -> Ran:
    """Run a script of the project's top level, with its results in ``folder`` and what it keeps in ``store``."""
    key = "hydra.sweep.dir" if "-m" in arguments else "hydra.run.dir"
    words = [*arguments, f"store={store}", f"{key}={folder}"]
    return type_in(ROOT, script, *words, home=store.parent, folder=folder, afresh=afresh, kill_after=kill_after)


def type_in(
    place: Path,
    script: str,
    *arguments: str,
    home: Path | None = None,
    folder: Path | None = None,
    afresh: bool = False,
    kill_after: float | None = None,
) -> Ran:
    """Run a script of the project's top level from the folder ``place``, and say nothing of any other folder.

    The folder of what ran is the one that it made, if it made one. What starts ``afresh`` does all that a command does
    from its first line on; else it begins as a copy of a process that has loaded the packages, which takes seconds.
    Such a copy can be killed after some seconds.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(home or place)}
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        environment.pop(name, None)
    command = [str(ROOT / script), *arguments]
    with tempfile.TemporaryDirectory() as empty:
        output = Path(empty) / "output"
        if afresh:
            with output.open("w") as file:
                done = subprocess.run(
                    [sys.executable, *command], cwd=place, env=environment, stdout=file, stderr=file, check=False
                )
            code = done.returncode
        else:
            asked = {
                "command": command,
                "place": str(place),
                "environment": environment,
                "output": str(output),
                "kill_after": kill_after,
            }
            code = _ask(json.dumps(asked))
        return Ran(code, output.read_text(), folder or _newest(place / "multirun"))


@cache
def _loaded() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "loaded.py")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _ask(line: str) -> int:
    process = _loaded()
    assert process.stdin is not None
    assert process.stdout is not None
    print(line, file=process.stdin, flush=True)
    return int(process.stdout.readline())


def _newest(results: Path) -> Path:
    dated = [*results.glob("2*/"), *results.glob("single/2*/")]
    return max(dated, key=lambda path: path.name, default=results)
