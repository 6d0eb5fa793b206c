"""What the end of a run or sweep says of services that have it: online or offline, where, and how it is uploaded."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from dynalign.loggers import Place
from dynalign.report import counted
from dynalign.results import Sweep
from dynalign.store import read_json, write_json

_FILE = "logged.json"


def note_places(folder: Path, name: str, places: Sequence[Place], *, beside: bool = False) -> None:
    """Write into a folder where services have a run; ``beside`` other runs that are noted there, or instead of them."""
    known = read_json(folder / _FILE) if beside else None
    noted = known if isinstance(known, dict) else {}
    noted[name] = [asdict(place) for place in places]
    write_json(folder / _FILE, noted)


def tell_places(sweep: Sweep, console: Console) -> None:
    """Say once where services have the runs of a sweep and its summary, and what uploads those that are offline."""
    folders = dict.fromkeys([*(result.folder for result in sweep.results), sweep.folder])
    places = [place for folder in folders for place in _noted(folder)]
    for service in dict.fromkeys(place.service for place in places):
        mine = [place for place in places if place.service == service]
        for url in dict.fromkeys(place.url for place in mine if place.online):
            count = sum(place.online and place.url == url for place in mine)
            console.print(f"{service}    {counted(count, 'run')} online at {url}", soft_wrap=True, markup=False)
        offline = [place.folder for place in mine if not place.online]
        if offline:
            upload = shlex.join([program("wandb"), "sync", *map(_from_here, dict.fromkeys(offline))])
            console.print(
                f"{service}    {counted(len(offline), 'run')} offline; to upload: {upload}",
                soft_wrap=True,
                markup=False,
            )


def program(name: str) -> str:
    """Return how a program that was installed beside Python is typed: by its name, where that is found, or its path."""
    beside = Path(sys.executable).parent / name
    return name if shutil.which(name) or not beside.exists() else _from_here(str(beside))


def _noted(folder: Path) -> list[Place]:
    noted = read_json(folder / _FILE)
    return [Place(**each) for places in noted.values() for each in places] if isinstance(noted, dict) else []


def _from_here(path: str) -> str:
    """Return a path as short as it can be written from the current folder."""
    near = os.path.relpath(path)
    return path if near.startswith("..") else near
