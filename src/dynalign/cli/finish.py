"""Log what came out of a sweep; a logger that fails costs itself and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from dynalign.cli.logged import note_places
from dynalign.cli.schema import TARGET
from dynalign.identity import key_of, locate_stored, spelt
from dynalign.loggers import RunInfo, RunLogger
from dynalign.results import BASE_FACTORS, Result, Sweep

_ELSEWHERE = ("logger", "store", "workers")
"""Parts of a config that no number depends on."""


def log_summary(
    sweep: Sweep,
    *,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Figure],
    numbers: Mapping[str, float],
    files: Mapping[str, Path],
    of: Sequence[Result] | None = None,
) -> list[str]:
    """Log a sweep's tables, figures and numbers as one more run of its group; return what went wrong.

    Parameters
    ----------
    files : mapping of name to path
        What people open: the report, and tables as files.
    of : sequence of Result, optional
        Those of the jobs that it is about; all that finished unless said otherwise.
    """
    group, results = sweep.folder.name, list(sweep.finished if of is None else of)
    configs = [_plain(result) for result in results]
    about = {
        "command": results[0].command,
        "jobs": [" ".join(result.overrides) for result in results],
        **_common(results),
        "varied": {name: _values(results, name) for name in sweep.factors},
        "config": configs[0],
    }
    same = sorted(spelt({name: part for name, part in each.items() if name not in _ELSEWHERE}) for each in configs)
    info = RunInfo(
        id=f"summary-{key_of({'command': results[0].command, 'configs': same})}",
        name=f"summary-{group}" if of is None else f"summary-{group} {' '.join(results[0].overrides)}".strip(),
        group=group,
        job_type="summary",
        tags=["summary"],
        config=about,
        folder=sweep.folder,
        shared=sweep.folder,
        alone=len(sweep.results) == 1,
    )
    problems = []
    for logger in _loggers(configs[0].get("logger") or {}):
        try:
            place = logger.summary(info, tables=tables, figures=figures, numbers=numbers, files=files)
        except Exception as error:
            problems.append(f"{type(logger).__name__} could not log the summary: {type(error).__name__}: {error}")
            continue
        note_places(sweep.folder, info.name, [] if place is None else [place], beside=True)
    return problems


def _plain(result: Result) -> dict[str, Any]:
    plain = OmegaConf.to_container(OmegaConf.create(result.config))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _common(results: Sequence[Result]) -> dict[str, Any]:
    """Return the usual factors that are the same in all results: a run is grouped by these."""
    values = {name: _values(results, name) for name in BASE_FACTORS}
    return {name: each[0] for name, each in values.items() if len(each) == 1}


def _values(results: Sequence[Result], name: str) -> list[Any]:
    found = {spelt(result.factors[name]): result.factors[name] for result in results if name in result.factors}
    return list(found.values())


def _loggers(nodes: Mapping[str, Any]) -> list[RunLogger]:
    """Build the loggers of a stored config, which may be anybody's."""
    return [
        locate_stored(str(node[TARGET]), RunLogger)(**{name: node[name] for name in node if not name.startswith("_")})
        for node in nodes.values()
    ]
