"""Equations as MathML, which browsers draw by themselves: no script, no font, no network.

``$...$`` and ``$$...$$`` in pages, and ``.. math::`` and ``:math:`...``` in docstrings, are LaTeX.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, fromstring, register_namespace, tostring

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor

_MATHML = "http://www.w3.org/1998/Math/MathML"
_LIMITS = ("min", "max", "∑")  # what has its range below it in a displayed equation, and not at its foot
_UNDER = {"msub": "munder", "msubsup": "munderover"}
_FUNCTIONS = ("arccos", "cos")  # which want a space behind them
register_namespace("", _MATHML)
_DIRECTIVE = re.compile(r"^( *)\.\. math::[ \t]*(.*(?:\n(?:\1 +\S.*|[ \t]*(?=\n\1 +\S)))*)", re.MULTILINE)
_ROLE = re.compile(r":math:`([^`]+)`")
_DISPLAY = re.compile(r"^\$\$(.+?)\$\$[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)


def mathml(latex: str, *, display: bool) -> str:
    """Return LaTeX as a MathML element.

    Raises
    ------
    ValueError
        Naming the equation, if it is none.
    """
    try:
        root = fromstring(convert(" ".join(latex.split()), display="block" if display else "inline"))
    except Exception as error:
        raise ValueError(f"No equation: {latex!r} ({error!r}).") from error
    for parent in list(root.iter()):
        tag = parent.tag.rpartition("}")[2]
        first = parent[0].text if len(parent) else None
        if display and tag in _UNDER and first in _LIMITS:
            parent.tag = parent.tag.replace(tag, _UNDER[tag])
        letters = [child.text or "" for child in parent]
        if tag == "mrow" and len(parent) > 1 and all(child.get("mathvariant") == "normal" for child in parent):
            # Letters of one word belong together: HSIC is no product of four numbers.
            parent[:] = [parent[0]]
            parent[0].text = "".join(letters)
            del parent[0].attrib["mathvariant"]
        for place in reversed([place for place, child in enumerate(parent) if child.text in _FUNCTIONS]):
            parent.insert(place + 1, Element(f"{{{_MATHML}}}mspace", width="0.17em"))
    return tostring(root, encoding="unicode")


class Equations(Extension):
    """Read equations in Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Add what reads them."""
        # Before fences are stashed (25), so that a display is not taken for a paragraph; code is left alone by hand.
        md.preprocessors.register(_Display(md), "equations", 26)
        md.inlinePatterns.register(
            _Inline(r"(?<![\\$\w])\$(?![\s$])([^$\n]+(?:\n[^$\n]+)?)(?<!\s)\$(?![\w$])", md), "equation", 185
        )


class _Display(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        parts, last = [], 0
        for code in _CODE.finditer(text):
            parts += [self._read(text[last : code.start()]), code[0]]
            last = code.end()
        return "".join([*parts, self._read(text[last:])]).split("\n")

    def _read(self, text: str) -> str:
        text = _DIRECTIVE.sub(lambda found: f"$$ {found[2]} $$\n", text)
        text = _ROLE.sub(lambda found: f"${found[1]}$", text)
        return _DISPLAY.sub(self._stashed, text)

    def _stashed(self, found: re.Match[str]) -> str:
        element = f'<div class="equation">{mathml(found[1], display=True)}</div>'
        return f"\n{self.md.htmlStash.store(element)}\n"


class _Inline(InlineProcessor):
    def handleMatch(  # type: ignore[override]  # noqa: N802
        self,
        m: re.Match[str],
        data: str,  # noqa: ARG002
    ) -> tuple[str | Element, int, int]:
        return self.md.htmlStash.store(mathml(m[1], display=False)), m.start(0), m.end(0)
