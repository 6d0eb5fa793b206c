"""The LightningModule: a sequence model that learns to give the right answer at every time step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from dynalign.errors import DynalignError
from dynalign.models import SequenceModel
from dynalign.networks import VALIDATION, run_under
from dynalign.perturbations import Perturbation
from dynalign.tasks import IGNORE
from dynalign.training.data import Batch


def decisions(logits: Tensor, decision: Tensor) -> Tensor:
    """Return the action that each trial's decision period argues for, shape (trials,).

    It is the action of the largest summed log probability: that of holding the action throughout the period.

    Parameters
    ----------
    logits : Tensor, shape (trials, time, actions)
    decision : bool Tensor, shape (trials, time)
        The time steps of the decision period.
    """
    log_probability = functional.log_softmax(logits, dim=-1) * decision.unsqueeze(-1)
    return log_probability.sum(dim=1).argmax(dim=-1)


def task_loss(logits: Tensor, batch: Batch, decision_weight: float | None) -> Tensor:
    """Return how far off what the network says is, averaged over time steps.

    It is the cross-entropy with the right action; where the task asks for values, the mean squared error over outputs
    and the steps that are due, which are all that count there.

    The decision period is a twentieth of a trial: weighting all steps alike, a network learns to hold still and may
    never find out how to answer. A share of the loss for the steps that ask for an answer is the field's practice
    (the response masks of Yang et al. 2019, Nat Neurosci 22:297).

    Parameters
    ----------
    logits : Tensor, shape (trials, time, actions)
    decision_weight : float, optional
        Share of the loss that belongs to the decision period of the trials that have an answer, between 0 and 1; the
        rest belongs to all other steps. None weights every step alike.
    """
    return (step_losses(logits, batch.targets) * step_weights(batch, decision_weight)).sum()


def step_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return what each time step would contribute to the loss, (..., trials, time); 0 where the target is ``IGNORE``.

    Parameters
    ----------
    logits : Tensor, shape (..., trials, time, actions)
    targets : Tensor, shape (..., trials, time), or like the logits where the task asks for values
    """
    if targets.is_floating_point():
        return (logits - targets).square().mean(dim=-1)
    # Actions come second: where they come last, the few of them keep PyTorch from working on many steps at a time.
    return functional.cross_entropy(logits.movedim(-1, 1), targets, reduction="none")


def step_weights(batch: Batch, decision_weight: float | None) -> Tensor:
    """Return by how much each time step counts in the loss, (trials, time); their sum is 1. See ``task_loss``."""
    if batch.tolerance is not None:
        return batch.decision / batch.decision.sum()
    counted = batch.targets != IGNORE
    answering = batch.decision & batch.has_answer.unsqueeze(-1)
    if decision_weight is None or not answering.any():
        return counted / counted.sum()
    others = counted & ~answering
    return decision_weight / answering.sum() * answering + (1 - decision_weight) / others.sum() * others


def penalty(weights: Iterable[Tensor]) -> Tensor | int:
    """Return the sum of squared entries."""
    return sum(each.square().sum() for each in weights)


def right_answers(logits: Tensor, batch: Batch) -> Tensor:
    """Return what is right and what is wrong of the answers, (trials,); of values, at the steps due, (steps,).

    A trial is right if its decision is the right action, and a step if all values are within the task's tolerance.
    """
    if batch.tolerance is None:
        return decisions(logits, batch.decision) == batch.answer
    error = logits[batch.decision] - batch.targets[batch.decision]
    return (error.abs() < batch.tolerance).all(dim=-1)


def check_loss(loss: float, epoch: int, learning_rate: float) -> None:
    """Refuse a mean loss of an epoch, counted from 0 within its phase, that is no number.

    Raises
    ------
    DynalignError
    """
    if not math.isfinite(loss):
        raise DynalignError(
            f"Training diverged: the loss of epoch {epoch + 1} of its phase is {loss:g}; a smaller learning rate than "
            f"{learning_rate:g} may keep it finite."
        )


