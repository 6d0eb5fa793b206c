"""`study.py`: from the command line to networks, what was measured of them, and verdicts."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dynalign.cli.build import build
from dynalign.cli.check import Typed
from dynalign.cli.entry import Command
from dynalign.cli.factors import factors_of
from dynalign.cli.job import spec_of, store_of
from dynalign.cli.progress import reporter
from dynalign.cli.schema import check_value, completed, config_files
from dynalign.cli.study_summary import summarise
from dynalign.cli.sweep import typed_words
from dynalign.cli.terminal import console
from dynalign.cli.top import check_top
from dynalign.errors import DynalignError, suggestion
from dynalign.perturbations import InputNoise
from dynalign.report.parts.numbers import duration
from dynalign.results import Result, to_plain
from dynalign.store import RunStore
from dynalign.studies import (
    Attractors,
    Column,
    Evidence,
    Marks,
    Member,
    Population,
    Rule,
    Scale,
    Study,
    accuracies,
    as_plain,
    compare,
    fixed_point_table,
    judge_attractors,
    judge_studies,
)
from dynalign.tables import write_table
from dynalign.training import RunSpec, cost, train_many
from dynalign.training.many import Trained

NAMELESS = ("study", "logger", "store", "workers", "dry_run", "hydra", "seeds", "models", "groups")


@dataclass(frozen=True)
class Job:
    """Networks to be had, what is compared among them, and how it is judged."""

    plain: Mapping[str, Any]
    specs: Mapping[Member, RunSpec]
    studies: Sequence[Study]
    columns: Mapping[str, Column]
    judged: str
    attractors: Attractors | None
    marks: Marks
    rule: Rule
    store: RunStore
    workers: int | None

    def searched(self, population: Population) -> list[Member]:
        """Return the networks whose fixed points are searched."""
        return [member for member in population.runs if member.model in self.plain["fixed_points"]]


def build_job(config: DictConfig, settings: Any, store: RunStore | None = None) -> Job:
    """Build everything that a job needs; nothing has trained when it returns.

    ``store`` is used instead of the one that the config names, if it is given.

    Raises
    ------
    DynalignError
        For an unknown or ill-typed key, and for networks that there cannot be.
    """
    check_top(config)
    plain = completed(config, config_files(settings.runtime.choices, config))
    protocol = plain["protocol"]
    _typed_counts(plain, settings)
    nodes = plain.get("study") or {}
    studies = [
        build(f"study.{name}", node)
        for name, node in nodes.items()
        if protocol["studies"] is None or name in protocol["studies"]
    ]
    if not studies:
        raise DynalignError(
            "There is nothing to study: choose at least one study, such as study=after_learning."
            if not nodes
            else f"The protocol {protocol['name']} studies {', '.join(protocol['studies'])} only; choose one of these."
        )
    columns = {name: build(f"protocol.columns.{name}", node) for name, node in protocol["columns"].items()}
    if protocol["judged"] not in columns:
        raise DynalignError(
            f"protocol.judged={protocol['judged']} is no column; {suggestion(str(protocol['judged']), columns)}"
        )
    specs = _specs(config, plain, sorted({model for study in studies for model in study.models}))
    workers = plain["workers"]
    if workers is not None and check_value("workers", workers, int, "the command line") < 1:
        raise DynalignError(f"workers={workers} must be at least 1.")
    for column in columns.values():
        for spec in {spec.network.model.n_states: spec for spec in specs.values()}.values():
            column.representation.check(spec.network.task)
            column.representation.check_metrics([column.metric], spec.network.task, spec.network.model.n_states)
    return Job(
        plain=plain,
        specs=specs,
        studies=studies,
        columns=columns,
        judged=str(protocol["judged"]),
        attractors=build("protocol.attractors", protocol["attractors"]) if plain["attractors"] else None,
        marks=build("marks", plain["marks"]),
        rule=build("rule", plain["rule"]),
        store=store_of(plain, settings) if store is None else store,
        workers=workers,
    )


def run_job(config: DictConfig, settings: Any, result: Result) -> Result:
    """Train what is missing, compare, judge, and write all of it down."""
    job = build_job(config, settings)
    factors = factors_of(config, job.plain, settings, NAMELESS)
    lost = _train(job)
    population = population_of(job, lost)
    pairs = [pair for study in job.studies for pair in study.pairs(population)]
    with _warnings_to(result.folder / "warnings.txt"), _bar() as bar:
        report = reporter(bar)
        rows = compare(pairs, list(job.columns.values()), population, job.store, workers=job.workers, progress=report)
        known = job.attractors.measure(job.store, report) if job.attractors is not None else None
        points = fixed_point_table(population, job.searched(population), job.store, progress=report)
    evidence = Evidence(rows, job.columns, job.judged, job.marks, population)
    verdicts = judge_studies(job.studies, evidence, job.rule)
    if job.attractors is not None and known is not None:
        verdicts = [*judge_attractors(job.attractors, known, evidence, job.rule), *verdicts]
    tables = {"dissimilarities": rows, "networks": accuracies(population), "fixed_points": points}
    for name, table in tables.items():
        write_table(table, result.folder, name)
    return replace(
        result,
        status="studied",
        factors=to_plain(factors.all),
        told=factors.told,
        metrics={name: vars(column.metric.describe()) for name, column in job.columns.items()},
        details=to_plain(
            {
                "protocol": job.plain["protocol"]["name"],
                "scale": settings.runtime.choices.get("scale"),
                "task": settings.runtime.choices.get("task"),
                "titles": {name: column.title for name, column in job.columns.items()},
                "judged": job.judged,
                "gate": population.gate,
                "studies": {study.name: list(study.models) for study in job.studies},
                "verdicts": [as_plain(each) for each in verdicts],
            }
        ),
        table="dissimilarities.parquet",
    )


def _typed_counts(plain: Mapping[str, Any], settings: Any) -> None:
    """Drop what the scale and the protocol say of settings of training that were typed."""
    for word in typed_words(settings):
        group, _, name = word.partition("=")[0].lstrip("+").partition(".")
        if group == "trainer":
            for about in (plain["scale"], plain["protocol"]):
                about["trainer"].pop(name, None)


def _specs(config: DictConfig, plain: Mapping[str, Any], models: Sequence[str]) -> dict[Member, RunSpec]:
    """Return what determines every network of the scale that a study asks for."""
    scale: Scale = build("scale", plain["scale"])
    chosen = _chosen(plain, scale)
    made: dict[str, tuple[dict[str, Any], DictConfig]] = {}
    usual = compose("train")
    specs = {}
    for member in chosen.members(models):
        way = f"{member.model} {member.curriculum} {chosen.variant(member)}"
        if way not in made:
            made[way] = _network_config(usual, config, plain, scale, member)
        whole, written = made[way]
        specs[member] = spec_of({**whole, "seed": member.seed}, InputNoise(), {}, written)
    return specs


def _chosen(plain: Mapping[str, Any], scale: Scale) -> Scale:
    """Return the scale with the models, groups and seeds that were typed."""
    models = check_value("models", plain["models"], list[str] | None, "the command line")
    groups = check_value("groups", plain["groups"], list[str] | None, "the command line")
    seeds = check_value("seeds", plain["seeds"], int | None, "the command line")
    for model in models or []:
        if model not in scale.networks:
            raise DynalignError(f"models has {model}, of which the scale has none; {suggestion(model, scale.networks)}")
    known = {group for about in scale.networks.values() for group in about["groups"]} | set(_options("curriculum"))
    for group in groups or []:
        if group not in known:
            raise DynalignError(f"groups has {group}, which is no curriculum; {suggestion(group, known)}")
    networks = {
        model: {**about, "groups": groups or about["groups"], "seeds": seeds or about["seeds"]}
        for model, about in scale.networks.items()
        if models is None or model in models
    }
    return replace(scale, networks=networks)


def _network_config(
    usual: DictConfig, config: DictConfig, plain: Mapping[str, Any], scale: Scale, member: Member
) -> tuple[dict[str, Any], DictConfig]:
    """Return the completed config of a network and those that differ in their seed, and its model node as composed.

    It is that of ``train.py`` as it is usually, with the member's model and curriculum; to compose both alone takes a
    fraction of the time.
    """
    composed = copy.deepcopy(usual)
    OmegaConf.set_struct(composed, False)
    for group, name in (("model", member.model), ("curriculum", member.curriculum)):
        if name not in _options(group):
            raise DynalignError(f"scale.networks has the {group} {name}; {suggestion(name, _options(group))}")
        composed[group] = compose(f"{group}/{name}")[group]
    composed.task = OmegaConf.merge(config.task, dict(scale.task))
    protocol = plain["protocol"]
    own = protocol["trainer"] if scale.as_published else {}
    composed.trainer = OmegaConf.merge(config.trainer, dict(scale.trainer), own)
    for key, value in protocol["model"].items() if scale.as_published else ():
        if key in composed.model:
            composed.model[key] = value
    for path, value in scale.variant(member).items():
        OmegaConf.update(composed, path, value, force_add=False)
    composed.callbacks = {}
    return completed(composed, {}), composed.model


def _options(group: str) -> list[str]:
    return list(GlobalHydra.instance().config_loader().get_group_options(group))


def _train(job: Job) -> dict[Member, str]:
    """Train what is not in the store; return why networks are missing."""
    names = {spec.key: member for member, spec in job.specs.items()}
    console().print(_cost(job), style="dim", soft_wrap=True)
    with _bar() as bar:
        task = bar.add_task("training networks", total=None)

        def tell(event: Trained) -> None:
            bar.update(task, completed=event.done, total=event.total)
            member = names.get(event.spec.key)
            phases = "+".join(event.spec.phases[-1].rules) if event.spec.phases else "untrained"
            name = f"{member.model} {member.group} seed {member.seed}" if member else f"pretraining on {phases}"
            if event.reason:
                bar.console.print(f"[red]failed[/]   {escape(name)}: {escape(event.reason)}", soft_wrap=True)
            elif not bar.console.is_terminal:
                bar.console.print(f"trained {event.done}/{event.total} {escape(name)}", soft_wrap=True)

        failed = train_many(job.specs.values(), job.store, workers=job.workers, progress=tell)
    return {member: failed[spec.key] for member, spec in job.specs.items() if spec.key in failed}


def _cost(job: Job) -> str:
    """Say how much there is to train, and how long that may take by what similar networks took."""
    found = cost(job.specs.values(), job.store, workers=job.workers)
    said = f"{len(job.specs)} networks in {found.trainings} trainings, {found.trainings - found.missing} of them stored"
    if not found.missing:
        return said
    said += f"; {found.missing} to train, up to {found.batches:,} batches of trials"
    if found.seconds is None:
        return f"{said}; how long that takes is not known before the first are trained"
    return f"{said}; about {duration(found.seconds)}, by what similar networks took"


def population_of(job: Job, lost: Mapping[Member, str]) -> Population:
    """Return the networks of a job that are in the store, and why others are not."""
    runs, missing = {}, dict(lost)
    for member, spec in job.specs.items():
        if member not in missing:
            try:
                runs[member] = job.store.open(spec.key)
            except DynalignError as error:
                missing[member] = str(error)
    first = next(iter(job.specs.values()))
    return Population(runs, missing, first.ideal_accuracy, first.training.gate or 0.95)


@contextmanager
def _warnings_to(path: Path) -> Iterator[None]:
    """Write what metrics warn of into a file, and say how much that was."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    said = list(dict.fromkeys(str(each.message) for each in caught))
    if said:
        path.write_text("\n".join([*said, ""]), encoding="utf-8")
        count = "1 warning" if len(said) == 1 else f"{len(said)} warnings"
        console().print(f"{count} in {path}; the first: {said[0]}", style="dim", soft_wrap=True, markup=False)


def _bar() -> Progress:
    out = console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )


def _tell(typed: Typed, console: Console) -> int:
    from dynalign.cli.study_plan import DRY_RUN  # which is made of what is here

    return DRY_RUN(typed, console)


COMMAND = Command("study", run_job, summarise, _tell)
