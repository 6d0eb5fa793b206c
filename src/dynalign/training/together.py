"""Train networks of one shape together: their weights in one stack, one loop over time for all of them.

A small network leaves a processor idle between its many small operations, and a graphics card all the more. Here each
operation works on all networks of the stack, and each network has what it has when it trains alone: its own trials and
noise, its own gradient clipped by its own norm, its own state of Adam, its own end of the phase. Weights and histories
are those of ``fit``, to rounding. The trials of a batch are sorted by their length, so that no step is computed that no
loss asks for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dynalign.identity import key_of
from dynalign.metrics.pairwise import reason_of
from dynalign.networks import VALIDATION, perturbed
from dynalign.store import Run, RunStore, discard
from dynalign.training.allocator import keep_freed_memory
from dynalign.training.checkpoints import history_row, is_checkpoint, mean_scores, save_weights
from dynalign.training.data import Batch
from dynalign.training.fitting import can_resume, keep_weights_of, made_for
from dynalign.training.module import check_loss, penalty, step_losses, step_weights
from dynalign.training.obtaining import stage_of, start_from, write_run
from dynalign.training.runs import RunSpec

MOST = 16
"""Networks in a stack: more of them fall out of the processor's cache."""


def shape_of(spec: RunSpec, store: RunStore) -> str | None:
    """Return what the runs that can be trained together have in common, or None for one that trains alone.

    Alone trains what has callbacks of its own or no rules to learn, a model that says no to it (``stackable``), one on
    a device that is not here, and a killed training that can go on from its last checkpoint.
    """
    model, training = spec.network.model, spec.training
    device = _device(training.accelerator)
    resumes = can_resume(store.root / f"{spec.key}.partial")
    if not model.stackable or not spec.phases or spec.callbacks or device is None or resumes:
        return None
    shared = {name: value for name, value in spec.config.items() if name not in ("seed", "phases")}
    last = spec.phases[-1]
    shapes = {name: list(weights.shape) for name, weights in model.state_dict().items()}
    own = [
        len(spec.phases),
        list(last.rules),
        last.frozen,
        spec.target,
        repr(training),
        repr(spec.network.perturbation),
    ]
    return key_of({"config": shared, "model": type(model).__qualname__, "shapes": shapes, "own": own})


def obtain_together(specs: Sequence[RunSpec], store: RunStore) -> dict[str, str]:
    """Train the last phase of runs of one shape (``shape_of``), and leave them in the store as ``obtain`` does.

    Runs that they go on from must be in the store. After a kill, those that had not ended begin their phase again.

    Returns
    -------
    dict of str to str
        Why there is no run, by key, for those that failed.
    """
    keep_freed_memory()
    failed: dict[str, str] = {}
    with ExitStack() as held:
        members = []
        for spec in sorted(specs, key=lambda spec: spec.key):  # one order, so that no two processes wait for each other
            member = _Member(spec, store)
            held.push(member.open)
            if member.has_work:
                members.append(member)
        if members:
            _Stack(members, failed).train()
    return failed


class _Member:
    """A network of the stack, with what is its own."""

    def __init__(self, spec: RunSpec, store: RunStore) -> None:
        self.spec, self.open = spec, ExitStack()
        folder = self.open.enter_context(store.writing(spec.key))
        self.has_work = folder is not None  # or else another process has trained it meanwhile
        if folder is None:
            return
        discard(folder / "weights")
        self.folder = folder
        self.before: Run | None = None
        if spec.before is not None:
            self.before = store.open(spec.before.key)
            start_from(self.before, spec)
        self.stage = stage_of(spec, self.before)
        self.module, self.data, self.end = made_for(spec.network, self.stage, spec.training, spec.seed)
        self.rows: list[dict[str, Any]] = []
        self.seconds = 0.0

    def is_over(self, scores: Mapping[str, float], epochs: int) -> bool:
        """Return whether the network's phase ends after so many epochs."""
        return self.end.is_over({rule: scores[f"accuracy/{rule}"] for rule in self.end.ideal}, epochs)

    def keep(self, epochs: int, weights: Mapping[str, Tensor], train_loss: float, scores: Mapping[str, float]) -> None:
        """Keep a checkpoint: the network's row and its weights."""
        epoch = self.stage.epoch + epochs
        step = self.stage.step + epochs * self.data.batches_per_epoch
        self.rows.append(history_row(epoch, step, self.stage.phase.name, train_loss, scores))
        save_weights(self.folder, epoch, weights)

    def finish(self) -> None:
        """Give the run its place in the store."""
        keep_weights_of(self.rows, self.folder)
        write_run(self.folder, self.spec, self.before, pd.DataFrame(self.rows), self.seconds)
        self.open.close()

    def fail(self, error: Exception) -> None:
        """Let go of the run, unfinished."""
        self.open.__exit__(type(error), error, error.__traceback__)


