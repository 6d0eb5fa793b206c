"""From a composed config to a job: the objects that a run needs, and the plain config that determines it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from inspect import get_annotations
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from dynalign.cli.build import build, classes_of, located
from dynalign.cli.factors import Factors, aliases_of, factors_of
from dynalign.cli.schema import TARGET, completed, config_files
from dynalign.cli.top import check_top
from dynalign.errors import DynalignError, nearest, suggestion
from dynalign.identity import describe, key_of, target_of
from dynalign.loggers import RunLogger
from dynalign.metrics import Metric
from dynalign.networks import Network, build_network
from dynalign.perturbations import Perturbation
from dynalign.representations import Representation
from dynalign.store import Run, RunStore
from dynalign.training import FLOOR_SPLITS, REFERENCES, Curriculum, RunSpec, plain_phases

NAMELESS = ("metric", "logger", "store", "objective", "pairs", "dry_run", "hydra")
"""Parts of the config that set no run apart: what is measured, and where it goes."""
_OBSERVER = "dissimilarity"
_GIVEN = {"seed", "n_inputs", "n_actions"}  # what every model is told by its run


@dataclass(frozen=True)
class Job:
    """A run to be had, and what is to be measured on it.

    Attributes
    ----------
    plain : mapping
        The whole config, complete.
    reference : str or Run
        A checkpoint's role, or another run in the store.
    every : int
        Epochs between two measurements.
    floor_splits : int
        How often the trials are halved for a floor.
    watched : bool
        Whether the network is measured while it trains, rather than afterwards; the numbers are the same.
    objective : str, optional
        What a sweeper optimises.
    classes : tuple of type
        What the network is made of.
    """

    plain: Mapping[str, Any]
    factors: Factors
    spec: RunSpec
    metrics: Sequence[Metric]
    representation: Representation
    reference: str | Run
    every: int
    floor_splits: int
    watched: bool
    store: RunStore
    loggers: Sequence[RunLogger]
    objective: str | None
    classes: tuple[type, ...]

    @property
    def measurement(self) -> str:
        """Key of what is measured of the network, and against what."""
        about = {
            "representation": describe(self.representation, asdict(self.representation)),
            "metrics": [describe(metric, metric.settings) for metric in self.metrics],
            "reference": self.plain["reference"],
            "every": self.every,
            "floor_splits": self.floor_splits,
        }
        return key_of(about)

    @property
    def details(self) -> dict[str, Any]:
        """What a comparison with other networks needs, as plain data."""
        return {
            "store": str(self.store.root),
            "representation": describe(self.representation, asdict(self.representation)),
            "metrics": [describe(metric, metric.settings) for metric in self.metrics],
            "classes": [target_of(kind) for kind in self.classes],
            "floor_splits": self.floor_splits,
            "pairs": self.plain.get("pairs", True),
        }


def build_job(config: DictConfig, settings: Any, store: RunStore | None = None) -> Job:
    """Build everything a job needs; nothing has trained when it returns.

    Parameters
    ----------
    config : DictConfig
        As composed.
    settings : DictConfig
        Hydra's own config of the job.
    store : RunStore, optional
        Instead of the one that the config names.

    Raises
    ------
    DynalignError
        For an unknown or ill-typed key, and for combinations that have no meaning.
    """
    aliases = aliases_of(config)
    numbers = check_top(config)
    plain = completed(config, config_files(settings.runtime.choices, config)) | numbers
    perturbation: Perturbation = build("perturbation", plain["perturbation"], aliases)
    metrics = build_metrics(plain.get("metric") or {})
    spec = spec_of(plain, perturbation, aliases, config.model)
    representation = _representation(plain["representation"], perturbation, metrics, spec.network, aliases)
    store = store_of(plain, settings) if store is None else store
    reference = _reference(str(plain["reference"]), store)
    plain["reference"] = reference.key if isinstance(reference, Run) else reference
    return Job(
        plain=plain,
        factors=factors_of(config, plain, settings, NAMELESS),
        spec=spec,
        metrics=metrics,
        representation=representation,
        reference=reference,
        every=_every(config, plain, spec.training.checkpoint_every),
        floor_splits=_floor_splits(plain),
        watched=_OBSERVER in (plain.get("callbacks") or {}),
        store=store,
        loggers=build_loggers(plain),
        objective=_objective(plain.get("objective"), metrics),
        classes=classes_of(plain["task"], plain["model"], spec.config["perturbation"]),
    )


def build_metrics(nodes: Mapping[str, Any]) -> list[Metric]:
    """Build the metrics of a config, each once.

    Raises
    ------
    DynalignError
        If there is none, a node has no class, or two classes give their metrics one label.
    """
    metrics: dict[str, tuple[str, Metric]] = {}
    for name, node in nodes.items():
        if not isinstance(node, Mapping) or TARGET not in node:
            raise DynalignError(
                f"metric.{name} has settings but no class: metric={name} was not chosen; type metric=[{name},...]."
            )
        metric = build(f"metric.{name}", node)
        _check_metric(f"metric.{name}", metric)
        other, known = metrics.setdefault(metric.label, (name, metric))
        if type(known) is not type(metric):
            raise DynalignError(
                f"metric.{other} and metric.{name} are both called {metric.label}; give one of them another title."
            )
    if not metrics:
        raise DynalignError("There is nothing to measure: choose at least one metric, such as metric=dsa.")
    return [metric for _, metric in metrics.values()]


def _check_metric(path: str, metric: Any) -> None:
    """Refuse what is no metric, or does not say of itself what a reader of its numbers needs to know."""
    kind = target_of(type(metric))
    if not isinstance(metric, Metric):
        raise DynalignError(
            f"{path} is of the class {kind}, which is no metric; derive it from dynalign.metrics.Metric."
        )
    unsaid = [name for name in get_annotations(Metric) if not hasattr(metric, name)]
    if unsaid:
        raise DynalignError(
            f"{path} is of the class {kind}, which does not say its {', '.join(unsaid)}; dynalign.metrics.Metric has "
            "what these are."
        )


def build_loggers(plain: Mapping[str, Any]) -> list[RunLogger]:
    """Build the loggers of a config; none where the group is empty or was deleted."""
    return [build(f"logger.{name}", node) for name, node in (plain.get("logger") or {}).items()]


def store_of(plain: Mapping[str, Any], settings: Any) -> RunStore:
    """Return the store of a config; a relative path starts where the command was typed."""
    return RunStore(Path(settings.runtime.cwd) / str(plain["store"]))


def _representation(
    node: Mapping[str, Any],
    perturbation: Perturbation,
    metrics: Sequence[Metric],
    network: Network,
    aliases: Mapping[str, str],
) -> Representation:
    representation: Representation = build("representation", node, aliases)
    if not perturbation.acts_on_network:
        representation = replace(representation, noise=perturbation.std)
    try:
        representation.check(network.task)
        representation.check_metrics(metrics, network.task, network.model.n_states)
    except DynalignError as error:
        raise DynalignError(located("representation", node, str(error))) from None
    return representation


def spec_of(
    plain: Mapping[str, Any], perturbation: Perturbation, aliases: Mapping[str, str], written: DictConfig
) -> RunSpec:
    """Return what is to be trained; its config holds what determines the network, and nothing else."""
    noisy = perturbation.acts_on_network and perturbation.std > 0
    others = {name: node for name, node in (plain.get("callbacks") or {}).items() if name != _OBSERVER}
    curriculum: Curriculum = build("curriculum", plain["curriculum"])
    for name in _GIVEN & set(written):
        raise DynalignError(f"model.{name} follows from the rest of the config; set seed or task instead.")
    config = {
        "task": plain["task"],
        "model": {name: value for name, value in plain["model"].items() if name not in _GIVEN},
        "perturbation": plain["perturbation"] if noisy else None,
        "training": plain["trainer"],
        "callbacks": others,
        "seed": plain["seed"],
    }
    if plain.get("threads", 1) != 1:  # by which sums are split, so that other networks come out
        config["threads"] = plain["threads"]
    network = _network(config, aliases)
    curriculum.check(network.task)
    phases = curriculum.phases(network.task)
    config |= {"phases": plain_phases(phases), "target": curriculum.asks(network.task)}
    spec = RunSpec(
        network=replace(network, key=key_of(config)),
        phases=phases,
        target=config["target"],
        training=build("trainer", plain["trainer"]),
        seed=plain["seed"],
        config=config,
        callbacks=[build(f"callbacks.{name}", node) for name, node in others.items()],
    )
    if spec.training.accelerator == "gpu" and not torch.cuda.is_available():
        raise DynalignError("trainer.accelerator=gpu needs a GPU, and PyTorch sees none; use cpu or auto.")
    spec.check()
    return spec


def _network(config: Mapping[str, Any], aliases: Mapping[str, str]) -> Network:
    classes = classes_of(config["task"], config["model"], config["perturbation"])
    try:
        return build_network(config, key_of(config), classes=classes)
    except DynalignError as error:
        sentence = str(error)
        for part in ("task", "model", "perturbation"):
            whole = located(part, config[part] or {}, sentence, aliases)
            if whole != sentence:
                raise DynalignError(whole) from None
        raise


def _reference(typed: str, store: RunStore) -> str | Run:
    if typed in REFERENCES:
        return typed
    try:
        return store.open(typed)
    except DynalignError as error:
        near = nearest(typed, REFERENCES)
        hint = f"did you mean {near}?" if near else f"use {', '.join(REFERENCES)}, or the key of a run: {error}"
        raise DynalignError(f"reference={typed} is unknown; {hint}") from None


def _every(config: DictConfig, plain: Mapping[str, Any], checkpoint_every: int) -> int:
    node = (plain.get("callbacks") or {}).get(_OBSERVER)
    if node is None:
        return checkpoint_every
    for key in config.callbacks[_OBSERVER]:
        if key not in (TARGET, "every_n_epochs", "floor_splits"):
            raise DynalignError(
                f"callbacks.{_OBSERVER}.{key} follows from other settings; set reference, metric or representation."
            )
    every = int(node["every_n_epochs"])
    if every < 1 or every % checkpoint_every:
        raise DynalignError(
            f"callbacks.{_OBSERVER}.every_n_epochs={every} must be a multiple of "
            f"trainer.checkpoint_every={checkpoint_every}."
        )
    return every


def _floor_splits(plain: Mapping[str, Any]) -> int:
    node = (plain.get("callbacks") or {}).get(_OBSERVER)
    if node is None:
        return FLOOR_SPLITS
    splits = int(node["floor_splits"])
    if splits < 0:
        raise DynalignError(
            f"callbacks.{_OBSERVER}.floor_splits={splits} must be a whole number >= 0; 0 measures no floors."
        )
    return splits


def _objective(typed: Any, metrics: Sequence[Metric]) -> str | None:
    known = ["accuracy", *(f"dissimilarity/{metric.key}" for metric in metrics)]
    if typed is None or typed in known:
        return None if typed is None else str(typed)
    raise DynalignError(f"objective={typed} is nothing that this job measures; {suggestion(typed, known)}")
