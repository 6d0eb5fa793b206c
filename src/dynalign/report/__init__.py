"""What a person looks at: figures, the HTML report, the terminal's last screen, the leaderboard."""

from dynalign.report.comparison.figures import comparison_draws, comparison_figures
from dynalign.report.comparison.page import write_comparison
from dynalign.report.comparison.terminal import print_comparison
from dynalign.report.leaderboard.figures import (
    Curves,
    curves,
    curves_figure,
    gallery_figure,
    leaderboard_figures,
    matrices_figure,
    metric_styles,
    systems_figure,
)
from dynalign.report.leaderboard.markdown import headline_table, leaderboard_markdown
from dynalign.report.leaderboard.page import write_leaderboard
from dynalign.report.leaderboard.terminal import print_leaderboard
from dynalign.report.leaderboard.texts import answers
from dynalign.report.parts.failure import Failure
from dynalign.report.parts.matrix import matrix_figure
from dynalign.report.parts.numbers import counted, duration, size
from dynalign.report.parts.problems import Problem, Written, attempt
from dynalign.report.study.figures import study_figures
from dynalign.report.study.markdown import claims_markdown, claims_table
from dynalign.report.study.page import write_studies
from dynalign.report.study.results import Studied
from dynalign.report.study.terminal import print_studies
from dynalign.report.sweep.factors import run_styles
from dynalign.report.sweep.figures import history_figure, learning_figure, sweep_figures
from dynalign.report.sweep.groups import first_of_groups
from dynalign.report.sweep.map import classical_mds, embedding_figure
from dynalign.report.sweep.page import write_report
from dynalign.report.sweep.table import pairwise_matrix
from dynalign.report.sweep.terminal import print_summary

__all__ = [
    "Curves",
    "Failure",
    "Problem",
    "Studied",
    "Written",
    "answers",
    "attempt",
    "claims_markdown",
    "claims_table",
    "classical_mds",
    "comparison_draws",
    "comparison_figures",
    "counted",
    "curves",
    "curves_figure",
    "duration",
    "embedding_figure",
    "first_of_groups",
    "gallery_figure",
    "headline_table",
    "history_figure",
    "leaderboard_figures",
    "leaderboard_markdown",
    "learning_figure",
    "matrices_figure",
    "matrix_figure",
    "metric_styles",
    "pairwise_matrix",
    "print_comparison",
    "print_leaderboard",
    "print_studies",
    "print_summary",
    "run_styles",
    "size",
    "study_figures",
    "sweep_figures",
    "systems_figure",
    "write_comparison",
    "write_leaderboard",
    "write_report",
    "write_studies",
]
