"""A job that did not succeed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """What was asked, and why it failed, in one sentence."""

    overrides: Sequence[str]
    reason: str
