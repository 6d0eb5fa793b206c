"""A SLURM of one node that is this machine: the commands that submitit calls, as far as it calls them.

``install`` puts ``sbatch``, ``srun``, ``sacct``, ``scancel`` and ``scontrol`` into a folder for PATH. Every array has a
process that stands for the scheduler: it runs so many jobs at a time as processes of this machine, holds them to their
memory, and writes their states into files, from which ``sacct`` answers. It ends when its array does. Ids, states,
patterns of file names, variables and messages are those of SLURM. Time is what a test says it is: see ``say_of``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

COMMANDS = ("sbatch", "srun", "sacct", "scancel", "scontrol")
PARTITION = "cpu"
_OPTIONS = {
    "account", "array", "constraint", "cpus-per-task", "error", "gpus-per-node", "gres", "job-name", "mem", "nodes",
    "ntasks-per-node", "open-mode", "output", "partition", "qos", "signal", "time", "wckey",
}  # fmt: skip
_GRACE = 0.3  # seconds between asking a process to end and ending it
_LOOK = 0.02


def install(folder: Path, *, accounting: bool = True) -> Path:
    """Put the commands into a folder ``bin`` of this one, and what they write into ``state``; return the former.

    ``accounting`` is whether ``sacct`` has anything to tell.
    """
    bin_, state = folder / "bin", folder / "state"
    bin_.mkdir(parents=True)
    (state / "tasks").mkdir(parents=True)
    if not accounting:
        (state / "no accounting").touch()
    for name in COMMANDS:
        script = bin_ / name
        words = shlex.join([sys.executable, "-I", "-S", str(Path(__file__).resolve()), name, str(state)])
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)
    return bin_


def say_of(state: Path, job: str, what: str) -> None:
    """Say of a job, by its SLURM_JOB_ID or its array and its place in it, that it is ``warned`` that its time is nearly
    over, ``late``, ``cancelled``, or to ``requeue``.
    """
    (state / f"{what} {job}").touch()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _write(path: Path, what: Any) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(what))
    temporary.replace(path)


def _tasks(state: Path, wanted: str = "") -> dict[str, Any]:
    """Return what is known of tasks by their ids: of a job, of an array, or of one of its tasks."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted((state / "tasks").glob("*.json"))}
    return {name: about for name, about in found.items() if not wanted or wanted in (name, name.partition("_")[0])}


def sbatch(state: Path, arguments: list[str]) -> None:
    """Submit a script; refuse what SLURM would."""
    script = Path(arguments[-1]).read_text()
    options: dict[str, str] = {}
    for line in script.splitlines():
        if line.startswith("#SBATCH "):
            (word,) = shlex.split(line.removeprefix("#SBATCH "))
            name, _, value = word.removeprefix("--").partition("=")
            if name not in _OPTIONS:
                sys.exit(f"sbatch: unrecognized option '--{name}={value}'\nTry \"sbatch --help\" for more information")
            options[name] = value
    if options.get("partition", PARTITION) != PARTITION:
        sys.exit(
            f"sbatch: error: invalid partition specified: {options['partition']}\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified"
        )
    number = 1000
    while True:
        try:
            (state / str(number)).mkdir()
            break
        except FileExistsError:
            number += 100
    (state / str(number) / "script.sh").write_text(script)  # SLURM keeps a copy, too
    array = re.fullmatch(r"0-(\d+)%(\d+)", options.get("array", ""))
    names = [f"{number}_{place}" for place in range(int(array.group(1)) + 1)] if array else [str(number)]
    for name in names:
        _write(state / "tasks" / f"{name}.json", {"state": "PENDING"})
    _write(state / str(number) / "options.json", options | {"at once": int(array.group(2)) if array else 1})
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, "slurmctld", str(state), str(number)],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(state / str(number) / "errors.txt").open("w"),
    )
    _say(f"Submitted batch job {number}")


