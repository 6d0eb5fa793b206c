"""Jobs on this machine or on a SLURM cluster, by submitit."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import signal
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import cloudpickle
import submitit
from submitit.core.job_environment import JobEnvironment
from submitit.slurm.slurm import SlurmInfoWatcher

from dynalign.engines.base import Engine, Lost, died, end_with, jobs_at_once, side_by_side_on_this_machine, whole
from dynalign.errors import DynalignError, EngineWarning, first_line

_RULE = "-" * 22  # above and below what submitit tells of an exception


class _Submitit(Engine):
    cluster: str

    def __init__(
        self, folder: str, cores_per_job: int, timeout_min: int, parameters: Mapping[str, Any], **executor: Any
    ) -> None:
        self.cores_per_job = whole("cpus_per_task", cores_per_job)
        self.minutes = whole("timeout_min", timeout_min)
        given = {"timeout_min": self.minutes, **parameters}
        self._parameters = {name: value for name, value in given.items() if value is not None}
        self._executor = {"folder": folder, "cluster": self.cluster, **executor}
        self._running: list[submitit.Job[Any]] = []

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[submitit.Job[Any]]:
        """Give all tasks to the scheduler at once, as an array of jobs."""
        logging.getLogger("submitit").setLevel(logging.ERROR)
        try:
            executor = submitit.AutoExecutor(**self._executor)
            executor.update_parameters(**self._parameters)
            with _deaf(), contextlib.redirect_stderr(io.StringIO()), executor.batch():  # what it prints, it also raises
                jobs = [executor.submit(function, task) for task in tasks]
        except (OSError, RuntimeError, ValueError, NameError, TypeError, submitit.core.utils.FailedJobError) as error:
            said = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise DynalignError(f"submitit could not start the jobs: {said.removeprefix('sbatch: error: ')}") from error
        self._running += jobs
        return jobs

    def ended(self, handle: submitit.Job[Any]) -> bool:
        """Return whether a job has ended."""
        return bool(handle.done())

    def outcome(self, handle: submitit.Job[Any]) -> Any:
        """Return what a job returned, or what became of it."""
        self._running.remove(handle)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return handle.result()
        except submitit.core.utils.FailedJobError as error:
            told = str(error).split(_RULE)
            said = told[min(1, len(told) - 1)].strip().splitlines()[-1]
            return Lost(f"{said} ({handle.paths.stderr} has the details)")
        except submitit.core.utils.UncompletedJobError:
            return Lost(f"{self._how_it_died(handle)} ({handle.paths.stderr} has the details)")

    def _how_it_died(self, job: submitit.Job[Any]) -> str:
        raise NotImplementedError


class SubmititLocal(_Submitit):
    """Every job in a process of its own, with its log in ``submitit_folder``; a rehearsal of a cluster.

    Parameters
    ----------
    submitit_folder : str
        ``%j`` stands for the job's number.
    n_jobs : int, optional
        Jobs side by side; by default, as many as there are processors for.
    timeout_min : int
        Minutes that a job may take.
    cpus_per_task : int
    """

    cluster = "local"

    def __init__(
        self, submitit_folder: str, n_jobs: int | None = None, timeout_min: int = 1440, cpus_per_task: int = 1
    ) -> None:
        super().__init__(submitit_folder, cpus_per_task, timeout_min, {})
        self.at_once = jobs_at_once(n_jobs, self.cores_per_job)
        self.about = side_by_side_on_this_machine(self.at_once, self.cores_per_job)

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[submitit.Job[Any]]:
        """Start a process per task, each of which ends with this one."""
        packed = [cloudpickle.dumps((function, task)) for task in tasks]
        jobs = super().submit(_Local(self.minutes, os.getpid()), packed)
        for job in jobs:
            job._results_timeout_s = 1  # on one machine, a file is there as soon as it is written
        return jobs

    def _how_it_died(self, job: submitit.Job[Any]) -> str:
        log = job.paths.stderr.read_text(errors="replace") if job.paths.stderr.exists() else ""
        if "timed-out" in log or "Bypassing signal" in log:
            return _too_long(self.minutes)
        return died(None)

    def stop(self) -> None:
        """End all processes: those that hold the jobs, with which the jobs end."""
        for job in self._running:
            process = getattr(job, "_process", None)
            if process is not None:
                process.kill()
                process.wait()
        self._running = []


class SubmititSlurm(_Submitit):
    """Jobs of a SLURM cluster, submitted as one array.

    Parameters
    ----------
    submitit_folder : str
        On a file system that all nodes share, as everything else; ``%j`` stands for the job's number.
    max_num_timeout : int
        How often a job whose time is over is put back into the queue, where it goes on from its last epoch.
    timeout_min, cpus_per_task, mem_gb, partition, account, qos, constraint, gres, array_parallelism, setup : optional
        As SLURM and submitit have them; None leaves them to the cluster.
    additional_parameters : mapping, optional
        Further options of sbatch, by name.
    """

    cluster = "slurm"
    local = False
    pause = 2.0

    def __init__(
        self,
        submitit_folder: str,
        timeout_min: int = 240,
        max_num_timeout: int = 3,
        cpus_per_task: int = 1,
        mem_gb: float | None = 4,
        gpus_per_node: int | None = None,
        partition: str | None = None,
        account: str | None = None,
        qos: str | None = None,
        constraint: str | None = None,
        gres: str | None = None,
        array_parallelism: int = 256,
        setup: Sequence[str] | None = None,
        additional_parameters: Mapping[str, Any] | None = None,
    ) -> None:
        own = {
            "partition": partition, "account": account, "qos": qos, "constraint": constraint, "gres": gres,
            "array_parallelism": whole("array_parallelism", array_parallelism),
            "setup": None if setup is None else list(setup),
            "additional_parameters": None if additional_parameters is None else dict(additional_parameters),
        }  # fmt: skip
        shared = {"cpus_per_task": cpus_per_task, "mem_gb": mem_gb, "gpus_per_node": gpus_per_node}
        super().__init__(
            submitit_folder,
            cpus_per_task,
            timeout_min,
            shared | {f"slurm_{name}": each for name, each in own.items()},
            slurm_max_num_timeout=max_num_timeout and whole("max_num_timeout", max_num_timeout),
        )
        self._memory = mem_gb
        self.at_once = 1000  # a usual bound of an array's size; the array itself runs array_parallelism of them at once
        self.about = (
            f"SLURM jobs of {self.cores_per_job} thread{'s' * (self.cores_per_job != 1)}, up to {timeout_min} minutes"
            f"{f' and {mem_gb:g} GB' if mem_gb is not None else ''} each, at most {array_parallelism} at once"
        )
        self._watcher = _Watcher()
        self._preempted: dict[str, float] = {}  # when a job was first seen to have given way

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[submitit.Job[Any]]:
        """Submit an array of jobs."""
        jobs = super().submit(_OnCluster(function, self.minutes), tasks)
        for job in jobs:
            job.watcher = self._watcher
            self._watcher.register_job(job.job_id)
        if self._watcher.answers is None:
            self._watcher.answers = _keeps_accounts(jobs[0].job_id)
        return jobs

    def ended(self, handle: submitit.Job[Any]) -> bool:
        """Return whether a job has ended.

        Submitit takes one that was suspended for ended, and waits for good for one that had to give way to others and
        is not put back into the queue.
        """
        state, watcher = handle.state, handle.watcher
        if handle.done():
            if state in _GOES_ON and not handle.paths.result_pickle.exists():
                watcher._finished.discard(handle.job_id)  # else it is not asked for again
                return False
            return True
        if state != "PREEMPTED":
            self._preempted.pop(handle.job_id, None)
            return False
        since = self._preempted.setdefault(handle.job_id, time.monotonic())
        return time.monotonic() - since > _REQUEUE and watcher.get_state(handle.job_id, mode="force") == state

    def outcome(self, handle: submitit.Job[Any]) -> Any:
        """Return what a job returned, or what SLURM says became of it."""
        # A result may be a while on its way through the file system; where there is none, it is not waited for.
        handle._results_timeout_s = {"COMPLETED": 15, "FAILED": 2}.get(handle.state, 0)
        return super().outcome(handle)

    def _how_it_died(self, job: submitit.Job[Any]) -> str:
        state = job.state.partition(" ")[0]  # CANCELLED by whom
        return {
            "TIMEOUT": _too_long(self.minutes),
            "OUT_OF_MEMORY": f"It needed more memory than hydra.launcher.mem_gb={self._memory}.",
            "CANCELLED": f"Its job {job.job_id} was cancelled.",
            "NODE_FAIL": "The machine that it ran on failed.",
            "PREEMPTED": f"Its job {job.job_id} had to give way to others.",
            "FAILED": f"The process of its job {job.job_id} died.",
        }.get(state, f"Its job {job.job_id} ended as {state}.")

    def stop(self) -> None:
        """End all jobs."""
        if self._running:
            with contextlib.suppress(OSError):
                subprocess.run(["scancel", *(job.job_id for job in self._running)], capture_output=True, check=False)
        self._running = []


_GOES_ON = ("SUSPENDED", "RESIZING")
_REQUEUE = 300  # seconds within which a scheduler puts back into the queue what gave way to others


class _Watcher(SlurmInfoWatcher):
    """Asks SLURM what has become of jobs, more often than submitit would, and in silence; not where it does not answer.

    Attributes
    ----------
    answers : bool, optional
        Whether it does; None as long as that is not known.
    """

    answers: bool | None = None

    def __init__(self) -> None:
        super().__init__(delay_s=120)

    def _make_command(self) -> list[str] | None:
        command = None if self.answers is False else super()._make_command()
        return command and ["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *command]


def _keeps_accounts(job: str) -> bool:
    """Return whether SLURM tells what becomes of a job; warn where not, for one without a result is waited for then."""
    try:
        asked = subprocess.run(["sacct", "--noheader", "--jobs", job], capture_output=True, text=True, check=False)
    except OSError as error:
        said = str(error)
    else:
        if asked.returncode == 0:
            return True
        said = next(iter(asked.stderr.strip().splitlines()), f"exit code {asked.returncode}")
    warnings.warn(
        f"SLURM does not tell what becomes of jobs ({said}), so that one that is killed is waited for without end; "
        "the same command goes on after Ctrl-C.",
        EngineWarning,
        stacklevel=3,
    )
    return False


def _too_long(minutes: int) -> str:
    return f"It took longer than hydra.launcher.timeout_min={minutes}; the same command goes on from where it was."


class _TimeIsOver(BaseException):
    """Ends a job from wherever it is, past what keeps errors to a part of it."""


def _in_time(minutes: int, work: Callable[..., Any], *given: Any) -> Any:
    """Return what work comes to; that it is lost, if the scheduler says before that its time is over."""
    number = JobEnvironment._usr_sig()
    submitits = signal.getsignal(number)
    assert callable(submitits)

    def warned(*received: Any) -> None:
        try:
            submitits(*received)  # exits, if the job was put back into the queue
        except (OSError, subprocess.SubprocessError) as error:
            why = f"could not be put back into the queue ({first_line(error)})"
            raise _TimeIsOver(f"It had to end and {why}; the same command goes on from where it was.") from error
        except submitit.core.utils.UncompletedJobError as error:
            raise _TimeIsOver(_too_long(minutes)) from error

    signal.signal(number, warned)
    try:
        return work(*given)
    except _TimeIsOver as over:
        return Lost(str(over))


class _Local:
    """Calls a function that ends when the process ends that asked for it, and when its time is over.

    What it is to call comes packed, for to unpack it imports all that it needs: seconds in which that process may end.
    """

    def __init__(self, minutes: int, process: int) -> None:
        self.minutes, self.process = minutes, process

    def __call__(self, packed: bytes) -> Any:
        end_with(self.process)
        return _in_time(self.minutes, _unpack_and_call, packed)


def _unpack_and_call(packed: bytes) -> Any:
    function, task = pickle.loads(packed)
    return function(task)


class _OnCluster:
    """A function that is put back into the queue when its time is over: begun again, it goes on from where it was."""

    def __init__(self, function: Callable[[Any], Any], minutes: int) -> None:
        self.function, self.minutes = function, minutes

    def __call__(self, task: Any) -> Any:
        return _in_time(self.minutes, self.function, task)

    def checkpoint(self, task: Any) -> submitit.helpers.DelayedSubmission:
        """Return what is to run when it is its turn again; submitit asks for it by this name."""
        return submitit.helpers.DelayedSubmission(self, task)


@contextmanager
def _deaf() -> Iterator[None]:
    """Let processes that start inside not hear Ctrl-C, which goes to all of a terminal; the first one ends these."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
