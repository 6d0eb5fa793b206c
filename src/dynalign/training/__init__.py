"""Training: Lightning module and data, curricula, checkpoint callbacks, and runs that are found again."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dynalign.training.curriculum import Curriculum, Phase
from dynalign.training.many import cost, train_many
from dynalign.training.runs import RunSpec, plain_phases
from dynalign.training.settings import Training
from dynalign.training.tracking import (
    FLOOR_SPLITS,
    REFERENCES,
    DissimilarityTracker,
    DissimilarityWarning,
    Record,
)

if TYPE_CHECKING:
    from dynalign.training.callbacks import DissimilarityCallback, log_names
    from dynalign.training.checkpoints import CheckpointCallback, loggable
    from dynalign.training.fitting import Stage, fit
    from dynalign.training.module import TaskModule, decisions
    from dynalign.training.obtaining import obtain

__all__ = [
    "FLOOR_SPLITS",
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

# Lightning takes seconds to load, for which who trains nothing now need not wait: a slip in what was typed, a sweep
# whose networks are all in the store.
_WITH_LIGHTNING = {
    "CheckpointCallback": "checkpoints",
    "DissimilarityCallback": "callbacks",
    "Stage": "fitting",
    "TaskModule": "module",
    "decisions": "module",
    "fit": "fitting",
    "log_names": "callbacks",
    "loggable": "checkpoints",
    "obtain": "obtaining",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_LIGHTNING:
        return getattr(import_module(f"dynalign.training.{_WITH_LIGHTNING[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
