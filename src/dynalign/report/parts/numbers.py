"""How numbers and times are written, the same in a terminal, in Markdown, on a page and in a figure."""

from __future__ import annotations

import math

NOTHING = 1e-9  # below it, a number is what rounding leaves of 0
UNKNOWN = "–"
_DECIMALS = ((0.00995, 4), (0.9995, 3), (9.995, 2), (99.95, 1))  # up to which size a number has how many


def number(value: float | None) -> str:
    """Write a number with two to four digits; small ones keep their order of magnitude, rounding errors are 0."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size < NOTHING:
        return "0"
    if size < 5e-4 or size >= 1e5:
        digits, exponent = f"{value:.0e}".split("e")
        return f"{digits}e{int(exponent)}"
    decimals = next((places for bound, places in _DECIMALS if size < bound), 0)
    return f"{value:.{decimals}f}"


def bounded(value: float, least: float, most: float) -> str:
    """Write a number, or that it lies beyond the range from ``least`` to ``most`` that was tested."""
    if value < least:
        return f"< {least:g}"
    return f"> {most:g}" if value > most else number(value)


def duration(seconds: float | None) -> str:
    """Write a time in the unit that a person would use."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds == 0:
        return "0 s"
    if seconds < 0.9995:
        milliseconds = 1000 * seconds
        if milliseconds < 0.0095:
            return "< 0.01 ms"
        return f"{milliseconds:.{2 if milliseconds < 0.995 else 1 if milliseconds < 9.95 else 0}f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    if round(seconds) < 600:
        return f"{round(seconds) // 60} min {round(seconds) % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def counted(count: int, what: str) -> str:
    """Write how many there are of something, such as "1 metric" or "3 metrics"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def size(bytes_: float) -> str:
    """Write how much of a disk something takes."""
    value, unit = float(bytes_), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"
