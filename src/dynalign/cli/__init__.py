"""Hydra entry points, and nothing else: configuration is read here and nowhere below."""

from pathlib import Path

import dynalign

_PACKAGE = Path(dynalign.__file__).resolve().parent
CONF = next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parents[1] / "conf") if folder.is_dir())
"""The configs: they travel inside the installed package, and lie at the top of a checkout."""
