"""Pairs as jobs of their own: the same table as that of the sweep itself."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.command import Ran, type_in

pytestmark = pytest.mark.slow
SWEEP = (
    "-m", "curriculum=untrained", "seed=0,1,2", "metric=cka", "logger=none", "store=store", "representation.trials=10",
)  # fmt: skip


def typed(place: Path, *words: str, script: str = "src/dynalign/__main__.py") -> Ran:
    return type_in(place, script, *words)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pairs")
    ran = typed(place, *SWEEP, "pairs=false", "hydra.sweep.dir=sweep", script="train.py")
    assert ran.code == 0, ran.output
    assert "dynalign pairs sweep=" in ran.output
    assert set(pd.read_parquet(place / "sweep" / "dissimilarities.parquet")["comparison"]) == {"learning"}
    return place


def test_parts_make_the_whole(place: Path) -> None:
    ran = typed(place, "pairs", "-m", "sweep=sweep", "blocks=2", "block=0,1", "hydra.sweep.dir=parts")
    assert ran.code == 0, ran.output
    assert "block 0 of 2: 6 dissimilarities" in ran.output
    assert "block 1 of 2: 0 dissimilarities" in ran.output
    whole = typed(place, *SWEEP, "hydra.sweep.dir=whole", script="train.py")
    assert whole.code == 0, whole.output
    columns = ["run", "reference", "metric", "dissimilarity"]
    tables = [pd.read_parquet(place / name / "dissimilarities.parquet")[columns] for name in ("sweep", "whole")]
    assert len(tables[0]) == 9
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "sweep must be the folder of a sweep"),
        (("sweep=nowhere",), "holds neither sweep.json nor result.json"),
        (("sweep=sweep", "block=2", "blocks=2"), "block=2 must be one of 0 to 1, for blocks=2"),
        (("sweep=sweep", "blocks=0"), "blocks=0 must be at least 1"),
        (("sweep=sweep", "workers=0"), "workers=0 must be at least 1"),
    ],
)
def test_slips(place: Path, words: tuple[str, ...], sentence: str) -> None:
    ran = typed(place, "pairs", *words)
    assert ran.code == 1
    assert sentence in ran.output
    assert "Traceback" not in ran.output
