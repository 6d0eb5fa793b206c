"""The leaderboard: what every metric reached on every criterion, and in which order they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dynalign.metrics.base import Description
from dynalign.statistics import Estimate
from dynalign.testcases.base import Criterion, LostError, TestCase

_ROUNDING = 1e-9  # a difference below it is no difference


@dataclass(frozen=True)
class Cell:
    """What one metric measured on one test case with one seed.

    Attributes
    ----------
    metric : str
        The metric's label: a row of the leaderboard.
    case : TestCase
    seed : int
    rows : DataFrame
        See ``as_rows``; empty if the cell was lost.
    description : Description
        What there is to say of the metric.
    pairs : int
        Different pairs that were measured.
    seconds : float
        For all of them.
    warnings : sequence of str
        What the metric warned of.
    lost : str
        Why there is no measurement; empty if there is one.
    """

    metric: str
    case: TestCase
    seed: int
    rows: pd.DataFrame
    description: Description
    pairs: int = 0
    seconds: float = 0.0
    warnings: Sequence[str] = ()
    lost: str = ""


@dataclass(frozen=True)
class Leaderboard:
    """Scores of metrics.

    Attributes
    ----------
    cases : mapping of name to TestCase
    scores : DataFrame
        A row per metric and criterion: metric, testcase, criterion, value, low, high (the 95 % interval), ``leads``
        (whether it is the best or cannot be told from the best: the interval of their difference holds 0), and
        reason, why there is no value.
    metrics : DataFrame
        A row per metric, the best first: metric, place (its mean place over the headline criteria, 1 the best; those of
        test cases without inputs do not count for a metric that needs them), seconds_per_pair, pairs, seeds, warnings
        (what it warned of, each once).
    differences : DataFrame
        A row per headline criterion and ordered pair of metrics: testcase, criterion, first, second, and value, low,
        high of first less second, resampled together.
    descriptions : mapping of label to Description
        What there is to say of every metric.
    """

    cases: Mapping[str, TestCase]
    scores: pd.DataFrame
    metrics: pd.DataFrame
    differences: pd.DataFrame
    descriptions: Mapping[str, Description]


def build_leaderboard(cells: Sequence[Cell]) -> Leaderboard:
    """Score every metric on every criterion of the test cases that it was put to."""
    cases = {cell.case.name: cell.case for cell in cells}
    labels = list(dict.fromkeys(cell.metric for cell in cells))
    descriptions = {cell.metric: cell.description for cell in cells}
    scores, differences, places = [], [], []
    for name, criterion in _criteria(cases):
        found: dict[str, Estimate] = {}
        reasons: dict[str, str] = {}
        for label in labels:
            mine = [cell for cell in cells if cell.metric == label and cell.case.name == name]
            try:
                found[label] = judge(mine, criterion.name)
            except LostError as error:
                reasons[label] = str(error)
        best = _best(found, criterion)
        for label in labels:
            known = found.get(label)
            scores.append(
                {
                    "metric": label,
                    "testcase": name,
                    "criterion": criterion.name,
                    "value": np.nan if known is None else known.value,
                    "low": np.nan if known is None else known.low,
                    "high": np.nan if known is None else known.high,
                    "leads": known is not None and best is not None and _not_worse(known, found[best], criterion),
                    "reason": reasons.get(label, ""),
                }
            )
        if criterion.headline:
            able = [each for each in labels if cases[name].has_inputs or not descriptions[each].needs_inputs]
            places.append(_places(found, able, criterion))
            differences += _differences(found, name, criterion)
    columns = ["metric", "testcase", "criterion", "value", "low", "high", "leads", "reason"]
    compared = ["testcase", "criterion", "first", "second", "value", "low", "high"]
    return Leaderboard(
        cases,
        pd.DataFrame(scores, columns=columns),
        _facts(cells, labels, places),
        pd.DataFrame(differences, columns=compared),
        descriptions,
    )


def judge(cells: Sequence[Cell], criterion: str) -> Estimate:
    """Return a criterion of one metric's cells, all of the same test case, over their seeds.

    Raises
    ------
    LostError
        If there is no cell, one is lost, or a number is missing; fewer seeds would be no fair comparison.
    """
    if not cells:
        raise LostError("was not put to this test case")
    for cell in cells:
        if cell.lost:
            raise LostError(cell.lost)
    judged = cells[0].case.judge(criterion, pd.concat([cell.rows for cell in cells], ignore_index=True))
    if np.isnan(judged.value):
        raise LostError("the dissimilarities leave it undefined")
    return judged


def _criteria(cases: Mapping[str, TestCase]) -> Iterator[tuple[str, Criterion]]:
    for name, case in cases.items():
        for criterion in case.criteria:
            yield name, criterion


def _best(found: Mapping[str, Estimate], criterion: Criterion) -> str | None:
    if not found:
        return None
    choose = max if criterion.better == "higher" else min
    return choose(found, key=lambda label: found[label].value)


def _not_worse(mine: Estimate, best: Estimate, criterion: Criterion) -> bool:
    """Whether a metric is the best, or the interval of its difference from the best holds 0."""
    if mine.value == best.value or abs(mine.value - best.value) < _ROUNDING:
        return True
    difference = mine - best if criterion.better == "higher" else best - mine
    return bool(difference.high >= 0)


def _places(found: Mapping[str, Estimate], labels: Sequence[str], criterion: Criterion) -> dict[str, float]:
    """Return the place of each of ``labels``, 1 the best; equals share one, those without a value share the last."""
    sign = -1.0 if criterion.better == "higher" else 1.0
    keys = pd.Series({label: sign * found[label].value if label in found else np.nan for label in labels})
    ranks = keys.rank(method="average", na_option="bottom")
    return {str(label): float(rank) for label, rank in ranks.items()}


def _differences(found: Mapping[str, Estimate], case: str, criterion: Criterion) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for first, one in found.items():
        for second, other in found.items():
            if first == second:
                continue
            gap = one - other
            rows.append(
                {
                    "testcase": case,
                    "criterion": criterion.name,
                    "first": first,
                    "second": second,
                    "value": gap.value,
                    "low": gap.low,
                    "high": gap.high,
                }
            )
    return rows


def _facts(cells: Sequence[Cell], labels: Sequence[str], places: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    rows = []
    for label in labels:
        mine = [cell for cell in cells if cell.metric == label and not cell.lost]
        placed = [place[label] for place in places if label in place]
        pairs, seconds = sum(cell.pairs for cell in mine), sum(cell.seconds for cell in mine)
        rows.append(
            {
                "metric": label,
                "place": float(np.mean(placed)) if placed else np.nan,
                "seconds_per_pair": seconds / pairs if pairs else np.nan,
                "pairs": pairs,
                "seeds": len({cell.seed for cell in cells if cell.metric == label}),
                "warnings": list(dict.fromkeys(text for cell in mine for text in cell.warnings)),
            }
        )
    table = pd.DataFrame(rows, columns=["metric", "place", "seconds_per_pair", "pairs", "seeds", "warnings"])
    return table.sort_values("place", kind="stable", ignore_index=True)
