"""`compare.py`: files and keys, as they are typed, become a config; nothing slow is imported before."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser

from dynalign.cli.meta import Typed
from dynalign.cli.start import start
from dynalign.errors import DynalignError
from dynalign.identity import KEY_LENGTH

_LISTS = ("axes", "ignore")
_WORDS = ("key", "condition", "folder")
_NUMBERS = ("step_ms", "bin_ms", "smooth_ms", "components")
_NO_WORDS = ("null", "true", "false", "nan", "inf")
_KEY = re.compile(rf"[0-9a-f]{{4,{KEY_LENGTH}}}")  # or the start of one
_STORE = "multirun/store"
_PLAIN = re.compile(r"[A-Za-z./_][\w./:-]*")
_OF_DATA = (*_LISTS, *_WORDS, *_NUMBERS)


def main() -> None:
    """Run what was typed; exit with 0 if everything was compared."""
    Typed.words = sys.argv[1:]
    start("compare", rewritten)


def rewritten(arguments: Sequence[str]) -> list[str]:
    """Return arguments with files, and what is said of them, as settings of ``data``, and keys of networks as ``runs``.

    Raises
    ------
    DynalignError
        If there is no such file or network, or there is nothing to compare.
    """
    options = get_args_parser().parse_intermixed_args(list(arguments))
    flags = list(arguments)
    for word in options.overrides:
        flags.remove(word)
    bare = [word for word in options.overrides if _is_bare(word)]
    keys = [word for word in bare if _KEY.fullmatch(word) and not Path(word).exists()]
    files = [word for word in bare if word not in keys]
    words = [_setting(word) for word in options.overrides if word not in bare]
    asked = any(getattr(options, name) for name in ("help", "hydra_help", "info", "cfg", "shell_completion"))
    chosen = any(word.partition("=")[0] in ("data", "data.files") for word in words)
    if files and chosen:
        raise DynalignError(f"{files[0]} is a file, and data= names others; type files, or data=, and not both.")
    named = [word.partition("=")[2] for word in words if word.startswith("runs=")]
    if keys and named:
        raise DynalignError(f"{keys[0]} is the key of a network, and runs= names others; type keys, or runs=.")
    if not files and not keys and not named and not chosen and not asked:
        raise DynalignError(
            "There is nothing to compare: name files with recordings, as in compare.py a.mat b.npz, or networks by "
            "their keys."
        )
    for file in files:
        _check_there(file)
    store = next((word.partition("=")[2] for word in words if word.startswith("store=")), _STORE)
    for key in keys or ([] if not named or asked else _listed(named[0])):
        _check_key(key, Path(store.strip("'\"")), typed=key in keys)
    if keys:
        words.insert(0, f"runs=[{','.join(map(_quoted, keys))}]")
    if files:
        words.insert(0, f"data.files=[{','.join(map(_quoted, files))}]")
    return [*flags, *words]


def _is_bare(word: str) -> bool:
    """Whether a word stands by itself: a file, or a key."""
    return Path(word).exists() or not ("=" in word or word.startswith(("~", "+")))


def _check_there(word: str) -> None:
    path = Path(word).expanduser()
    if path.exists() or Path(word.rpartition(":")[0] or word).expanduser().exists():
        return
    from dynalign.data.formats import entries_of  # slow to import, and says what there is instead

    entries_of(path)


def _check_key(start: str, store: Path, *, typed: bool) -> None:
    """Refuse the start of a key that fits no network in a store, or several; by names alone, which takes no time."""
    known = sorted(each.name for each in store.iterdir() if len(each.name) == KEY_LENGTH) if store.is_dir() else []
    found = [name for name in known if name.startswith(start)]
    if len(found) == 1:
        return
    there = f"There is no file {start}, and no" if typed else "No"
    if not store.is_dir():
        raise DynalignError(f"{there} store {store} in which {start} could be a network; store= names another folder.")
    if not found:
        raise DynalignError(f"{there} network in {store} has a key that starts with {start}; dynalign runs lists them.")
    few = ", ".join(found[:4]) + (", ..." if len(found) > 4 else "")
    raise DynalignError(f"{len(found)} keys in {store} start with {start} ({few}); type more of the one that is meant.")


def _setting(word: str) -> str:
    """Return what is said of files as a setting of ``data``, its words quoted as Hydra wants them."""
    name, equals, value = word.partition("=")
    if name == "runs" and equals and value != "null":
        return f"runs=[{','.join(map(_quoted, _listed(value)))}]"
    if name not in _OF_DATA or not equals or value == "null":
        return f"data.{word}" if name in _OF_DATA and equals else word
    if name in _NUMBERS:
        return f"data.{word}"
    parts = _listed(value)
    if name in _LISTS or len(parts) > 1 or value.startswith("["):
        return f"data.{name}=[{','.join(map(_quoted, parts))}]"
    return f"data.{name}={_quoted(parts[0])}"


def _listed(value: str) -> list[str]:
    parts = [part.strip().strip("'\"") for part in value.strip("[]").split(",")]
    return [part for part in parts if part]


def _quoted(text: str) -> str:
    """Return a word as Hydra takes it for what it is, in quotes only if it needs some."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_WORDS:
        return text
    escaped = text.replace("'", "\\'")
    return f"'{escaped}'"