class _Stack:
    """Networks that train together; the fewer are left, the smaller it is.

    Parameters
    ----------
    members : list of _Member
    failed : dict of str to str
        Gets the reasons of those that fail.
    """

    def __init__(self, members: list[_Member], failed: dict[str, str]) -> None:
        self.members, self.failed = members, failed
        spec = members[0].spec
        self.training = spec.training
        self.device = _device(self.training.accelerator) or torch.device("cpu")
        self.module = members[0].module  # says for all what they have in common
        learning = {name for name, parameter in self.module.model.named_parameters() if parameter.requires_grad}
        models = [member.module.model.state_dict() for member in members]
        self.weights = {
            name: torch.stack([model[name] for model in models]).to(self.device).requires_grad_(name in learning)
            for name in models[0]
        }
        self.learning = [self.weights[name] for name in self.weights if name in learning]
        self.optimizer, self.schedule = self.module.adam(self.learning)

    def train(self) -> None:
        """Train until every network has ended its phase."""
        if any(member.stage.epoch == 0 for member in self.members):
            self._after(0, [math.nan] * len(self.members))
        for epoch in range(self.training.most_epochs):
            if not self.members:
                return
            start = time.perf_counter()
            data = (member.data.batches(epoch) for member in self.members)
            losses = [self._step(batches, epoch) for batches in zip(*data, strict=True)]
            if self.schedule is not None:
                self.schedule.step()
            for member in self.members:
                member.seconds += (time.perf_counter() - start) / len(self.members)
            self._after(epoch + 1, torch.stack(losses).mean(dim=0).tolist())

    def _after(self, epochs: int, train_losses: Sequence[float]) -> None:
        """Look at the networks after so many epochs, keep what is a checkpoint, and let go of those that have ended."""
        start, most = time.perf_counter(), self.training.most_epochs
        staying = []
        for index, (member, train_loss, scores) in enumerate(
            zip(self.members, train_losses, self._scores(), strict=True)
        ):
            member.seconds += (time.perf_counter() - start) / len(self.members)
            start = time.perf_counter()
            try:
                if epochs > 0:
                    check_loss(train_loss, epochs - 1, member.module.learning_rate)
                over = epochs > 0 and (member.is_over(scores, epochs) or epochs == most)
                due = over or is_checkpoint(epochs, self.training.checkpoint_every, most)
                if due and (epochs > 0 or member.stage.epoch == 0):
                    weights = {name: stacked[index].detach().cpu() for name, stacked in self.weights.items()}
                    member.keep(epochs, weights, train_loss, scores)
                if over:
                    member.finish()
                else:
                    staying.append(index)
            except Exception as error:
                self.failed[member.spec.key] = reason_of(error)
                member.fail(error)
        if len(staying) < len(self.members):
            self._leave(staying)

    def _leave(self, staying: list[int]) -> None:
        """Leave these networks in the stack, and no others."""
        self.members = [self.members[index] for index in staying]
        for weights in self.weights.values():
            weights.data = weights.data[staying]
            weights.grad = None
        for state in self.optimizer.state.values():
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = state[name][staying]

    def _step(self, batches: Sequence[Batch], epoch: int) -> Tensor:
        """Train every network on its batch; return their losses."""
        inputs, noise, targets, weights, active = self._collate(batches, epoch)
        logits = self.module.model.run_together(self.weights, inputs, noise, active=active)
        losses = (step_losses(logits, targets) * weights).sum(dim=(1, 2))
        loss = losses.sum()
        if self.module.weight_decay:
            loss = loss + self.module.weight_decay * penalty(each for each in self.learning if each.ndim > 2)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        _clip(self.learning, self.training.gradient_clip)
        self.optimizer.step()
        return losses.detach()

    def _collate(self, batches: Sequence[Batch], epoch: int) -> tuple[Tensor, Tensor | None, Tensor, Tensor, list[int]]:
        """Return inputs, noise, targets and weights of the steps, of all networks, and how many trials each step needs.

        The trials of each network are sorted by the last step that counts in the loss, and end there.
        """
        parts: dict[str, list[Tensor]] = {"inputs": [], "noise": [], "targets": [], "weights": []}
        lengths = []
        for member, batch in zip(self.members, batches, strict=True):
            module = member.module
            seed = (*module.seed, epoch, batch.number)
            noisy, noise = perturbed(module.model, module.perturbation, batch.inputs, seed)
            weights = step_weights(batch, module.decision_weight)
            length, order = _lengths(weights).sort(descending=True, stable=True)
            lengths.append(length)
            for name, part in zip(parts, (noisy, noise, batch.targets, weights), strict=True):
                if part is not None:
                    parts[name].append(part[order])
        steps = torch.arange(int(torch.stack(lengths).max()))
        active = (torch.stack(lengths).unsqueeze(-1) > steps).sum(dim=1).amax(dim=0).tolist()
        whole = {name: self._padded(part, len(steps)) for name, part in parts.items() if part}
        return whole["inputs"], whole.get("noise"), whole["targets"], whole["weights"], active

    def _padded(self, parts: Sequence[Tensor], time: int) -> Tensor:
        """Stack what has (trials, steps, ...) of every network, padded with zeros or cut to the same steps."""
        whole = parts[0].new_zeros(len(parts), len(parts[0]), time, *parts[0].shape[2:])
        for index, part in enumerate(parts):
            whole[index, :, : part.shape[1]] = part[:, :time]
        return whole.to(self.device)

    @torch.no_grad()
    def _scores(self) -> list[dict[str, float]]:
        """Return what every network makes of the validation trials; see ``TaskModule.score``."""
        batches = {batch.rule: batch for member in self.members for batch in member.data.validation}
        found: dict[str, dict[int, dict[str, float]]] = {}
        for rule, batch in batches.items():
            who = [index for index, member in enumerate(self.members) if rule in member.stage.asked]
            noisy, noise = (
                None if part is None else part.to(self.device).expand(len(who), *part.shape)
                for part in perturbed(self.module.model, self.module.perturbation, batch.inputs, (VALIDATION,))
            )
            assert noisy is not None
            weights = {name: stacked[who] for name, stacked in self.weights.items()}
            logits = self.module.model.run_together(weights, noisy, noise).cpu()
            found[rule] = {
                index: self.members[index].module.scored(one, batch) for index, one in zip(who, logits, strict=True)
            }
        scores = []
        for index, member in enumerate(self.members):
            means = mean_scores([found[rule][index] for rule in member.stage.asked])
            scores.append({name: float(np.float32(value)) for name, value in means.items()})  # as Lightning keeps them
        return scores


def _lengths(weights: Tensor) -> Tensor:
    """Return the steps of every trial up to the last that counts, given the weights (trials, time) of all."""
    return ((weights != 0) * torch.arange(1, weights.shape[1] + 1)).amax(dim=1)


@torch.no_grad()
def _clip(weights: Sequence[Tensor], most: float) -> None:
    """Scale the gradients of every network to the largest norm, as ``clip_grad_norm_`` does."""
    gradients = [each.grad for each in weights if each.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    factor = (most / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient *= factor.view(-1, *[1] * (gradient.ndim - 1))


def _device(accelerator: str) -> torch.device | None:
    """Return the device that Lightning would take, as far as it is one of those that are known here."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu") if accelerator == "cpu" else None
