"""What a person looks at: figures, the HTML report, the terminal's last screen, the W&B dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynalign.report.failure import Failure
from dynalign.report.figures import (
    classical_mds,
    embedding_figure,
    history_figure,
    learning_figure,
    matrix_figure,
    pairwise_matrix,
)
from dynalign.report.leaderboard_markdown import headline_table, leaderboard_markdown, publish
from dynalign.report.leaderboard_page import write_leaderboard
from dynalign.report.leaderboard_terminal import print_leaderboard
from dynalign.report.leaderboard_texts import answers
from dynalign.report.page import write_report
from dynalign.report.terminal import print_summary
from dynalign.report.testcase_figures import curves, curves_figure, matrices_figure, metric_styles, systems_figure

if TYPE_CHECKING:
    from dynalign.report.wandb_runs import NoRuns, WandbRuns, logged_in

__all__ = [
    "Failure",
    "NoRuns",
    "WandbRuns",
    "answers",
    "classical_mds",
    "curves",
    "curves_figure",
    "embedding_figure",
    "headline_table",
    "history_figure",
    "leaderboard_markdown",
    "learning_figure",
    "logged_in",
    "matrices_figure",
    "matrix_figure",
    "metric_styles",
    "pairwise_matrix",
    "print_leaderboard",
    "print_summary",
    "publish",
    "systems_figure",
    "write_leaderboard",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import the dashboard when it is asked for: a report drawn in a notebook needs neither Lightning nor W&B."""
    if name in ("NoRuns", "WandbRuns", "logged_in"):
        from dynalign.report import wandb_runs

        return getattr(wandb_runs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
