"""What determines a result besides its config: the command, the date, and the versions of packages."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from dynalign.redaction import redacted

_PACKAGES = ("dynalign", "torch", "pytorch-lightning", "hydra-core", "numpy", "scipy", "wandb")


def meta() -> dict[str, str]:
    """Return the command that was typed, the date, and versions, by name."""
    script = Path(sys.argv[0]).name
    command = f"python {script}" if script.endswith(".py") else script  # that of the package is two words
    return {
        "command": redacted(" ".join([command, shlex.join(sys.argv[1:])]).strip()),
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }
