"""Systems whose dynamics are known, and motifs made from them."""

from dynalign.attractors.base import System
from dynalign.attractors.families import FAMILIES, LORENZ, members, middle
from dynalign.attractors.integrate import euler, euler_maruyama, trajectories
from dynalign.attractors.motifs import attach, to_unit_range
from dynalign.attractors.systems import Bistable, Hopf, Line, Lorenz, Ring, Rossler, Straight, VanDerPol

__all__ = [
    "FAMILIES",
    "LORENZ",
    "Bistable",
    "Hopf",
    "Line",
    "Lorenz",
    "Ring",
    "Rossler",
    "Straight",
    "System",
    "VanDerPol",
    "attach",
    "euler",
    "euler_maruyama",
    "members",
    "middle",
    "to_unit_range",
    "trajectories",
]
