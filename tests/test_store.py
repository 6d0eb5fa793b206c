"""The run store: found again, never half there, never two at once."""

from __future__ import annotations

import errno
import itertools
import json
import math
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
import torch

from dynalign.errors import DamagedError, DamagedWarning, DynalignError
from dynalign.identity import key_of
from dynalign.store import (
    RunStore,
    last_weights,
    read_json,
    read_result,
    weights_file,
    write_atomically,
    write_json,
    write_result,
)

CONFIG = {"seed": 0}
KEY = key_of(CONFIG)


def fill(
    folder: Path, config: dict[str, object] = CONFIG, epochs: int = 2, before: str | None = None, **more: str
) -> None:
    """Write what a finished run has."""
    history = pd.DataFrame({"epoch": range(epochs), "accuracy": 0.5})
    history.to_csv(folder / "history.csv", index=False)
    write_json(folder / "config.json", config)
    write_json(folder / "run.json", {"seconds": 1.5, "before": before, **more})
    for epoch in range(epochs):
        path = weights_file(folder, epoch)
        path.parent.mkdir(exist_ok=True)
        torch.save({"w": torch.full((2,), float(epoch))}, path)


def finished(
    store: RunStore, config: dict[str, object], epochs: int = 2, before: str | None = None, **more: str
) -> str:
    """Leave a run in a store; return its key."""
    key = key_of(config)
    with store.writing(key) as folder:
        assert folder is not None
        fill(folder, config, epochs, before, **more)
    return key


def test_a_run_appears_when_it_is_finished(tmp_path: Path) -> None:
    store = RunStore(tmp_path)

    def die_halfway() -> None:
        with store.writing(KEY) as folder:
            (folder / "half").touch()
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        die_halfway()
    assert store.find(KEY) is None
    with store.writing(KEY) as folder:
        assert (folder / "half").exists()  # the next process goes on
        assert store.find(KEY) is None
        fill(folder)
    assert (store.find(KEY) / "half").exists()
    with store.writing(KEY) as folder:
        assert folder is None


def test_two_processes_work_one_after_the_other(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    program = (
        "import sys; from pathlib import Path; from dynalign.store import RunStore\n"
        f"with RunStore(Path({str(tmp_path)!r})).writing({KEY!r}) as folder: print(folder)"
    )
    with store.writing(KEY) as folder:
        other = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=3)
        fill(folder)
    out, _ = other.communicate(timeout=60)
    assert out.strip() == "None"  # it waited, and found the run finished


def test_many_threads_make_one_run(tmp_path: Path) -> None:
    made = []

    def work() -> None:
        with RunStore(tmp_path).writing(KEY) as folder:
            if folder is not None:
                fill(folder)
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
        raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(OSError, match="disk full") as raised:
        write_atomically(path, fail)
    assert raised.value.filename == str(path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    path.write_text("{broken")
    assert read_json(path) is None
    path.unlink()
    path.mkdir()
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert (tmp_path / "x.json.damaged").is_dir()
    assert read_json(tmp_path / "missing") is None


def test_a_run_is_opened_by_the_start_of_its_key(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    keys = sorted(finished(store, {"seed": seed}) for seed in range(20))
    alike = next(a[0] for a, b in itertools.pairwise(keys) if a[0] == b[0])  # of 20 keys, two begin with one digit
    run = store.open(keys[0][:12])
    assert (run.key, run.epochs, run.seconds) == (keys[0], [0, 1], 1.5)
    assert key_of(run.config) == keys[0]
    assert run.weights(1)["w"].tolist() == [1.0, 1.0]
    with pytest.raises(DynalignError, match=r"has no checkpoint 7; it has \[0, 1\]"):
        run.weights(7)
    with pytest.raises(DynalignError, match=rf"{alike} fits \d finished runs"):
        store.open(alike)
    with pytest.raises(DynalignError, match=rf"zz fits no finished run .*{keys[0]}"):
        store.open("zz")


def test_a_store_is_named_by_text_too(tmp_path: Path) -> None:
    key = finished(RunStore(tmp_path), {"seed": 0})
    assert RunStore(str(tmp_path)).open(key).key == key


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


DAMAGES = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": truncated,
    "one bit": flipped,
    "garbage": lambda path: path.write_bytes(b"\xff\xfe\x00" * 50),
    "other data": lambda path: path.write_text("[]"),
    "a folder": a_folder,
    "a link": a_link,
}
FILES = ["run.json", "config.json", "history.csv", "weights/epoch-0001.pt", "manifest.json"]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_run_is_put_aside_and_computed_again(tmp_path: Path, name: str, damage: str) -> None:
    key = finished(RunStore(tmp_path), {"seed": 0})
    DAMAGES[damage](tmp_path / key / name)
    store = RunStore(tmp_path)
    if (name, damage) == ("manifest.json", "missing"):  # as earlier versions left their runs
        assert store.open(key).epochs == [0, 1]
        return
    what = "" if name == "manifest.json" else Path(name).name  # of which one bit may be that of another's checksum
    said = rf"{key} is damaged \(.*{what}.*\); it was put aside as {key}.damaged, and is computed again"
    with pytest.warns(DamagedWarning, match=said):
        assert store.find(key) is None
    assert (tmp_path / f"{key}.damaged").is_dir()
    finished(store, {"seed": 0})
    assert RunStore(tmp_path).open(key).weights(1)["w"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "one bit"])