class _Task:
    """A job, or a task of an array, that runs."""

    def __init__(self, state: Path, name: str, options: dict[str, Any]) -> None:
        self.state, self.name = state, name
        self.file = state / "tasks" / f"{name}.json"
        number, _, place = name.partition("_")
        self.raw = str(int(number) + int(place or 0))
        folder = state / number
        known = {"%A": number, "%a": place, "%j": self.raw}
        environment = {
            **os.environ,
            "SLURM_JOB_ID": self.raw,
            "SLURM_JOBID": self.raw,
            "SLURM_JOB_NAME": options["job-name"],
            "SLURM_JOB_NODELIST": "node1",
            "SLURM_NODELIST": "node1",
            "SLURM_JOB_NUM_NODES": "1",
            "SLURM_CPUS_PER_TASK": options.get("cpus-per-task", "1"),
            "SLURM_CPUS_ON_NODE": options.get("cpus-per-task", "1"),
            "SLURM_SUBMIT_DIR": str(Path.cwd()),
        }
        if place:
            environment |= {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": place}
        self.signal = signal.Signals[f"SIG{options['signal'].partition('@')[0]}"]
        size = re.fullmatch(r"(\d+)(GB|MB)", options.get("mem", "1000GB"))
        assert size is not None
        self.memory = int(size.group(1)) * {"GB": 2**30, "MB": 2**20}[size.group(2)]
        self.reason, self.ends = "", 0.0
        streams = [_opened(_filled(options[stream], known)) for stream in ("output", "error")]
        self.process = subprocess.Popen(
            ["bash", str(folder / "script.sh")],
            stdin=subprocess.DEVNULL,
            stdout=streams[0],
            stderr=streams[1],
            env=environment,
            start_new_session=True,
        )
        self._note("RUNNING")

    def _note(self, state: str) -> None:
        _write(self.file, {"state": state, "raw": self.raw})

    def _marked(self, what: str) -> bool:
        marks = [self.state / f"{what} {name}" for name in (self.name, self.raw)]
        there = [mark for mark in marks if mark.exists()]
        for mark in there:
            mark.unlink()
        return bool(there)

    def _kill(self, *signals: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            for each in signals:
                os.killpg(self.process.pid, each)

    def _end(self, reason: str) -> None:
        if not self.reason:
            self.reason, self.ends = reason, time.monotonic() + _GRACE
            self._kill(signal.SIGCONT, signal.SIGTERM)

    def look(self) -> str:
        """Do to it what SLURM would by now; return what has become of it once it has ended: a state, or REQUEUED."""
        now = time.monotonic()
        if self._marked("warned"):
            os.kill(int((self.state / f"step {self.raw}").read_text()), self.signal)  # steps are told, not the script
        ends = {"cancelled": f"CANCELLED by {os.getuid()}", "requeue": "REQUEUED", "late": "TIMEOUT"}
        for mark, state in ends.items():
            if self._marked(mark):
                self._end(state)
        if not self.reason and _memory(self.process.pid) > self.memory:
            self.reason, self.ends = "OUT_OF_MEMORY", now
        if self.reason and now > self.ends:
            self._kill(signal.SIGKILL)
        code = self.process.poll()
        if code is None:
            return ""
        self._kill(signal.SIGKILL)  # what the script left behind
        state = self.reason or ("FAILED" if code else "COMPLETED")
        self._note("PENDING" if state == "REQUEUED" else state)
        return state


def _filled(pattern: str, known: dict[str, str]) -> Path:
    return Path(re.sub(r"%[Aajt]", lambda found: known[found.group()], pattern))


def _opened(path: Path) -> Any:
    end = time.monotonic() + 5
    while not path.parent.is_dir() and time.monotonic() < end:  # as a scheduler is slower than who submits
        time.sleep(_LOOK)
    return path.open("a")


def _memory(session: int) -> int:
    """Return the bytes that the processes of a session hold."""
    pages = 0
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if int((path / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                pages += int((path / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def slurmctld(state: Path, arguments: list[str]) -> None:
    """Run a job, or the tasks of an array, until all have ended."""
    (number,) = arguments
    options = json.loads((state / number / "options.json").read_text())
    waiting, running = list(_tasks(state, number)), list[_Task]()
    waiting.sort(key=lambda name: int(name.partition("_")[2] or 0))
    while waiting or running:
        for name in [name for name in waiting if (state / f"cancelled {name}").exists()]:
            waiting.remove(name)
            _write(state / "tasks" / f"{name}.json", {"state": f"CANCELLED by {os.getuid()}"})
        while waiting and len(running) < options["at once"]:
            running.append(_Task(state, waiting.pop(0), options))
        for task in list(running):
            ended = task.look()
            if ended:
                running.remove(task)
            if ended == "REQUEUED":
                waiting.append(task.name)
        time.sleep(_LOOK)


def srun(state: Path, arguments: list[str]) -> None:
    """Become the step that a script asks for."""
    job, environment = os.environ["SLURM_JOB_ID"], os.environ
    known = {
        "%A": environment.get("SLURM_ARRAY_JOB_ID", job),
        "%a": environment.get("SLURM_ARRAY_TASK_ID", ""),
        "%j": job,
        "%t": "0",
    }
    streams = {"--output": 1, "--error": 2}
    place = 0
    while arguments[place].startswith("--"):
        if arguments[place] in streams:
            file = os.open(_filled(arguments[place + 1], known), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(file, streams[arguments[place]])
            place += 1
        elif arguments[place] != "--unbuffered":
            sys.exit(f"srun: unrecognized option '{arguments[place]}'")
        place += 1
    (state / f"step {job}").write_text(str(os.getpid()))
    one = {"SLURM_NTASKS": "1", "SLURM_NPROCS": "1", "SLURM_STEP_ID": "0", "SLURM_STEPID": "0"}
    here = {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_GTIDS": "0"}
    os.execvpe(arguments[place], arguments[place:], {**environment, **one, **here})


def sacct(state: Path, arguments: list[str]) -> None:
    """Tell the states of jobs, and of their steps."""
    if (state / "no accounting").exists():
        sys.exit("Slurm accounting storage is disabled")
    if arguments[:1] == ["--noheader"]:
        return
    assert arguments[:3] == ["-o", "JobID,State,NodeList", "--parsable2"], arguments
    _say("JobID|State|NodeList")
    for number in arguments[4::2]:
        known = _tasks(state, number)
        pending = [name for name, about in known.items() if about["state"] == "PENDING" and "_" in name]
        if pending:
            places = ",".join(name.partition("_")[2] for name in pending)
            _say(f"{number}_[{places}%{len(pending)}]|PENDING|None assigned")
        for name, about in known.items():
            if name not in pending:
                _say(f"{name}|{about['state']}|node1")
                if about["state"] != "PENDING":
                    step = about["state"].partition(" ")[0]
                    _say(f"{name}.batch|{step}|node1\n{name}.extern|COMPLETED|node1\n{name}.0|{step}|node1")


def scancel(state: Path, arguments: list[str]) -> None:
    """End jobs."""
    for word in arguments:
        names = _tasks(state, word)
        if not names:
            sys.stderr.write(f"scancel: error: Kill job error on job id {word}: Invalid job id specified\n")
        for name in names:
            say_of(state, name, "cancelled")


def scontrol(state: Path, arguments: list[str]) -> None:
    """Put a job that runs back into the queue."""
    what, name = arguments
    assert what == "requeue", what
    say_of(state, name, "requeue")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), sys.argv[3:])
