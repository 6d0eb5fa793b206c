"""Jobs on a Ray cluster, or in a Ray of this machine's own."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dynalign.engines.base import Engine, Lost, side_by_side_on_this_machine, whole
from dynalign.errors import DynalignError
from dynalign.processes import cores


class OnRay(Engine):
    """Tasks of Ray.

    Parameters
    ----------
    address : str, optional
        Of a cluster, such as ``auto`` or ``ray://host:10001``; by default, a Ray is started on this machine.
    cores_per_job : int
    gpus_per_job : float
    init : mapping, optional
        Further arguments of ``ray.init``.
    """

    def __init__(
        self,
        address: str | None = None,
        cores_per_job: int = 1,
        gpus_per_job: float = 0,
        init: Mapping[str, Any] | None = None,
    ) -> None:
        self.cores_per_job = whole("cores_per_job", cores_per_job)
        self._address, self._gpus, self._init = address, gpus_per_job, dict(init or {})
        self.local = address is None
        self._running: list[Any] = []
        here = max(1, cores() // self.cores_per_job)
        if self.local:
            self.at_once = here
            self.about = f"a Ray of its own, {side_by_side_on_this_machine(here, self.cores_per_job)}"
        else:
            self.at_once = 1000  # that Ray knows of; how many run is for the cluster to say
            self.about = f"Ray at {address}, {self.cores_per_job} thread{'s' * (self.cores_per_job != 1)} per job"

    def submit(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Sequence[Any]:
        """Give tasks to Ray, which is started or joined at the first of them."""
        # What Ray says of its own accord is for those who run it.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # else its jobs give way to all else that runs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray
        if not ray.is_initialized():
            own: dict[str, Any] = {"num_cpus": cores()} if self.local else {"address": self._address}
            quiet = {"include_dashboard": False} if self.local else {}
            try:
                ray.init(**quiet, log_to_driver=False, logging_level=logging.ERROR, **{**own, **self._init})
            except Exception as error:
                raise DynalignError(
                    f"Ray could not be {'started' if self.local else f'reached at {self._address}'}: "
                    f"{str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}"
                ) from error
        remote = ray.remote(num_cpus=self.cores_per_job, num_gpus=self._gpus, max_retries=0)(function)
        handles = [remote.remote(task) for task in tasks]
        self._running += handles
        return handles

    def ended(self, handle: Any) -> bool:
        """Return whether a job has ended."""
        import ray

        return bool(ray.wait([handle], timeout=0)[0])

    def outcome(self, handle: Any) -> Any:
        """Return what a job returned, or what Ray says became of it."""
        import ray

        self._running.remove(handle)
        try:
            return ray.get(handle)
        except ray.exceptions.WorkerCrashedError:
            return Lost("Its process died, perhaps for want of memory.")
        except ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()
            return Lost(f"{type(error).__name__}: {said[0] if said else 'no message'}")

    def stop(self) -> None:
        """End all jobs, and the Ray that was started for them."""
        import ray

        for handle in self._running:
            with contextlib.suppress(Exception):
                ray.cancel(handle, force=True)
        self._running = []
        if ray.is_initialized():
            ray.shutdown()
