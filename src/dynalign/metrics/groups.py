"""Systems by group: are those of one group nearer to each other than to those of another?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.metrics.base import Driven, Metric
from dynalign.metrics.pairwise import pairwise
from dynalign.statistics import Array, Estimate, bootstrap_weights, estimate, mean, ratio_of_means

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Groups:
    """Distances within and between groups of systems. ``print`` it.

    The intervals are of 95 %, from 2,000 bootstrap samples of the systems, drawn within their groups.

    Attributes
    ----------
    metric : str
        Label of the metric.
    names : list of str
        Of the systems: ``<group> 0``, ``<group> 1`` and so on.
    groups : list of str
        To which each of them belongs.
    matrix : array, shape (systems, systems)
        All distances.
    within, between : Estimate
        Mean distance of two systems of one group, and of two groups.
    ratio, difference : Estimate
        Between over within; between less within.
    """

    metric: str
    names: list[str]
    groups: list[str]
    matrix: npt.NDArray[np.float64]
    within: Estimate
    between: Estimate
    ratio: Estimate
    difference: Estimate

    @property
    def means(self) -> npt.NDArray[np.float64]:
        """Mean distance of the systems of two groups, shape (groups, groups); on the diagonal, within each."""
        every = list(dict.fromkeys(self.groups))
        places = [np.flatnonzero([own == group for own in self.groups]) for group in every]
        found = np.empty((len(every), len(every)))
        for i, mine in enumerate(places):
            for j, theirs in enumerate(places):
                block = self.matrix[np.ix_(mine, theirs)]
                found[i, j] = block[~np.eye(len(mine), dtype=bool)].mean() if i == j else block.mean()
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return a row per pair of different systems: first, second, first_group, second_group, kind, dissimilarity.

        ``kind`` is "within" or "between".

        Raises
        ------
        DynalignError
            If pandas is not installed.
        """
        try:
            import pandas as pd  # only here: metrics need it nowhere else
        except ImportError as error:
            raise DynalignError("to_frame() needs the package pandas; pip install pandas.") from error
        rows = [
            {
                "first": self.names[i],
                "second": self.names[j],
                "first_group": self.groups[i],
                "second_group": self.groups[j],
                "kind": "within" if self.groups[i] == self.groups[j] else "between",
                "dissimilarity": float(self.matrix[i, j]),
            }
            for i, j in combinations(range(len(self.names)), 2)
        ]
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        every = list(dict.fromkeys(self.groups))
        wide = max(len(name) for name in every)
        lines = [
            f"{self.metric} within groups {_told(self.within)}, between {_told(self.between)}: "
            f"{_told(self.ratio)} times as far",
            "means".ljust(wide) + "".join(f"  {name:>{max(len(name), 6)}}" for name in every),
        ]
        for name, row in zip(every, self.means, strict=True):
            numbers = (f"  {value:>{max(len(other), 6)}.3g}" for other, value in zip(every, row, strict=True))
            lines.append(name.ljust(wide) + "".join(numbers))
        return "\n".join(lines)


def compare_groups(
    metric: Metric,
    groups: Mapping[str, Sequence[npt.ArrayLike | Driven]],
    *,
    seed: int = 0,
    progress: bool | Callable[[int, int], None] = False,
    n_jobs: int = 1,
) -> Groups:
    """Compare groups of systems: seeds of one network, animals of one condition, sessions of one animal.

    Parameters
    ----------
    metric : Metric
    groups : mapping of name to sequence of arrays, each (trials, time, units); or of Driven, if the metric needs inputs
        Two groups at least, of two systems each.
    seed : int
        Of the bootstrap.
    progress, n_jobs
        See ``pairwise``.

    Returns
    -------
    Groups

    Raises
    ------
    DynalignError
        If there are fewer groups or systems; naming the system, if the metric refuses one.

    Examples
    --------
    >>> from dynalign.metrics import DSA, compare_groups
    >>> print(compare_groups(DSA(), {"rnn": rnns, "gru": grus}))  # doctest: +SKIP
    """
    if len(groups) < 2:
        raise DynalignError(f"Groups are compared with each other, but there is {len(groups)}; give two or more.")
    for name, systems in groups.items():
        if len(systems) < 2:
            raise DynalignError(
                f"Group {name} has {len(systems)} system{'s' * (len(systems) != 1)}; a distance within a group needs "
                "two or more."
            )
    members = [(f"{name} {place}", str(name)) for name, systems in groups.items() for place in range(len(systems))]
    names, belongs = [name for name, _ in members], [group for _, group in members]
    every: list[Any] = [system for systems in groups.values() for system in systems]
    matrix = pairwise(metric, every, names=names, progress=progress, n_jobs=n_jobs)
    pairs = list(combinations(range(len(every)), 2))
    values = np.array([matrix[pair] for pair in pairs])
    apart = np.array([belongs[i] != belongs[j] for i, j in pairs])
    columns = [[i for i, _ in pairs], [j for _, j in pairs]]
    weights = bootstrap_weights([columns], strata=dict(enumerate(belongs)), seed=seed)

    def mean_of(chosen: npt.NDArray[np.bool_]) -> Estimate:
        return estimate(lambda drawn: mean(values[chosen], drawn[:, chosen]), weights)

    def ratio(drawn: Array) -> Array:
        return ratio_of_means(values, apart, drawn)

    within, between = mean_of(~apart), mean_of(apart)
    return Groups(metric.label, names, belongs, matrix, within, between, estimate(ratio, weights), between - within)


def _told(found: Estimate) -> str:
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"
