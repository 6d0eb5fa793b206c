"""Small trained runs in a store, for tests of what is done with runs."""

from __future__ import annotations

from typing import Any

from dynalign.identity import key_of, target_of
from dynalign.models import LeakyRNN
from dynalign.networks import build_network
from dynalign.store import Run, RunStore
from dynalign.tasks import PerceptualDecision
from dynalign.training import Curriculum, RunSpec, Training, obtain, plain_phases

TIMING = {
    "train": {"fixation": [40, 60], "stimulus": [100, 200], "delay": [40, 60], "decision": 60},
    "test": {"fixation": 40, "stimulus": 200, "delay": 60, "decision": 60},
}


def spec_of(
    seed: int = 0, pretrain: tuple[str, ...] = (), train: tuple[str, ...] = ("basic",), **settings: Any
) -> RunSpec:
    """Return what determines a small network on short trials."""
    task = PerceptualDecision(timing=TIMING)
    phases = Curriculum("curriculum", pretrain=pretrain, train=train).phases(task)
    config = {
        "task": {"_target_": target_of(PerceptualDecision), "timing": TIMING},
        "model": {"_target_": target_of(LeakyRNN), "hidden": 8},
        "perturbation": None,
        "seed": seed,
        "phases": plain_phases(phases),
        "target": train[-1] if train else "delay_anti",
        "training": {
            "epochs": 3, "batches_per_epoch": 2, "batch_size": 8, "validation_trials": 20, "learned": None,
            "gate": None, **settings,
        },
    }  # fmt: skip
    return RunSpec(
        network=build_network(config, key_of(config)),
        phases=phases,
        target=config["target"],
        training=Training(**config["training"]),
        seed=seed,
        config=config,
    )


def run_of(store: RunStore, seed: int = 0, **more: Any) -> Run:
    """Return that network, trained."""
    return obtain(spec_of(seed, **more), store)[0]
