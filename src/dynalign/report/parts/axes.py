"""Figures and axes that look alike: made, titled, tidied, with one legend.

Every figure belongs to nobody else: nothing here touches ``pyplot``, its list of open figures, or the user's backend.
Text and axes take the colours of matplotlib's ``rcParams``, so that a caller can ask for a dark figure with
``matplotlib.rc_context``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dynalign.report.parts.style import Style, plain, shortened

LISTED = 12  # lines up to which each has a legend entry of its own
FLOOR = 0.01  # smallest end of a scale of dissimilarities: below it, differences are rounding errors


def new_figure(width: float, height: float, *, layout: bool = True) -> Figure:
    """Return an empty figure of a size in inches, laid out by matplotlib or by hand."""
    engine = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08) if layout else None
    figure = Figure(figsize=(width, height), layout=engine)
    FigureCanvasAgg(figure)
    return figure


def owner(axes: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = axes.get_figure(root=True) if hasattr(Figure, "get_figure") else axes.figure
    assert isinstance(figure, Figure)
    return figure


def panels(count: int, columns: int) -> list[Axes]:
    """Return the axes of a new figure, at least ``count`` and at least one; those beyond are hidden."""
    rows = -(-max(1, count) // columns)
    width = {1: 5.2, 2: 9.6}.get(columns, 3.85 * columns)
    grid = new_figure(width, 3.2 * rows + 0.5).subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[max(1, count) :]:
        axes.set_visible(False)
    return list(grid)


def titled(axes: Axes, title: str, *, size: float = 10.5) -> None:
    """Write a title above axes, at their left."""
    axes.set_title(plain(title), fontsize=size, loc="left", fontweight="semibold")


def tidy(axes: Axes, *, whole: bool = True) -> None:
    """Give axes the looks that all curves share; ``whole`` keeps the ticks of x at whole numbers."""
    if whole:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, length=3)
    axes.xaxis.label.set_fontsize(8.5)
    axes.yaxis.label.set_fontsize(8.5)


def handles(styles: Mapping[str, Style], *, points: bool = False) -> list[Line2D]:
    """Return a legend's entry for every line; or, for points and many lines or such as look alike, for every group."""
    entries: dict[str, Style] = {}
    looks = {(style.colour, str(style.line), style.marker) for style in styles.values()}
    if len(styles) <= LISTED and len(looks) == len(styles) and not points:
        entries = dict(zip(shortened(list(styles)), styles.values(), strict=True))
    else:
        sizes = Counter(style.group for style in styles.values())
        for style in styles.values():
            size = sizes[style.group]
            entries[style.group + (f" ({size} runs)" if size > 1 else "")] = style
    return [
        Line2D(
            [],
            [],
            color=style.colour,
            linestyle="" if points else style.line,
            marker=style.marker,
            markersize=4,
            label=label,
        )
        for label, style in entries.items()
    ]


def legend(axes: Axes, styles: Mapping[str, Style], more: Sequence[Artist] = ()) -> None:
    """Name the lines, and whatever more has a label, under all panels; the figure grows by what that takes."""
    if not styles:
        return
    figure = owner(axes)
    entries = [*handles(styles), *more]
    longest = max(len(str(handle.get_label())) for handle in entries)
    columns = min(len(entries), max(1, int(figure.get_figwidth() / (0.075 * longest + 0.6))))
    figure.legend(
        handles=entries, loc="outside lower center", ncols=columns, frameon=False, fontsize=8, handlelength=2.6
    )
    figure.set_figheight(figure.get_figheight() + 0.19 * -(-len(entries) // columns))
