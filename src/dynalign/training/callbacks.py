"""The Lightning callback that measures dissimilarity at every checkpoint, in anybody's project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch

from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.representations import States
from dynalign.training.checkpoints import CheckpointCallback
from dynalign.training.observing import as_array, as_trained, moved, states_of, untouched
from dynalign.training.tracking import Basis, DissimilarityTracker, Record

StatesFunction = Callable[[pl.LightningModule, Any, int], Any]


class DissimilarityCallback(CheckpointCallback):
    """Records a network's states on fixed inputs and logs how far they are from a reference.

    It observes: training with it and without it gives the same weights to the bit, and nothing that it meets ends
    training, once the first checkpoint has shown that its settings make sense. The last state is recorded whatever
    ends training, an exception included. Used for a second fit, it begins anew.

    Logs ``dissimilarity/<metric>`` (``dissimilarity/<name>/<metric>`` if it has a name) to every logger of the trainer,
    and to ``trainer.callback_metrics``, so that ``EarlyStopping`` and ``ModelCheckpoint`` can monitor it. What was
    recorded survives in Lightning's checkpoints, so that a resumed training goes on with the same reference.

    Parameters
    ----------
    inputs : Tensor, tuple, list or dict
        A fixed batch that the network is run on. A tuple or list becomes the arguments of ``forward``, and so does a
        dict that names them; a named tuple or any other dict is one argument.
    states : str or callable
        Name of the submodule whose output are the states, such as ``"rnn"``; or a function of (module, inputs, epoch)
        that returns them, shape (trials, time, units). A submodule may put out a tuple whose first part are the
        states, or a PackedSequence, and its ``batch_first`` is believed; a cell that runs once per time step may put
        out (trials, units).
    metrics : sequence of Metric
    reference, components, basis
        See ``DissimilarityTracker``.
    every_n_epochs : int
    name : str, optional
        Tells several such callbacks of a trainer apart.
    batch_first : bool, optional
        Which way round the submodule's output is, where it does not say so itself.

    Raises
    ------
    DynalignError
        Before anything trains, if the submodule does not exist, its output cannot be read, or a metric refuses the
        states; and if two such callbacks of a trainer would log under one name.
    """

    def __init__(
        self,
        inputs: Any,
        states: str | StatesFunction,
        metrics: Sequence[Metric],
        *,
        reference: str | States = "initial",
        components: int | None = 20,
        basis: Basis = "own",
        every_n_epochs: int = 1,
        name: str | None = None,
        batch_first: bool | None = None,
    ) -> None:
        super().__init__(every_n_epochs)
        self.inputs = inputs
        self.states = states
        self.name = name
        self.batch_first = batch_first
        self.tracker = DissimilarityTracker(metrics, reference=reference, components=components, basis=basis)

    @property
    def records(self) -> list[Record]:
        """Everything measured so far."""
        return self.tracker.records

    @property
    def state_key(self) -> str:
        """What Lightning keeps its state under in checkpoints; several callbacks differ in it."""
        states = self.states if isinstance(self.states, str) else getattr(self.states, "__qualname__", "function")
        return self._generate_state_key(name=self.name, states=states, reference=self.tracker.reference)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Begin anew, unless this fit goes on with an earlier one."""
        others = [each for each in trainer.callbacks if isinstance(each, DissimilarityCallback)]  # type: ignore[attr-defined]
        if sum(each.name == self.name for each in others) > 1:
            called = "have no name" if self.name is None else f"have the name {self.name}"
            raise DynalignError(f"Two callbacks for dissimilarity {called}; give each a name of its own.")
        super().setup(trainer, pl_module, stage)

    def begin(self) -> None:
        """Forget an earlier fit."""
        super().begin()
        self.tracker.begin()

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Record the states and compare them."""
        try:
            states = self._record(trainer, module, epoch)
        except Exception as error:
            if not self.tracker.started:
                raise
            values = self.tracker.miss(epoch, f"{type(error).__name__}: {error}")
        else:
            values = self.tracker.add(epoch, states)
        names = log_names(self.tracker.metrics)
        prefix = "dissimilarity" if self.name is None else f"dissimilarity/{self.name}"
        named = {f"{prefix}/{names[label]}": value for label, value in values.items()}
        for name, value in named.items():
            trainer.callback_metrics[name] = torch.tensor(value)
        if named:
            for logger in trainer.loggers:
                logger.log_metrics({**named, "epoch": epoch}, step=step)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Act on the network as it is before training, unless this goes on with what was tracked before."""
        super().on_train_start(trainer, pl_module)
        if not self.tracker.started:
            self._act(trainer, pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Record the state in which training was stopped; whatever comes of that, the exception goes on."""
        if trainer.state.fn != "fit" or not self.tracker.started:
            return
        try:
            self._act(trainer, pl_module)
        except Exception as error:
            self.tracker.warn(f"The last state was not recorded: {type(error).__name__}: {error}")
        self.tracker.finish()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Make the records that need the last checkpoint."""
        self.tracker.finish()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        return self.tracker.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.tracker.load_state_dict(state_dict)

    def _record(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> States:
        with untouched(module), as_trained(trainer):
            inputs = moved(self.inputs, trainer, module)
            if callable(self.states):
                return as_array(self.states(module, inputs, epoch))
            return as_array(states_of(module, self.states, inputs, batch_first=self.batch_first))


def log_names(metrics: Sequence[Metric]) -> dict[str, str]:
    """Return what metrics are called in logs, by label: their names, or where a name is not enough, their keys."""
    names = [metric.name for metric in metrics]
    return {metric.label: metric.name if names.count(metric.name) == 1 else metric.key for metric in metrics}
