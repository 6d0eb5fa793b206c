from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.metrics import described

FACTORS = ("model", "task", "curriculum", "noise", "perturbation", "seed")
COLUMNS = (
    "comparison",
    "run",
    *FACTORS,
    "epoch",
    "accuracy",
    "metric",
    "unit",
    "reference",
    "dissimilarity",
    "seconds",
)
RUN_COLUMNS = ("run", *FACTORS, "epochs", "accuracy", "chance_accuracy", "ideal_accuracy", "status", "seconds", "key")

Study = dict[str, Any]


@pytest.fixture(scope="session")
def study() -> Callable[..., Study]:
    """The arguments that tell of a sweep over models, noises and seeds, with numbers that all differ."""

    def make(
        models: tuple[str, ...] = ("rnn", "mamba"),
        noises: tuple[float, ...] = (0.0, 0.1),
        seeds: int = 1,
        metrics: tuple[str, ...] = ("DSA", "CKA"),
    ) -> Study:
        about = described(*metrics)
        rng = np.random.default_rng(7)
        labels = [
            {
                "run": f"{model} noise={noise:g} seed={seed}",
                "model": model,
                "task": "delay_anti",
                "curriculum": "full",
                "noise": noise,
                "perturbation": "input",
                "seed": seed,
            }
            for model, noise, seed in product(models, noises, range(seeds))
        ]
        rows, runs, histories = [], [], {}
        epochs = np.arange(5)
        for place, label in enumerate(labels):
            accuracy = 0.5 + 0.1 * epochs - 0.01 * label["noise"]
            histories[label["run"]] = pd.DataFrame(
                {
                    "epoch": epochs,
                    "step": 10 * epochs,
                    "train_loss": [np.nan, *np.exp(-epochs[1:])],
                    "val_loss": 1.1 * np.exp(-epochs),
                    "accuracy": accuracy,
                    "chance_accuracy": np.nan,
                }
            )
            runs.append(
                {
                    **label,
                    "epochs": 4,
                    "accuracy": accuracy[-1],
                    "chance_accuracy": np.nan,
                    "ideal_accuracy": 0.95 - label["noise"],
                    "status": "trained",
                    "seconds": 12.34,
                    "key": f"{place:016x}",
                }
            )
            for metric in metrics:
                rows += [
                    {
                        "comparison": "learning",
                        **label,
                        "epoch": epoch,
                        "accuracy": accuracy[epoch],
                        "metric": metric,
                        "unit": about[metric].unit,
                        "reference": "initial",
                        "dissimilarity": 0.1 * epoch + 0.003 * place,
                        "seconds": 0.1,
                    }
                    for epoch in epochs
                ]
                rows += [
                    {
                        "comparison": "pairwise",
                        **label,
                        "epoch": 4,
                        "accuracy": accuracy[-1],
                        "metric": metric,
                        "unit": about[metric].unit,
                        "reference": other["run"],
                        "dissimilarity": 0.0 if other is label else rng.uniform(0.1, 0.9),
                        "seconds": 0.1,
                    }
                    for other in labels[place:]
                ]
        return {
            "table": pd.DataFrame(rows, columns=COLUMNS),
            "runs": pd.DataFrame(runs, columns=RUN_COLUMNS),
            "histories": histories,
            "metrics": about,
            "factors": [name for name in FACTORS if len({label[name] for label in labels}) > 1],
        }

    return make
