"""What the terminal shows when a study has ended."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dynalign.report.parts.failure import Failure, print_ending
from dynalign.report.parts.fitting import fitting_tables
from dynalign.report.parts.numbers import number
from dynalign.report.study.results import Studied, learned, mean_to_pool, model_of, network_counts
from dynalign.report.study.texts import group_name, outcome_of, shown
from dynalign.studies import POOL

_HEAD = 16  # letters of a head in one line
_COLOURS = {"reproduced": "green", "not reproduced": "red", "undecided": "yellow"}


def print_studies(
    console: Console, studies: Sequence[Studied], *, failures: Sequence[Failure], paths: Mapping[str, Path]
) -> None:
    """Print what networks reached, how far groups are from the masters, the verdicts, failures, and the paths."""
    for studied in studies:
        if len(studies) > 1:
            console.print(Text(studied.title, style="bold"))
        for table in _groups(console, studied):
            console.print(table)
        count, total = learned(studied)
        console.print(
            f"learned: {count} of {total} trained networks reach {100 * studied.gate:.0f} % of the ideal observer; the "
            "rest is kept. Dissimilarities: mean to the pool of masters.",
            style="dim",
            soft_wrap=True,
        )
        for row in studied.networks[studied.networks["reason"] != ""].itertuples():
            name = f"{row.model} {row.group} seed {row.seed}"
            console.print(f"[red]missing[/]  {escape(name)}: {escape(str(row.reason))}", soft_wrap=True)
    claims = shown(studies)
    if claims:
        console.print(_verdicts(studies))
    print_ending(console, failures=failures, paths=paths)


def _groups(console: Console, studied: Studied) -> list[Table]:
    counts = {(count.model, count.group): count for count in network_counts(studied.networks)}

    def make(columns: Sequence[str], whole: bool) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in ("model", "group"):
            table.add_column(name, no_wrap=True)
        for name in ("learned", "accuracy") if whole else ():
            table.add_column(name, justify="right", no_wrap=True)
        for column in columns:
            head = "\n".join(textwrap.wrap(studied.columns[column], _HEAD))
            table.add_column(Text(head), justify="right", no_wrap=True)
        for model in studied.models:
            for group in [*studied.groups(model), POOL]:
                if (model, group) not in counts:
                    continue
                count = counts[model, group]
                share = "" if group == "untrained" else f"{count.learned}/{count.networks}"
                means = [mean_to_pool(studied.rows, column, model, group)[0] for column in columns]
                names = Text(model_of(model)), Text(group_name(group))
                about = (share, number(count.median)) if whole else ()
                table.add_row(*names, *about, *map(number, means))
        return table

    return fitting_tables(console, list(studied.columns), make)


def _verdicts(studies: Sequence[Studied]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("claim", overflow="fold")
    for studied in studies:
        table.add_column(studied.title, no_wrap=True)
    for each in shown(studies):
        outcomes = [outcome_of(each.claim.number, studied) for studied in studies]
        cells = [Text(outcome, style=_COLOURS.get(outcome, "")) for outcome in outcomes]
        table.add_row(Text(f"{each.claim.number} {each.claim.text}"), *cells)
    return table
