"""`compare.py`: files as they are typed, and what is said of them, become a config; nothing slow is imported before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser

from dynalign.cli.start import start
from dynalign.errors import DynalignError

_LISTS = ("axes", "ignore")
_WORDS = ("key", "condition", "folder")
_NUMBERS = ("step_ms", "bin_ms", "smooth_ms", "components")
_NO_WORDS = ("null", "true", "false", "nan", "inf")
_PLAIN = re.compile(r"[A-Za-z./_][\w./:-]*")
_OF_DATA = (*_LISTS, *_WORDS, *_NUMBERS)


def main() -> None:
    """Run what was typed; exit with 0 if everything was compared."""
    start("compare", rewritten)


def rewritten(arguments: Sequence[str]) -> list[str]:
    """Return arguments with files, and what is said of them, as settings of ``data``.

    Raises
    ------
    DynalignError
        If there is no such file, or there are none.
    """
    options = get_args_parser().parse_intermixed_args(list(arguments))
    flags = list(arguments)
    for word in options.overrides:
        flags.remove(word)
    files = [word for word in options.overrides if _is_file(word)]
    words = [_setting(word) for word in options.overrides if word not in files]
    asked = any(getattr(options, name) for name in ("help", "hydra_help", "info", "cfg", "shell_completion"))
    chosen = any(word.partition("=")[0] in ("data", "data.files") for word in words)
    if files and chosen:
        raise DynalignError(f"{files[0]} is a file, and data= names others; type files, or data=, and not both.")
    if not files and not chosen and not asked:
        raise DynalignError("There is nothing to compare: name files with recordings, as in compare.py a.mat b.npz.")
    for file in files:
        _check_there(file)
    if files:
        words.insert(0, f"data.files=[{','.join(map(_quoted, files))}]")
    return [*flags, *words]


def _is_file(word: str) -> bool:
    return Path(word).exists() or not ("=" in word or word.startswith(("~", "+")))


def _check_there(word: str) -> None:
    path = Path(word).expanduser()
    if path.exists() or Path(word.rpartition(":")[0] or word).expanduser().exists():
        return
    from dynalign.data.formats import entries_of  # slow to import, and says what there is instead

    entries_of(path)


def _setting(word: str) -> str:
    """Return what is said of files as a setting of ``data``, its words quoted as Hydra wants them."""
    name, equals, value = word.partition("=")
    if name not in _OF_DATA or not equals or value == "null":
        return f"data.{word}" if name in _OF_DATA and equals else word
    if name in _NUMBERS:
        return f"data.{word}"
    parts = [part.strip().strip("'\"") for part in value.strip("[]").split(",")]
    if name in _LISTS or len(parts) > 1 or value.startswith("["):
        return f"data.{name}=[{','.join(map(_quoted, parts))}]"
    return f"data.{name}={_quoted(parts[0])}"


def _quoted(text: str) -> str:
    """Return a word as Hydra takes it for what it is, in quotes only if it needs some."""
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_WORDS:
        return text
    escaped = text.replace("'", "\\'")
    return f"'{escaped}'"
