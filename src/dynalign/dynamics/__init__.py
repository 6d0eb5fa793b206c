"""What the dynamics of a network truly are, by its equations and weights: what a metric on its states is judged by."""

from dynalign.dynamics.controls import initial_recurrence, no_recurrence, shuffled_recurrence
from dynalign.dynamics.fixed_points import FixedPoints, Points, fixed_points
from dynalign.dynamics.inputs import inputs_of_period
from dynalign.dynamics.jacobians import jacobians, mean_jacobian
from dynalign.dynamics.spectra import Spectrum, spectral_distance, spectrum, time_constants

__all__ = [
    "FixedPoints",
    "Points",
    "Spectrum",
    "fixed_points",
    "initial_recurrence",
    "inputs_of_period",
    "jacobians",
    "mean_jacobian",
    "no_recurrence",
    "shuffled_recurrence",
    "spectral_distance",
    "spectrum",
    "time_constants",
]
