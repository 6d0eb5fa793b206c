"""What the study published (arXiv 2410.24070): the figures that our own are set beside.

They come from outputs saved in its public notebooks (printed), or were read off its plots to about 0.005. CKA and
Procrustes are (2 / pi) arccos of a similarity, from 0 to 1; DSA is an angle in radians, from 0 to pi, and so not on
their scale. Groups have the names of our curricula; "partial" is the five groups from basic to basic_delay together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from dynalign.errors import DynalignError, suggestion
from dynalign.statistics import Array

Read = Literal["printed", "plot", "recomputed"]
"""Printed by a notebook, read off a plot to about 0.005, or recomputed from printed values."""

METRICS = ("dsa", "cka", "procrustes")
GROUPS = (
    "untrained",
    "master_frozen",
    "master",
    "basic",
    "anti",
    "delay",
    "basic_anti",
    "basic_delay",
    "full",
    "full_unfrozen",
)
PARTIAL = GROUPS[3:8]


@dataclass(frozen=True, eq=False)
class Matrix:
    """Mean dissimilarities of all groups with all, ``values`` (10, 10) in the order of ``GROUPS``, symmetric."""

    about: str
    read: Read
    values: Array

    def row(self, group: str) -> Mapping[str, float]:
        """Return a group's dissimilarity to every group, itself included.

        Raises
        ------
        DynalignError
            If there is no such group.
        """
        if group not in GROUPS:
            raise DynalignError(f"The study has no group {group}; {suggestion(group, GROUPS)}")
        return dict(zip(GROUPS, self.values[GROUPS.index(group)].tolist(), strict=True))


@dataclass(frozen=True)
class Mean:
    """A mean, and its standard error where the study gave one."""

    value: float
    error: float | None = None


@dataclass(frozen=True, eq=False)
class Means:
    """Means by name, such as a group's mean dissimilarity to master."""

    about: str
    read: Read
    values: Mapping[str, Mean]


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves by name, each of the shape of ``x``; those named in ``printed`` were, whatever ``read`` says of others."""

    about: str
    read: Read
    x: Array
    values: Mapping[str, Array]
    printed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """How the study summed up a curve: the R2 of a line through its means, and |last - first|. Printed."""

    r_squared: float
    gap: float


@dataclass(frozen=True)
class Regression:
    """A least-squares line of dissimilarity over |difference in accuracy|; ``error`` is that of the slope. Printed."""

    slope: float
    intercept: float
    error: float
    p: float
    r_squared: float


@dataclass(frozen=True)
class Spread:
    """The mean, standard deviation and range of dissimilarities."""

    mean: float
    deviation: float
    least: float
    most: float


@dataclass(frozen=True)
class Discrimination:
    """Nine Lorenz systems of three families: dissimilarities within and between families. Recomputed.

    Attributes
    ----------
    within, between : Spread
        Of 9 and 27 pairs.
    ratio : float
        Mean between over mean within.
    auc : float
        The probability that a pair between families is farther apart than one within.
    within_family : tuple of float
        Means of families 0, 1, 2.
    between_families : tuple of float
        Means of families 0 and 1, 0 and 2, 1 and 2.
    """

    within: Spread
    between: Spread
    ratio: float
    auc: float
    within_family: tuple[float, float, float]
    between_families: tuple[float, float, float]


def _array(*values: float) -> Array:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def _symmetric(upper: str, *, diagonal: bool) -> Array:
    """Return the matrix whose upper triangle is printed row by row, with its diagonal or with 0 there."""
    matrix: Array = np.zeros((len(GROUPS), len(GROUPS)))
    rows, columns = np.triu_indices(len(GROUPS), 0 if diagonal else 1)
    matrix[rows, columns] = matrix[columns, rows] = [float(value) for value in upper.split()]
    matrix.setflags(write=False)
    return matrix


def _to_master(values: tuple[float, ...], errors: tuple[float | None, ...]) -> Mapping[str, Mean]:
    names = ("untrained", "master_frozen", "partial", "full", "full_unfrozen")
    means = [Mean(value, error) for value, error in zip(values, errors, strict=True)]
    return MappingProxyType(dict(zip(names, means, strict=True)))


E1: Mapping[str, Discrimination] = MappingProxyType(
    {
        "dsa": Discrimination(
            Spread(0.221, 0.038, 0.160, 0.287),
            Spread(0.481, 0.120, 0.193, 0.678),
            2.18,
            0.971,
            (0.229, 0.207, 0.226),
            (0.436, 0.604, 0.404),
        ),
        "cka": Discrimination(
            Spread(0.793, 0.076, 0.663, 0.895),
            Spread(0.890, 0.056, 0.725, 0.956),
            1.12,
            0.868,
            (0.836, 0.808, 0.736),
            (0.850, 0.932, 0.890),
        ),
        "procrustes": Discrimination(
            Spread(0.671, 0.061, 0.575, 0.757),
            Spread(0.775, 0.066, 0.619, 0.873),
            1.16,
            0.848,
            (0.716, 0.658, 0.640),
            (0.742, 0.836, 0.748),
        ),
    }
)
"""Discrimination of Lorenz families, by metric."""

E2_NOISE = Curves(
    "Two copies of a Lorenz system with noise of 0.4, 0.2 and 0.1 %, over 'epochs' 1 to 3: mean of 42 pairs.",
    "plot",
    _array(1, 2, 3),
    MappingProxyType(
        {
            "dsa": _array(0.177, 0.167, 0.152),
            "cka": _array(0.0245, 0.0123, 0.006),
            "procrustes": _array(0.0215, 0.011, 0.0055),
        }
    ),
)
E2_NOISE_LINES: Mapping[str, Line] = MappingProxyType(
    {"dsa": Line(0.982, 0.025), "cka": Line(0.964, 0.018), "procrustes": Line(0.964, 0.016)}
)
E2_MIXING = Curves(
    "A Lorenz system against itself mixed with 1, 0.5 and 0.25 of another, over 'epochs' 1 to 3: mean of 42 pairs.",
    "plot",
    _array(1, 2, 3),
    MappingProxyType(
        {
            "dsa": _array(0.486, 0.458, 0.430),
            "cka": _array(0.56, 0.384, 0.224),
            "procrustes": _array(0.46, 0.303, 0.173),
        }
    ),
)
E2_MIXING_LINES: Mapping[str, Line] = MappingProxyType(
    {"dsa": Line(1.000, 0.056), "cka": Line(0.999, 0.337), "procrustes": Line(0.997, 0.287)}
)

E3_UNORDERED = Curves(
    "Systems of three motifs over the number that they share in any order, 33 delays of 6 steps.",
    "plot",
    _array(1, 2, 3),
    MappingProxyType(
        {
            "dsa": _array(0.765, 0.628, 0.361),
            "cka": _array(0.873, 0.817, 0.793),
            "procrustes": _array(0.752, 0.690, 0.668),
        }
    ),
    printed=("dsa",),
)
E3_ORDERED = Curves(
    "Systems of three motifs over the number that they share in place, 17 delays of 11 steps; 3 is a system itself.",
    "plot",
    _array(1, 2, 3),
    MappingProxyType(
        {
            "dsa": _array(0.718, 0.50, 0),
            "cka": _array(0.803, 0.648, 0),
            "procrustes": _array(0.672, 0.515, 0),
        }
    ),
)

E4_MATRICES: Mapping[str, Matrix] = MappingProxyType(
    {
        "dsa": Matrix(
            "RNNs after learning, DSA: group against group, mean over configs; its diagonal is not 0.",
            "printed",
            _symmetric(
                """.063 .606 .607 .557 .634 .547 .559 .588 .600 .593
                .082 .427 .477 .546 .531 .484 .516 .496 .524
                .088 .300 .292 .357 .305 .367 .271 .306
                .090 .368 .390 .350 .362 .348 .375
                .086 .355 .374 .351 .336 .311
                .105 .364 .368 .370 .359
                .098 .368 .339 .372
                .103 .312 .362
                .102 .342
                .109""",
                diagonal=True,
            ),
        ),
        "cka": Matrix(
            "RNNs after learning, CKA: group against group, mean over configs.",
            "printed",
            _symmetric(
                """.312 .426 .396 .406 .424 .452 .400 .439 .467
                .419 .379 .377 .416 .423 .393 .419 .421
                .376 .369 .401 .390 .436 .403 .405
                .329 .385 .342 .345 .348 .402
                .402 .328 .362 .350 .393
                .434 .402 .417 .455
                .347 .343 .402
                .360 .401
                .398""",
                diagonal=False,
            ),
        ),
        "procrustes": Matrix(
            "RNNs after learning, Procrustes: group against group, mean over configs.",
            "printed",
            _symmetric(
                """.343 .444 .406 .421 .438 .448 .402 .431 .456
                .412 .382 .399 .414 .415 .386 .412 .419
                .392 .403 .395 .415 .417 .415 .417
                .369 .400 .373 .357 .374 .412
                .417 .382 .376 .386 .419
                .433 .407 .423 .445
                .373 .379 .419
                .370 .409
                .408""",
                diagonal=False,
            ),
        ),
    }
)
E4_TO_MASTER: Mapping[str, Means] = MappingProxyType(
    {
        "dsa": Means(
            "RNNs after learning, DSA to master: mean over configs.",
            "plot",
            _to_master((0.607, 0.427, 0.324, 0.271, 0.306), (0.053, 0.049, 0.013, 0.021, 0.025)),
        ),
        "cka": Means(
            "RNNs after learning, CKA to master: mean over configs.",
            "plot",
            _to_master((0.426, 0.419, 0.395, 0.403, 0.405), (0.038, 0.029, 0.015, 0.040, 0.030)),
        ),
        "procrustes": Means(
            "RNNs after learning, Procrustes to master: mean over configs, without errors.",
            "plot",
            _to_master((0.444, 0.412, 0.404, 0.415, 0.417), (None,) * 5),
        ),
    }
)

_LEARNT = _array(5, 20, 40, 60, 80, 100)
E5_CURVES: Mapping[str, Curves] = MappingProxyType(
    {
        "dsa": Curves(
            "RNNs over learning, DSA to master over the per cent of training, by the per cent of shared pretraining.",
            "plot",
            _LEARNT,
            MappingProxyType(
                {
                    "0": _array(0.41, 0.473, 0.596, 0.605, 0.556, 0.515),
                    "33": _array(0.533, 0.507, 0.456, 0.435, 0.413, 0.408),
                    "67": _array(0.50, 0.503, 0.473, 0.470, 0.430, 0.428),
                    "100": _array(0.583, 0.583, 0.328, 0.352, 0.366, 0.360),
                }
            ),
        ),
        "cka": Curves(
            "RNNs over learning, CKA to master over the per cent of training, by the per cent of shared pretraining.",
            "plot",
            _LEARNT,
            MappingProxyType(
                {
                    "0": _array(0.33, 0.388, 0.427, 0.436, 0.453, 0.444),
                    "33": _array(0.485, 0.465, 0.453, 0.448, 0.463, 0.463),
                    "67": _array(0.496, 0.465, 0.450, 0.447, 0.464, 0.473),
                    "100": _array(0.452, 0.452, 0.474, 0.495, 0.492, 0.533),
                }
            ),
        ),
        "procrustes": Curves(
            "RNNs over learning, Procrustes to master likewise; the curve of 33 % lies about on that of 67 %, unread.",
            "plot",
            _LEARNT,
            MappingProxyType(
                {
                    "0": _array(0.335, 0.362, 0.393, 0.403, 0.421, 0.421),
                    "67": _array(0.437, 0.413, 0.410, 0.417, 0.432, 0.441),
                    "100": _array(0.442, 0.442, 0.437, 0.454, 0.466, 0.494),
                }
            ),
        ),
    }
)
E5_REGRESSIONS: Mapping[str, Regression] = MappingProxyType(
    {
        "dsa": Regression(0.2160, 0.3991, 0.0144, 3.3e-47, 0.132),
        "cka": Regression(-0.0752, 0.4855, 0.0171, 1.2e-5, 0.013),
        "procrustes": Regression(-0.0532, 0.4407, 0.0124, 1.8e-5, 0.0125),
    }
)
"""Dissimilarity of RNNs to master over |difference in accuracy|, pooled over pairs of about 1478 checkpoints."""

E7_MATRICES: Mapping[str, Matrix] = MappingProxyType(
    {
        "dsa": Matrix(
            "Mamba after learning, DSA: group against group, mean over configs; its diagonal is not 0.",
            "printed",
            _symmetric(
                """.084 .488 .462 .439 .449 .446 .452 .466 .444 .453
                .067 .615 .593 .580 .554 .558 .544 .525 .553
                .086 .385 .412 .447 .427 .462 .466 .451
                .091 .407 .425 .433 .458 .450 .450
                .100 .433 .435 .452 .456 .442
                .088 .416 .436 .431 .424
                .102 .414 .429 .419
                .077 .439 .429
                .089 .424
                .086""",
                diagonal=True,
            ),
        ),
        "cka": Matrix(
            "Mamba after learning, CKA: group against group, mean over configs.",
            "printed",
            _symmetric(
                """.261 .381 .425 .416 .556 .540 .579 .636 .644
                .339 .430 .414 .562 .533 .578 .640 .639
                .495 .466 .583 .562 .586 .638 .667
                .513 .632 .609 .633 .688 .695
                .625 .615 .631 .696 .692
                .658 .675 .704 .703
                .661 .694 .666
                .687 .686
                .733""",
                diagonal=False,
            ),
        ),
        "procrustes": Matrix(
            "Mamba after learning, Procrustes: group against group, mean over configs.",
            "printed",
            _symmetric(
                """.305 .416 .462 .466 .528 .533 .535 .577 .581
                .365 .442 .440 .507 .502 .510 .559 .555
                .499 .489 .548 .543 .546 .586 .598
                .536 .593 .588 .590 .632 .631
                .594 .600 .592 .639 .634
                .611 .612 .635 .628
                .607 .631 .610
                .622 .626
                .655""",
                diagonal=False,
            ),
        ),
    }
)
E7_TO_MASTER: Mapping[str, Means] = MappingProxyType(
    {
        "dsa": Means(
            "Mamba after learning, DSA to master: mean over configs.",
            "plot",
            _to_master((0.462, 0.615, 0.427, 0.466, 0.451), (0.014, 0.018, 0.006, 0.015, 0.016)),
        )
    }
)
