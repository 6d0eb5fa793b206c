"""The factors of a sweep, any keys of its config: their levels in words, in order, and as looks of the runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from dynalign.report.parts.numbers import UNKNOWN
from dynalign.report.parts.style import Style, style

_RESULTS = {"run", "epochs", "accuracy", "chance_accuracy", "ideal_accuracy", "status", "seconds", "key"}
_SEED = "seed"


def spelt(level: Any) -> str:
    """Write a level of a factor, exactly and as it is typed; a dash where a run does not have the factor."""
    if isinstance(level, np.ndarray | list | tuple):
        return f"[{','.join(map(spelt, level))}]"
    if isinstance(level, Mapping):
        return f"{{{','.join(f'{key}:{spelt(value)}' for key, value in level.items())}}}"
    if isinstance(level, bool | np.bool_):
        return str(level).lower()
    if level is None or level is pd.NA or (isinstance(level, Real) and math.isnan(level)):
        return UNKNOWN
    if isinstance(level, float | np.floating):
        short = f"{level:g}"
        return short if float(short) == level else repr(float(level))
    return str(level)


def levels(runs: pd.DataFrame, factor: str) -> list[str]:
    """Return the different levels of a factor, spelt: numbers rising, then words, then what is missing."""
    found = {spelt(level): level for level in runs[factor]}
    return sorted(found, key=lambda text: _order(text, found[text]))


def is_seed(factor: str) -> bool:
    """Whether a factor is a seed, over which means are taken."""
    return factor.split(".")[-1] == _SEED


def named(factor: str, level: Any) -> str:
    """Return a level with its factor, as a run's name has it; a word of a factor's own group needs none."""
    return level if isinstance(level, str) and "." not in factor else f"{factor}={spelt(level)}"


def shared(runs: pd.DataFrame, factors: Sequence[str]) -> list[tuple[str, str]]:
    """Return what all runs have in common: the other factors that ``runs`` has a column for, and their level."""
    others = [str(name) for name in runs if name not in _RESULTS and not str(name).startswith("self_")]
    return [(name, levels(runs, name)[0]) for name in others if name not in factors and len(runs)]


def run_styles(runs: pd.DataFrame, factors: Sequence[str]) -> dict[str, Style]:
    """Return a style for every run.

    Parameters
    ----------
    runs : DataFrame
        Its column ``run``, and one per factor.
    factors : sequence of str
        Those that vary. The colour (and marker) tells the levels of one apart, one with words if there is any; the
        line and its lightness those of another, if possible not of seeds.
    """
    first = runs.drop_duplicates("run") if len(runs) else runs
    varying = sorted((name for name in factors if name in first), key=is_seed)
    hue = next((name for name in varying if first[name].map(lambda level: isinstance(level, str)).any()), None)
    hue = hue or next(iter(varying), None)
    shade = next((name for name in varying if name != hue), None)
    hues = levels(first, hue) if hue else []
    shades = levels(first, shade) if shade else []
    return {
        str(row["run"]): style(
            hues.index(spelt(row[hue])) if hue else 0,
            j := shades.index(spelt(row[shade])) if shade else 0,
            lightness=0.45 * j / max(1, len(shades) - 1),
            group=" ".join(named(name, row[name]) for name in (hue, shade) if name) or "all runs",
        )
        for row in first.to_dict("records")
    }


def _order(text: str, level: Any) -> tuple[int, float, str]:
    if text == UNKNOWN:
        return 3, 0.0, text
    if isinstance(level, bool | np.bool_) or not isinstance(level, Real):
        return (1 if isinstance(level, str) else 2), 0.0, text
    return 0, float(level), text
