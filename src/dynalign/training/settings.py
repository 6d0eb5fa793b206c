"""How a network is trained: what can be set, and what follows from it for a phase of a curriculum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dynalign.errors import DynalignError
from dynalign.training.curriculum import Phase


@dataclass(frozen=True)
class Training:
    """How a network is trained, in every phase of its curriculum.

    A phase ends after ``epochs`` epochs, or earlier, once the network has learned its rules (``learned``); it goes on
    for as many again, once, if it has not (``gate``).

    Parameters
    ----------
    epochs : int
        Epochs of a phase.
    batches_per_epoch : int
        For each rule of a phase: several rules take proportionally more.
    batch_size : int
    learning_rate, learning_rate_several, learning_rate_frozen : float
        Of Adam, at the start of a phase: with one rule; with several, which disturb each other; and where only the
        input weights learn.
    schedule : {"cosine", "constant"}
        Whether the learning rate falls to 0 along a cosine over the epochs of a phase, so that the trained network
        does not jump about its optimum, or stays (the study's choice).
    weight_decay : float
        Factor of the sum of squared weights in the loss.
    decision_weight : float, optional
        Share of the loss that belongs to the decision period of the trials that have an answer; None weights every
        time step alike (the study's choice).
    scoring : {"trials", "steps"}
        What accuracy counts: trials that have an answer, each judged by its whole decision period; or all time steps
        of all decision periods, those without an answer included (the study's choice).
    learned : float, optional
        Accuracy, as a share of the ideal observer's, at which a phase ends when every one of its rules reaches it at
        two successive checkpoints; None never ends a phase early.
    gate : float, optional
        Accuracy, as a share of the ideal observer's, below which a phase goes on once more; None never does.
    gradient_clip : float
        Largest norm of the gradient.
    validation_trials, validation_seed : int
        The fixed set on which accuracy is measured, the same for every run; so many trials of each rule.
    checkpoint_every : int
        Epochs between two checkpoints.
    accelerator : str
        Where Lightning trains: ``"cpu"``, ``"gpu"`` or ``"auto"``.
    """

    epochs: int = 10
    batches_per_epoch: int = 50
    batch_size: int = 64
    learning_rate: float = 0.005
    learning_rate_several: float = 0.002
    learning_rate_frozen: float = 0.02
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = 1e-5
    decision_weight: float | None = 0.5
    scoring: Literal["trials", "steps"] = "trials"
    learned: float | None = 0.98
    gate: float | None = 0.95
    gradient_clip: float = 1.0
    validation_trials: int = 500
    validation_seed: int = 24100
    checkpoint_every: int = 1
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"

    def __post_init__(self) -> None:
        whole = ("epochs", "batches_per_epoch", "batch_size", "validation_trials", "checkpoint_every")
        for name in whole:
            if getattr(self, name) < 1:
                raise DynalignError(f"{name}={getattr(self, name)} must be at least 1.")
        for name in ("learning_rate", "learning_rate_several", "learning_rate_frozen", "gradient_clip"):
            if getattr(self, name) <= 0:
                raise DynalignError(f"{name}={getattr(self, name):g} must be greater than 0.")
        if self.weight_decay < 0:
            raise DynalignError(f"weight_decay={self.weight_decay:g} must be 0 or greater.")
        if self.decision_weight is not None and not 0 < self.decision_weight < 1:
            raise DynalignError(
                f"decision_weight={self.decision_weight:g} must lie between 0 and 1, or be None, which weights "
                "every time step alike."
            )
        for name in ("learned", "gate"):
            share = getattr(self, name)
            if share is not None and not 0 < share <= 1:
                raise DynalignError(
                    f"{name}={share:g} must be a share of the ideal observer's accuracy, above 0 and at most 1, or "
                    "None, which sets no such mark."
                )

    @property
    def most_epochs(self) -> int:
        """The epochs after which a phase ends in any case."""
        return self.epochs if self.gate is None else 2 * self.epochs

    def batches(self, phase: Phase) -> int:
        """Return the batches in an epoch of a phase."""
        return self.batches_per_epoch * len(phase.rules)

    def rate(self, phase: Phase) -> float:
        """Return the learning rate at the start of a phase."""
        if phase.frozen:
            return self.learning_rate_frozen
        return self.learning_rate if len(phase.rules) == 1 else self.learning_rate_several
