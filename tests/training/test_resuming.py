"""What a killed training goes on from, whatever has become of what it left."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from tests.runs import spec_of

from dynalign.errors import DamagedWarning
from dynalign.metrics import CKA
from dynalign.store import Run, RunStore
from dynalign.training import DissimilarityCallback, obtain

pytestmark = pytest.mark.slow
EPOCHS = 4


class Killed(BaseException):
    """Stands for a kill: nothing in the program catches it."""


class KillIn(pl.Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.current_epoch == self.epoch:
            raise Killed


def watching(trials: int = 10, about: str = "") -> DissimilarityCallback:
    probe = torch.randn(trials, 30, 7, generator=torch.Generator().manual_seed(trials))

    def states(module: pl.LightningModule, inputs: torch.Tensor, _epoch: int) -> torch.Tensor:
        return module.model(inputs).states

    return DissimilarityCallback(probe, states, [CKA()], components=4, about=about)


def killed(root: Path, callback: DissimilarityCallback | None = None, epoch: int = 3) -> Path:
    """Kill a training in its last epoch; return the folder of what it left."""
    spec = spec_of(epochs=EPOCHS)
    with pytest.raises(Killed):
        obtain(spec, RunStore(root), dissimilarity=callback, observers=[KillIn(epoch)])
    return root / f"{spec.key}.partial"


def again(root: Path, callback: DissimilarityCallback | None = None) -> tuple[Run, list[int]]:
    """Train on; return the run, and the epochs that were trained now."""
    trained: list[int] = []

    class Note(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, *_: object) -> None:
            trained.append(trainer.current_epoch)

    run, _ = obtain(spec_of(epochs=EPOCHS), RunStore(root), dissimilarity=callback, observers=[Note()])
    return run, trained


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return again(tmp_path_factory.mktemp("whole"))[0]


def assert_same(found: Run, expected: Run) -> None:
    pd.testing.assert_frame_equal(found.history, expected.history)
    for epoch in expected.epochs:
        for name, value in expected.weights(epoch).items():
            torch.testing.assert_close(found.weights(epoch)[name], value, rtol=0, atol=0)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


class Hostile:
    """Whoever unpickles it runs code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.path,)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": truncate,
    "empty": lambda path: path.write_bytes(b""),
    "a folder": as_folder,
    "foreign": lambda path: torch.save({"state_dict": {}, "callbacks": {}}, path),
    "a stranger's": lambda path: torch.save({"dynalign": {"run": "0" * 16}}, path),
    "no checkpoint": lambda path: torch.save([1, 2], path),
    "hostile": lambda path: path.write_bytes(pickle.dumps(Hostile(path.with_name("code was run")))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_put_aside_for_the_one_before(tmp_path: Path, whole: Run, damage: str) -> None:
    left = killed(tmp_path) / "resuming"
    DAMAGES[damage](left / "last.ckpt")
    with pytest.warns(DamagedWarning, match=r"last.ckpt is damaged .* put aside as last.ckpt.damaged"):
        run, trained = again(tmp_path)
    assert trained == [2, 3]
    assert_same(run, whole)
    assert list(tmp_path.rglob("code was run")) == []


def test_where_both_are_damaged_training_begins_again(tmp_path: Path, whole: Run) -> None:
    left = killed(tmp_path) / "resuming"
    for path in left.iterdir():
        truncate(path)
    with pytest.warns(DamagedWarning) as said:
        run, trained = again(tmp_path)
    assert len(said) == 2
    assert trained == [0, 1, 2, 3]
    assert_same(run, whole)


def test_weights_that_were_changed_meanwhile_are_made_again(tmp_path: Path, whole: Run) -> None:
    left = killed(tmp_path) / "weights"
    (left / "epoch-0002.pt").write_bytes((left / "epoch-0001.pt").read_bytes())
    with pytest.warns(DamagedWarning, match="the weights of epoch 2 are not what was saved with it") as said:
        run, _ = again(tmp_path)
    assert len(said) == 2
    assert_same(run, whole)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = Path.write_bytes, [0]

    def fill(path: Path, content: bytes) -> int:
        written[0] += path.name.startswith(".new-last.ckpt")
        if written[0] == 3 and path.name.startswith(".new-last.ckpt"):
            write(path, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left"):
        again(tmp_path)
    monkeypatch.undo()
    (left,) = tmp_path.glob("*.partial/resuming")
    assert {path.name for path in left.iterdir()} == {"last.ckpt", "before.ckpt"}
    run, trained = again(tmp_path)
    assert trained == [2, 3]
    assert_same(run, whole)


@pytest.mark.parametrize("other", [{"trials": 12}, {"about": "trial"}])
def test_a_training_that_was_watched_in_another_way_is_not_watched_on(
    tmp_path: Path, whole: Run, other: dict[str, int | str]
) -> None:
    killed(tmp_path, watching())
    late = watching(**other)
    run, trained = again(tmp_path, late)
    assert trained == [3]
    assert late.records == []  # rather than distances to a network that was halfway through its training
    assert_same(run, whole)


def test_a_training_that_was_watched_in_this_way_is_watched_on(tmp_path: Path) -> None:
    killed(tmp_path / "killed", watching())
    late, expected = watching(), watching()
    again(tmp_path / "killed", late)
    again(tmp_path / "whole", expected)
    assert [(r.epoch, r.dissimilarity) for r in late.records] == [(r.epoch, r.dissimilarity) for r in expected.records]
    assert len(late.records) == EPOCHS + 1
