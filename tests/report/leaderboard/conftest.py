from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from tests.report.metrics import described

from dynalign.statistics import Estimate
from dynalign.testcases import Cell, Comparison, Criterion, Panel, TestCase, build_leaderboard
from dynalign.testcases.base import complete


@dataclass(frozen=True)
class Toy(TestCase):
    """Scores are what rows say, with an interval of 0.019 to either side."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toys"
    about: ClassVar[str] = "What toys are for."
    criteria: ClassVar[Sequence[Criterion]] = (
        Criterion("auc", "toy AUC", "higher", "How well toys are told apart.", headline=True),
        Criterion("limit", "bears noise", "higher", "Up to which noise.", headline=True, least=0.001, most=1.0),
        Criterion("drift", "drift of toys", "lower", "How far toys drift."),
    )
    panels: ClassVar[Sequence[Panel]] = (
        Panel("rising", "Toys in noise", "noise level", "AUC", log=True, line=0.9),
        Panel("epochs", "Toys over epochs", "epoch", "dissimilarity"),
    )
    matrices: ClassVar[Sequence[str]] = ("matched", "fresh")

    def material(self, simulation, seed):
        raise NotImplementedError

    def judge(self, criterion, rows):
        return around(complete(rows, part=criterion)["dissimilarity"].mean())

    def curve(self, panel, rows):
        chosen = complete(rows, part=panel)
        return [(level, around(value)) for level, value in zip(chosen["level"], chosen["dissimilarity"], strict=True)]


def around(value: float) -> Estimate:
    return Estimate(value, value + np.linspace(-0.02, 0.02, 41))


SYSTEMS = {"ring(rate=0.5)": "ring", "line(rate=0.5)": "line", "ring(rate=1)": "ring", "odd": "odd"}
Scores = Mapping[str, tuple[float, float, float] | str]


def toy_rows(metric: str, scores: tuple[float, float, float], seed: int = 0) -> pd.DataFrame:
    """What a metric measured that is to reach these scores; unknown ones are lost."""
    parts = [("auc", 0.0), ("limit", 0.0), ("drift", 0.0)]
    singles = list(zip(parts, scores, strict=True))
    curves = [(("rising", level), 1 - level / 3) for level in (0.01, 0.1, 1.0)]
    curves += [(("epochs", epoch), scores[0] / epoch) for epoch in (1.0, 2.0, 3.0)]
    rows = [(*Comparison("x", "y", part, level, True, "x", "y"), value) for (part, level), value in singles + curves]
    for place, part in enumerate(Toy.matrices):
        for a, b in combinations_with_replacement(SYSTEMS, 2):
            apart = (0.0 if a == b else 0.1 if SYSTEMS[a] == SYSTEMS[b] else 0.4) + 0.2 * place + 0.02 * seed
            different = SYSTEMS[a] != SYSTEMS[b]
            rows.append((*Comparison(f"{a}, {part}", f"{b}, {part}", part, 0.0, different, a, b), apart))
    table = pd.DataFrame(rows, columns=[*Comparison._fields, "dissimilarity"])
    table["reason"] = np.where(table["dissimilarity"].isna(), "not [red]today[/red] | <b>", "")
    return table.assign(metric=metric, testcase="toy", seed=seed)


@pytest.fixture(scope="session")
def toys() -> Callable[..., Any]:
    """A board and its rows, from scores by label: of each criterion, or why there are none."""

    def make(scores: Scores, warnings: Mapping[str, Sequence[str]] | None = None):
        cells = []
        about = described(*scores)
        for label, known in scores.items():
            said = (warnings or {}).get(label, ())
            if isinstance(known, str):
                cells.append(Cell(label, Toy(), 0, pd.DataFrame(), about[label], lost=known))
            else:
                cells.append(Cell(label, Toy(), 0, toy_rows(label, known), about[label], 10, 0.017, said))
        return build_leaderboard(cells), pd.concat([cell.rows for cell in cells], ignore_index=True)

    return make


USUAL = {
    "DSA": (0.95, np.inf, 1e-15),
    "DSA(rank=3)": (0.80, 0.2, 0.0004),
    "CKA": (0.90, 0.36, 1e-16),
    "Procrustes": (0.951, 0.0001, 0.2),
    "Mine": (0.70, 0.5, np.nan),
    "Causal OT": "took longer than 120 s",
}


@pytest.fixture(scope="session")
def usual(toys: Callable[..., Any]) -> Any:
    """A board of six metrics, and its rows: one warned, one lost a number, one lost all."""
    return toys(USUAL, {"DSA": [f"warning <{place}>" for place in range(7)]})
