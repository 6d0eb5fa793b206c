"""Engines that run jobs elsewhere than in this process: joblib, submitit (this machine, or SLURM), and Ray.

All are used alike, and each needs its package only when it is made. A job that is lost, because its process died or
its scheduler ended it, loses itself and nothing else, and what there is to say of that is said.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Mapping
from typing import Any

from dynalign.engines.base import Engine, Lost
from dynalign.errors import DynalignError, suggestion

__all__ = ["ENGINES", "Engine", "Lost", "engine_of"]

ENGINES = {
    "joblib": ("dynalign.engines.on_joblib:Joblib", "joblib"),
    "submitit_local": ("dynalign.engines.on_submitit:SubmititLocal", "submitit"),
    "submitit_slurm": ("dynalign.engines.on_submitit:SubmititSlurm", "submitit"),
    "ray": ("dynalign.engines.on_ray:OnRay", "ray"),
}
"""Where each is, and the package that it needs, which is also the extra that brings it."""


def engine_of(name: str, settings: Mapping[str, Any]) -> Engine:
    """Make an engine by its name; nothing starts yet.

    Raises
    ------
    DynalignError
        If there is no such engine, its package is not installed, or it has no such setting.
    """
    if name not in ENGINES:
        raise DynalignError(f"There is no launcher {name}; {suggestion(name, ENGINES)}")
    place, package = ENGINES[name]
    module, _, kind = place.partition(":")
    if importlib.util.find_spec(package) is None:
        raise DynalignError(
            f"hydra/launcher={name} needs the package {package}; pip install 'dynalign[{package}]' brings it."
        )
    made: type[Engine] = getattr(importlib.import_module(module), kind)
    known = list(inspect.signature(made).parameters)
    for setting in settings:
        if setting not in known:
            raise DynalignError(f"There is no setting hydra.launcher.{setting} of {name}; {suggestion(setting, known)}")
    return made(**settings)