@pytest.mark.parametrize("name", FILES[:-1])
def test_damage_shows_in_a_run_of_an_earlier_version_too(tmp_path: Path, name: str, damage: str) -> None:
    key = finished(RunStore(tmp_path), {"seed": 0})
    (tmp_path / key / "manifest.json").unlink()
    assert RunStore(tmp_path).find(key) is not None
    DAMAGES[damage](tmp_path / key / name)
    if damage == "a link" and name != "weights/epoch-0001.pt":
        return  # it leads to the file itself, and no code is read from it
    with pytest.warns(DamagedWarning, match=f"{key} is damaged"):
        assert RunStore(tmp_path).find(key) is None


def test_a_history_that_lost_rows_is_damaged_in_a_run_of_an_earlier_version(tmp_path: Path) -> None:
    key = finished(RunStore(tmp_path), {"seed": 0})
    (tmp_path / key / "manifest.json").unlink()
    (tmp_path / key / "history.csv").write_text("epoch,accuracy\n0,0.5\n")
    with pytest.warns(DamagedWarning, match="are not of the same checkpoints"):
        assert RunStore(tmp_path).find(key) is None


def test_a_run_of_another_config_is_damaged(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    one, other = finished(store, {"seed": 0}), finished(store, {"seed": 1})
    shutil.rmtree(tmp_path / one)
    shutil.copytree(tmp_path / other, tmp_path / one)
    with pytest.warns(DamagedWarning, match=r"its config.json is that of another run"):
        assert RunStore(tmp_path).find(one) is None


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_no_run(tmp_path: Path, kind: str) -> None:
    store = RunStore(tmp_path / "store")
    key = key_of({"seed": 0})
    if kind == "file":
        (store.root / key).touch()
    else:
        other = finished(RunStore(tmp_path / "elsewhere"), {"seed": 0})
        (store.root / key).symlink_to(tmp_path / "elsewhere" / other)
    (store.root / f"{key}.partial").touch()
    with pytest.warns(DamagedWarning, match="it is no folder"):
        finished(store, {"seed": 0})
    assert not (store.root / key).is_symlink()
    assert RunStore(tmp_path / "store").open(key).epochs == [0, 1]


def test_a_run_whose_beginning_is_damaged_waits_for_it(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first = finished(store, {"seed": 0})
    second = finished(store, {"seed": 0, "more": 1}, before=first)
    truncated(weights_file(tmp_path / first, 0))
    later = RunStore(tmp_path)
    with pytest.warns(DamagedWarning, match=first):
        assert later.find(second) is None
    finished(later, {"seed": 0})
    assert later.find(second) is not None  # nothing of it was lost


def test_a_run_whose_beginning_has_come_out_otherwise_is_computed_again(tmp_path: Path) -> None:
    """As on another processor, which rounds otherwise."""
    store = RunStore(tmp_path)
    first = finished(store, {"seed": 0})
    second = finished(store, {"seed": 0, "more": 1}, before=first, began=last_weights(tmp_path / first))
    assert RunStore(tmp_path).find(second) is not None
    shutil.rmtree(tmp_path / first)
    finished(RunStore(tmp_path), {"seed": 0}, epochs=3)
    with pytest.warns(DamagedWarning, match=f"{first}, that it goes on from, has ended with other weights since"):
        assert RunStore(tmp_path).find(second) is None


@pytest.mark.parametrize("word", ["../../elsewhere", "/etc", "..", "a/b", "", "k" * 15, "k" * 15 + "/"])
def test_no_word_leads_out_of_the_store(tmp_path: Path, word: str) -> None:
    store = RunStore(tmp_path / "store")
    finished(RunStore(tmp_path / "elsewhere"), {"seed": 0})
    assert store.find(word) is None
    with pytest.raises(DynalignError, match="fits no finished run"):
        store.open(word)


def test_a_run_goes_on_from_no_folder_elsewhere(tmp_path: Path) -> None:
    key = finished(RunStore(tmp_path / "store"), {"seed": 0}, before="../../elsewhere")
    with pytest.warns(DamagedWarning, match="names no run that it goes on from"):
        assert RunStore(tmp_path / "store").find(key) is None


def test_a_kill_between_the_last_two_steps_costs_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    key = finished(store, {"seed": 0})
    (tmp_path / key).rename(tmp_path / f"{key}.partial")
    with RunStore(tmp_path).writing(key) as folder:
        assert folder is None
    assert RunStore(tmp_path).open(key).epochs == [0, 1]


def test_weights_that_are_damaged_later_are_put_aside(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = store.open(finished(store, {"seed": 0}))
    truncated(weights_file(run.folder, 1))
    with pytest.raises(DamagedError, match=r"weights of epoch 1.*put aside as .*the same command computes it again"):
        run.weights(1)
    assert RunStore(tmp_path).find(run.key) is None


def test_weights_of_another_model_are_damage(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    run = store.open(finished(store, {"seed": 0}))
    with pytest.raises(DamagedError, match="weights of epoch 1 are not those of a Linear"):
        run.restore(torch.nn.Linear(2, 2), 1)


def test_a_store_that_can_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = finished(RunStore(tmp_path), {"seed": 0})
    monkeypatch.setattr("dynalign.store.os.access", lambda *_: False)
    store = RunStore(tmp_path)
    assert store.open(key).epochs == [0, 1]
    store.add_measured({"metric": "dsa"}, {"a": (0.5, 1.0)})
    assert list(tmp_path.rglob("*.jsonl")) == []
    with pytest.raises(DynalignError, match="cannot be written to; choose another folder"), store.writing("k" * 16):
        pass


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": "0", "content": {"a": 1}}', "[" * 5000, '{"b": 1}'])
def test_a_result_that_is_not_what_was_written_is_put_aside(tmp_path: Path, content: str) -> None:
    path = tmp_path / "result.json"
    write_result(path, {"a": 1})
    assert read_result(path, lambda found: found["a"]) == 1
    path.write_text(content)
    with pytest.warns(DamagedWarning, match="result.json is damaged"):
        assert read_result(path, lambda found: found["a"]) is None
    assert (tmp_path / "result.json.damaged").read_text() == content
    assert read_result(path, lambda found: found["a"]) is None


class Hostile:
    """Whoever unpickles it runs code."""

    def __reduce__(self) -> tuple:
        return print, ("code of a stranger",)


def test_weights_run_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path)
    run = store.open(finished(store, {"seed": 0}))
    weights_file(run.folder, 0).write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(DamagedError, match="weights of epoch 0"):
        run.weights(0)
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
