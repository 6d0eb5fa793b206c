"""The end of `study.py`: verdicts of all jobs, in the terminal, as tables, figures, Markdown and one page."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from dynalign.cli.finish import log_summary
from dynalign.cli.meta import meta
from dynalign.cli.save import save_all
from dynalign.identity import name_of
from dynalign.metrics import Description
from dynalign.report import (
    Failure,
    Problem,
    Studied,
    claims_markdown,
    claims_table,
    print_studies,
    study_figures,
    write_studies,
)
from dynalign.results import Result, Sweep
from dynalign.store import write_text
from dynalign.studies.judging import EVERY
from dynalign.tables import read_table


def summarise(sweep: Sweep, console: Console) -> list[str]:
    """Write what all jobs of a sweep have found into its folder and print it; return what went wrong."""
    failures = [Failure(each.overrides, each.reason, each.status) for each in sweep.lost]  # type: ignore[arg-type]
    studies = [_studied(result, sweep) for result in sweep.finished]
    facts = meta()
    problems: list[str] = []
    paths = {}
    drawn = []
    for studied, result in zip(studies, sweep.finished, strict=True):
        figures, wrong = save_all(study_figures(studied), result.folder)
        drawn.append(figures)
        problems += wrong
        paths[f"table{'' if len(studies) == 1 else f' {studied.title}'}"] = result.folder / "dissimilarities.csv"
    if studies:
        seconds = sum(result.seconds for result in sweep.finished)
        paths["claims"] = sweep.folder / "claims.md"
        write_text(paths["claims"], claims_markdown(studies, meta=facts, seconds=seconds))
        write_text(sweep.folder / "headline.md", claims_table(studies))
    page = write_studies(
        sweep.folder / "report.html",
        studies=studies,
        failures=failures,
        meta=facts,
        configs={studied.title: result.config for studied, result in zip(studies, sweep.finished, strict=True)},
        links={
            f"{what}{f' ({studied.title})' if len(studies) > 1 else ''}, as {kind}": result.folder / f"{name}.{suffix}"
            for studied, result in zip(studies, sweep.finished, strict=True)
            for name, what in (("dissimilarities", "all dissimilarities"), ("networks", "all networks"))
            for suffix, kind in (("csv", "CSV"), ("parquet", "Parquet"))
            if (result.folder / f"{name}.{suffix}").exists()
        },
    )
    problems += [problem for problem in page.problems if problem not in problems]
    for studied, result, figures in zip(studies, sweep.finished, drawn, strict=True):
        problems += log_summary(
            sweep,
            tables={"claims": _claims(studied), "networks": studied.networks, "dissimilarities": studied.rows},
            figures=figures,
            numbers={
                f"claim/{each['claim']}/{each['column']}/{part['name']}": float(part["value"])
                for each in studied.verdicts
                for part in each["parts"]
                if each["networks"] == EVERY and part["value"] is not None
            },
            files={"report.html": page.path, "claims.md": paths["claims"]},
            of=[result],
        )
    print_studies(console, studies, failures=failures, paths={**paths, "report": page.path})
    return problems + [lacking for studied in studies if (lacking := _lacking(studied))]


def _lacking(studied: Studied) -> str:
    """Say that networks are missing, and why the first of them is; empty where none is."""
    lost = studied.networks[studied.networks["reason"].fillna("") != ""]
    if not len(lost):
        return ""
    first = lost.iloc[0]
    return (
        f"{studied.title}: {len(lost)} of {len(studied.networks)} networks are missing, such as {first['model']} "
        f"{first['group']} seed {first['seed']}: {first['reason']}"
    )


def _claims(studied: Studied) -> pd.DataFrame:
    """Return the verdicts of a job as a table: a row per claim, column and choice of networks, and part."""
    return pd.DataFrame(
        [
            {
                "protocol": studied.title,
                **{name: each[name] for name in ("claim", "column", "networks", "outcome", "why")},
                "part": part["about"],
                **{name: part[name] for name in ("value", "low", "high", "published")},
                "part_outcome": part["outcome"],
            }
            for each in studied.verdicts
            for part in each["parts"]
        ]
    )


def figures(sweep: Sweep) -> dict[str, Figure | Problem]:
    """Return the figures of studies that have ended, from what they left in their folders."""
    studies = [_studied(result, sweep) for result in sweep.finished]
    return {
        f"{studied.title}/{name}" if len(studies) > 1 else name: figure
        for studied in studies
        for name, figure in study_figures(studied).items()
    }


def _studied(result: Result, sweep: Sweep) -> Studied:
    varied = [name for name in sweep.factors if name != "protocol"]
    title = " ".join([str(result.details["protocol"]), *([name_of(result.factors, varied)] if varied else [])])
    return Studied(
        title=title,
        rows=read_table(result.folder, "dissimilarities"),
        networks=read_table(result.folder, "networks"),
        points=read_table(result.folder, "fixed_points"),
        columns=result.details["titles"],
        metrics={name: Description(**each) for name, each in result.metrics.items()},
        judged=str(result.details["judged"]),
        gate=float(result.details["gate"]),
        verdicts=result.details["verdicts"],
    )
