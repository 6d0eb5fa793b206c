"""What things are called and recognised by: keys of configs, hashes of code, exact names, descriptions of objects.

All of it is computed from data. Nothing here, or anywhere else, reads a name back.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import json
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import dynalign
from dynalign.errors import DynalignError

KEY_LENGTH = 16
_WORD = re.compile(r"[A-Za-z_][\w./+-]*")  # what needs no quotes
_LITERALS = {"null", "true", "false", "NaN", "Infinity"}  # words that JSON takes for something else


def key_of(config: Mapping[str, Any]) -> str:
    """Return the key of a config: a hash of its content, whatever the order of its entries.

    Raises
    ------
    DynalignError
        If the config holds something other than numbers, text, lists and mappings.
    """
    return key_of_text(text_of(config))


def text_of(config: Mapping[str, Any]) -> str:
    """Return a config as the text that its key is the hash of; that of a part is part of the text of the whole.

    Raises
    ------
    DynalignError
        If the config holds something other than numbers, text, lists and mappings.
    """
    try:
        return json.dumps(config, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DynalignError(f"This config has no key: {error}.") from error


def key_of_text(text: str) -> str:
    """Return the key of the config that ``text_of`` wrote."""
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def code_key(*objects: object, rooms: Collection[str] = ()) -> str:
    """Return a hash of the code that decides a number: rooms of this package, and the files of the objects' classes.

    Whoever works on a metric gets new numbers from new code, and not what the old code left in a store.

    Parameters
    ----------
    objects
        Such as a metric; one without a source file, from a notebook's cell, counts by its own text.
    rooms : collection of str
        Modules and folders of ``dynalign``, such as ``"metrics"``.
    """
    digest = hashlib.sha256()
    for room in sorted({"metrics", *rooms}):
        digest.update(_room(room))
    for each in objects:
        digest.update(_source(type(each)))
    return digest.hexdigest()[:KEY_LENGTH]


@cache
def _room(room: str) -> bytes:
    path = Path(dynalign.__file__).parent / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).digest()


def _source(kind: type) -> bytes:
    try:
        return Path(inspect.getfile(kind)).read_bytes()
    except (OSError, TypeError):  # typed at a prompt
        return repr(kind).encode()


def spelt(value: Any) -> str:
    """Write a value exactly: two values that differ, in kind or in the last digit, are never written alike.

    Plain words stand as they are; everything else is JSON.
    """
    if isinstance(value, str) and _WORD.fullmatch(value) and value not in _LITERALS:
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def name_of(factors: Mapping[str, Any], told: Collection[str]) -> str:
    """Return a name that says some of the factors, such as ``rnn noise=0.1 model.hidden=8``.

    Two runs that differ in what is told have different names. The model is always told, first and by its value alone.

    Parameters
    ----------
    factors : mapping
        Every factor of a run.
    told : collection of str
        Those that the name says; they stand in the order of ``factors``.
    """
    words = [spelt(factors["model"])] if "model" in factors else []
    words += [f"{spelt(key)}={spelt(factors[key])}" for key in factors if key in told and key != "model"]
    return " ".join(words) or "defaults"


def varying(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the factors that are not the same in all runs, in the order in which the first runs name them."""
    keys = dict.fromkeys(key for run in runs for key in run)
    return [key for key in keys if len({spelt(run[key]) if key in run else None for run in runs}) > 1]


def target_of(kind: type) -> str:
    """Return where a class is found, as ``module.Class``: the same however a config spells it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def locate(target: str) -> Any:
    """Return what ``module.Class`` names; it imports the module.

    Raises
    ------
    ImportError
        If there is no such module, or nothing of that name in it.
    """
    module, _, name = target.rpartition(".")
    if not module:
        raise ImportError(f"{target} names no module")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise ImportError(f"{module} has no {name}") from error


_trusted: dict[str, None] = {}
"""Targets that the user of this program has named."""


def trust(target: str) -> None:
    """Let what is stored name classes of a module that the user of this program names, as he does in a config."""
    _trusted[target] = None


def locate_stored(target: str, *kinds: type) -> type:
    """Return the class that a stored file names.

    A file is data, and whoever wrote it may not choose what code runs here: the class is one of the given kinds, in a
    module of this package, or one that is imported already, or that the user has named (``trust``). Nothing else is
    imported.

    Raises
    ------
    DynalignError
        For anything else.
    """
    name = target.rpartition(".")[0]
    if name not in sys.modules and not name.startswith(f"{dynalign.__name__}."):
        for each in _trusted:
            with contextlib.suppress(Exception):  # what the user named has failed elsewhere, in a sentence of its own
                locate(each)
    own = name.startswith(f"{dynalign.__name__}.") and _has_source(name)
    try:
        found = locate(target) if own else getattr(sys.modules.get(name), target.rpartition(".")[2], None)
    except ImportError:
        found = None
    if not isinstance(found, type) or not issubclass(found, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise DynalignError(
            f"What is stored names {target}, which is no {wanted} that is known here; if you trust it, choose it in a "
            "config, or import it."
        )
    return found


def _has_source(module: str) -> bool:
    """Whether there is such a module in this package, which is found without importing any other."""
    parts = module.split(".")[1:]
    path = Path(dynalign.__file__).parent.joinpath(*parts)
    return all(part.isidentifier() for part in parts) and (path.with_suffix(".py").is_file() or path.is_dir())


def describe(thing: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as data: its class and settings."""
    return {"target": target_of(type(thing)), "settings": dict(settings)}


def rebuild(description: Mapping[str, Any], kind: type) -> Any:
    """Make an object from its description, which may be anybody's; see ``locate_stored``.

    Raises
    ------
    DynalignError
        If it describes none of this kind.
    """
    return locate_stored(str(description["target"]), kind)(**description["settings"])
