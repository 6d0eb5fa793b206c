"""Training: Lightning module and data, curricula, checkpoint callbacks, and runs that are found again."""

from dynalign.training.callbacks import CheckpointCallback, DissimilarityCallback, loggable
from dynalign.training.curriculum import Curriculum, Phase
from dynalign.training.fit import Training, fit
from dynalign.training.module import TaskModule, decisions
from dynalign.training.runs import Run, RunSpec, load, obtain, recorded
from dynalign.training.tracking import REFERENCES, DissimilarityTracker, DissimilarityWarning, Record

__all__ = [
    "REFERENCES",
    "CheckpointCallback",
    "Curriculum",
    "DissimilarityCallback",
    "DissimilarityTracker",
    "DissimilarityWarning",
    "Phase",
    "Record",
    "Run",
    "RunSpec",
    "TaskModule",
    "Training",
    "decisions",
    "fit",
    "load",
    "loggable",
    "obtain",
    "recorded",
]
