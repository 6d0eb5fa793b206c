"""What a person looks at: figures, the HTML report, the terminal's last screen, the W&B dashboard."""

from dynalign.report.failure import Failure
from dynalign.report.figures import (
    embedding_figure,
    history_figure,
    learning_figure,
    matrix_figure,
    pairwise_matrix,
)
from dynalign.report.page import write_report
from dynalign.report.terminal import print_summary
from dynalign.report.wandb_runs import NoRuns, WandbRuns, logged_in

__all__ = [
    "Failure",
    "NoRuns",
    "WandbRuns",
    "embedding_figure",
    "history_figure",
    "learning_figure",
    "logged_in",
    "matrix_figure",
    "pairwise_matrix",
    "print_summary",
    "write_report",
]
