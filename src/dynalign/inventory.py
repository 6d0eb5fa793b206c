"""What a store holds and what it took: for whoever wants to know what more will cost, or to clean it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from filelock import FileLock, Timeout

from dynalign.identity import KEY_LENGTH
from dynalign.soundness import ASIDE
from dynalign.store import discard, read_json

Kind = Literal["runs", "begun", "measurements", "damaged"]
KINDS: Mapping[Kind, str] = {
    "runs": "finished networks, with all their checkpoints",
    "begun": "networks whose training was interrupted",
    "measurements": "dissimilarities and other numbers",
    "damaged": "files that were set aside because they could not be read",
}
_KEY = f"[0-9a-f]{{{KEY_LENGTH}}}"
_NAMES: Mapping[str, Kind] = {
    rf"{_KEY}(\.lock)?": "runs",
    rf"{_KEY}\.partial": "begun",
    "measurements": "measurements",
    rf".+{re.escape(ASIDE)}(-\d+)?": "damaged",
}


@dataclass(frozen=True)
class Kept:
    """Something in a store: its kind, where it is, and the bytes in it."""

    kind: Kind
    path: Path
    bytes: int

    @property
    def counts(self) -> bool:
        """Whether it is a thing of its own, and not the lock of one."""
        return self.path.suffix != ".lock"


def inventory(root: Path) -> tuple[list[Kept], list[Path]]:
    """Return what a store holds; and what lies in its folder without belonging to it."""
    kept, foreign = [], []
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        kind = next((kind for name, kind in _NAMES.items() if re.fullmatch(name, path.name)), None)
        if kind is None or path.is_symlink():
            foreign.append(path)
        else:
            kept.append(Kept(kind, path, size_of(path)))
    return kept, foreign


def size_of(path: Path) -> int:
    """Return the bytes in a file, or in all files of a folder; what disappears meanwhile does not count."""
    return sum(map(_size, [path, *path.rglob("*")] if path.is_dir() else [path]))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def delete(each: Kept) -> bool:
    """Delete something and return whether it is gone; what a process is at work on stays."""
    if each.kind not in ("runs", "begun"):
        discard(each.path) if each.path.is_dir() else each.path.unlink(missing_ok=True)
        return not each.path.exists()
    lock = each.path.with_name(f"{each.path.name.partition('.')[0]}.lock")
    try:
        with FileLock(lock, timeout=0):
            discard(each.path) if each.path.is_dir() else None
    except (OSError, Timeout):
        return False
    gone = each.path.suffix == ".lock" or not each.path.exists()
    if gone:
        lock.unlink(missing_ok=True)
    return gone


class Past(NamedTuple):
    """What a finished run was, and took: the config of its last phase, seconds, and bytes."""

    config: Mapping[str, Any]
    seconds: float
    bytes: int


class Estimate(NamedTuple):
    """What a run will take, and what that is concluded from."""

    seconds: float
    bytes: float
    source: str


def past_runs(root: Path) -> list[Past]:
    """Return the finished runs in a store; those that cannot be read are left out."""
    found = []
    for each in inventory(root)[0]:
        if each.kind == "runs" and each.counts:
            facts, config = read_json(each.path / "run.json"), read_json(each.path / "config.json")
            if isinstance(config, dict) and isinstance(facts, dict) and isinstance(facts.get("seconds"), int | float):
                found.append(Past(config, float(facts["seconds"]), each.bytes))
    return found


def estimate(config: Mapping[str, Any], past: Sequence[Past]) -> Estimate | None:
    """Return what a run will take on average, by runs that differ in their seed alone; or by those of the same kinds.

    Runs are of the same kinds if their model and task have the same classes, and their last phases equally many rules.
    None where there is no such run.
    """
    for likeness, source in ((_but_for_the_seed, "that differ by seed alone"), (_kinds, "of the same model and task")):
        alike = [each for each in past if likeness(each.config) == likeness(config)]
        if alike:
            return Estimate(fmean(each.seconds for each in alike), fmean(each.bytes for each in alike), source)
    return None


def _but_for_the_seed(config: Mapping[str, Any]) -> Any:
    return {name: value for name, value in config.items() if name != "seed"}


def _kinds(config: Mapping[str, Any]) -> Any:
    phases = config.get("phases") or [{}]
    return [
        *((config.get(name) or {}).get("_target_") for name in ("model", "task")),
        len(phases[-1].get("rules", [])),
    ]
