"""`python compare.py`: what is typed, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from examples.recordings import write
from tests.command import Ran, type_in
from tests.report.pages import Page
from tests.runs import run_of

from dynalign.cli.compare import rewritten
from dynalign.cli.compare_job import figures
from dynalign.errors import DynalignError
from dynalign.metrics import CKA
from dynalign.report import Problem
from dynalign.results import Sweep
from dynalign.store import RunStore

QUICK = ["effort.bootstrap=8", "effort.splits=4", "metric.dsa.starts=24"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.mat", "b c.npz", "it's.npy", "x=1.npy"):
        (tmp_path / name).touch()
    return tmp_path


def test_files_and_what_is_said_of_them_become_settings(here: Path) -> None:
    typed = ["-m", "a.mat", "b c.npz", "axes=units,time,trials", "smooth_ms=0,20", "metric=[dsa,cka]", "x=1.npy"]
    assert rewritten(typed) == [
        "-m", "data.files=[a.mat,'b c.npz','x=1.npy']", "data.axes=[units,time,trials]", "data.smooth_ms=0,20",
        "metric=[dsa,cka]",
    ]  # fmt: skip
    assert rewritten(["a.mat:rates", "it's.npy", "condition=a.mat:side", "key=null"]) == [
        "data.files=[a.mat:rates,'it\\'s.npy']", "data.condition=a.mat:side", "data.key=null",
    ]  # fmt: skip
    assert rewritten(["data=example", "align=condition_mean"]) == ["data=example", "align=condition_mean"]
    assert rewritten(["--help"]) == ["--help"]


@pytest.fixture
def store(here: Path) -> Path:
    for key in (f"{1:016x}", "4df59c68" + 8 * "0", "4df59c69" + 8 * "0", "12345678" + 8 * "1"):
        (here / "multirun" / "store" / key).mkdir(parents=True)
    return here / "multirun" / "store"


def test_keys_of_networks_become_settings(here: Path, store: Path) -> None:
    (here / "1234").touch()  # a file goes before a key
    assert rewritten(["a.mat", "4df59c68", "12345"]) == ["data.files=[a.mat]", "runs=['4df59c68','12345']"]
    assert rewritten(["1234", "4df59c68"]) == ["data.files=['1234']", "runs=['4df59c68']"]
    assert rewritten(["data=example", "runs=[12345,4df59c69]"]) == ["data=example", "runs=['12345','4df59c69']"]
    store.rename(here / "other")
    assert rewritten(["0000000", "12345", "store=other"]) == ["runs=['0000000','12345']", "store=other"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.mat", "beef"], "There is no file beef, and no network in multirun/store has a key that starts with beef;"),
        (
            ["a.mat", "4df5"],
            r"2 keys in multirun/store start with 4df5 \(4df59c6800000000, 4df59c6900000000\); type more",
        ),
        (["a.mat", "4df59c68", "store=none"], "There is no file 4df59c68, and no store none in which"),
        (["runs=[beef]"], "No network in multirun/store has a key that starts with beef"),
        (["12345", "runs=[4df59c68]"], "12345 is the key of a network, and runs= names others"),
    ],
)
def test_a_key_that_fits_no_network_gets_one_sentence(store: Path, words: list[str], says: str) -> None:
    with pytest.raises(DynalignError, match=says):
        rewritten(words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "There is nothing to compare: name files"),
        (["metric=cka"], "There is nothing to compare: name files"),
        (["a.mta"], r"There is no file a.mta\. Did you mean a.mat\?"),
        (["a.mat", "data=example"], "a.mat is a file, and data= names others"),
    ],
)
def test_a_slip_gets_one_sentence(here: Path, words: list[str], says: str) -> None:
    with pytest.raises(DynalignError, match=says):
        rewritten(words)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    base = tmp_path_factory.mktemp("compare")
    write(base / "recordings")
    files = [str(base / "recordings" / f"monkey_{which}") for which in ("a.mat", "b.npz", "c.csv")]
    return type_in(
        base, "compare.py", *files, "condition=condition", "metric=[dsa,cka]", "align=condition_mean", *QUICK,
        "metric.dsa.n_delays=3", f"hydra.run.dir={base / 'out'}", home=base, folder=base / "out",
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_leaves_tables_figures_and_a_page(compared: Ran) -> None:
    assert compared.code == 0, compared.output
    assert "Traceback" not in compared.output
    last = compared.output.strip().splitlines()[-2:]
    assert [line.split()[0] for line in last] == ["table", "report"]
    table = pd.read_csv(compared.folder / "dissimilarities.csv")
    assert len(table) == 6
    assert table[["dissimilarity", "low", "high", "floor", "halves"]].notna().all().all()
    html = (compared.folder / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert "monkey_a and monkey_b are" in page.text
    assert "http" not in html.replace("http://www.w3.org", "")
    kinds = [chart["kind"] for chart in page.charts.values()]
    assert kinds == [*["strips", "matrix", "map"] * 2, "trajectories"]
    assert "python compare.py /" in page.text  # as it was typed
    names = {path.name for path in compared.folder.iterdir()}
    assert {
        "matrix-dsa-n_delays-3-starts-24.png",
        "map-cka.png",
        "pairs-cka.png",
        "fits.csv",
        "recordings.parquet",
        "trajectories.csv",
    } <= names
    assert json.loads((compared.folder / "result.json").read_text())["status"] == "compared"
    again = figures(Sweep.load(compared.folder))  # for papers
    assert len(again) == 6
    assert not [each for each in again.values() if isinstance(each, Problem)]


@pytest.mark.slow
def test_the_command_refuses_in_one_sentence(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).normal(size=(20, 5)))
    ran = type_in(tmp_path, "compare.py", "a.npy", "b.npy", home=tmp_path, folder=tmp_path / "out")
    assert ran.code == 1
    assert ran.output.strip().splitlines()[-1].startswith("Error: a.npy has shape (20, 5): say what its two axes are")
    assert "Traceback" not in ran.output


@pytest.mark.slow
def test_a_network_is_compared_with_a_recording(tmp_path: Path) -> None:
    run = run_of(RunStore(tmp_path / "store"), epochs=1)
    np.save(tmp_path / "mine.npy", run.states() + np.random.default_rng(0).normal(scale=1e-3, size=run.states().shape))
    words = ["mine.npy", run.key[:8], "axes=trials,time,units", "store=store", "metric=cka", "effort.bootstrap=4"]
    ran = type_in(tmp_path, "compare.py", *words, "hydra.run.dir=out", home=tmp_path, folder=tmp_path / "out")
    assert ran.code == 0, ran.output
    table = pd.read_csv(tmp_path / "out" / "dissimilarities.csv")
    assert table.loc[0, ["run", "reference"]].tolist() == ["mine", f"LeakyRNN {run.key[:8]}"]
    assert table["dissimilarity"].item() == pytest.approx(CKA()(np.load(tmp_path / "mine.npy"), run.states()))
    assert list((tmp_path / "store" / "measurements").iterdir())  # typed again, it is found
