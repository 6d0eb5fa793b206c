"""Packages that only some formats need, imported where one is read."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from dynalign.errors import DynalignError


def package(name: str, path: Path | str, extra: str) -> Any:
    """Return a package.

    Raises
    ------
    DynalignError
        If it is not installed, saying which extra of dynalign brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DynalignError(
            f"Reading {Path(path).name} needs the package {name}; pip install 'dynalign[{extra}]' brings it."
        ) from error
