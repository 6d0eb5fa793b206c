"""Check the values that stand in a primary config itself; nothing slow is imported for that."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

from dynalign.cli.schema import check_value
from dynalign.errors import DynalignError


def check_top(config: DictConfig) -> dict[str, Any]:
    """Check the values that stand in a primary config itself; return those that are numbers, as such.

    Raises
    ------
    DynalignError
        Naming the value and what would be right.
    """
    numbers: dict[str, Any] = {"seed": _seed(config.seed)} if "seed" in config else {}
    if "store" in config and (not isinstance(config.store, str) or not config.store.strip()):
        raise DynalignError("store must be a folder, such as store=multirun/store.")
    if "noise" in config:
        noise = check_value("noise", config.noise, float, "the command line")
        if not 0 <= noise < float("inf"):
            raise DynalignError(f"noise={noise:g} is no standard deviation: it must be a number >= 0, as in noise=0.1.")
        numbers["noise"] = as_written(noise)
    if "limit" in config:
        numbers["limit"] = check_value("limit", config.limit, float, "the command line")
        if not numbers["limit"] > 0:
            raise DynalignError(f"limit={config.limit} must be a number of seconds above 0.")
    if "pairs" in config:
        numbers["pairs"] = check_value("pairs", config.pairs, bool, "the command line")
    numbers |= {"threads": threads_of(config)} if "threads" in config else {}
    if "reference" in config and not isinstance(config.reference, str | int):
        raise DynalignError("reference must be initial, previous, final, or the key of a run in the store.")
    return numbers


def _seed(typed: Any) -> int:
    try:
        seed = int(check_value("seed", typed, int, ""))
    except DynalignError:
        seed = -1
    if seed < 0:
        shown = "null" if typed is None else str(typed).lower() if isinstance(typed, bool) else typed
        raise DynalignError(f"seed={shown} must be a whole number >= 0.")
    return seed


def threads_of(config: DictConfig) -> int:
    """Return the number of threads that a job computes on: one, unless its config has another number.

    Raises
    ------
    DynalignError
        If it is no whole number above 0.
    """
    typed = config.get("threads", 1)
    if isinstance(typed, bool) or not isinstance(typed, int) or typed < 1:
        raise DynalignError(f"threads={typed} must be a whole number above 0.")
    return typed


def as_written(number: float) -> float:
    """Return a number as a person would write it: 1 rather than 1.0, so that both are the same."""
    return int(number) if float(number).is_integer() else float(number)
