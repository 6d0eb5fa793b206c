"""Jobs on this machine or on a SLURM cluster, by submitit."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import submitit

from dynalign.engines.base import Engine, Lost, died, end_with, jobs_at_once, side_by_side_on_this_machine, whole
from dynalign.errors import DynalignError


class _Submitit(Engine):
    cluster: str

    def __init__(self, folder: str, cores_per_job: int, parameters: Mapping[str, Any]) -> None:
        self.cores_per_job = whole("cpus_per_task", cores_per_job)
        self._parameters = {name: value for name, value in parameters.items() if value is not None}
        self._folder = folder
        self._running: list[submitit.Job[Any]] = []

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[submitit.Job[Any]]:
        """Give all tasks to the scheduler at once, as an array of jobs."""
        logging.getLogger("submitit").setLevel(logging.ERROR)
        executor = submitit.AutoExecutor(folder=self._folder, cluster=self.cluster)
        try:
            executor.update_parameters(**self._parameters)
            with _deaf(), executor.batch():
                jobs = [executor.submit(function, task) for task in tasks]
        except (OSError, RuntimeError, ValueError, NameError, TypeError, submitit.core.utils.FailedJobError) as error:
            said = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise DynalignError(f"submitit could not start the jobs: {said}") from error
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
            said = str(error).strip().splitlines()[-1]
            return Lost(f"{said} ({handle.paths.stderr} has the details)")
        except submitit.core.utils.UncompletedJobError:
            return Lost(f"{self._how_it_died(handle)} ({handle.paths.stderr} has the details)")

    def _how_it_died(self, job: submitit.Job[Any]) -> str:
        return f"Its job {job.job_id} ended as {job.state}."

    def stop(self) -> None:
        """End all jobs."""
        for job in self._running:
            job.cancel(check=False)
        self._running = []


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
        super().__init__(submitit_folder, cpus_per_task, {"timeout_min": whole("timeout_min", timeout_min)})
        self.at_once = jobs_at_once(n_jobs, self.cores_per_job)
        self.about = side_by_side_on_this_machine(self.at_once, self.cores_per_job)

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[submitit.Job[Any]]:
        """Start a process per task, each of which ends with this one."""
        jobs = super().submit(_Followed(function, os.getpid()), tasks)
        for job in jobs:
            job._results_timeout_s = 1  # on one machine, a file is there as soon as it is written
        return jobs

    def _how_it_died(self, job: submitit.Job[Any]) -> str:
        log = job.paths.stderr.read_text(errors="replace") if job.paths.stderr.exists() else ""
        if "timed-out" in log or "Bypassing signal" in log:
            return f"It took longer than hydra.launcher.timeout_min={self._parameters['timeout_min']}."
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
        shared = {"timeout_min": whole("timeout_min", timeout_min), "cpus_per_task": cpus_per_task, "mem_gb": mem_gb}
        shared["gpus_per_node"] = gpus_per_node
        super().__init__(submitit_folder, cpus_per_task, shared | {f"slurm_{name}": each for name, each in own.items()})
        self.at_once = 1000  # a usual bound of an array's size; the array itself runs array_parallelism of them at once
        self.about = (
            f"SLURM jobs of {self.cores_per_job} thread{'s' * (self.cores_per_job != 1)}, up to {timeout_min} minutes"
            f"{f' and {mem_gb:g} GB' if mem_gb is not None else ''} each, at most {array_parallelism} at once"
        )


class _Followed:
    """A function that ends, wherever it is, when the process ends that asked for it."""

    def __init__(self, function: Callable[[Any], Any], process: int) -> None:
        self.function, self.process = function, process

    def __call__(self, task: Any) -> Any:
        end_with(self.process)
        return self.function(task)


@contextmanager
def _deaf() -> Iterator[None]:
    """Let processes that start inside not hear Ctrl-C, which goes to all of a terminal; the first one ends these."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
