"""From a composed config to a job: the objects that a run needs, and the plain config that determines it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from dynalign.cli.build import build, plain
from dynalign.cli.schema import check_config, config_files
from dynalign.errors import DynalignError
from dynalign.metrics import Metric
from dynalign.models import SequenceModel
from dynalign.perturbations import InputNoise, Perturbation
from dynalign.representations import Representation, check_components
from dynalign.store import RunStore, read_json
from dynalign.studies import Final, RunLabel
from dynalign.training import REFERENCES, DissimilarityCallback, Run, RunSpec, load

# Overrides that do not change which network is trained or what is recorded of it, so they do not name a run.
_NAMELESS = ("model", "noise", "seed", "metric", "reference", "logger", "store")
_NAMELESS_PREFIXES = ("hydra", "logger.", "callbacks.dissimilarity")


@dataclass(frozen=True)
class Job:
    """A run to be had, and what is to be measured on it."""

    config: DictConfig
    label: RunLabel
    spec: RunSpec
    metrics: Sequence[Metric]
    metric_configs: Mapping[str, Any]
    representation: Representation
    representation_config: Mapping[str, Any]
    reference: str
    store: RunStore
    callbacks: Sequence[pl.Callback]

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the states that a metric sees, before they are reduced."""
        noise = self.spec.perturbation
        mixed = None if noise.acts_on_network or noise.std == 0 else noise.std
        return {
            "key": self.spec.key,
            "representation_noise": mixed,
            "representation": dict(self.representation_config),
        }

    def measurement(self, metric: str, reference: str) -> dict[str, Any]:
        """Everything that determines this run's dissimilarities over learning."""
        return {
            "kind": "learning",
            **self.identity,
            "metric": self.metric_configs[metric],
            "reference": reference,
        }

    @property
    def ideal_accuracy(self) -> float:
        """The accuracy of the ideal observer, who sees the inputs with their noise."""
        noise = self.spec.perturbation
        extra = noise.std if noise.name == "input" else 0.0
        return float(self.spec.task.ideal_accuracy(self.spec.target, extra_noise=extra))

    def final(self, run: Run) -> Final:
        """The trained network, for comparisons with others."""
        return Final(self.label.run, self.identity, lambda: run.states(run.epochs[-1], self.representation))


def build_job(config: DictConfig, *, choices: Mapping[str, Any], overrides: Sequence[str], root: Path) -> Job:
    """Build everything a job needs; nothing has trained when it returns.

    Parameters
    ----------
    choices : mapping
        Which name was chosen in each config group.
    overrides : sequence of str
        What goes into the run's name; see ``telling_overrides``.
    root : Path
        Folder to which a relative ``store`` refers.

    Raises
    ------
    DynalignError
        For an unknown or ill-typed key, and for combinations that have no meaning.
    """
    check_config(config, config_files(choices, config))
    task = build(config.task)
    perturbation = build(config.perturbation)
    curriculum = build(config.curriculum)
    representation = build(config.representation)
    metrics = [build(node) for node in config.metric.values()]
    check_names(config.metric, metrics)
    check_components(metrics, representation.components)
    label = RunLabel(
        run=_name(choices, config, overrides),
        model=str(choices["model"]),
        task=task.name,
        curriculum=curriculum.name,
        noise=float(config.noise),
        perturbation=perturbation.name,
        seed=int(config.seed),
    )

    spec = build_spec(_determining(config, perturbation), perturbation)
    spec.check(spec.build_model(), label.model)
    return Job(
        config=config,
        label=label,
        spec=spec,
        metrics=metrics,
        metric_configs={metric.name: node for metric, node in zip(metrics, plain(config.metric).values(), strict=True)},
        representation=representation,
        representation_config=plain(config.representation),
        reference=str(config.reference),
        store=RunStore(root / str(config.store)),
        callbacks=[build(node) for name, node in config.callbacks.items() if name != "dissimilarity"],
    )


