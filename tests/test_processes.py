"""Processes that compute for another one end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from dynalign.processes import end_with_parent, lasting

PROGRAM = """
import os
from dynalign.processes import side_by_side

def busy():
    print(os.getpid(), flush=True)
    {work}

if __name__ == "__main__":
    with side_by_side(2) as run:
        list(run(busy, [(), ()]))
"""


WORK = {
    "waits": "os.read(os.pipe()[0], 1)",
    "computes without letting Python go on": "sum(range(10**12))",
}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
@pytest.mark.parametrize("what", ["computes without letting Python go on" if sys.platform == "linux" else "waits"])
def test_workers_end_with_the_process_that_was_killed(tmp_path: Path, what: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROGRAM.replace("{work}", WORK[what]))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    limit = time.monotonic() + 10
    while any(is_running(pid) for pid in workers):
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.slow
def test_workers_outlive_the_thread_that_started_them() -> None:
    def start() -> None:
        context = multiprocessing.get_context("spawn")
        pools.append(ProcessPoolExecutor(1, context, initializer=end_with_parent, initargs=(lasting(),)))
        first.append(pools[0].submit(os.getpid).result())

    pools: list[ProcessPoolExecutor] = []
    first: list[int] = []
    assert lasting()
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    with pools[0]:
        time.sleep(0.1)
        assert pools[0].submit(os.getpid).result() == first[0]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip().startswith("Z") and bool(state.strip())
