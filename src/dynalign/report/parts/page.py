"""What all pages share: one self-contained HTML file, which asks nothing of the network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import matplotlib
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from dynalign.report.parts.failure import tally
from dynalign.report.parts.interactive import library, script
from dynalign.report.parts.numbers import duration, number
from dynalign.report.parts.problems import Problem, attempt
from dynalign.report.parts.vector import embedded, themed
from dynalign.store import write_atomically

_SCREEN = 96  # CSS pixels per inch


@dataclass(frozen=True)
class Picture:
    """A figure as a part of the page, in its colours: the insides of SVGs, their views, and the widths in CSS pixels.

    There are two where it is drawn otherwise on narrow screens.
    """

    drawings: Sequence[tuple[Markup, str, int]]


class Pieces:
    """Makes the pieces of a page, and lists the problems of those that could not be made."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.charts: dict[str, dict[str, Any]] = {}
        self._pictures = 0

    def chart(self, what: str, make: Callable[[], dict[str, Any] | None]) -> str | Problem | None:
        """Make the data of an interactive figure and return its name in the page; None where there is nothing to show.

        ``what`` is the start of a sentence about it.
        """
        made = attempt(what, make)
        if isinstance(made, Problem):
            self.problems.append(made.text)
            return made
        if made is None:
            return None
        name = f"chart-{len(self.charts) + 1}"
        self.charts[name] = made
        return name

    def picture(
        self, what: str, draw: Callable[[], Figure], narrow: Callable[[], Figure] | None = None
    ) -> Picture | Problem:
        """Draw a figure for the page and, where its panels can be stacked, for narrow screens.

        ``what`` is the start of a sentence about it.
        """
        self._pictures += 1
        draws = [draw] if narrow is None else [draw, narrow]
        made = attempt(
            what,
            lambda: Picture([_drawn(each, f"p{self._pictures}{'ab'[place]}") for place, each in enumerate(draws)]),
        )
        if isinstance(made, Problem):
            self.problems.append(made.text)
        return made


def write_page(
    path: Path,
    template: str,
    *,
    charts: Mapping[str, Any] | None = None,
    filters: Mapping[str, Sequence[str]] | None = None,
    links: Mapping[str, Path] | None = None,
    **context: Any,
) -> None:
    """Write a page to ``path``; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    template : str
        Name of a file within ``dynalign/report``.
    charts : mapping, optional
        The data of interactive figures, from ``Pieces.charts``.
    filters : mapping of factor to levels, optional
        What figures and tables can be filtered by.
    links : mapping of what it is to path, optional
        Files that belong to the page; it links to them relative to where it lies.
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
    # A number that JSON does not have is a defect, and no page; what a name contains ends no script.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":"), "ensure_ascii": False}
    html = environment.get_template(template).render(
        data={"charts": charts or {}, "filters": filters or {}},
        library=Markup(library()) if charts else "",
        script=Markup(script()),
        links={what: _relative(target, path.parent) for what, target in (links or {}).items()},
        **context,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda target: target.write_text(html, encoding="utf-8"))


def _relative(target: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(target, folder)).as_posix())


def _drawn(draw: Callable[[], Figure], name: str) -> tuple[Markup, str, int]:
    """Return the inside of an SVG, what it shows of its plane, and its width in CSS pixels."""
    with matplotlib.rc_context(themed()):  # artists read their colours when they are drawn as well as when made
        figure = draw()
        inside = embedded(figure, name)
    wide, high = (float(inches) for inches in figure.get_size_inches())
    return Markup(inside), f"0 0 {72 * wide:g} {72 * high:g}", round(wide * _SCREEN)
