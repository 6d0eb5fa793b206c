"""When a phase of training ends: once its rules are learned, or after its epochs, or after as many again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl


class PhaseEnd(pl.Callback):
    """Ends a phase of training.

    Parameters
    ----------
    ideal : mapping of rule to accuracy
        The ideal observer's, for every rule of the phase; NaN where it is not known, which counts as 1.
    epochs : int
        Those after which a phase ends, if every rule has passed the gate.
    learned, gate : float, optional
        Shares of the ideal accuracy; see ``Training``.
    """

    def __init__(self, ideal: Mapping[str, float], *, epochs: int, learned: float | None, gate: float | None) -> None:
        self.ideal = {rule: 1.0 if math.isnan(best) else best for rule, best in ideal.items()}
        self.epochs, self.learned, self.gate = epochs, learned, gate
        self._was_learned = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Stop the trainer if the phase is at its end."""
        if self.learned is None and self.gate is None:
            return
        known = {rule: trainer.callback_metrics[f"accuracy/{rule}"].item() for rule in self.ideal}
        if self.is_over(known, trainer.current_epoch + 1):
            trainer.should_stop = True

    def is_over(self, accuracy: Mapping[str, float], epochs: int) -> bool:
        """Return whether the phase is at its end; to be asked once after every epoch.

        Parameters
        ----------
        accuracy : mapping of rule to accuracy
            Of every rule of the phase, now.
        epochs : int
            Those of the phase that are done.
        """
        share = min(accuracy[rule] / best for rule, best in self.ideal.items())
        is_learned = self.learned is not None and share >= self.learned
        over = self.gate is not None and share >= self.gate and epochs == self.epochs
        over = over or (is_learned and self._was_learned)
        self._was_learned = is_learned
        return over

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs to know."""
        return {"was_learned": self._was_learned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self._was_learned = state_dict["was_learned"]