class TaskModule(pl.LightningModule):
    """Cross-entropy with the right action, or mean squared error; accuracy where the answer is due.

    Parameters
    ----------
    model : SequenceModel
    perturbation : Perturbation
        Noise under which the network runs, in training and validation alike.
    learning_rate : float
        Of Adam.
    weight_decay : float
        Factor of the penalty, the sum over all weight matrices of their squared Frobenius norm.
    decision_weight : float, optional
        See ``task_loss``.
    scoring : {"trials", "steps"}
        What accuracy counts; see ``Training``.
    annealing_epochs : int, optional
        Epochs over which the learning rate falls to 0 along a cosine, to begin anew after them; constant if not given.
    frozen : bool
        Whether only the model's input weights learn.
    rules : sequence of str
        Those that are trained, on which the loss is validated.
    target : str
        The rule on which the accuracy of the whole curriculum is measured.
    seed : tuple of int
        Seeds the noise, together with epoch and batch.
    """

    def __init__(
        self,
        model: SequenceModel,
        perturbation: Perturbation,
        *,
        learning_rate: float,
        weight_decay: float,
        decision_weight: float | None = None,
        scoring: Literal["trials", "steps"] = "trials",
        annealing_epochs: int | None = None,
        frozen: bool = False,
        rules: Sequence[str] = (),
        target: str = "",
        seed: tuple[int, ...] = (0,),
    ) -> None:
        super().__init__()
        self.model = model
        self.perturbation = perturbation
        self.learning_rate, self.weight_decay, self.seed = learning_rate, weight_decay, seed
        self.decision_weight, self.annealing_epochs = decision_weight, annealing_epochs
        self.scoring = scoring
        self.rules, self.target = tuple(rules), target
        for parameter in model.parameters():
            parameter.requires_grad_(not frozen)
        for weights in model.input_parameters():
            weights.requires_grad_(True)

    def training_step(self, batch: Batch) -> Tensor:
        """Return the loss of one batch."""
        logits = self._logits(batch.inputs, (*self.seed, self.current_epoch, batch.number))
        loss = task_loss(logits, batch, self.decision_weight)
        self.log("train_loss", loss, on_step=False, on_epoch=True, logger=False, batch_size=len(batch.answer))
        if self.weight_decay:
            loss = loss + self.weight_decay * penalty(p for p in self.parameters() if p.requires_grad and p.ndim > 1)
        return loss

    def on_train_epoch_end(self) -> None:
        """Refuse to go on with a network that has diverged."""
        check_loss(self.trainer.callback_metrics["train_loss"].item(), self.current_epoch, self.learning_rate)

    def validation_step(self, batch: Batch) -> None:
        """Score the validation set of one rule; Lightning takes the mean of what several rules have."""
        self.log_dict(self.score(batch), logger=False, batch_size=len(batch.answer))

    @torch.no_grad()
    def score(self, batch: Batch) -> dict[str, float]:
        """Return what a network makes of the trials of one rule, under noise that is the same at every call.

        See ``scored``.
        """
        return self.scored(self._logits(batch.inputs, (VALIDATION,)), batch)

    def scored(self, logits: Tensor, batch: Batch) -> dict[str, float]:
        """Return what logits on the trials of one rule are worth.

        Returns
        -------
        dict
            ``accuracy/<rule>``; ``val_loss`` and ``phase_accuracy`` if the rule is one of those that are trained, or
            none is; ``accuracy`` and ``chance_accuracy`` (on trials without an answer) if it is the target.
        """
        right = right_answers(logits, batch).double()
        has_answer = batch.has_answer if batch.tolerance is None else torch.ones_like(right, dtype=torch.bool)
        accuracy = right[has_answer].mean().item()
        if self.scoring == "steps" and batch.tolerance is None:
            accuracy = (logits.argmax(-1) == batch.targets)[batch.decision].double().mean().item()
        values = {f"accuracy/{batch.rule}": accuracy}
        if batch.rule in self.rules or not self.rules:
            values["val_loss"] = task_loss(logits, batch, self.decision_weight).item()
            values["phase_accuracy"] = accuracy
        if batch.rule == self.target:
            values |= {"accuracy": accuracy, "chance_accuracy": right[~has_answer].mean().item()}
        return values

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return Adam over the parameters that learn, with its learning rate's course."""
        optimizer, schedule = self.adam(p for p in self.parameters() if p.requires_grad)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}

    def adam(self, parameters: Iterable[Tensor]) -> tuple[Adam, CosineAnnealingWarmRestarts | None]:
        """Return Adam over given parameters, and what sets its learning rate after every epoch, if it changes."""
        optimizer = Adam(parameters, lr=self.learning_rate)
        if self.annealing_epochs is None:
            return optimizer, None
        return optimizer, CosineAnnealingWarmRestarts(optimizer, T_0=self.annealing_epochs)

    def _logits(self, inputs: Tensor, seed: tuple[int, ...]) -> Tensor:
        return run_under(self.model, self.perturbation, inputs, seed, states=False).logits
