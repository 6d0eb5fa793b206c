"""Measurements on disk: what was written is read again, and nothing else is believed."""

from __future__ import annotations

import json
import shutil
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.identity import key_of
from dynalign.measurements import read_group, write_segment
from dynalign.store import write_atomically

TWO = {"00000000000000ab": (0.5, 1.0), "f123456789abcdef": (0.25, 2.0)}


def write(folder: Path, numbers: dict[str, tuple[float, float]]) -> None:
    write_segment(folder, numbers, write_atomically)


def one(number: int) -> dict[str, tuple[float, float]]:
    return {key_of({"number": number}): (float(number), 0.0)}


def test_what_was_written_is_read_to_the_bit(tmp_path: Path) -> None:
    assert read_group(tmp_path / "cka") == {}
    write(tmp_path / "cka", TWO)
    third = {"0" * 16: (0.1 + 0.2, 1e-300)}
    write(tmp_path / "cka", third)
    assert read_group(tmp_path / "cka") == {**TWO, **third}


def test_only_numbers_are_written(tmp_path: Path) -> None:
    with pytest.raises(DynalignError, match="Only finite numbers"):
        write(tmp_path, {"0" * 16: (float("nan"), 1.0)})


def test_many_segments_become_one(tmp_path: Path) -> None:
    for number in range(70):
        write(tmp_path, one(number))
    assert len(list(tmp_path.glob("*.npz"))) < 10
    assert sorted(value for value, _ in read_group(tmp_path).values()) == list(range(70))


def test_many_write_and_read_at_once(tmp_path: Path) -> None:
    """Segments are merged under readers, and writers come in between; nothing is lost, and nothing damaged."""

    def work(first: int) -> None:
        for number in range(first, first + 40):
            write(tmp_path, one(number))
            assert one(number).items() <= read_group(tmp_path).items()

    problems: list[BaseException] = []

    def noting(first: int) -> None:
        try:
            work(first)
        except BaseException as error:
            problems.append(error)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=noting, args=[first]) for first in (0, 100, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    assert len(read_group(tmp_path)) == 120


def _swap(path: Path) -> None:
    """Put the file of another group, with the same pairs, in its place."""
    other = path.parent.parent / "procrustes"
    write(other, {key: (value + 1, seconds) for key, (value, seconds) in TWO.items()})
    (foreign,) = other.glob("*.npz")
    shutil.copy(foreign, path.with_name(foreign.name))
    path.unlink()


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a bit": lambda path: path.write_bytes(path.read_bytes().replace(np.float64(0.25).tobytes(), bytes(8))),
    "foreign": _swap,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_named_and_set_aside(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "cka"
    write(folder, TWO)
    (path,) = folder.glob("*.npz")
    DAMAGES[damage](path)
    write(folder, one(1))
    with pytest.warns(UserWarning, match=r"\.npz are damaged: .*set aside.* they are measured again"):
        assert read_group(folder) == one(1)
    assert len(list(folder.glob("*.damaged"))) == 1
    write(folder, TWO)  # measured again
    assert read_group(folder) == {**one(1), **TWO}


def test_what_hashes_right_may_still_be_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynalign.measurements._digest", lambda folder, content: "x")
    for columns, why in (
        ({"key": np.zeros(2, dtype=">u8"), "dissimilarity": np.zeros(1), "seconds": np.zeros(2)}, "do not fit"),
        ({"key": np.zeros(1, dtype=">u8"), "dissimilarity": np.full(1, np.nan), "seconds": np.zeros(1)}, "no number"),
        ({"key": np.zeros(1, dtype=object), "dissimilarity": np.zeros(1), "seconds": np.zeros(1)}, "no measurements"),
        ({"key": np.zeros(1, dtype=">u8")}, "no measurements"),
    ):
        np.savez(tmp_path / "x.npz", **columns)
        with pytest.warns(UserWarning, match=why):
            assert read_group(tmp_path) == {}


def test_lines_of_an_earlier_version_are_read_and_merged(tmp_path: Path) -> None:
    rows = [{"key": key, "dissimilarity": value, "seconds": seconds} for key, (value, seconds) in TWO.items()]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert read_group(tmp_path) == TWO
    for number in range(64):
        write(tmp_path, one(number))
    assert not list(tmp_path.glob("*.jsonl"))
    assert TWO.items() <= read_group(tmp_path).items()


@pytest.mark.parametrize("line", ['{"key": "b", "dissim', "null", '{"key": "0000000000000000", "dissimilarity": NaN}'])
def test_damaged_lines_of_an_earlier_version(tmp_path: Path, line: str) -> None:
    (tmp_path / "old.jsonl").write_text(line + "\n")
    with pytest.warns(UserWarning, match="no measurement"):
        assert read_group(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DynalignError, match=r"What was measured cannot be kept in .*file.group"):
        write(tmp_path / "file" / "group", TWO)


def test_a_hundred_thousand_are_read_at_once(tmp_path: Path) -> None:
    numbers = {f"{number:016x}": (number / 7, 0.001) for number in range(124_750)}
    write(tmp_path, numbers)
    start = time.perf_counter()
    found = read_group(tmp_path)
    assert time.perf_counter() - start < 5  # a tenth of a second on a quiet core
    assert found == numbers
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 25 * len(numbers)
