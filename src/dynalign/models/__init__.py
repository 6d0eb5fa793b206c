"""Recurrent networks and state-space models, all with the same interface."""

from dynalign.models.base import Output, SequenceModel
from dynalign.models.leaky_gru import LeakyGRU
from dynalign.models.leaky_rnn import LeakyRNN
from dynalign.models.mamba import Mamba

__all__ = ["LeakyGRU", "LeakyRNN", "Mamba", "Output", "SequenceModel"]
