"""What all pages share: one self-contained HTML file, without scripts and without the network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from dynalign.report.parts.failure import tally
from dynalign.report.parts.numbers import duration, number
from dynalign.report.parts.problems import Problem, attempt
from dynalign.store import write_atomically

_SCREEN = 96  # CSS pixels per inch

_LIGHT = {"figure.facecolor": "#ffffff", "axes.facecolor": "#ffffff"} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color", "grid.color"),
    "#1c2330",
)
_DARK = {"figure.facecolor": "#1d232c", "axes.facecolor": "#1d232c"} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color", "grid.color"),
    "#e6eaf0",
)


@dataclass(frozen=True)
class Picture:
    """A figure for the page: data URLs for light and dark pages and narrow screens, and its size in CSS pixels."""

    light: str
    dark: str
    width: int
    height: int
    narrow_light: str = ""
    narrow_dark: str = ""


class Pieces:
    """Makes the pieces of a page, and lists the problems of those that could not be made."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def picture(
        self, what: str, draw: Callable[[], Figure], narrow: Callable[[], Figure] | None = None
    ) -> Picture | Problem:
        """Draw a figure as ``picture`` does; ``what`` is the start of a sentence about it."""
        made = attempt(what, lambda: picture(draw, narrow))
        if isinstance(made, Problem):
            self.problems.append(made.text)
        return made


def write_page(path: Path, template: str, **context: Any) -> None:
    """Write a page to ``path``; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    template : str
        Name of a file within ``dynalign/report``.
    context
        What the template shows; a name that it needs and is not given is an error.
    """
    environment = Environment(
        loader=PackageLoader("dynalign.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "duration": duration, "tally": tally}
    environment.tests["problem"] = lambda piece: isinstance(piece, Problem)
    html = environment.get_template(template).render(**context)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda target: target.write_text(html, encoding="utf-8"))


def picture(draw: Callable[[], Figure], narrow: Callable[[], Figure] | None = None) -> Picture:
    """Draw a figure for light and for dark pages and, where its panels can be stacked, for narrow screens."""
    light, width, height = _drawn(draw, _LIGHT)
    dark, _, _ = _drawn(draw, _DARK)
    if narrow is None:
        return Picture(light, dark, width, height)
    return Picture(light, dark, width, height, _drawn(narrow, _LIGHT)[0], _drawn(narrow, _DARK)[0])


def _drawn(draw: Callable[[], Figure], theme: Mapping[str, str]) -> tuple[str, int, int]:
    """Return a figure as the data URL of an SVG, and its width and height in CSS pixels."""
    buffer = io.BytesIO()
    # Artists read their colours when they are drawn as well as when they are made; the salt makes ids repeatable.
    with matplotlib.rc_context({**theme, "svg.hashsalt": "dynalign", "svg.fonttype": "path"}):
        figure = draw()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    width, height = (round(float(inches) * _SCREEN) for inches in figure.get_size_inches())
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"), width, height
