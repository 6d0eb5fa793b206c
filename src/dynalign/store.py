"""The run store: what was computed, found again by the config that determined it.

Each run has a folder named after the hash of its config. The folder appears under that name, in one rename, when
the run is finished; until then it is called ``<key>.partial``, so that a killed run can go on and no reader ever
sees half a run. A lock file keeps two processes from working on the same run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from dynalign.errors import DynalignError

KEY_LENGTH = 16


def key_of(config: Mapping[str, Any]) -> str:
    """Return the key of a config: a hash of its content, whatever the order of its entries.

    Raises
    ------
    DynalignError
        If the config holds something other than numbers, text, lists and mappings.
    """
    try:
        text = json.dumps(config, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DynalignError(f"This config has no key: {error}.") from error
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` make the file beside its place, then move it there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as JSON, whole or not at all."""
    write_atomically(path, lambda target: target.write_text(json.dumps(content, indent=1)))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None where there is none that can be read."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


class RunStore:
    """Finished runs and measurements under one folder.

    Parameters
    ----------
    root : Path
        Made when it does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> Path | None:
        """Return the folder of the finished run with this key, if there is one."""
        folder = self.root / key
        return folder if folder.is_dir() else None

    def match(self, prefix: str) -> Path:
        """Return the folder of the one finished run whose key starts with ``prefix``.

        Raises
        ------
        DynalignError
            If no run's key, or more than one, starts so.
        """
        finished = sorted(f for f in self.root.iterdir() if len(f.name) == KEY_LENGTH and f.is_dir())
        found = [folder for folder in finished if prefix and folder.name.startswith(prefix)]
        if len(found) != 1:
            keys = ", ".join(folder.name for folder in finished[:8]) or "none"
            count = "no finished run" if not found else f"{len(found)} finished runs"
            raise DynalignError(
                f"reference={prefix} fits {count} in {self.root}; use initial, previous, final, or the key of a run "
                f"there ({keys}{', ...' if len(finished) > 8 else ''})."
            )
        return found[0]

    @contextmanager
    def writing(self, key: str) -> Iterator[Path | None]:
        """Hold the lock of a run and yield the folder to work in, or None if the run is finished.

        On leaving without an exception the folder gets its final name. After an exception, or a kill, it stays as
        it is, for the next process to go on with.
        """
        with FileLock(self.root / f"{key}.lock"):
            if self.find(key) is not None:
                yield None
                return
            partial = self.root / f"{key}.partial"
            partial.mkdir(exist_ok=True)
            yield partial
            partial.rename(self.root / key)

    def cache(self, name: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """Return a measurement, from the store or by computing it; ``name`` is everything that determines it."""
        path = self.measurement(name)
        content = read_json(path)
        if content is None:
            content = compute()
            write_json(path, content)
        return content

    def measurement(self, name: Mapping[str, Any]) -> Path:
        """Return the file of the measurement that ``name`` determines, whether it exists or not."""
        return self.root / "measurements" / f"{key_of(name)}.json"


def discard(folder: Path) -> None:
    """Delete a folder and what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
