"""The claims as Markdown: a page of the documentation, and its main table for a README."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dynalign.report.parts.markdown import escaped, fenced, table
from dynalign.report.parts.numbers import duration, number
from dynalign.report.study.results import Studied, learned, model_of, network_counts, point_counts, title_of
from dynalign.report.study.texts import READING, outcome_of, shown
from dynalign.studies import POOL


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
    heads = ["", "claim (arXiv 2410.24070)", "published", *(escaped(studied.title) for studied in studies)]
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
        yield f"{claim.experiment} · published: {escaped(claim.published)}\n\nCriterion: {escaped(claim.criterion)}"
        yield "\n".join(f"- {escaped(name)}: **{outcome}**" for name, outcome in each.outcomes)
        heads = ["part", "wanted", "published", *map(escaped, each.heads)]
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
    counts = point_counts(studied.points)
    if not counts:
        return
    yield "Stable fixed points under the constant input of the delay, from the networks' equations:"
    heads = ["model", "group", "networks", "two or more", "one", "none", "slowest mode (median)"]
    rows = [
        [
            model_of(row.model),
            "master (pool)" if row.group == POOL else escaped(title_of(row.group)),
            *(str(count) for count in (row.networks, row.several, row.one, row.none)),
            duration(row.time_constant / 1000),
        ]
        for row in counts
    ]
    yield table(heads, rows, left=2)


def _networks(studied: Studied, *, titled: bool) -> Iterator[str]:
    if titled:
        yield f"### {escaped(studied.title)}"
    heads = ["model", "group", "networks", "learned", "median accuracy", "least", "epochs (median)"]
    rows = [
        [
            model_of(row.model),
            "master (pool)" if row.group == POOL else escaped(title_of(row.group)),
            str(row.networks),
            "–" if row.group == "untrained" else f"{row.learned}/{row.networks}",
            number(row.median),
            number(row.least),
            row.usual_epochs,
        ]
        for row in network_counts(studied.networks)
    ]
    count, total = learned(studied)
    yield table(heads, rows, left=2)
    yield (
        f"{count} of {total} trained networks reach {100 * studied.gate:.0f} % of the "
        "ideal observer's accuracy on the whole task."
    )
