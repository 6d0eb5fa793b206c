"""Log what came out of a sweep; a logger that fails costs itself and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from dynalign.cli.schema import TARGET
from dynalign.identity import locate_stored
from dynalign.loggers import RunInfo, RunLogger
from dynalign.results import Sweep


def log_summary(
    sweep: Sweep,
    *,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Figure],
    numbers: Mapping[str, float],
) -> list[str]:
    """Log a sweep's tables, figures and numbers as one more run of its group; return what went wrong."""
    group = sweep.folder.name
    problems = []
    plain = OmegaConf.to_container(OmegaConf.create(sweep.finished[0].config))
    assert isinstance(plain, dict)
    for logger in _loggers(plain.get("logger") or {}):
        info = RunInfo(uuid.uuid4().hex[:12], f"summary-{group}", group, "summary", ["summary"], {}, sweep.folder)
        try:
            logger.summary(info, tables=tables, figures=figures, numbers=numbers)
        except Exception as error:
            problems.append(f"{type(logger).__name__} could not log the summary: {type(error).__name__}: {error}")
    return problems


def _loggers(nodes: Mapping[str, Any]) -> list[RunLogger]:
    """Build the loggers of a stored config, which may be anybody's."""
    return [
        locate_stored(str(node[TARGET]), RunLogger)(**{name: node[name] for name in node if not name.startswith("_")})
        for node in nodes.values()
    ]
