"""The end of `study.py`: verdicts of all jobs, in the terminal, as tables, figures, Markdown and one page."""

from __future__ import annotations

from rich.console import Console

from dynalign.results import Sweep


def summarise(sweep: Sweep, console: Console) -> list[str]:
    for result in sweep.finished:
        for v in result.details["verdicts"]:
            console.print(v["claim"], v["column"], v["networks"], v["outcome"])
            for p in v["parts"]:
                console.print(
                    "    ",
                    p["name"],
                    p["outcome"],
                    p["value"],
                    p["low"],
                    p["high"],
                    p["p"],
                    p["why"] if p["value"] is None else "",
                    soft_wrap=True,
                )
    return []
