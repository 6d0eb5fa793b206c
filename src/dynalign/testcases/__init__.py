"""Tests of metrics by systems whose dynamics are known."""

from dynalign.testcases.base import Comparison, Criterion, LostError, Material, Panel, TestCase
from dynalign.testcases.composition import Composition
from dynalign.testcases.driven import DrivenSystems
from dynalign.testcases.families import Families
from dynalign.testcases.invariances import Invariances
from dynalign.testcases.leaderboard import Cell, Leaderboard, build_leaderboard, judge
from dynalign.testcases.measure import Measured, as_rows, lost, measure_material, measured_file
from dynalign.testcases.noise import Noise
from dynalign.testcases.simulation import Simulation
from dynalign.testcases.workers import Workers, measure_cells, stored_cells, workers

__all__ = [
    "Cell",
    "Comparison",
    "Composition",
    "Criterion",
    "DrivenSystems",
    "Families",
    "Invariances",
    "Leaderboard",
    "LostError",
    "Material",
    "Measured",
    "Noise",
    "Panel",
    "Simulation",
    "TestCase",
    "Workers",
    "as_rows",
    "build_leaderboard",
    "judge",
    "lost",
    "measure_cells",
    "measure_material",
    "measured_file",
    "stored_cells",
    "workers",
]
