"""No key and no token of the user's gets into what is written, logged or printed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "<hidden>"
_NAMES = re.compile(r"(API_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)", re.IGNORECASE)
_SHORTEST = 8  # shorter values would be found in words that are no secret
_USER = re.compile(r"(?<=://)[^/\s@]+@")  # of an address: user:password@host


def redacted(text: str) -> str:
    """Return a text without what the environment holds under names like WANDB_API_KEY, and without logins of addresses.

    It is for a text that may quote anything: an error, a config whose values were taken from the environment.
    """
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and _NAMES.search(name):
            text = text.replace(value, HIDDEN)
    return _USER.sub("", text)


def redacted_data(content: Any) -> Any:
    """Return plain data, every text in it ``redacted``."""
    if isinstance(content, str):
        return redacted(content)
    if isinstance(content, Mapping):
        return {key: redacted_data(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [redacted_data(value) for value in content]
    return content
