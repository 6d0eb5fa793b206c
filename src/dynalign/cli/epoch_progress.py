"""Progress of a training: one bar per job, with accuracy and dissimilarity beside it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import pytorch_lightning as pl
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dynalign.cli.terminal import console
from dynalign.store import Run
from dynalign.training import CheckpointCallback, Phase, Training


class EpochProgress:
    """Shows a bar on a terminal while a network trains, and leaves one line behind.

    ``place`` says which of a sweep's jobs it is, such as 2/4.
    """

    def __init__(self, name: str, training: Training, phases: Sequence[Phase], place: str = "") -> None:
        self._console, self._name = console(), name
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} batches"),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        total = max(1, sum(training.epochs * training.batches(phase) for phase in phases))
        self._task = self._progress.add_task(f"{place} {name}".strip(), total=total, note="")

    def __enter__(self) -> EpochProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def callback(self) -> pl.Callback:
        """The Lightning callback that moves the bar."""
        return _Advance(self._progress, self._task)

    def done(self, run: Run, status: str) -> None:
        """Leave a line that says how the job ended."""
        self._progress.stop()
        last = run.history.iloc[-1]
        self._console.print(
            f"[green]{status:<10}[/] {escape(self._name)}: accuracy {last['accuracy']:.3f} after "
            f"{last['epoch']:g} epochs, {run.seconds:.0f} s of training",
            soft_wrap=True,
        )


class _Advance(CheckpointCallback):
    def __init__(self, progress: Progress, task: Any) -> None:
        super().__init__()
        self._progress, self._task = progress, task

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:
        self._progress.update(self._task, completed=self.first_step + trainer.global_step)

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:  # noqa: ARG002
        metrics = trainer.callback_metrics
        shown = [f"accuracy {metrics['accuracy'].item():.2f}"] if "accuracy" in metrics else []
        shown += [
            f"{name.split('/')[-1]} {value.item():.2f}"
            for name, value in metrics.items()
            if name.startswith("dissimilarity/")
        ]
        self._progress.update(self._task, note="  ".join(shown))
