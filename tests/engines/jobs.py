"""Jobs for engines."""

from __future__ import annotations

import os
import signal


def half_or_die(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number // 2
