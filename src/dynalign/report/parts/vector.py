"""A figure as a part of the page itself: SVG in the page's own colours, and no larger than it need be."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

INK, CARD = "#1c2331", "#fefefd"
"""Colours that stand for the page's, light or dark; no figure uses them for anything else."""

_NAMES = {"{http://www.w3.org/2000/svg}": "", "{http://www.w3.org/1999/xlink}": ""}
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FRACTION = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_ROUNDED = ("d", "x", "y", "x1", "y1", "x2", "y2", "width", "height", "cx", "cy", "r", "points")
_LETTER = re.compile(r"\s*([A-Za-z])\s*")  # of a path, which needs no space around it
_TRANSLATION = re.compile(r"translate\([^)]*\)")
_DROPPED = ("metadata", "style")  # what matplotlib's style says, the page says of all of its pictures


def themed() -> dict[str, Any]:
    """Return matplotlib's settings under which figures are drawn for a page.

    Points that are less than half a pixel off a line are left out, which halves what long trajectories take.
    """
    inks = ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color")
    cards = dict.fromkeys(("figure.facecolor", "axes.facecolor"), CARD)
    return {**cards, **dict.fromkeys((*inks, "grid.color"), INK), "path.simplify_threshold": 0.5}


def embedded(figure: Figure, prefix: str) -> str:
    """Return a figure, drawn under ``themed``, as the inside of an ``svg`` element, whose view is its size in points.

    Parameters
    ----------
    figure : Figure
    prefix : str
        What the ids of its parts start with; no other figure of the page may have it.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "dynalign", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())
    for each in root.iter():
        _without_namespace(each)
    _make_short(root)
    _rename(root, prefix)
    return "".join(ElementTree.tostring(each, encoding="unicode") for each in root)


def _without_namespace(element: ElementTree.Element) -> None:
    for long, short in _NAMES.items():
        element.tag = element.tag.replace(long, short)
        for name in [name for name in element.attrib if name.startswith(long)]:
            element.attrib[name.replace(long, short)] = element.attrib.pop(name)


def _make_short(parent: ElementTree.Element) -> None:
    """Leave out what nobody sees: white space, digits far behind the point, groups that say nothing of their parts."""
    parent.text = parent.tail = None
    children: list[ElementTree.Element] = []
    for child in parent:
        if child.tag in _DROPPED:
            continue
        _make_short(child)
        dissolved = child.tag == "g" and not child.attrib.keys() - {"id"}
        children += list(child) if dissolved else [child]
    parent[:] = children
    for name in parent.attrib.keys() & set(_ROUNDED):
        parent.attrib[name] = _LETTER.sub(r"\1", _rounded(parent.attrib[name]))
    if "transform" in parent.attrib:
        parent.attrib["transform"] = _TRANSLATION.sub(lambda found: _rounded(found[0]), parent.attrib["transform"])
    if "style" in parent.attrib:
        style = parent.attrib["style"].replace("; ", ";").replace(": ", ":")
        parent.attrib["style"] = style.replace(INK, "var(--ink)").replace(CARD, "var(--card)")


def _rounded(text: str) -> str:
    return _FRACTION.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), text)


def _rename(root: ElementTree.Element, prefix: str) -> None:
    """Give what is referred to ids of its own, and nothing else any."""
    named: dict[str, str] = {}
    for each in root.iter():
        for value in [
            each.attrib.get("href", ""),
            *(f"#{name}" for name in _REFERENCE.findall(" ".join(each.attrib.values()))),
        ]:
            if value.startswith("#"):
                named.setdefault(value[1:], f"{prefix}-{len(named)}")
    for each in root.iter():
        for name, value in each.attrib.items():
            if name == "id":
                continue
            if name == "href" and value.startswith("#"):
                each.attrib[name] = f"#{named[value[1:]]}"
            elif "url(#" in value:
                each.attrib[name] = _REFERENCE.sub(lambda found: f"url(#{named[found[1]]})", value)
        own = each.attrib.pop("id", "")
        if own in named:
            each.attrib["id"] = named[own]
