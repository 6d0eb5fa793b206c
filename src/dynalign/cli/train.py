"""`python train.py`: from the command line to a trained, measured and logged network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from dynalign.cli import ROOT, outcome, terminal
from dynalign.cli.build import build, plain
from dynalign.cli.entry import group_of, run_command
from dynalign.cli.job import (
    Job,
    build_dissimilarity_callback,
    build_job,
    is_checkpoint_reference,
    stored_run,
    telling_overrides,
)
from dynalign.cli.progress import EpochProgress
from dynalign.cli.summary import summarise
from dynalign.representations import States
from dynalign.studies import as_table, learning_rows, measure_over_learning, write_table
from dynalign.tasks import Trials
from dynalign.training import DissimilarityCallback, Run, loggable, obtain

console = terminal.console()


def main() -> None:
    """Run what was typed; exit with 0 if every job succeeded."""
    run_command("train", run_job, summarise, console)


def run_job(config: DictConfig, settings: Any, folder: Path) -> outcome.Finished:
    """Train or find one network, measure it, log it, and write its table; the steps of a job in order."""
    start = time.perf_counter()
    job = build_job(config, choices=settings.runtime.choices, overrides=telling_overrides(settings), root=ROOT)
    reference, reference_id = _reference(job)
    logger = build(config.logger).start(
        name=job.label.run,
        group=group_of(settings),
        job_type="train",
        tags=[job.label.model, job.label.task, job.label.curriculum, f"noise-{job.label.perturbation}"],
        config={**plain(config), "key": job.spec.key},
        folder=folder,
    )
    try:
        run, records = _train_or_find(job, reference, logger)
        measured = measure_over_learning(
            run,
            job.metrics,
            reference=reference,
            representation=job.representation,
            store=job.store,
            name={metric.name: job.measurement(metric.name, reference_id) for metric in job.metrics},
            records=records,
        )
        if records is None and logger is not None:
            _log_again(run, measured, logger)
        rows = learning_rows(job.label, run, measured, job.reference)
        write_table(as_table(rows), folder)
        if logger is not None:
            logger.experiment.summary.update(_summary(job, run, measured))
    finally:
        if logger is not None:
            logger.experiment.finish()
    return outcome.Finished(run.status, time.perf_counter() - start)


def _train_or_find(job: Job, reference: str | States, logger: Any) -> tuple[Run, list[Any] | None]:
    """Return the run, and what its callback measured if it was trained now."""
    with EpochProgress(console, job.label.run, job.spec.training, len(job.spec.curriculum.phases())) as bar:

        def dissimilarity(states: Callable[..., States], probe: Trials) -> DissimilarityCallback:
            return build_dissimilarity_callback(job, reference, torch.from_numpy(probe.inputs), states)

        def others(callback: DissimilarityCallback) -> Sequence[pl.Callback]:
            return [bar.callback(callback)]

        run, callback = obtain(
            job.spec,
            job.store,
            dissimilarity=dissimilarity,
            representation=job.representation,
            callbacks=job.callbacks,
            loggers=[logger] if logger is not None else [],
            on_start=others,
        )
        bar.done(run)
    return run, None if callback is None else callback.records


def _reference(job: Job) -> tuple[str | States, str]:
    """Return what to compare with, and what determines it.

    It is a checkpoint's role, or the final states of another run in the store.
    """
    if is_checkpoint_reference(job.reference):
        return job.reference, job.reference
    other = stored_run(job.store, job.reference)
    return other.states(other.epochs[-1], job.representation), other.spec.key


def _log_again(run: Run, records: Sequence[Any], logger: Any) -> None:
    """Log a run from the store as it was logged when it trained."""
    for row in run.history.to_dict("records"):
        logger.log_metrics(loggable({str(name): value for name, value in row.items()}), step=int(row["step"]))
        values = {
            f"dissimilarity/{record.metric}": record.dissimilarity
            for record in records
            if record.epoch == row["epoch"] and record.dissimilarity == record.dissimilarity
        }
        if values:
            logger.log_metrics({**values, "epoch": row["epoch"]}, step=int(row["step"]))


def _summary(job: Job, run: Run, records: Sequence[Any]) -> dict[str, Any]:
    last = run.history.iloc[-1]
    return {
        "final/accuracy": float(last["accuracy"]),
        "final/ideal_accuracy": job.ideal_accuracy,
        "final/status": run.status,
        **{
            f"final/dissimilarity/{record.metric}": record.dissimilarity
            for record in records
            if record.epoch == run.epochs[-1]
        },
    }
