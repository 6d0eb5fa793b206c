"""A process that has loaded what commands load, and copies itself into each command that it is asked for.

It reads a line of JSON for each from its standard input, and answers with the command's exit code; one that is to be
killed after some seconds has that of the signal, if it has not ended before.
"""

import json
import os
import runpy
import signal
import sys
import time
from pathlib import Path


def copied() -> list[str]:
    """Return, in a copy of this process, what was typed there; end where nothing more is asked for."""
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            with Path(asked["output"]).open("w") as file:
                for stream in (1, 2):
                    os.dup2(file.fileno(), stream)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.chdir(asked["place"])
            os.environ.clear()
            os.environ.update(asked["environment"])
            return list(asked["command"])
        status = waited(child, asked.get("kill_after"))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    sys.exit()


def waited(child: int, limit: float | None) -> int:
    """Return the status with which a process ends, of its own or killed."""
    if limit is not None:
        end = time.monotonic() + limit
        while time.monotonic() < end:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    import pytorch_lightning  # noqa: F401

    import dynalign.cli.compare_job
    import dynalign.cli.study_job
    import dynalign.cli.testcase_job
    import dynalign.cli.train_job  # noqa: F401

    sys.argv = copied()
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
