"""Does Mamba change its recurrent dynamics when it learns? (E7)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from dynalign.inference import crossed
from dynalign.statistics import Array
from dynalign.studies.after_learning import AfterLearning, fall
from dynalign.studies.base import Claim, Evidence, Judged, part_of
from dynalign.studies.comparing import TRAINED
from dynalign.studies.published import PARTIAL
from dynalign.studies.verdict import Part

RESERVOIR = Claim(
    7,
    "E7",
    "In Mamba, DSA puts untrained networks no farther from master than pretrained ones, as in a reservoir, unlike in "
    "RNNs.",
    "DSA (rad) in Mamba: untrained 0.462, partial 0.427, full 0.466; in RNNs 0.607, 0.324, 0.271",
    "untrained over pretrained in Mamba below 1.1; log of untrained over master, RNN - Mamba, above 0",
)
_PRETRAINED = (*PARTIAL, "full", "full_unfrozen")


@dataclass(frozen=True)
class Mamba(AfterLearning):
    """As ``AfterLearning``, for Mamba; the states are those of its scan."""

    models: Sequence[str] = ("mamba", "rnn")

    name: ClassVar[str] = "mamba"
    title: ClassVar[str] = "Mamba"
    about: ClassVar[str] = (
        "The same groups of state-space models. A scan is linear given its inputs: does learning change it, or does it "
        "serve as a reservoir that the input and output weights learn to use?"
    )
    claims: ClassVar[Sequence[Claim]] = (RESERVOIR,)

    def parts(self, claim: Claim, evidence: Evidence) -> list[Part]:  # noqa: ARG002
        """Return what training does to Mamba, and how much more it does to RNNs."""
        return [
            part_of(
                "untrained / pretrained, Mamba",
                "How many times as far from master untrained Mambas are as pretrained ones.",
                (-np.inf, 1 + evidence.marks.farther),
                partial(self._ratio, evidence),
            ),
            part_of(
                "log ratio, RNN - Mamba",
                "The log of untrained over master, each to the pool of masters: by how much it is larger in RNNs.",
                (0.0, np.inf),
                partial(self._interaction, evidence),
            ),
        ]

    def _ratio(self, evidence: Evidence) -> Judged:
        design = evidence.design(evidence.dsa, self.models[0], (("untrained",), _PRETRAINED), part=TRAINED)
        return crossed(_quotient, design), None

    def _interaction(self, evidence: Evidence) -> Judged:
        groups = (("untrained",), ("master",))
        mamba, rnn = (evidence.design(evidence.dsa, model, groups, part=TRAINED) for model in self.models[:2])
        return crossed(_more, rnn, mamba), None


def _quotient(means: Array) -> Array:
    quotient: Array = means[:, 0] / means[:, 1]
    return quotient


def _more(means: Array) -> Array:
    """Return by how much the log ratio of the first two of four means (n, 4) exceeds that of the others."""
    logs: Array = np.log(means)
    return fall(logs[:, :2]) - fall(logs[:, 2:])
