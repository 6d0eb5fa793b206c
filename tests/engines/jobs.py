"""Jobs for engines."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.engines.slurm import say_of

from dynalign.processes import side_by_side


def half_or_die(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number // 2


def halves_elsewhere(numbers: list[int]) -> list[int]:
    """Compute in a process of its own, as jobs of test cases and studies do."""
    with side_by_side(1) as run:
        return [half for _, half in sorted(run(half_or_die, [(number,) for number in numbers]))]


def in_slurm(task: tuple[str, Path]) -> str:
    """Do in a job of SLURM what it may come to."""
    what, state = task
    job = os.environ["SLURM_JOB_ID"]
    if what == "fails":
        raise ValueError("it could not be done")
    if what == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "eats":
        held = b"1" * 2**29
        time.sleep(60 * min(1, len(held)))
    elif what == "is cancelled":
        subprocess.run(
            ["scancel", f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"], check=True
        )
        time.sleep(60)
    elif what == "goes on":
        begun = state / f"begun {job}"
        if not begun.exists():
            begun.touch()
            say_of(state, job, "warned")
            time.sleep(60)
    elif what == "needs more time":
        say_of(state, job, "warned")
        time.sleep(60)
    elif what == "hears nothing":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        say_of(state, job, "late")
        time.sleep(60)
    return what
