"""Make what a config node describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate

from dynalign.cli.schema import TARGET, join
from dynalign.errors import DynalignError

_ARGUMENT = re.compile(r"(\w+)=")


def build(path: str, node: Mapping[str, Any], aliases: Mapping[str, str] | None = None, **arguments: Any) -> Any:
    """Make the object of a completed node; what its target refuses is refused in the target's own words.

    Parameters
    ----------
    path : str
        Where the node stands in the config. Lower rooms name arguments; here they get their config paths.
    aliases : mapping, optional
        Config paths that take their value from another one, which is then the one to name.
    """
    try:
        return instantiate(dict(node), _convert_="all", **arguments)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, DynalignError):
            raise DynalignError(located(path, node, str(cause), aliases)) from None
        if isinstance(cause, TypeError) and "missing" in str(cause):
            raise DynalignError(f"{path} ({node[TARGET]}) lacks a setting: {cause}.") from cause
        raise cause if cause is not None else error from None


def located(path: str, node: Mapping[str, Any], sentence: str, aliases: Mapping[str, str] | None = None) -> str:
    """Return a sentence that starts with an argument, as ``hidden=0 ...``, with its path: ``model.hidden=0 ...``."""
    found = _ARGUMENT.match(sentence)
    if found is None or found.group(1) not in node:
        return sentence
    whole = join(path, found.group(1))
    return f"{(aliases or {}).get(whole, whole)}{sentence[found.end() - 1 :]}"


def classes_of(*nodes: Mapping[str, Any] | None) -> tuple[type, ...]:
    """Return the classes that nodes name."""
    return tuple(get_object(node[TARGET]) for node in nodes if node is not None)
