"""Reads what was written: pages and figures."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from matplotlib.figure import Figure

VOID = {"meta", "img", "br", "source", "link", "input", "hr"}


class Page(HTMLParser):
    """Reads a page: its text, its elements, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.pieces))

    @property
    def charts(self) -> dict[str, dict[str, Any]]:
        """What the page's script is given to draw, each of which must have its place."""
        found = json.loads(self.scripts[0])["charts"] if self.scripts else {}
        places = [attributes["data-chart"] for _, attributes in self.elements if "data-chart" in attributes]
        assert places == list(found)
        return found

    @property
    def pictures(self) -> list[str]:
        """What the pictures of the page show, in words."""
        return [str(each["aria-label"]) for each in self.all("svg") if "picture" in str(each.get("class"))]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def unscripted(html: str) -> str:
    """Return a page without what its scripts hold, which must all stand in the page itself."""
    assert not re.search(r"<script[^>]*src", html)
    return re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", html, flags=re.DOTALL)


def asks_nothing(html: str) -> None:
    """Assert that a page names nothing outside itself but files beside it, and that its pictures don't either."""
    assert not re.search(r"https?://|@import|url\((?!#)|<link|<iframe", html, re.IGNORECASE)
    for tag, attributes in Page(html).elements:
        assert not attributes.keys() & {"src", "srcset"}
        if tag != "image":
            assert "//" not in (attributes.get("href") or "")
        else:
            assert str(attributes["href"]).startswith("data:image/png;base64,")


def overflow(figure: Figure) -> float:
    """How far, in inches, anything sticks out of the figure."""
    figure.draw_without_rendering()
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)