def check_names(nodes: Sequence[str], metrics: Sequence[Metric]) -> None:
    """Raise a DynalignError if two of the metrics, from configs of these names, are called the same in tables."""
    for index, metric in enumerate(metrics):
        for earlier in range(index):
            if metrics[earlier].name == metric.name:
                first, second = list(nodes)[earlier], list(nodes)[index]
                raise DynalignError(
                    f"metric=[{first},{second}] are both {metric.name}, with other settings, and one table cannot tell "
                    "them apart; choose one of them."
                )


def build_spec(determining: Mapping[str, Any], perturbation: Perturbation) -> RunSpec:
    """Build the spec of a run from the plain config that determines it."""
    task = build(determining["task"])
    seed = determining["seed"]

    def build_model() -> SequenceModel:
        model: SequenceModel = build(determining["model"], n_inputs=task.n_inputs, n_actions=task.n_actions, seed=seed)
        return model

    return RunSpec(
        task=task,
        build_model=build_model,
        perturbation=perturbation,
        curriculum=build(determining["curriculum"], _convert_="all"),
        training=build(determining["training"]),
        target=determining["target"],
        seed=seed,
        config=determining,
    )


def stored_run(store: RunStore, prefix: str) -> Run:
    """Return the run in the store whose key starts with ``prefix``.

    Raises
    ------
    DynalignError
        If there is none, or more than one.
    """
    determining = read_json(store.match(prefix) / "config.json")
    noise = determining["perturbation"]
    return load(build_spec(determining, InputNoise() if noise is None else build(noise)), store)


def is_checkpoint_reference(reference: str) -> bool:
    """Whether a reference is a checkpoint of the run itself, rather than another run."""
    return reference in REFERENCES


def build_dissimilarity_callback(job: Job, reference: Any, inputs: Any, states: Any) -> DissimilarityCallback:
    """Make the checkpoint callback of a job."""
    make = build(job.config.callbacks.dissimilarity, _partial_=True)
    callback: DissimilarityCallback = make(
        inputs=inputs,
        states=states,
        metrics=job.metrics,
        reference=reference,
        components=job.representation.components,
        basis=job.representation.basis,
    )
    return callback


def _determining(config: DictConfig, perturbation: Perturbation) -> dict[str, Any]:
    """Return what determines the trained network: not what is measured on it, and no noise of zero."""
    noisy = perturbation.acts_on_network and perturbation.std > 0
    return {
        "task": plain(config.task),
        "model": plain(config.model),
        "curriculum": plain(config.curriculum),
        "perturbation": plain(config.perturbation) if noisy else None,
        "training": plain(config.trainer),
        "callbacks": {name: node for name, node in plain(config.callbacks).items() if name != "dissimilarity"},
        "target": config.representation.rule,
        "seed": int(config.seed),
    }


def telling_overrides(settings: Any) -> list[str]:
    """Return what belongs in a run's name: choices in groups, and values that vary over the sweep.

    Parameters
    ----------
    settings : DictConfig
        Hydra's own config of the job.
    """
    typed = [str(override) for override in settings.overrides.task]
    fixed = set(typed)
    sweep = Path(settings.sweep.dir) / "multirun.yaml"
    if str(settings.mode).endswith("MULTIRUN") and sweep.exists():
        fixed = set(OmegaConf.load(sweep).hydra.overrides.task)  # with "a,b" where a job has "a"
    return [
        override for override in typed if override not in fixed or override.split("=")[0] in settings.runtime.choices
    ]


def _name(choices: Mapping[str, Any], config: DictConfig, overrides: Sequence[str]) -> str:
    """Name a run after its model, noise, seed and what else sets it apart, such as rnn-noise0.1-seed0-full."""
    name = f"{choices['model']}-noise{float(config.noise):g}-seed{int(config.seed)}"
    for override in overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key in _NAMELESS or key.startswith(_NAMELESS_PREFIXES):
            continue
        last = key.split(".")[-1] if key not in choices else ""
        name += "-" + re.sub(r"[^\w.+-]+", "", f"{last}{value}")
    return name
