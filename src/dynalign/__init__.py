"""Dynalign: how alike are the dynamics of two neural systems?"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "compare"]


def __getattr__(name: str) -> Any:
    """Return ``compare``, imported when it is asked for: ``import dynalign`` loads nothing."""
    if name != "compare":
        raise AttributeError(f"module dynalign has no attribute {name}")
    return import_module("dynalign.comparison").compare
