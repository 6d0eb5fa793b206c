"""Hydra entry points, and nothing else: configuration is read here and nowhere below."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""The project's folder, which holds ``conf`` and ``multirun``."""
