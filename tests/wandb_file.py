"""Read what an offline W&B run wrote: a log of protobuf records in LevelDB's log format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

_BLOCK = 32768
_HEADER = 7  # bytes: of the file, and of each chunk (checksum 4, length 2, type 1)


@dataclass
class OfflineRun:
    id: str = ""
    project: str = ""
    entity: str = ""
    sweep: str = ""
    resume: bool = False
    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Path]] = field(default_factory=dict)
    """The files of every artifact, by its name and their paths within it."""
    finished: bool = False
    exit_code: int | None = None


def read_run(folder: Path, begins: str = "") -> OfflineRun:
    """Read the only offline run that was logged to ``folder`` under a name that begins so."""
    (run,) = [each for each in read_runs(folder) if each.name.startswith(begins)]
    return run


def read_runs(folder: Path) -> list[OfflineRun]:
    """Read the offline runs that were logged to ``folder``, in the order in which they started."""
    return [_read(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]


def _read(path: Path) -> OfflineRun:
    run = OfflineRun()
    for data in _records(path.read_bytes()):
        record = Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.name, run.group = record.run.display_name, record.run.run_group
            run.job_type, run.tags = record.run.job_type, list(record.run.tags)
            run.id, run.project, run.entity = record.run.run_id, record.run.project, record.run.entity
            run.sweep, run.resume = record.run.sweep_id, record.run.resume
            updates = record.run.config.update
        elif kind == "config":
            updates = record.config.update
        elif kind == "history":
            row = {}
            for item in record.history.item:
                row[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
            run.history.append(row)
            continue
        elif kind == "summary":
            for item in record.summary.update:
                run.summary[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
            continue
        elif kind == "request" and record.request.WhichOneof("request_type") == "log_artifact":
            artifact = record.request.log_artifact.artifact
            run.artifacts[artifact.name] = {each.path: Path(each.local_path) for each in artifact.manifest.contents}
            continue
        elif kind == "artifact":
            manifest = record.artifact.manifest
            run.artifacts[record.artifact.name] = {each.path: Path(each.local_path) for each in manifest.contents}
            continue
        else:
            if kind == "exit":
                run.finished, run.exit_code = True, record.exit.exit_code
            continue
        run.config |= {item.key: json.loads(item.value_json) for item in updates if item.key}
    return run


def _records(content: bytes) -> Iterator[bytes]:
    """Put the chunks of each record together; a chunk's type is 1 whole, 2 first, 3 middle, 4 last."""
    parts = b""
    position = _HEADER
    while position + _HEADER <= len(content):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER:
            position += left
            continue
        length, kind = int.from_bytes(content[position + 4 : position + 6], "little"), content[position + 6]
        parts += content[position + _HEADER : position + _HEADER + length]
        position += _HEADER + length
        if kind in (1, 4):
            yield parts
            parts = b""
