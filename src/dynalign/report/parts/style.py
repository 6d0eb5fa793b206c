"""Colours, lines and markers that tell things apart, and names as figures show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.colors import to_hex, to_rgb

# Okabe & Ito's palette, which people who see colours differently can tell apart. Black and yellow are left out:
# one vanishes on a dark page, the other on a light one.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
_LONGEST = 30  # characters of a name that an axis shows


@dataclass(frozen=True)
class Style:
    """How a run or metric looks in every figure, and the group that looks the same."""

    colour: str = COLOURS[0]
    line: Any = "-"
    marker: str = "o"
    group: str = ""


def style(hue: int, shade: int = 0, *, lightness: float = 0.0, group: str = "") -> Style:
    """Return the look of something by its places: colours first and, when all are used, another line."""
    return Style(
        colour=_lighter(COLOURS[hue % len(COLOURS)], lightness),
        line=LINES[(shade + hue // len(COLOURS)) % len(LINES)],
        marker=MARKERS[hue % len(MARKERS)],
        group=plain(group),
    )


def _lighter(colour: str, share: float) -> str:
    red, green, blue = ((1 - share) * part + share for part in to_rgb(colour))
    return to_hex((red, green, blue)).upper()


def shortened(names: Sequence[str]) -> list[str]:
    """Return names as an axis or a legend shows them: cut, and without formulas."""
    return [plain(name) for name in cut(names)]


def cut(names: Sequence[str]) -> list[str]:
    """Cut long names in the middle, where they still differ afterwards."""
    half = _LONGEST // 2
    short = [name if len(name) <= _LONGEST else f"{name[: half - 1]}…{name[-half:]}" for name in names]
    return short if len(set(short)) == len(set(names)) else list(names)


def plain(text: str) -> str:
    """Keep dollar signs: two of them would otherwise open and close a formula, which a name need not be."""
    return text.replace("$", r"\$")
