"""`python study.py`, small: what was typed, the networks that follow from it, and what a study leaves behind."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from tests.cli.composed import build
from tests.command import Ran, type_in

from dynalign.cli import CONF
from dynalign.cli import study_job as study
from dynalign.cli.check import check_command_line
from dynalign.cli.study import rewritten
from dynalign.cli.study_summary import _lacking
from dynalign.errors import DynalignError
from dynalign.studies import POOL, Member

TINY = [
    "scale.pool=2", "seeds=2", "models=[rnn]", "groups=[untrained,master]", "attractors=false", "fixed_points=[]",
    "workers=1", "trainer.epochs=1", "trainer.batches_per_epoch=2", "trainer.batch_size=8",
    "trainer.validation_trials=20", "trainer.learned=null", "trainer.gate=null",
]  # fmt: skip


def job_of(store: Path, *overrides: str) -> study.Job:
    job: study.Job = build("study", study.build_job, store, *overrides)
    return job


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["after_learning"], ["study=[after_learning]"]),
        (["mamba", "seeds=3", "over_learning"], ["seeds=3", "study=[mamba,over_learning]"]),
        (["-m", "mamba", "protocol=corrected,published"], ["-m", "protocol=corrected,published", "study=[mamba]"]),
        (["--cfg", "job"], ["--cfg", "job"]),
        (["--cfg", "job", "mamba"], ["--cfg", "job", "study=[mamba]"]),
        (["--config-dir", "mine", "seeds=3"], ["--config-dir", "mine", "seeds=3"]),
        (["--help"], ["--help"]),
        ([], []),
    ],
)
def test_words_without_an_equals_sign_name_studies(typed: list[str], given: list[str]) -> None:
    assert rewritten(typed) == given


def test_a_scale_decides_which_networks_there_are(tmp_path: Path) -> None:
    job = job_of(tmp_path, "study=[over_learning]")
    about = {"rnn": (10, 8), "gru": (8, 5), "mamba": (8, 5)}
    assert len(job.specs) == 8 + about["rnn"][0] * about["rnn"][1]  # over learning asks for RNNs alone
    assert len({spec.key for spec in job.specs.values()}) == len(job.specs)
    every = job_of(tmp_path)
    assert len(every.specs) == sum(8 + seeds * groups for seeds, groups in about.values())
    assert [each.name for each in every.studies] == [
        "after_learning", "over_learning", "within_learning", "mamba", "rnn_vs_mamba",
    ]  # fmt: skip


def test_models_groups_and_seeds_that_were_typed(tmp_path: Path) -> None:
    job = job_of(tmp_path, *TINY)
    assert list(job.specs) == [
        Member("rnn", POOL, 1000), Member("rnn", POOL, 1001), Member("rnn", "untrained", 0),
        Member("rnn", "untrained", 1), Member("rnn", "master", 0), Member("rnn", "master", 1),
    ]  # fmt: skip
    assert job.specs[Member("rnn", "untrained", 0)].phases == ()
    pool, master = (job.specs[Member("rnn", *name)] for name in ((POOL, 1000), ("master", 0)))
    assert pool.phases == master.phases
    assert (pool.seed, master.seed) == (1000, 0)


def test_groups_that_begin_alike_share_their_pretraining(tmp_path: Path) -> None:
    job = job_of(tmp_path, "study=[over_learning]", "groups=[full,full_unfrozen]", "seeds=2")
    for seed in range(2):
        frozen, free = (job.specs[Member("rnn", group, seed)] for group in ("full", "full_unfrozen"))
        assert frozen.key != free.key
        assert frozen.before is not None
        assert free.before is not None
        assert frozen.before.key == free.before.key


def test_training_that_was_typed_counts_before_that_of_the_scale(tmp_path: Path) -> None:
    member = Member("rnn", "master", 0)
    usual = job_of(tmp_path, "models=[rnn]").specs[member].training
    assert (usual.epochs, usual.batches_per_epoch) == (20, 25)
    typed = job_of(tmp_path, "models=[rnn]", "trainer.epochs=3", "++trainer.gate=null").specs[member].training
    assert (typed.epochs, typed.batches_per_epoch, typed.gate) == (3, 25, None)
    scaled = job_of(tmp_path, "models=[rnn]", "scale.trainer.epochs=4").specs[member].training
    assert scaled.epochs == 4


def test_a_small_scale_trains_all_networks_alike_whatever_the_protocol(tmp_path: Path) -> None:
    asked = ["study=[after_learning]", "models=[gru]", "seeds=2"]
    keys = [
        {member: spec.key for member, spec in job_of(tmp_path, *asked, *more).specs.items()}
        for more in ([], ["protocol=published"], ["protocol=published", "scale.as_published=true"])
    ]
    assert keys[0] == keys[1]
    assert not set(keys[0].values()) & set(keys[2].values())


def test_what_a_protocol_does_not_study_is_left_out(tmp_path: Path) -> None:
    job = job_of(tmp_path, "protocol=published", "models=[rnn]")
    assert [each.name for each in job.studies] == ["after_learning", "over_learning", "mamba"]
    with pytest.raises(DynalignError, match=r"The protocol published studies after_learning, .* only"):
        job_of(tmp_path, "protocol=published", "study=[within_learning]")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["models=[rn]"], r"models has rn, of which the scale has none; did you mean rnn\?"),
        (["groups=[mastr]"], r"groups has mastr, which is no curriculum; did you mean master\?"),
        (["seeds=1"], r"networks\.\w+\.seeds=1 must be at least 2"),
        (["seeds=many"], "seeds='many' in the command line has the wrong type"),
        (["scale.pool=1"], "pool=1 must be at least 2"),
        (["workers=0"], "workers=0 must be at least 1"),
        (["protocol.judged=ds"], r"protocol.judged=ds is no column; did you mean dsa\?"),
        (["marks.flatt=1"], "flatt"),
        (["rule.alpha=2"], "alpha of a rule lies between 0 and 1"),
    ],
)
def test_slips_get_one_sentence_before_anything_is_trained(typed: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DynalignError, match=message):
        job_of(tmp_path, *(f"++{word}" if "flatt" in word else word for word in typed))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder to type in."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def first(place: Path) -> Ran:
    return type_in(place, "study.py", "after_learning", "within_learning", *TINY, afresh=True)


@pytest.mark.slow
def test_it_ends_with_a_table_and_verdicts(first: Ran) -> None:
    assert first.code == 0, first.output
    assert "Warning" not in first.output
    assert "Traceback" not in first.output
    lines = [line.split() for line in first.output.splitlines()]
    assert [line[:2] for line in lines if line[:1] == ["RNN"]] == [
        ["RNN", "untrained"],
        ["RNN", "master"],
        ["RNN", "master,"],
    ]
    assert sum(line[:1] == ["trained"] for line in lines) == 6
    (claim,) = [line for line in lines if line[:1] == ["4"]]
    assert claim[-1] == "undecided"  # there is no master & frozen, and no partial
    assert [line[0] for line in lines if line][-3:] == ["table", "claims", "report"]


@pytest.mark.slow
def test_files_that_a_person_opens(first: Ran) -> None:
    names = {path.name for path in first.folder.iterdir()}
    assert {
        "claims.md", "headline.md", "report.html", "networks.csv", "dissimilarities.csv", "to-masters-rnn.png",
        "groups-rnn.png", "within-learning-rnn.png",
    } <= names  # fmt: skip
    assert "**undecided**" in (first.folder / "claims.md").read_text()
    networks = pd.read_csv(first.folder / "networks.csv")
    assert networks.groupby("group").size().to_dict() == {"master": 2, POOL: 2, "untrained": 2}
    assert set(networks["epochs"]) == {0, 1}
    rows = pd.read_csv(first.folder / "dissimilarities.csv")
    assert set(rows["part"]) >= {"trained", "split half", "control", "within 0"}
    assert (rows.loc[rows["part"] == "trained", "dissimilarity"] > 0).all()
    details = json.loads((first.folder / "result.json").read_text())["details"]
    assert set(details["studies"]) == {"after_learning", "within_learning"}


@pytest.mark.slow
def test_the_same_again_trains_nothing_and_says_the_same(first: Ran, place: Path) -> None:
    store = place / "multirun" / "store"
    kept = {path: path.stat().st_mtime_ns for path in store.glob("*/run.json")}
    assert len(kept) == 6
    again = type_in(place, "study.py", "study=[after_learning,within_learning]", *TINY)
    assert again.code == 0, again.output
    assert again.folder != first.folder
    assert {path: path.stat().st_mtime_ns for path in store.glob("*/run.json")} == kept
    assert not [line for line in again.output.splitlines() if line.startswith("trained ")]
    before, after = (pd.read_csv(ran.folder / "dissimilarities.csv") for ran in (first, again))
    pd.testing.assert_frame_equal(before, after)


@pytest.mark.slow
def test_what_there_is_left_to_do(first: Ran, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    console = Console(file=io.StringIO(), width=200)
    typed = check_command_line(["study=[after_learning]", *TINY, "dry_run=true"], CONF, "study")
    assert study.COMMAND.tell is not None
    assert study.COMMAND.tell(typed, console) == 0
    said = console.file.getvalue()  # type: ignore[attr-defined]
    rows = pd.read_csv(first.folder / "dissimilarities.csv")
    assert "networks  6 in 6 trainings, 6 of them in the store\n" in said
    pairs = re.findall(r"^pairs .*: (\d+), (\d+) known$", said, re.MULTILINE)
    assert pairs
    assert all(wanted == known for wanted, known in pairs)
    assert sum(int(wanted) for wanted, _ in pairs) <= len(rows)
    assert said.endswith("time      0 s of one processor\ndisk      0 B\n")


def test_networks_that_are_missing_are_a_problem() -> None:
    networks = pd.DataFrame(
        {"model": "rnn", "group": ["master", "full"], "seed": [0, 1], "reason": ["", "Training diverged."]}
    )
    studied: Any = SimpleNamespace(title="corrected", networks=networks)
    assert _lacking(studied) == "corrected: 1 of 2 networks are missing, such as rnn full seed 1: Training diverged."
    studied.networks = networks[:1].assign(reason=float("nan"))  # as an empty column is read again
    assert not _lacking(studied)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "code", "sentence"),
    [
        ("after_lerning", 1, "Error: study=after_lerning is unknown; did you mean after_learning?"),
        ("--help", 0, "study.py"),
        ("--cfg job", 0, "protocol:"),
    ],
)
def test_slips_and_help(typed: str, code: int, sentence: str, tmp_path: Path) -> None:
    ran = type_in(tmp_path, "study.py", *typed.split())
    assert ran.code == code, ran.output
    assert sentence in ran.output
    assert "Traceback" not in ran.output
    if code:
        assert len(ran.output.strip().splitlines()) == 1
    assert not list(tmp_path.glob("multirun/store/*/weights"))
