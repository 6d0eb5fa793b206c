"""Numbers of a sweep's summary."""

from __future__ import annotations

import pandas as pd
import pytest

from dynalign.cli.summary import to_master

RUNS = pd.DataFrame(
    [
        {"run": f"{model} {curriculum} {seed}", "model": model, "task": "pdm", "noise": 0, "perturbation": "input",
         "curriculum": curriculum, "seed": seed}
        for model in ("rnn", "gru") for curriculum in ("master", "basic") for seed in (0, 1)
    ]
)  # fmt: skip


def pair(one: str, other: str, dissimilarity: float) -> dict[str, object]:
    return {"run": one, "reference": other, "metric": "CKA", "dissimilarity": dissimilarity}


def test_curricula_are_as_far_from_masters_as_their_pairs_on_average() -> None:
    pairs = pd.DataFrame(
        [
            pair("rnn master 0", "rnn master 0", 0.0),  # with itself
            pair("rnn master 0", "rnn master 1", 0.1),
            pair("rnn master 0", "rnn basic 0", 0.2),
            pair("rnn basic 1", "rnn master 1", 0.4),
            pair("rnn basic 1", "rnn master 0", float("nan")),  # could not be compared
            pair("rnn basic 0", "rnn basic 1", 0.9),  # no master
            pair("gru basic 0", "rnn master 1", 0.9),  # another model
        ]
    )
    assert to_master(RUNS, pairs) == pytest.approx({"to_master/CKA/master": 0.1, "to_master/CKA/basic": 0.3})


@pytest.mark.parametrize("curriculum", ["master", "basic"])
def test_without_masters_and_others_there_is_nothing_to_say(curriculum: str) -> None:
    runs = RUNS[RUNS["curriculum"] == curriculum]
    assert to_master(runs, pd.DataFrame([pair(runs["run"].iloc[0], runs["run"].iloc[1], 0.5)])) == {}
