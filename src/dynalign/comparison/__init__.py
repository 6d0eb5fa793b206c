"""Recordings and networks beside each other: how far apart they are, how sure that is, and what "the same" measures."""

from dynalign.comparison.compare import compare, network_recording
from dynalign.comparison.measuring import Effort
from dynalign.comparison.result import Comparison, Fit, Pair

__all__ = ["Comparison", "Effort", "Fit", "Pair", "compare", "network_recording"]
