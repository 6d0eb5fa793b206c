"""Studies as one self-contained HTML page: verdicts, networks, and the figures of every study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.report.parts.failure import Failure
from dynalign.report.parts.metrics import guides
from dynalign.report.parts.page import Pieces, write_page
from dynalign.report.parts.problems import Problem, Written, attempt
from dynalign.report.study.figures import Drawing, study_draws
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


def write_studies(
    path: Path,
    *,
    studies: Sequence[Studied],
    failures: Sequence[Failure],
    meta: Mapping[str, str],
    configs: Mapping[str, str],
    links: Mapping[str, Path] | None = None,
) -> Written:
    """Write the page to ``path``; a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    studies : sequence of Studied
        Such as one per protocol.
    failures : sequence of Failure
        Jobs that did not succeed.
    meta : mapping
        The command (under "command"), the date (under "date"), and versions.
    configs : mapping of name to YAML text
        Everything that determined the numbers.
    links : mapping of what it is to path, optional
        Files that the page is to link to.
    """
    pieces = Pieces()
    claims = shown(studies)
    described = {studied.columns[name]: each for studied in studies for name, each in studied.metrics.items()}
    write_page(
        path,
        "study/page.html.jinja",
        title="The study's claims, tested" if claims else "Groups of networks, compared",
        subtitle=" · ".join([*(studied.title for studied in studies), *([meta["date"]] if "date" in meta else [])]),
        numbers=_numbers(studies),
        heads=[studied.title for studied in studies],
        claims=[
            {"shown": each, "main": [outcome_of(each.claim.number, studied) for studied in studies]} for each in claims
        ],
        reading=READING,
        network_heads=NETWORK_HEADS,
        point_heads=POINT_HEADS,
        studies=[_study(pieces, studied, titled=len(studies) > 1) for studied in studies],
        guide=guides(described),
        failures=failures,
        meta=meta,
        configs=configs,
        charts=pieces.charts,
        links=links,
    )
    return Written(path, pieces.problems)


def _numbers(studies: Sequence[Studied]) -> list[tuple[str, str]]:
    whole = [studied.networks for studied in studies]
    # Protocols may look at the same networks; one that was lost has no key.
    networks = len(pd.concat(whole).drop_duplicates(["model", "group", "seed", "key"])) if whole else 0
    measured = sum(int(studied.rows["dissimilarity"].notna().sum()) for studied in studies if len(studied.rows))
    return [(f"{networks:,}", "networks"), (f"{measured:,}", "dissimilarities")]


def _study(pieces: Pieces, studied: Studied, *, titled: bool) -> dict[str, Any]:
    return {
        "title": studied.title if titled else "",
        "says": how_many_learned(studied),
        "networks": network_rows(studied),
        "points": point_rows(studied),
        "figures": [_figure(pieces, name, each) for name, each in study_draws(studied).items()],
    }


def _figure(pieces: Pieces, name: str, drawing: Drawing) -> dict[str, Any]:
    """Return a figure of a study: interactive where it can be, drawn where not."""
    shown: dict[str, Any] = {"title": drawing.title, "about": drawing.about, "image": None, "charts": []}
    what = f"The figure {name}"
    if drawing.charts is None:
        return shown | {"image": pieces.picture(what, drawing.draw, drawing.narrow)}
    made = attempt(what, drawing.charts)
    if isinstance(made, Problem):
        pieces.problems.append(made.text)
        return shown | {"charts": [("", made)]}
    return shown | {"charts": [(title, pieces.chart(what, make)) for title, make in made]}
