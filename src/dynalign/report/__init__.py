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
from dynalign.report.page import write_report
from dynalign.report.terminal import print_summary

if TYPE_CHECKING:
    from dynalign.report.wandb_runs import NoRuns, WandbRuns, logged_in

__all__ = [
    "Failure",
    "NoRuns",
    "WandbRuns",
    "classical_mds",
    "embedding_figure",
    "history_figure",
    "learning_figure",
    "logged_in",
    "matrix_figure",
    "pairwise_matrix",
    "print_summary",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import the dashboard when it is asked for: a report drawn in a notebook needs neither Lightning nor W&B."""
    if name in ("NoRuns", "WandbRuns", "logged_in"):
        from dynalign.report import wandb_runs

        return getattr(wandb_runs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
