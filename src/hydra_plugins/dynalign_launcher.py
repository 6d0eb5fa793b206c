"""What Hydra takes for a launcher; it looks for them in packages of this name only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class EngineLauncher(Launcher):
    """Runs the jobs of a sweep on one of dynalign's engines.

    Parameters
    ----------
    engine : str
        Its name.
    settings
        Those of the engine.
    """

    def __init__(self, engine: str, **settings: Any) -> None:
        self.engine = engine
        self.settings = {
            name: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            for name, value in settings.items()
        }

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what jobs need."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs, and return what came of each."""
        from dynalign.cli.launching import launch  # other programs that use Hydra look in here too, and need not wait

        return launch(self, job_overrides, initial_job_idx)


class InTurn(BasicLauncher):
    """Runs the jobs of a sweep one after the other in this process; one that cannot begin costs itself alone."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs, and return what came of each."""
        from dynalign.cli.launching import launch_here

        assert self.config is not None
        return launch_here(super().launch, self.config, job_overrides, initial_job_idx)
