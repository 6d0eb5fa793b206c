"""One piece that cannot be made costs that piece, and not the page that it was for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from matplotlib.figure import Figure

from dynalign.errors import DynalignError

T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """Stands where something should be, and says in one sentence why it is not there."""

    text: str


class Written(NamedTuple):
    """A page, and what is missing on it: a sentence for each piece."""

    path: Path
    problems: Sequence[str]


def attempt(what: str, work: Callable[[], T]) -> T | Problem:
    """Return what ``work`` returns; or, whatever it raises, a sentence that says so of ``what``."""
    try:
        return work()
    except Exception as error:
        said = str(error) if isinstance(error, DynalignError) else f"{type(error).__name__}: {error}"
        return Problem(f"{what} could not be shown: {said.rstrip('.')}.")


def drawn(draws: Mapping[str, Callable[[], Figure]]) -> dict[str, Figure | Problem]:
    """Return figures by name, each laid out, so that one that cannot be drawn is a problem here and not later."""
    return {name: attempt(f"The figure {name}", lambda: _laid_out(draw())) for name, draw in draws.items()}  # noqa: B023


def _laid_out(figure: Figure) -> Figure:
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # it stays as it is, whenever it is saved
    return figure
