"""The run store: found again, never half there, never two at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dynalign.errors import DynalignError
from dynalign.store import RunStore, key_of, read_json, write_atomically, write_json


def test_key_depends_on_content_alone() -> None:
    assert key_of({"a": 1, "b": [1.5, None]}) == key_of({"b": [1.5, None], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
    with pytest.raises(DynalignError, match="has no key"):
        key_of({"a": object()})


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


def test_match(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for key in ("a" * 16, "ab" * 8):
        with store.writing(key):
            pass
    assert store.match("ab").name == "ab" * 8
    with pytest.raises(DynalignError, match="fits 2 finished runs"):
        store.match("a")
    with pytest.raises(DynalignError, match=r"fits no finished run .*aaaa"):
        store.match("zz")
