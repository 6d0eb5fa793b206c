"""The networks of a study: groups of seeds, and a pool of masters that belongs to no group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from dynalign.errors import DynalignError
from dynalign.store import Run

POOL = "pool"
"""The group of the masters with which all others are compared."""
POOL_SEEDS = 1000  # those of the pool begin here, above those of any group


class Member(NamedTuple):
    """A network of a study: its model and group by their names in the config, and its seed."""

    model: str
    group: str
    seed: int

    @property
    def curriculum(self) -> str:
        """How it is trained."""
        return "master" if self.group == POOL else self.group


@dataclass(frozen=True)
class Scale:
    """Which networks there are.

    Parameters
    ----------
    pool : int
        Master networks of each model that belong to no group.
    networks : mapping of model to {"seeds": int, "groups": list of curricula, "vary": mapping}
        ``vary``, if there is one, has lists of values by config path, such as ``model.hidden``. All their combinations
        are gone through seed by seed, as the study had one network of each: every group has the same ones.
    trainer, task : mapping
        Settings of training and of the task that differ from those chosen.
    as_published : bool
        Whether a protocol may say how networks begin and train. The study's way takes hours to learn its task, so that
        a small scale trains all networks in the same way, and a protocol says how they are looked at.

    Raises
    ------
    DynalignError
        If there are fewer than two masters in the pool or seeds of a model, or a model has no groups.
    """

    pool: int = 8
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)
    as_published: bool = False

    def __post_init__(self) -> None:
        if self.pool < 2:
            raise DynalignError(f"pool={self.pool} must be at least 2: masters are compared with each other, too.")
        for model, about in self.networks.items():
            for key in about:
                if key not in ("seeds", "groups", "vary"):
                    raise DynalignError(f"networks.{model} has seeds, groups and vary, and no {key}.")
            if int(about.get("seeds", 0)) < 2:
                raise DynalignError(f"networks.{model}.seeds={about.get('seeds')} must be at least 2.")
            if not about.get("groups"):
                raise DynalignError(f"networks.{model}.groups is empty; name at least one curriculum, such as master.")

    def members(self, models: Sequence[str]) -> list[Member]:
        """Return the networks of some models, each model's pool first; none of a model that there is not."""
        return [
            member
            for model, about in self.networks.items()
            if model in models
            for member in (
                *(Member(model, POOL, POOL_SEEDS + place) for place in range(self.pool)),
                *(Member(model, group, seed) for group in about["groups"] for seed in range(int(about["seeds"]))),
            )
        ]

    def variant(self, member: Member) -> dict[str, Any]:
        """Return what is set otherwise for a network than for others of its group, by config path."""
        lists = dict(self.networks[member.model].get("vary") or {})
        combinations = list(product(*lists.values()))
        place = member.seed - POOL_SEEDS if member.group == POOL else member.seed
        return dict(zip(lists, combinations[place % len(combinations)], strict=True))


class Look(NamedTuple):
    """A network as it is looked at: at a checkpoint, on a set of probe trials, with its weights changed or not."""

    member: Member
    epoch: int
    probe: int = 0
    control: str = ""

    def __str__(self) -> str:
        """Say which network this is, as messages of a metric do."""
        trials = f", trials {self.probe}" if self.probe else ""
        control = f", {self.control}" if self.control else ""
        return f"{self.member.model} {self.member.group} seed {self.member.seed} at epoch {self.epoch}{trials}{control}"


@dataclass(frozen=True)
class Population:
    """The networks that were trained.

    Attributes
    ----------
    runs : mapping of Member to Run
    lost : mapping of Member to str
        Why a network is missing.
    ideal : float
        The ideal observer's accuracy on the target; NaN where it is not known.
    gate : float
        The share of it from which on a network has learned its task.
    """

    runs: Mapping[Member, Run]
    lost: Mapping[Member, str]
    ideal: float
    gate: float

    def of(self, model: str, group: str) -> list[Member]:
        """Return the networks of a group, by seed."""
        return [member for member in self.runs if (member.model, member.group) == (model, group)]

    def groups(self, model: str) -> list[str]:
        """Return the groups of a model, without the pool."""
        return [name for name in dict.fromkeys(m.group for m in self.runs if m.model == model) if name != POOL]

    def last(self, member: Member) -> Look:
        """Return a network as it was trained."""
        return Look(member, self.runs[member].epochs[-1])

    def start(self, member: Member) -> int:
        """Return the checkpoint at which a network's last phase of training began."""
        before = self.runs[member].before
        return self.runs[member].epochs[0] if before is None else before.epochs[-1]

    def at_fraction(self, member: Member, fraction: float) -> Look:
        """Return a network at the checkpoint nearest to a fraction of the steps of its last phase."""
        run, start = self.runs[member], self.start(member)
        phase = run.history[run.history["epoch"] >= start]
        steps = phase["step"].to_numpy(dtype=float)
        aim = steps[0] + fraction * (steps[-1] - steps[0])
        return Look(member, int(phase["epoch"].iloc[int(np.abs(steps - aim).argmin())]))

    def at_accuracy(self, member: Member, accuracy: float) -> Look:
        """Return a network at the first checkpoint of its last phase whose accuracy is nearest to a given one."""
        run = self.runs[member]
        phase = run.history[run.history["epoch"] >= self.start(member)]
        apart = (phase["accuracy"] - accuracy).abs().to_numpy()
        return Look(member, int(phase["epoch"].iloc[int(apart.argmin())]))

    def accuracy(self, look: Look) -> float:
        """Return a network's accuracy on the target at a checkpoint; NaN where its weights were changed."""
        if look.control:
            return math.nan
        history = self.runs[look.member].history
        return float(history.loc[history["epoch"] == look.epoch, "accuracy"].iloc[0])

    def passes(self, member: Member) -> bool:
        """Whether a network has learned its task; an untrained one has none to learn."""
        if member.group == "untrained":
            return True
        best = 1.0 if math.isnan(self.ideal) else self.ideal
        return self.accuracy(self.last(member)) >= self.gate * best
