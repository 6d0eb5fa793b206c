"""Dissimilarities between systems: arrays (trials, time, units) in, numbers out."""

from dynalign.metrics.base import Description, Driven, Metric
from dynalign.metrics.causal_ot import CausalOT
from dynalign.metrics.cca import CCA, PWCCA, SVCCA
from dynalign.metrics.cka import CKA
from dynalign.metrics.dsa import DSA
from dynalign.metrics.dsa_metric import DSAMetric
from dynalign.metrics.groups import Groups, compare_groups
from dynalign.metrics.hankel_dmd import ConditionWarning
from dynalign.metrics.input_dsa import InputDSA
from dynalign.metrics.operators import Explanation, PredictionWarning
from dynalign.metrics.pairwise import Distance, against, measure, pairwise
from dynalign.metrics.procrustes import Procrustes
from dynalign.metrics.reliability import Reliability, reliability
from dynalign.metrics.rsa import RSA
from dynalign.metrics.soft_matching import SoftMatching
from dynalign.metrics.trials import segments

__all__ = [
    "CCA",
    "CKA",
    "DSA",
    "PWCCA",
    "RSA",
    "SVCCA",
    "CausalOT",
    "ConditionWarning",
    "DSAMetric",
    "Description",
    "Distance",
    "Driven",
    "Explanation",
    "Groups",
    "InputDSA",
    "Metric",
    "PredictionWarning",
    "Procrustes",
    "Reliability",
    "SoftMatching",
    "against",
    "compare_groups",
    "measure",
    "pairwise",
    "reliability",
    "segments",
]
