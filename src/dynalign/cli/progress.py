"""One progress bar per job, with accuracy and dissimilarity beside it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dynalign.training import DissimilarityCallback, Run, Training


class EpochProgress:
    """Shows a bar on a terminal while a network trains, and leaves one line behind."""

    def __init__(self, console: Console, name: str, training: Training, phases: int) -> None:
        self._console, self._name = console, name
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} batches"),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        total = max(1, phases * training.epochs * training.batches_per_epoch)
        self._task = self._progress.add_task(name, total=total, note="")

    def __enter__(self) -> EpochProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def callback(self, dissimilarity: DissimilarityCallback) -> pl.Callback:
        """Return the Lightning callback that moves the bar."""
        return _Advance(self._progress, self._task, dissimilarity)

    def done(self, run: Run) -> None:
        """Leave a line that says how the job ended."""
        self._progress.stop()
        last = run.history.iloc[-1]
        self._console.print(
            f"[green]{run.status:<10}[/] {self._name}: accuracy {last['accuracy']:.3f} after "
            f"{int(last['epoch'])} epochs, {run.seconds:.0f} s of training"
        )


class _Advance(pl.Callback):
    def __init__(self, progress: Progress, task: Any, dissimilarity: DissimilarityCallback) -> None:
        self._progress, self._task, self._dissimilarity = progress, task, dissimilarity
        self._fitted = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        self._fitted = self._dissimilarity.first_step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:
        self._progress.update(self._task, completed=self._fitted + trainer.global_step)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        metrics = trainer.callback_metrics
        shown = [f"accuracy {metrics['accuracy'].item():.2f}"] if "accuracy" in metrics else []
        shown += [f"{name.split('/')[1]} {value.item():.2f}" for name, value in metrics.items() if "/" in name]
        self._progress.update(self._task, note="  ".join(shown))
