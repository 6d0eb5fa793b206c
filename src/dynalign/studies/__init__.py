"""Questions asked of runs: how far did a network move over learning, how alike are networks after it."""

from dynalign.studies.after_learning import Final, final_dissimilarities
from dynalign.studies.over_learning import measure_over_learning
from dynalign.studies.table import COLUMNS, RunLabel, as_table, learning_rows, pairwise_rows, write_table

__all__ = [
    "COLUMNS",
    "Final",
    "RunLabel",
    "as_table",
    "final_dissimilarities",
    "learning_rows",
    "measure_over_learning",
    "pairwise_rows",
    "write_table",
]
