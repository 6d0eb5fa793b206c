"""The claims as Markdown: a page of the documentation, and its main table for a README."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dynalign.report.parts.markdown import escaped, fenced, table
from dynalign.report.parts.numbers import duration
from dynalign.report.study.results import Studied
from dynalign.report.study.texts import (
    NETWORK_HEADS,
    POINT_HEADS,
    READING,
    how_many_learned,
    network_rows,
    outcome_of,
    point_rows,
    shown,
)


def claims_markdown(studies: Sequence[Studied], *, meta: Mapping[str, str], seconds: float) -> str:
    """Return a whole Markdown document: every claim, its verdict, and the numbers that it rests on.

    Parameters
    ----------
    studies : sequence of Studied
        Such as one per protocol.
    meta : mapping
        The command (under "command"), the date (under "date"), and versions.
    seconds : float
        What it took.
    """
    return "\n\n".join(_document(studies, meta, seconds)) + "\n"


def claims_table(studies: Sequence[Studied]) -> str:
    """Return the main table alone: a row per claim."""
    heads = [
        "",
        "claim",
        "in [the study](https://arxiv.org/abs/2410.24070)",
        *(escaped(studied.title) for studied in studies),
    ]
    rows = [
        [
            str(each.claim.number),
            escaped(each.claim.text),
            escaped(each.claim.published),
            *(f"**{outcome_of(each.claim.number, studied)}**" for studied in studies),
        ]
        for each in shown(studies)
    ]
    return table(heads, rows, left=len(heads))


def _document(studies: Sequence[Studied], meta: Mapping[str, str], seconds: float) -> Iterator[str]:
    yield "# The study's claims, tested"
    yield (
        "Every claim of *Dynamical similarity analysis can identify compositional dynamics developing in RNNs* "
        "([arXiv 2410.24070](https://arxiv.org/abs/2410.24070)), the criterion by which it counts as reproduced, and "
        "what came out. Networks that did not learn their task are counted and kept; verdicts without them stand "
        "beside."
    )
    yield f"This page is what the following command writes:\n\n{fenced(meta.get('command', ''))}"
    yield claims_table(studies)
    yield "\n".join(f"- {escaped(text)}" for text in READING)
    for each in shown(studies):
        claim = each.claim
        yield f"## {claim.number}. {escaped(claim.text)}"
        yield f"{claim.experiment} · in the study: {escaped(claim.published)}\n\nCriterion: {escaped(claim.criterion)}"
        yield "\n".join(f"- {escaped(name)}: **{outcome}**" for name, outcome in each.outcomes)
        heads = ["part", "wanted", "in the study", *map(escaped, each.heads)]
        rows = [
            [escaped(row.name), escaped(row.wanted), escaped(row.published), *map(escaped, row.cells)]
            for row in each.rows
        ]
        yield table(heads, rows, left=1)
        yield "\n".join(f"- **{escaped(row.name)}**: {escaped(row.about)}" for row in each.rows)
    yield "## The networks"
    for studied in studies:
        yield from _networks(studied, titled=len(studies) > 1)
        yield from _points(studied)
    yield "## How it was made"
    facts = [f"{escaped(name)} {escaped(value)}" for name, value in meta.items() if name != "command"]
    yield " · ".join([f"{duration(seconds)} of this run", *facts])


def _points(studied: Studied) -> Iterator[str]:
    rows = point_rows(studied)
    if rows:
        yield "Stable fixed points under the constant input of the delay, from the networks' equations:"
        yield table(POINT_HEADS, [list(map(escaped, row)) for row in rows], left=2)


def _networks(studied: Studied, *, titled: bool) -> Iterator[str]:
    if titled:
        yield f"### {escaped(studied.title)}"
    yield table(NETWORK_HEADS, [list(map(escaped, row)) for row in network_rows(studied)], left=2)
    yield escaped(how_many_learned(studied))
