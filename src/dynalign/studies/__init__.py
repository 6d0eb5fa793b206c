"""Questions asked of runs: how far did a network move over learning, how alike are networks after it."""

from dynalign.studies.checkpoints import checkpoints, measure_over_learning
from dynalign.studies.measuring import Seen, measure_seen
from dynalign.studies.pairwise import Trained, comparable, compare_trained

__all__ = [
    "Seen",
    "Trained",
    "checkpoints",
    "comparable",
    "compare_trained",
    "measure_over_learning",
    "measure_seen",
]
