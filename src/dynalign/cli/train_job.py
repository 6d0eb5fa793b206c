"""`train.py`: from the command line to a trained, measured and logged network."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from dynalign import training
from dynalign.cli.build import build
from dynalign.cli.entry import Command, group_folder, sweeping
from dynalign.cli.job import Job, build_job, build_loggers
from dynalign.cli.logged import note_places
from dynalign.cli.summary import summarise
from dynalign.cli.sweep import SweepStart
from dynalign.cli.train_plan import DRY_RUN
from dynalign.errors import DynalignError
from dynalign.identity import key_of
from dynalign.loggers import LoggedRuns, RunInfo
from dynalign.metrics import Distance, Driven
from dynalign.networks import States
from dynalign.redaction import redacted, redacted_data
from dynalign.results import BASE_FACTORS, FAILED, FOUND, Result, Sweep, labelled, to_plain
from dynalign.store import Run
from dynalign.studies import measure_over_learning
from dynalign.studies.measuring import seen_key
from dynalign.tables import write_table

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from dynalign.training import DissimilarityCallback


def run_job(config: DictConfig, settings: Any, result: Result) -> Result:
    """Train or find one network, measure it, log it, and write its table; the steps of a job in order."""
    try:
        job = build_job(config, settings)
    except DynalignError as error:
        if sweeping(settings):  # where it is missed among others; who typed a single run has read the sentence
            _log_failed(config, settings, result, str(error))
        raise
    from dynalign.cli.epoch_progress import EpochProgress  # loads Lightning, for which who mistyped need not wait

    result = replace(
        result,
        key=job.spec.key,
        factors=to_plain(job.factors.all),
        told=job.factors.told,
        metrics={metric.label: asdict(metric.describe()) for metric in job.metrics},
        details=job.details,
    )
    logged = LoggedRuns(job.loggers, _info(job, result, settings))
    note_places(result.folder, result.name, logged.places)
    try:
        callback = _callback(job) if job.watched else None
        start, left = time.perf_counter(), SweepStart.left
        jobs = Sweep.expected(group_folder(settings)) if sweeping(settings) else []
        place = f"{result.number + 1}/{len(jobs)}" if len(jobs) > 1 else ""
        named = result.name_beside(jobs)
        with EpochProgress(named, job.spec.training, job.spec.phases, place, str(left or "")) as bar:
            run, status = training.obtain(
                job.spec,
                job.store,
                dissimilarity=callback,
                observers=[bar.callback],
                loggers=logged.lightning,
            )
            if left is not None:
                left.ended(result.number, time.perf_counter() - start, found=status == FOUND)
            bar.done(run, status, str(left or ""))
        # A training that was killed while it was measured in another way was not measured in this one.
        seen = callback is not None and status != FOUND and _saw(callback, run)
        numbers = measure_over_learning(
            run,
            job.metrics,
            reference=job.reference,
            representation=job.representation,
            store=job.store,
            every=job.every,
            known=_recorded(callback) if seen and callback is not None else None,
            floor_splits=job.floor_splits,
            known_floors=_floors(callback) if seen and callback is not None else None,
            classes=job.classes,
        )
        _log(run, job, numbers, logged, stored=status == FOUND, seen=seen)
        factors = {name: job.factors.all[name] for name in dict.fromkeys([*BASE_FACTORS, *job.factors.told])}
        write_table(labelled(numbers, result.name, factors), result.folder, "dissimilarities")
        last = run.history.iloc[-1]
        facts = {
            "epochs": int(last["epoch"]),
            "accuracy": float(last["accuracy"]),
            "chance_accuracy": float(last["chance_accuracy"]),
            "ideal_accuracy": job.spec.ideal_accuracy,
        }
        logged.keep(run)
    except BaseException as error:
        logged.finish({"final/status": FAILED, "final/reason": _said(error)}, failed=True)
        raise
    logged.finish(_summary(facts, status, numbers, job))
    return replace(
        result, status=status, facts=facts, table="dissimilarities.parquet", value=_value(job, facts, numbers)
    )


def _info(job: Job, result: Result, settings: Any) -> RunInfo:
    """Say what loggers are to know: by one name for one network and measurement, and what it is grouped by first."""
    factors, shared = job.factors.all, group_folder(settings)
    flat = {name: factors[name] for name in (*BASE_FACTORS, "representation", "reference")}
    return RunInfo(
        id=f"{job.spec.key}-{job.measurement[:8]}",
        name=result.name,
        group=shared.name,
        job_type="train",
        tags=[str(factors[name]) for name in ("model", "task", "curriculum")] + [f"noise-{factors['perturbation']}"],
        config=redacted_data({**flat, "key": job.spec.key, "config": job.plain}),
        folder=result.folder,
        shared=shared,
        alone=not sweeping(settings),
    )


def _log_failed(config: DictConfig, settings: Any, result: Result, reason: str) -> None:
    """Log a job that could not be built, as a failed run of its sweep."""
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    flat = {name: settings.runtime.choices.get(name, plain.get(name)) for name in BASE_FACTORS}
    known = {str(name): part for name, part in plain.items() if name not in ("logger", "store")}
    shared = group_folder(settings)
    try:
        info = RunInfo(
            id=f"failed-{key_of(known)}",
            name=" ".join(result.overrides),
            group=shared.name,
            job_type="train",
            tags=["failed"],
            config=redacted_data({**flat, "config": plain}),
            folder=result.folder,
            shared=shared,
        )
        loggers = build_loggers({"logger": plain.get("logger")})
    except DynalignError:  # what is wrong is the logger itself
        return
    logged = LoggedRuns(loggers, info)
    note_places(result.folder, info.name, logged.places)
    logged.finish({"final/status": FAILED, "final/reason": redacted(reason)}, failed=True)


def _said(error: BaseException) -> str:
    return redacted((str(error).strip() or type(error).__name__).splitlines()[0])


def _callback(job: Job) -> DissimilarityCallback:
    """Make the checkpoint callback, which sees of the network what the store would show of it."""
    network, see = job.spec.network, job.representation
    probe = see.probe(network.task)
    common = see.basis == "common"

    def states(module: pl.LightningModule, _inputs: torch.Tensor, epoch: int) -> States:
        assert isinstance(module, training.TaskModule)
        return see.seen(replace(network, model=module.model), epoch, probe)

    reference: str | Driven
    if isinstance(job.reference, Run):
        reference = see.driven(job.reference, job.reference.epochs[-1], classes=job.classes)
    else:
        reference = job.reference
    node = {key: value for key, value in job.plain["callbacks"]["dissimilarity"].items() if key[0] == "_"}
    callback: DissimilarityCallback = build(
        "callbacks.dissimilarity",
        node,
        inputs=torch.from_numpy(probe.inputs),
        states=states,
        metrics=list(job.metrics),
        reference=reference,
        control=see.inputs(network, probe),
        components=see.components if common else None,
        basis=see.basis,
        floor_splits=job.floor_splits,
        every_n_epochs=job.every,
        about=seen_key(see, job.metrics),
    )
    return callback


def _saw(callback: DissimilarityCallback, run: Run) -> bool:
    """Whether a callback saw a run to its end."""
    return any(record.epoch == run.epochs[-1] for record in callback.records)


def _recorded(callback: DissimilarityCallback) -> dict[str, dict[int, Distance]]:
    found: dict[str, dict[int, Distance]] = {}
    for record in callback.records:
        distance = Distance(record.dissimilarity, record.seconds, record.reason)
        found.setdefault(record.metric, {})[int(record.epoch)] = distance
    return found


def _floors(callback: DissimilarityCallback) -> dict[str, dict[Any, Distance]]:
    """Return how far each checkpoint is from itself, and the reference, if it is a run that was trained before."""
    return {
        label: {"elsewhere" if epoch < 0 else epoch: each for epoch, each in mine.items()}
        for label, mine in callback.tracker.floors.items()
    }


def _log(run: Run, job: Job, numbers: pd.DataFrame, logged: LoggedRuns, *, stored: bool, seen: bool) -> None:
    """Log what the loggers have not been given while the network trained, as it would have been."""
    keys = {label: f"dissimilarity/{name}" for label, name in training.log_names(job.metrics).items()}
    late = job.reference == "final" or not seen  # known only at the end
    if not (stored or late):
        return
    known = numbers.dropna(subset=["dissimilarity"])
    for row in run.history.to_dict("records"):
        here = known[known["epoch"] == row["epoch"]]
        values = {keys[label]: value for label, value in zip(here["metric"], here["dissimilarity"], strict=True)}
        floors = here.dropna(subset=["floor"])
        values |= {
            f"{keys[label]}/floor": value for label, value in zip(floors["metric"], floors["floor"], strict=True)
        }
        history = training.loggable({str(name): value for name, value in row.items()}) if stored else {}
        if history or values:
            logged.log({**history, **values, "epoch": row["epoch"]}, int(row["step"]))


def _final(job: Job, numbers: pd.DataFrame, column: str = "dissimilarity") -> dict[str, float]:
    """Return the number of the last checkpoint, by metric key; to the last one itself, that of the first."""
    found = {}
    for metric in job.metrics:
        mine = numbers[numbers["metric"] == metric.label]
        if len(mine):
            found[metric.key] = float(mine[column].iloc[0 if job.reference == "final" else -1])
    return found


def _summary(facts: Mapping[str, Any], status: str, numbers: pd.DataFrame, job: Job) -> dict[str, Any]:
    final = {f"final/dissimilarity/{key}": value for key, value in _final(job, numbers).items()}
    floors = _final(job, numbers, "floor")
    final |= {f"final/dissimilarity/{key}/floor": value for key, value in floors.items() if value == value}
    return {
        **{f"final/{name}": facts[name] for name in ("accuracy", "ideal_accuracy")},
        "final/status": status,
        **final,
    }


def _value(job: Job, facts: Mapping[str, Any], numbers: pd.DataFrame) -> float | None:
    """Return what a sweeper optimises; None, which it takes as failed, where there is no number."""
    if job.objective is None:
        return None
    if job.objective == "accuracy":
        return float(facts["accuracy"])
    value = _final(job, numbers).get(job.objective.partition("/")[2], float("nan"))
    return value if value == value else None


COMMAND = Command("train", run_job, summarise, DRY_RUN)
