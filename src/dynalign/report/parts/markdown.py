"""Markdown that shows any text as it is."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it, on one line, whatever it holds."""
    text = re.sub(r"\s*[\r\n]\s*", " ", text)
    text = html.escape(re.sub(r"([\\`*_~|\[])", r"\\\1", text), quote=False)
    return text.replace("$", "<span>$</span>")  # GitHub would take two of them for a formula


def fenced(command: str) -> str:
    """Return a command as a block of code, whatever it holds."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    return f"{fence}sh\n{command}\n{fence}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a table of cells that are Markdown already; the first ``left`` columns are set left, the others right."""
    aligned = [":--" if place < left else "--:" for place in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, aligned, *rows))
