"""The run store: found again, never half there, never two at once."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
import torch

from dynalign.errors import DamagedError, DynalignError
from dynalign.identity import key_of
from dynalign.store import RunStore, read_json, weights_file, write_atomically, write_json


def test_a_run_appears_when_it_is_finished(tmp_path: Path) -> None:
    store = RunStore(tmp_path)

    def die_halfway() -> None:
        with store.writing("k" * 16) as folder:
            (folder / "half").touch()
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        die_halfway()
    assert store.find("k" * 16) is None
    with store.writing("k" * 16) as folder:
        assert (folder / "half").exists()  # the next process goes on
        assert store.find("k" * 16) is None
    assert (store.find("k" * 16) / "half").exists()
    with store.writing("k" * 16) as folder:
        assert folder is None


def test_two_processes_work_one_after_the_other(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    program = (
        "import sys; from pathlib import Path; from dynalign.store import RunStore\n"
        f"with RunStore(Path({str(tmp_path)!r})).writing('k' * 16) as folder: print(folder)"
    )
    with store.writing("k" * 16) as folder:
        other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=3)
        (folder / "mine").touch()
    out, _ = other.communicate(timeout=60)
    assert out.strip() == "None"  # it waited, and found the run finished


def test_many_threads_make_one_run(tmp_path: Path) -> None:
    made = []

    def work() -> None:
        with RunStore(tmp_path).writing("k" * 16) as folder:
            if folder is not None:
                made.append(folder)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_files_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def fail(target: Path) -> None:
        target.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    path.write_text("{broken")
    assert read_json(path) is None
    assert read_json(tmp_path / "missing") is None


def finished(store: RunStore, key: str, epochs: int = 2) -> None:
    with store.writing(key) as folder:
        assert folder is not None
        history = pd.DataFrame({"epoch": range(epochs), "accuracy": 0.5})
        history.to_csv(folder / "history.csv", index=False)
        write_json(folder / "config.json", {"seed": 0})
        write_json(folder / "run.json", {"seconds": 1.5})
        for epoch in range(epochs):
            path = weights_file(folder, epoch)
            path.parent.mkdir(exist_ok=True)
            torch.save({"w": torch.full((2,), float(epoch))}, path)


def test_a_run_is_opened_by_the_start_of_its_key(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for key in ("a" * 16, "ab" * 8):
        finished(store, key)
    run = store.open("ab")
    assert (run.key, run.epochs, run.config, run.seconds) == ("ab" * 8, [0, 1], {"seed": 0}, 1.5)
    assert run.weights(1)["w"].tolist() == [1.0, 1.0]
    with pytest.raises(DynalignError, match=r"has no checkpoint 7; it has \[0, 1\]"):
        run.weights(7)
    with pytest.raises(DynalignError, match="a fits 2 finished runs"):
        store.open("a")
    with pytest.raises(DynalignError, match=r"zz fits no finished run .*aaaa"):
        store.open("zz")


def test_a_store_is_named_by_text_too(tmp_path: Path) -> None:
    finished(RunStore(tmp_path), "a" * 16)
    assert RunStore(str(tmp_path)).open("a").key == "a" * 16


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    finished(store, "a" * 16)
    path = weights_file(tmp_path / ("a" * 16), 1)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DamagedError, match=r"epoch-0001.pt cannot be read .*delete its run's folder"):
        store.open("a").weights(1)
    path.unlink()
    with pytest.raises(DamagedError, match=r"epoch-0001.pt cannot be read"):
        store.open("a").weights(1)


@pytest.mark.parametrize("name", ["run.json", "config.json", "history.csv"])
@pytest.mark.parametrize("content", [None, "", "[]", "{oh", "{}", "epoch,accuracy\n"])
def test_a_damaged_run_is_named(tmp_path: Path, name: str, content: str | None) -> None:
    store = RunStore(tmp_path)
    finished(store, "a" * 16)
    path = tmp_path / ("a" * 16) / name
    path.unlink() if content is None else path.write_text(content)
    if name == "history.csv" and content in ("[]", "{oh"):
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(DynalignError, match=r"cannot be read .*delete its run's folder"):
        store.open("a")


class Hostile:
    """Whoever unpickles it runs code."""

    def __reduce__(self) -> tuple:
        return print, ("code of a stranger",)


def test_weights_run_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path)
    finished(store, "a" * 16)
    weights_file(tmp_path / ("a" * 16), 0).write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(DynalignError, match=r"epoch-0000.pt cannot be read"):
        store.open("a").weights(0)
    assert "stranger" not in capsys.readouterr().out


def test_measurements_are_found_again_by_others(tmp_path: Path) -> None:
    group, keys = {"metric": "dsa"}, [key_of({"pair": number}) for number in range(3)]
    RunStore(tmp_path).add_measured(group, {keys[0]: (0.5, 1.0), keys[1]: (math.nan, 1.0)})
    RunStore(tmp_path).add_measured(group, {keys[2]: (0.25, 2.0)})
    assert RunStore(tmp_path).measured(group) == {keys[0]: (0.5, 1.0), keys[2]: (0.25, 2.0)}  # a failure is none
    assert RunStore(tmp_path).measured({"metric": "cka"}) == {}


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DynalignError, match="cannot be made"):
        RunStore(tmp_path / "file" / "store")
