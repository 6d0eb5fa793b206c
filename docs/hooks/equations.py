"""Equations as MathML, which browsers draw by themselves: no script, no font, no network.

``$...$`` and ``$$...$$`` in pages, and ``.. math::`` and ``:math:`...``` in docstrings, are LaTeX.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor

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
        found: str = convert(" ".join(latex.split()), display="block" if display else "inline")
    except Exception as error:
        raise ValueError(f"No equation: {latex!r} ({error!r}).") from error
    # Letters of one word belong together: \mathrm{HSIC} is no product of four numbers.
    return re.sub(
        r'<mrow>((?:<mi mathvariant="normal">\w</mi>){2,})</mrow>',
        lambda word: "<mi>" + "".join(re.findall(r">(\w)<", word[1])) + "</mi>",
        found,
    )


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
