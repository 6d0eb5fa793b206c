"""Whether files are still as they were written, and what becomes of those that are not: they are put aside.

What writes a folder lists its files last, with their sizes and checksums, in a manifest. Who reads the folder compares.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "manifest.json"
ASIDE = ".damaged"
"""What the name of a file that could not be believed ends with, once it is put aside; a number may follow."""
_CHUNK = 1 << 20


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return the size and the checksum of every file below a folder, its manifest apart."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {
        "files": {
            path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": digest(path)} for path in paths
        }
    }


def fault_of(folder: Path) -> str:
    """Return what is wrong with a folder, by its manifest; empty where nothing is, or where it has no manifest.

    A file that is not listed is nobody's concern. A link is a fault, for it may lead anywhere.
    """
    if folder.is_symlink() or not folder.is_dir():
        return "it is no folder"
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return ""
    try:
        if path.is_symlink():
            raise ValueError("it is a link")
        listed = json.loads(path.read_text(encoding="utf-8"))["files"]
        entries = {str(name): (int(about["size"]), str(about["sha256"])) for name, about in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"its {MANIFEST} cannot be read"
    if not entries:
        return f"its {MANIFEST} lists no file"
    return next((fault for name, about in entries.items() if (fault := _fault(folder, name, *about))), "")


def _fault(folder: Path, name: str, size: int, checksum: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name:
        return f"its {MANIFEST} names {name}, which lies elsewhere"
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            return f"{name} is a link"
    try:
        if not path.exists():
            return f"{name} is missing"
        if not path.is_file():
            return f"{name} is no file"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size:,} bytes rather than {size:,}"
        if digest(path) != checksum:
            return f"{name} is not what was written"
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"
    return ""


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain data with its checksum, for a file that stands alone."""
    plain = json.loads(json.dumps(content))
    return {"sha256": _checksum(plain), "content": plain}


def unsealed(found: Any) -> dict[str, Any] | None:
    """Return the plain data that ``sealed`` was given, or None where it is not that any more.

    What has no checksum, as earlier versions wrote it, is returned as it stands.
    """
    if not isinstance(found, dict) or not found:
        return None
    if set(found) != {"sha256", "content"}:
        return found
    content = found["content"]
    return content if isinstance(content, dict) and _checksum(content) == found["sha256"] else None


def _checksum(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def put_aside(path: Path) -> Path | None:
    """Rename what is damaged, so that it is in nobody's way and lost to nobody; return where it is now.

    None where there is nothing (any more), or where it cannot be renamed.
    """
    for number in range(1000):
        aside = path.with_name(f"{path.name}{ASIDE}{f'-{number}' if number else ''}")
        if os.path.lexists(aside):
            continue
        try:
            path.rename(aside)
        except OSError:
            return None
        return aside
    return None


def where_now(aside: Path | None) -> str:
    """Say what became of something that was damaged, given what ``put_aside`` returned."""
    return f"it was put aside as {aside.name}" if aside is not None else "it could not be put aside"
