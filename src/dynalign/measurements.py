"""Measurements on disk: columns of keys and numbers in files that check themselves, safe for many writers at once.

A group of measurements (those of one metric) is a folder of segments. A segment is written once, whole, under a name
that is the hash of its content, so that a damaged or foreign file is known when it is read. When segments are many,
one of them is made of all.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from dynalign.errors import DamagedError, DamagedWarning, DynalignError
from dynalign.soundness import ASIDE, put_aside

Numbers = dict[str, tuple[float, float]]
"""(dissimilarity, seconds) by key, a text of 16 hexadecimal digits."""
Write = Callable[[Path, Callable[[Path], Any]], None]
"""Lets a function make a file, whole or not at all; ``dynalign.store.write_atomically``."""

_SUFFIX, _OLD = ".npz", ".jsonl"
_KEY = np.dtype(">u8")  # so that its bytes are its digits
_NAME_LENGTH = 32
_MANY = 64  # segments of which one is made


def read_group(folder: Path) -> Numbers:
    """Return all measurements of a group; a file that is damaged is named, set aside, and counts as not measured."""
    found: Numbers = {}
    for _ in range(_MANY):
        try:
            for path in _segments(folder):
                found |= _read_or_set_aside(path)
        except FileNotFoundError:  # another process has made one segment of several, which holds the same
            continue
        return found
    raise DynalignError(f"The measurements in {folder} change faster than they can be read; run one sweep at a time.")


def write_segment(folder: Path, numbers: Mapping[str, tuple[float, float]], write: Write) -> None:
    """Add measurements to a group, in a file of their own: processes that measure at once do not wait for each other.

    Raises
    ------
    DynalignError
        If the file cannot be written, or a number is not finite.
    """
    try:
        _write(folder, numbers, write)
        _merge(folder, write)
    except OSError as error:
        raise DynalignError(
            f"What was measured cannot be kept in {folder}: {error.strerror or error}; make room there, or choose "
            "another store."
        ) from error


def _segments(folder: Path) -> list[Path]:
    """Return the files of a group; those of earlier versions, lines of JSON, first."""
    return [*sorted(folder.glob(f"*{_OLD}")), *sorted(folder.glob(f"*{_SUFFIX}"))]


def _write(folder: Path, numbers: Mapping[str, tuple[float, float]], write: Write) -> Path:
    content = _packed(numbers)
    path = folder / f"{_digest(folder, content)}{_SUFFIX}"
    write(path, lambda target: target.write_bytes(content))
    return path


def _merge(folder: Path, write: Write) -> None:
    """Make one segment of many; whoever reads meanwhile finds each number in one or the other."""
    if len(_segments(folder)) < _MANY:
        return
    try:
        with FileLock(folder / ".lock", timeout=0):
            paths = _segments(folder)
            numbers: Numbers = {}
            for path in paths:
                numbers |= _read_or_set_aside(path)
            merged = _write(folder, numbers, write)
            for path in paths:
                if path != merged:
                    path.unlink(missing_ok=True)
    except Timeout:
        return  # another process is at it


def _packed(numbers: Mapping[str, tuple[float, float]]) -> bytes:
    values = np.array([numbers[key] for key in numbers], dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(values).all():
        raise DynalignError("Only finite numbers are kept as measurements.")
    keys = np.frombuffer(bytes.fromhex("".join(numbers)), dtype=_KEY)
    file = io.BytesIO()
    np.savez(file, key=keys, dissimilarity=values[:, 0], seconds=values[:, 1])
    return file.getvalue()


def _digest(folder: Path, content: bytes) -> str:
    """Return the name of a segment, which is of this group alone: the keys of other metrics' pairs are the same."""
    return hashlib.sha256(folder.name.encode() + b"\n" + content).hexdigest()[:_NAME_LENGTH]


def _read_or_set_aside(path: Path) -> Numbers:
    try:
        return _read_lines(path) if path.suffix == _OLD else _read(path)
    except FileNotFoundError:
        raise
    except (DamagedError, OSError) as error:
        warnings.warn(_set_aside(path, error), DamagedWarning, stacklevel=2)
        return {}


def _read(path: Path) -> Numbers:
    content = path.read_bytes()
    if _digest(path.parent, content) != path.stem:
        raise DamagedError("it is not what was written")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            keys, values, seconds = (arrays[name] for name in ("key", "dissimilarity", "seconds"))
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DamagedError(f"it holds no measurements ({error})") from error
    if not (keys.dtype == _KEY and keys.shape == values.shape == seconds.shape == (keys.size,)):
        raise DamagedError("its columns do not fit each other")
    if not (np.isfinite(values).all() and np.isfinite(seconds).all()):
        raise DamagedError("it holds what is no number")
    return dict(zip(_texts(keys), zip(values.tolist(), seconds.tolist(), strict=True), strict=True))


def _texts(keys: npt.NDArray[np.uint64]) -> list[str]:
    digits = keys.tobytes().hex()
    width = 2 * _KEY.itemsize
    return [digits[place : place + width] for place in range(0, len(digits), width)]


def _read_lines(path: Path) -> Numbers:
    """Return what an earlier version wrote, a measurement a line."""
    found: Numbers = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            key, value = str(row["key"]), (float(row["dissimilarity"]), float(row["seconds"]))
            if len(bytes.fromhex(key)) != _KEY.itemsize or not all(map(math.isfinite, value)):
                raise DamagedError("it holds what is no measurement")
            found[key] = value
    except DamagedError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"it holds what is no measurement ({error})") from error
    return found


def _set_aside(path: Path, why: Exception) -> str:
    """Take a file out of the way, where a person may look at it; return what to say."""
    kept = f"it was set aside, with {ASIDE} behind its name" if put_aside(path) else "it could not be set aside"
    return f"The measurements in {path} are damaged: {why}; {kept}, and they are measured again."
