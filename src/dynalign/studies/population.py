"""The networks of a study: groups of seeds, and a pool of masters that belongs to no group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dynalign.errors import DynalignError

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
    """Which networks a study has.

    Parameters
    ----------
    pool : int
        Master networks of each model that belong to no group.
    networks : mapping of model to {"seeds": int, "groups": list of curricula}
    trainer : mapping
        Settings of training that differ from the usual.

    Raises
    ------
    DynalignError
        If a number is below 1, or a model has no groups.
    """

    pool: int = 8
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pool < 2:
            raise DynalignError(f"pool={self.pool} must be at least 2: masters are compared with each other, too.")
        for model, about in self.networks.items():
            for key in about:
                if key not in ("seeds", "groups"):
                    raise DynalignError(f"networks.{model} has seeds and groups, and no {key}.")
            if int(about.get("seeds", 0)) < 2:
                raise DynalignError(f"networks.{model}.seeds={about.get('seeds')} must be at least 2.")
            if not about.get("groups"):
                raise DynalignError(f"networks.{model}.groups is empty; name at least one curriculum, such as master.")

    def members(self, models: Sequence[str] | None = None) -> list[Member]:
        """Return the networks of some models, or of all, each model's pool first."""
        return [
            member
            for model, about in self.networks.items()
            if models is None or model in models
            for member in (
                *(Member(model, POOL, POOL_SEEDS + place) for place in range(self.pool)),
                *(Member(model, group, seed) for group in about["groups"] for seed in range(int(about["seeds"]))),
            )
        ]
