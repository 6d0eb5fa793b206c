"""Training: Lightning module and data, curricula, checkpoint callbacks, and runs that are found again."""

from dynalign.training.callbacks import DissimilarityCallback, log_names
from dynalign.training.checkpoints import CheckpointCallback, loggable
from dynalign.training.curriculum import Curriculum, Phase
from dynalign.training.fit import Stage, fit
from dynalign.training.many import cost, train_many
from dynalign.training.module import TaskModule, decisions
from dynalign.training.runs import RunSpec, obtain, plain_phases
from dynalign.training.settings import Training
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
    "RunSpec",
    "Stage",
    "TaskModule",
    "Training",
    "cost",
    "decisions",
    "fit",
    "log_names",
    "loggable",
    "obtain",
    "plain_phases",
    "train_many",
]
