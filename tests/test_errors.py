"""What the machine is to blame for, in words."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dynalign.errors import in_words
from dynalign.metrics import CKA, measure


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            errno.ENOSPC,
            "The disk is full at /x/y.pt; what was finished is kept, and the same command goes on from there.",
        ),
        (
            errno.EROFS,
            "The disk can only be read at /x/y.pt; what was finished is kept, and the same command goes on from there.",
        ),
    ],
)
def test_a_disk_in_words(code: int, said: str) -> None:
    assert in_words(OSError(code, "whatever the system calls it", "/x/y.pt")).startswith(said)


def test_a_full_disk_is_where_it_was_written_to() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert in_words(full).startswith("The disk is full; ")
    assert in_words(full, "results/3").startswith("The disk is full at results/3; ")


def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long") as long:
        (tmp_path / ("x" * 300)).mkdir()
    assert in_words(long.value) == f"A name is too long for the disk in {tmp_path / ('x' * 300)}; choose another one."
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises((FileExistsError, NotADirectoryError)) as taken:
            path.mkdir(exist_ok=True)
        assert in_words(taken.value) == f"A file has the place of a folder in {path}; choose another one."


def test_other_errors_have_words_of_their_own() -> None:
    assert in_words(OSError(errno.ENOENT, "No such file")) == ""
    assert in_words(KeyError("x")) == ""


def allocated() -> None:
    """Ask torch for more than there is."""
    torch.empty(2**60)


def test_memory_in_words() -> None:
    assert in_words(MemoryError()) == "There was not enough memory (MemoryError)."
    with pytest.raises(RuntimeError) as raised:
        allocated()
    assert in_words(raised.value).startswith("There was not enough memory (")


class Greedy(CKA):
    """Wants more memory than there is for systems of ten units, and for several pairs at once."""

    def distances(self, pairs: Any) -> Any:
        if len(pairs) > 1:
            allocated()
        return super().distances(pairs)

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        if np.asarray(x).shape[-1] == 10:
            raise MemoryError
        return super().prepare(x, where=where)


def test_a_metric_that_wants_too_much_memory_loses_that_number_alone() -> None:
    rng = np.random.default_rng(0)
    systems = {units: rng.normal(size=(4, 20, units)) for units in (8, 9, 10)}
    found = measure(Greedy(), systems, [(8, 9), (8, 10), (9, 9)])
    assert [bool(each.reason) for each in found] == [False, True, False]
    assert found[1].reason == "There was not enough memory (MemoryError)."
