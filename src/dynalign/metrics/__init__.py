"""Dissimilarities between systems: arrays (trials, time, units) in, numbers out."""

from dynalign.metrics.base import Metric
from dynalign.metrics.cka import CKA
from dynalign.metrics.dsa import DSA
from dynalign.metrics.hankel_dmd import HankelDMD
from dynalign.metrics.pairwise import against, pairwise
from dynalign.metrics.procrustes import Procrustes

__all__ = ["CKA", "DSA", "HankelDMD", "Metric", "Procrustes", "against", "pairwise"]
