"""The dissimilarity callback in a Lightning project that is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Driven, InputDSA, Procrustes
from dynalign.training import DissimilarityCallback

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty.*"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed.*"),
]


class Theirs(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(3, 8, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.rnn(x)
        return self.head(states)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        x, y = batch
        return (self(x) - y).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.02)


def fit(folder: Path, callback: pl.Callback, epochs: int, checkpoint: Path | None = None) -> pl.Trainer:
    torch.manual_seed(0)
    x = torch.randn(32, 25, 3)
    loader = DataLoader(TensorDataset(x, x.cumsum(1)[..., :1]), batch_size=8)
    trainer = pl.Trainer(
        max_epochs=epochs,
        callbacks=[callback],
        logger=CSVLogger(folder),
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(Theirs(), loader, ckpt_path=checkpoint)
    return trainer


def callback(states="rnn", **arguments) -> DissimilarityCallback:
    probe = torch.randn(10, 25, 3, generator=torch.Generator().manual_seed(1))
    metrics = [DSA(n_delays=3, rank=6), CKA(), Procrustes()]
    return DissimilarityCallback(probe, states, metrics, components=6, **arguments)


def test_three_lines_are_enough(tmp_path: Path) -> None:
    ours = callback()
    trainer = fit(tmp_path, ours, epochs=3)
    first = {r.metric: r.dissimilarity for r in ours.records if r.epoch == 0}
    last = {r.metric: r.dissimilarity for r in ours.records if r.epoch == 3}
    assert set(last) == {"DSA(n_delays=3, rank=6)", "CKA", "Procrustes"}
    assert max(first.values()) < 1e-6
    assert min(last.values()) > 1e-3
    for metric in ours.tracker.metrics:
        logged_last = trainer.callback_metrics[f"dissimilarity/{metric.name}"].item()
        assert logged_last == pytest.approx(last[metric.label])
    trainer.logger.save()
    logged = (Path(trainer.logger.log_dir) / "metrics.csv").read_text()
    assert "dissimilarity/dsa" in logged.splitlines()[0]


def test_a_function_of_the_module_works_too(tmp_path: Path) -> None:
    named, called = callback(), callback(lambda module, inputs, epoch: module.rnn(inputs)[0])
    fit(tmp_path, named, epochs=1)
    fit(tmp_path, called, epochs=1)
    assert [r.dissimilarity for r in named.records] == [r.dissimilarity for r in called.records]


def test_resumed_training_keeps_its_reference(tmp_path: Path) -> None:
    whole = callback()
    fit(tmp_path / "whole", whole, epochs=4)
    fit(tmp_path / "half", callback(), epochs=2)
    checkpoint = next((tmp_path / "half").rglob("*.ckpt"))
    resumed = callback()
    fit(tmp_path / "rest", resumed, epochs=4, checkpoint=checkpoint)
    assert [r.epoch for r in resumed.records] == [r.epoch for r in whole.records]
    assert [r.dissimilarity for r in resumed.records[:9]] == [r.dissimilarity for r in whole.records[:9]]


def test_wrong_submodule_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(DynalignError, match="'rn' is no submodule of Theirs; did you mean rnn"):
        fit(tmp_path, callback("rn"), epochs=1)


def test_a_probe_of_one_tensor_is_what_drove_the_states(tmp_path: Path) -> None:
    probe = torch.randn(10, 25, 3, generator=torch.Generator().manual_seed(1))
    metric, seen = InputDSA(rank=4), []

    def states(module, inputs, epoch):
        seen.append(module.rnn(inputs)[0].detach())
        return seen[-1]

    callback = DissimilarityCallback(probe, states, [metric], components=None)
    fit(tmp_path, callback, epochs=1)
    first, last = (Driven(x, probe) for x in (seen[0], seen[-1]))
    assert callback.records[-1].dissimilarity == pytest.approx(metric(last, first), abs=1e-9)
    assert callback.records[-1].dissimilarity > 1e-4


def test_other_probes_need_to_be_told_what_drives() -> None:
    probe = {"x": torch.randn(10, 25, 3)}
    with pytest.raises(DynalignError, match="InputDSA needs what drove the states; give control="):
        DissimilarityCallback(probe, "rnn", [InputDSA()])
    told = DissimilarityCallback(probe, "rnn", [InputDSA()], control=probe["x"])
    plain = DissimilarityCallback(probe, "rnn", [DSA()])
    assert told.tracker.control.shape == (10, 25, 3)
    assert plain.tracker.control is None
    other = DissimilarityCallback(probe, "rnn", [InputDSA()], control=2 * probe["x"])
    assert told.state_key != other.state_key  # no training is resumed with other inputs
