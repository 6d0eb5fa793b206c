"""Families: systems that do the same, for several values of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dynalign.attractors.base import System
from dynalign.attractors.systems import Bistable, Hopf, Line, Lorenz, Ring, Rossler, VanDerPol
from dynalign.errors import DynalignError

FAMILIES: Mapping[str, tuple[System, ...]] = {
    "lorenz_origin": (Lorenz(r=0.25), Lorenz(r=0.5), Lorenz(r=0.75)),
    "lorenz_two_points": (Lorenz(r=5), Lorenz(r=10), Lorenz(r=15)),
    "lorenz_chaos": (Lorenz(r=30), Lorenz(r=40), Lorenz(r=50)),
    "rossler": (Rossler(c=5), Rossler(c=5.7), Rossler(c=7)),
    "van_der_pol": (VanDerPol(mu=1), VanDerPol(mu=1.5), VanDerPol(mu=2)),
    "hopf_focus": (Hopf(mu=-1), Hopf(mu=-0.6), Hopf(mu=-0.3)),
    "hopf_cycle": (Hopf(mu=0.3), Hopf(mu=0.6), Hopf(mu=1)),
    "ring": (Ring(rate=0.5), Ring(rate=0.75), Ring(rate=1)),
    "line": (Line(rate=0.5), Line(rate=0.75), Line(rate=1)),
    "bistable": (Bistable(a=0.5), Bistable(a=0.75), Bistable(a=1)),
}
"""The three regimes of the Lorenz system as in arXiv 2410.24070, and seven families more."""

LORENZ = ("lorenz_origin", "lorenz_two_points", "lorenz_chaos")
"""The study's own families."""


def members(families: Sequence[str]) -> list[tuple[str, System]]:
    """Return the systems of the families named, each with its family's name.

    Raises
    ------
    DynalignError
        If a family is unknown or named twice.
    """
    if isinstance(families, str):
        raise DynalignError(f"families={families} must be a list of names, such as [{families}].")
    unknown = [name for name in families if name not in FAMILIES]
    if unknown:
        raise DynalignError(f"There is no family {unknown[0]}; there is {', '.join(FAMILIES)}.")
    if len(set(families)) != len(families):
        raise DynalignError(f"families=[{', '.join(families)}] names a family twice.")
    return [(family, system) for family in families for system in FAMILIES[family]]


def middle(family: str) -> System:
    """Return the system of a family whose parameters lie between the others'."""
    found = members([family])
    return found[len(found) // 2][1]
