"""One tidy table: one row per number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.store import write_atomically
from dynalign.studies.after_learning import Pair
from dynalign.training import Record, Run

COLUMNS = (
    "comparison", "run", "model", "task", "curriculum", "noise", "perturbation", "seed", "epoch", "accuracy",
    "metric", "reference", "dissimilarity", "seconds",
)  # fmt: skip
"""``comparison`` is "learning" (a checkpoint against its run's reference) or "pairwise" (two trained networks)."""


@dataclass(frozen=True)
class RunLabel:
    """What a run is called, and the choices that set it apart."""

    run: str
    model: str
    task: str
    curriculum: str
    noise: float
    perturbation: str
    seed: int


def learning_rows(label: RunLabel, run: Run, records: Sequence[Record], reference: str) -> list[dict[str, Any]]:
    """Return a row per record; ``accuracy`` is that of the checkpoint."""
    accuracy = dict(zip(run.epochs, run.history["accuracy"], strict=True))
    return [
        {
            "comparison": "learning",
            **asdict(label),
            "epoch": record.epoch,
            "accuracy": accuracy[record.epoch],
            "metric": record.metric,
            "reference": reference,
            "dissimilarity": record.dissimilarity,
            "seconds": record.seconds,
        }
        for record in records
    ]


def pairwise_rows(
    labels: Mapping[str, RunLabel], runs: Mapping[str, Run], pairs: Sequence[Pair], metric: str
) -> list[dict[str, Any]]:
    """Return a row per pair of trained networks; epoch and accuracy are the first one's last."""
    return [
        {
            "comparison": "pairwise",
            **asdict(labels[pair.first]),
            "epoch": runs[pair.first].epochs[-1],
            "accuracy": float(runs[pair.first].history["accuracy"].iloc[-1]),
            "metric": metric,
            "reference": pair.second,
            "dissimilarity": pair.dissimilarity,
            "seconds": pair.seconds,
        }
        for pair in pairs
    ]


def as_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows as a table with ``COLUMNS``."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def write_table(table: pd.DataFrame, folder: Path, stem: str = "dissimilarities") -> dict[str, Path]:
    """Write the table as Parquet and CSV; return the two paths by format."""
    paths = {"parquet": folder / f"{stem}.parquet", "csv": folder / f"{stem}.csv"}
    write_atomically(paths["parquet"], lambda path: table.to_parquet(path, index=False))
    write_atomically(paths["csv"], lambda path: table.to_csv(path, index=False))
    return paths
