"""Progress of a training: one bar per job, with accuracy and dissimilarity beside it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import pytorch_lightning as pl
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dynalign.cli.job_log import note
from dynalign.cli.terminal import console
from dynalign.store import Run
from dynalign.training import CheckpointCallback, Phase, Training

_WIDE = 120  # columns in which everything has room
_REST = 46  # columns that a narrow bar takes beside names, numbers of batches and the time


class EpochProgress:
    """Shows a bar on a terminal while a network trains, and leaves one line behind.

    Parameters
    ----------
    place : str
        Which of a sweep's jobs it is, such as 2/4.
    left : str
        How long the sweep may still take.
    """

    def __init__(self, name: str, training: Training, phases: Sequence[Phase], place: str = "", left: str = "") -> None:
        self._console, self._name, self._place = console(), name, place
        width, total = self._console.width, max(1, sum(training.epochs * training.batches(phase) for phase in phases))
        wide = width >= _WIDE
        count = TextColumn("{task.completed:.0f}/{task.total:.0f}" + " batches" * wide)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24 if wide else 8),
            count,
            TextColumn("{task.fields[note]}"),
            TextColumn("{task.fields[left]}") if left else TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        about = f"{place} {name}".strip()
        if not wide:  # rather than losing what moves
            room = max(12, width - _REST - 2 * len(str(total)) - len(left))
            about = about if len(about) <= room else f"{about[: room - 1]}…"
        self._task = self._progress.add_task(about, total=total, note="", left=left)

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
        return _Advance(self._progress, self._task, all_metrics=self._console.width >= _WIDE)

    def done(self, run: Run, status: str, left: str = "") -> None:
        """Leave a line that says how the job ended, and how long the sweep may still take."""
        place = f"{self._place} " if self._place else ""
        self._progress.stop()
        last = run.history.iloc[-1]
        self._console.print(
            f"[green]{status:<10}[/] {place}{escape(self._name)}: accuracy {last['accuracy']:.3f} after "
            f"{last['epoch']:g} epochs, {run.seconds:.0f} s of training{f'; {left}' * bool(left)}",
            soft_wrap=True,
        )


class _Advance(CheckpointCallback):
    def __init__(self, progress: Progress, task: Any, *, all_metrics: bool) -> None:
        super().__init__()
        self._progress, self._task, self._all_metrics = progress, task, all_metrics

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:
        self._progress.update(self._task, completed=self.first_step + trainer.global_step)

    def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:  # noqa: ARG002
        metrics = trainer.callback_metrics
        shown = [f"accuracy {metrics['accuracy'].item():.2f}"] if "accuracy" in metrics else []
        distances = [
            f"{name.split('/')[-1]} {value.item():.2f}"
            for name, value in metrics.items()
            if name.startswith("dissimilarity/") and name.count("/") == 1
        ]
        note(f"epoch {epoch:g}: {', '.join([*shown, *distances])}")
        shown += distances if self._all_metrics else distances[:1]
        self._progress.update(self._task, note="  ".join(shown))
