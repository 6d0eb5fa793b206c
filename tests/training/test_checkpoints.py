"""Checkpoints: the last state is one, whatever ended training, and nothing is one twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, Timer
from tests.runs import spec_of

from dynalign.store import RunStore
from dynalign.training import CheckpointCallback, obtain


class Seen(CheckpointCallback):
    def __init__(self, every_n_epochs: int = 1) -> None:
        super().__init__(every_n_epochs)
        self.seen: list[tuple[int, int]] = []

    def at_checkpoint(self, trainer, module, epoch, step) -> None:
        self.seen.append((epoch, step))


class Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch):
        loss = self.layer(batch).square().mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def train(folder: Path, *callbacks: pl.Callback, again: bool = False, **settings) -> pl.Trainer:
    arguments = {"max_epochs": 5, "logger": False, "enable_checkpointing": False} | settings
    trainer = pl.Trainer(
        callbacks=list(callbacks), default_root_dir=folder, enable_progress_bar=False, enable_model_summary=False,
        accelerator="cpu", **arguments,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(torch.ones(12, 1), batch_size=3)
    trainer.fit(Line(), loader)
    return trainer


pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*"),
]


class StopAt(pl.Callback):
    """Asks for an end after a batch."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer, *_, **__) -> None:
        if trainer.global_step == self.step:
            trainer.should_stop = True


ENDS = {
    "epochs": ({}, [], (5, 20)),
    "steps, at the end of an epoch": ({"max_steps": 8}, [], (2, 8)),
    "steps, within an epoch": ({"max_steps": 10}, [], (3, 10)),
    "no steps at all": ({"max_steps": 0}, [], None),
    "time": ({"max_epochs": -1}, [lambda: Timer({"seconds": 0.2})], "any"),
    "another callback, within an epoch": ({}, [lambda: StopAt(6)], (2, 6)),
    "early stopping": ({}, [lambda: stopping(monitor="loss", patience=1, check_on_train_epoch_end=True)], (2, 8)),
}


@pytest.mark.parametrize("every", [1, 3, 50])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_last_state_is_a_checkpoint(tmp_path: Path, end: tuple, every: int) -> None:
    settings, callbacks, last = end
    ours = Seen(every)
    # Ours comes first, before whoever ends training.
    trainer = train(tmp_path, ours, *[make() for make in callbacks], **settings)
    if last is None:
        assert ours.seen in ([], [(0, 0)])
        return
    assert ours.seen[0] == (0, 0)
    assert ours.seen[-1] == (last if last != "any" else (-(-trainer.global_step // 4), trainer.global_step))
    assert len(set(ours.seen)) == len(ours.seen)
    between = [epoch for epoch, _ in ours.seen[1:-1]]
    assert between == [epoch for epoch in range(1, ours.seen[-1][0]) if epoch % every == 0]


def test_a_second_fit_begins_anew(tmp_path: Path) -> None:
    ours = Seen(2)
    train(tmp_path, ours)
    first = list(ours.seen)
    ours.seen.clear()
    train(tmp_path, ours)
    assert ours.seen == first == [(0, 0), (2, 8), (4, 16), (5, 20)]


def stopping(**settings) -> EarlyStopping:
    return EarlyStopping(**{"monitor": "val_loss", "min_delta": 1e9, "patience": 2, **settings})  # nothing is better


class Kept(pl.Callback):
    """Keeps the weights with which training ended."""

    def on_train_end(self, trainer, pl_module):
        self.weights = {name: value.clone() for name, value in pl_module.model.state_dict().items()}


def test_a_run_that_stops_early_is_stored_with_its_last_state(tmp_path: Path) -> None:
    spec = spec_of(epochs=30, checkpoint_every=5)
    spec = replace(spec, callbacks=[stopping()])
    kept = Kept()
    run, status = obtain(spec, RunStore(tmp_path), observers=[kept])
    assert status == "trained"
    assert run.epochs == [0, 3]
    assert run.history["step"].tolist() == [0, 6]
    assert run.history[["val_loss", "accuracy"]].notna().all().all()
    for name, value in run.weights(3).items():
        torch.testing.assert_close(value, kept.weights[name], rtol=0, atol=0)
    pd.testing.assert_frame_equal(RunStore(tmp_path).open(run.key).history, run.history)


def test_patience_starts_afresh_in_each_phase(tmp_path: Path) -> None:
    spec = spec_of(pretrain=("basic",), train=("delay_anti",), epochs=10)
    spec = replace(spec, callbacks=[stopping()])
    run, _ = obtain(spec, RunStore(tmp_path))
    assert run.history["phase"].tolist() == ["pretrain"] * 4 + ["train"] * 3
    assert run.epochs == list(range(7))


def test_a_spec_can_be_trained_again_elsewhere(tmp_path: Path) -> None:
    spec = spec_of(0, epochs=2)
    first, second = (obtain(spec, RunStore(tmp_path / name))[0] for name in ("here", "there"))
    pd.testing.assert_frame_equal(first.history, second.history)
    for name, value in first.weights(2).items():
        torch.testing.assert_close(value, second.weights(2)[name], rtol=0, atol=0)
