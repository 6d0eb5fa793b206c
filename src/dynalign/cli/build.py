"""Make what a config node describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dynalign.cli.schema import TARGET, join
from dynalign.errors import DynalignError
from dynalign.identity import locate

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
        return _made(node, **arguments)
    except DynalignError as error:
        raise DynalignError(located(path, node, str(error), aliases)) from None
    except TypeError as error:
        if "missing" in str(error):
            raise DynalignError(f"{path} ({node[TARGET]}) lacks a setting: {error}.") from error
        raise


def _made(node: Mapping[str, Any], **arguments: Any) -> Any:
    """Call the target of a node, and first those of the nodes in it."""
    inner = {name: _made(each) if isinstance(each, Mapping) and TARGET in each else each for name, each in node.items()}
    settings = {name: value for name, value in inner.items() if not name.startswith("_")}
    return locate(str(node[TARGET]))(**{**settings, **arguments})


def located(path: str, node: Mapping[str, Any], sentence: str, aliases: Mapping[str, str] | None = None) -> str:
    """Return a sentence that starts with an argument, as ``hidden=0 ...``, with its path: ``model.hidden=0 ...``."""
    found = _ARGUMENT.match(sentence)
    if found is None or found.group(1) not in node:
        return sentence
    whole = join(path, found.group(1))
    return f"{(aliases or {}).get(whole, whole)}{sentence[found.end() - 1 :]}"


def classes_of(*nodes: Mapping[str, Any] | None) -> tuple[type, ...]:
    """Return the classes that nodes name."""
    return tuple(locate(node[TARGET]) for node in nodes if node is not None)
