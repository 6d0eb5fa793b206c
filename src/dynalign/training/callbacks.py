"""The Lightning callback that measures dissimilarity at every checkpoint, in anybody's project."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities import move_data_to_device

from dynalign.errors import DynalignError
from dynalign.metrics import Driven, Metric
from dynalign.representations import States
from dynalign.training.checkpoints import CheckpointCallback
from dynalign.training.observing import observing
from dynalign.training.recording import as_array, find_submodule, record_states, tensors_of
from dynalign.training.tracking import FLOOR_SPLITS, Basis, DissimilarityTracker, Record

StatesFunction = Callable[[pl.LightningModule, Any, int], Any]


class DissimilarityCallback(CheckpointCallback):
    """Records a network's states on fixed inputs and logs how far they are from a reference.

    It observes and changes nothing: training with it gives the same weights as without. It sees the untrained network,
    every ``every_n_epochs``-th epoch, and the last state, whatever ends training. States that cannot be compared give a
    ``DissimilarityWarning`` and a record that says why.

    Logs ``dissimilarity/<metric>`` to every logger of the trainer, and to ``trainer.callback_metrics``, so that
    ``EarlyStopping`` and ``ModelCheckpoint`` can monitor it; ``dissimilarity/<name>/<metric>`` if the callback has a
    name, as each of several in one trainer must. ``dissimilarity/<metric>/floor`` beside it is how far a network is
    from itself by the same metric, measured with other trials, where the metric can tell. What was recorded survives in
    Lightning's checkpoints, so that a resumed training goes on with the same reference; any other fit begins anew.

    Parameters
    ----------
    inputs : Tensor, or tuple, dict or NamedTuple of tensors
        A fixed batch that the network is run on, moved and converted as the trainer does with a batch. For how
        it is given to ``forward`` see ``record_states``.
    states : str or callable
        Name of the submodule whose output are the states, such as ``"rnn"``; or a function of (module, inputs, epoch)
        that returns them. Shape (trials, time, units).
    metrics : sequence of Metric
    reference, components, basis, floor_splits
        See ``DissimilarityTracker``.
    control : array or Tensor, shape (trials, time, channels), optional
        What drove the states, for metrics that need inputs: at each time step what the state of that step has seen. If
        not given, it is ``inputs``, if that is one such tensor.
    every_n_epochs : int
    name : str, optional
    batch_first : bool, optional
        Whether the states have trials as first axis, or time; needed only where the named submodule does not tell.
    about : str
        What else decides the states, where a function returns them: a training that is resumed goes on with the records
        of the same ``about`` only.

    Raises
    ------
    DynalignError
        Before anything trains: if the submodule does not exist, a metric can never compare such states, or another
        callback logs under the same names.
    """

    def __init__(
        self,
        inputs: Any,
        states: str | StatesFunction,
        metrics: Sequence[Metric],
        *,
        reference: str | States | Driven = "initial",
        control: Any = None,
        components: int | None = 20,
        basis: Basis = "own",
        floor_splits: int = FLOOR_SPLITS,
        every_n_epochs: int = 1,
        name: str | None = None,
        batch_first: bool | None = None,
        about: str = "",
    ) -> None:
        super().__init__(every_n_epochs)
        self.inputs, self.states, self.name, self.batch_first = inputs, states, name, batch_first
        self.about = about
        if control is None and isinstance(inputs, torch.Tensor) and inputs.ndim == 3:
            control = inputs
        if control is not None:
            control = as_array(control)
        self.tracker = DissimilarityTracker(
            metrics,
            reference=reference,
            control=control,
            components=components,
            basis=basis,
            floor_splits=floor_splits,
        )
        needed = [control] if control is not None and any(metric.needs_inputs for metric in metrics) else []
        self._data = _digest([*map(as_array, tensors_of(inputs)), *_arrays(reference), *needed])

    @property
    def records(self) -> list[Record]:
        """Everything measured so far."""
        return self.tracker.records

    @property
    def state_key(self) -> str:
        """What Lightning's checkpoints call this callback: its name, and what makes its records.

        So no training is resumed with the reference of another layer, probe or reduction.
        """
        states = self.states if isinstance(self.states, str) else getattr(self.states, "__qualname__", "function")
        keys = [metric.key for metric in self.tracker.metrics]
        see = self.tracker
        return self._generate_state_key(
            name=self.name,
            states=states,
            reference=see.reference,
            metrics=keys,
            data=self._data,
            seen=[see.components, see.basis, see.floor_splits, self.every_n_epochs, self.batch_first, self.about],
        )

    def begin(self) -> None:
        """Forget the records and the reference of an earlier training."""
        self.tracker.begin()

    def end(self) -> None:
        """Make the records that need the last checkpoint."""
        self.tracker.finish()

    def has_begun(self, trainer: pl.Trainer) -> bool:  # noqa: ARG002
        """Whether a first checkpoint was recorded, in an earlier phase or before a training was resumed."""
        return self.tracker.started

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Begin anew, and refuse what could not be told apart."""
        super().setup(trainer, pl_module, stage)
        for other in trainer.callbacks:  # type: ignore[attr-defined]
            if other is not self and isinstance(other, DissimilarityCallback):
                twice = set(self._log_names().values()) & set(other._log_names().values())
                if twice:
                    raise DynalignError(
                        f"Two callbacks log {min(twice)}; give each DissimilarityCallback a name of its own: name=..."
                    )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Refuse a submodule that there is not, of a resumed training too."""
        if isinstance(self.states, str):
            find_submodule(pl_module, self.states)

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
        """Record the states and compare them."""
        before = len(self.tracker.records)
        try:
            states = self._record(trainer, module, epoch)
        except Exception as error:
            if not self.tracker.started:
                raise
            self.tracker.add_failure(epoch, f"the states could not be recorded: {error}", step=step)
        else:
            self.tracker.add(epoch, states, step=step)
        values = self._values(self.tracker.records[before:])
        for name, value in values.items():
            trainer.callback_metrics[name] = torch.tensor(value)
        _log(trainer, values, epoch, step)

    def retell(self, trainer: pl.Trainer) -> None:
        """Log the records of this phase so far."""
        mine = [record for record in self.tracker.records if record.epoch > self.first_epoch or not self.first_epoch]
        for (epoch, step), records in itertools.groupby(mine, key=lambda record: (int(record.epoch), record.step)):
            _log(trainer, self._values(records), epoch, step)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training needs."""
        return self.tracker.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.tracker.load_state_dict(state_dict)

    def _values(self, records: Iterable[Record]) -> dict[str, float]:
        names = self._log_names()
        values: dict[str, float] = {}
        for record in records:
            values[names[record.metric]] = record.dissimilarity
            if record.floor is not None:
                values[f"{names[record.metric]}/floor"] = record.floor
        return values

    def _log_names(self) -> dict[str, str]:
        prefix = "dissimilarity" if self.name is None else f"dissimilarity/{self.name}"
        return {label: f"{prefix}/{name}" for label, name in log_names(self.tracker.metrics).items()}

    def _record(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> States:
        with observing(module), trainer.precision_plugin.forward_context():
            probe = move_data_to_device(trainer.precision_plugin.convert_input(self.inputs), module.device)
            if isinstance(self.states, str):
                return record_states(module, self.states, probe, batch_first=self.batch_first)
            states = as_array(self.states(module, probe, epoch))
            return states.swapaxes(0, 1) if self.batch_first is False else states


def _log(trainer: pl.Trainer, values: Mapping[str, float], epoch: int, step: int | None) -> None:
    numbers = {name: value for name, value in values.items() if value == value}
    if numbers:
        for logger in trainer.loggers:
            logger.log_metrics({**numbers, "epoch": epoch}, step=step)


def _arrays(reference: str | States | Driven) -> list[States]:
    """Return what a reference from elsewhere consists of."""
    if isinstance(reference, Driven):
        return [np.asarray(reference.states), np.asarray(reference.inputs)]
    return [] if isinstance(reference, str) else [reference]


def _digest(arrays: Sequence[States]) -> str:
    content = hashlib.sha256()
    for array in arrays:
        content.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:12]


def log_names(metrics: Sequence[Metric]) -> dict[str, str]:
    """Return what metrics are called in logs, by label: their names, or where a name is not enough, their keys."""
    names = [metric.name for metric in metrics]
    return {metric.label: metric.name if names.count(metric.name) == 1 else metric.key for metric in metrics}
