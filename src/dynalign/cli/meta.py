"""What determines a result besides its config: the command, the date, the commit, and the versions of packages."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from dynalign.redaction import redacted

_PACKAGES = ("dynalign", "torch", "pytorch-lightning", "hydra-core", "numpy", "scipy", "plotly", "wandb")


class Typed:
    """What was typed, where Hydra is given something else instead."""

    words: Sequence[str] | None = None


def meta() -> dict[str, str]:
    """Return the command that was typed, the date, the commit if git has one, and versions, by name."""
    script = Path(sys.argv[0]).name
    command = f"python {script}" if script.endswith(".py") else script  # that of the package is two words
    return {
        "command": redacted(
            " ".join([command, shlex.join(sys.argv[1:] if Typed.words is None else Typed.words)]).strip()
        ),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        **_commits(),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }


def _commits() -> dict[str, str]:
    """Return the commit of this package, if it runs from a checkout, and that of the folder that one is in.

    ``-dirty`` behind one says that files had been changed since.
    """
    here = Path(__file__)
    code = _git(here.parent, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    if not _git(here.parent, "ls-files", here.name):  # a repository around an environment knows nothing of it
        code = ""
    there = _git(Path.cwd(), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    found = {"git commit": code, "git commit of this folder": there if there != code else ""}
    return {name: commit for name, commit in found.items() if commit}


def _git(folder: Path, *command: str) -> str:
    """Return what git says; nothing where there is no git, or no repository."""
    try:
        said = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
