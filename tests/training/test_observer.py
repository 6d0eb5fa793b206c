"""The callback is an observer: it changes nothing, sees the end, and ends nothing; in projects that are not ours."""

from __future__ import annotations

import copy
import csv
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint, Timer
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Procrustes
from dynalign.training import DissimilarityCallback, DissimilarityWarning

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty.*"),
    pytest.mark.filterwarnings("ignore:.*in eval mode at the start.*"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed.*"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended.*"),
]

PROBE = torch.randn(10, 25, 3, generator=torch.Generator().manual_seed(1))


class Theirs(pl.LightningModule):
    """A network with all that an onlooker could disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(3, 8, batch_first=True)
        self.norm = nn.BatchNorm1d(8)
        self.frozen = nn.BatchNorm1d(8).eval()
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(8, 1)
        self.generator = torch.Generator().manual_seed(3)
        self.numbers = np.random.default_rng(3)
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("mean", torch.zeros(8))
        self.carried = torch.zeros(8)
        self.count = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + 0.1 * torch.randn_like(x) + 0.1 * random.random() + 0.1 * np.random.rand()  # noqa: NPY002
        x = x + 0.1 * torch.randn(3, generator=self.generator).to(x) + 0.1 * float(self.numbers.normal())
        self.calls += 1  # in any mode
        self.mean = 0.9 * self.mean + 0.1 * x.mean()
        self.count += 1
        states, _ = self.rnn(x)
        self.carried = self.carried + states.detach().mean(dim=(0, 1))
        self.log("carried", self.carried.sum())
        states = self.frozen(self.norm(states.transpose(1, 2))).transpose(1, 2) + self.mean + 0.01 * self.carried
        return self.head(self.dropout(states))

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        x, y = batch
        loss = (self(x) - y).square().mean()
        self.log("loss", loss, on_epoch=True, on_step=False)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.02)


class Plain(pl.LightningModule):
    """The least that can be trained: ``rnn``, and a head on it."""

    def __init__(self, rnn: nn.Module | None = None, lr: float = 0.02) -> None:
        super().__init__()
        self.rnn = nn.GRU(3, 8, batch_first=True) if rnn is None else rnn
        self.head = nn.Linear(8, 1)
        self.lr = lr

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output = self.rnn(x)
        return self.head(output[0] if isinstance(output, tuple) else output)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        loss = self(batch[0]).square().mean()
        self.log("loss", loss, on_epoch=True, on_step=False)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


def data() -> DataLoader:
    x = torch.randn(32, 25, 3, generator=torch.Generator().manual_seed(2))
    return DataLoader(TensorDataset(x, x.cumsum(1)[..., :1]), batch_size=8, shuffle=True)  # 4 batches


def fit(folder: Path, module: pl.LightningModule, callbacks: list, checkpoint: Path | None = None, **settings):
    arguments: dict[str, Any] = {"max_epochs": 3, "logger": False, "log_every_n_steps": 1} | settings
    trainer = pl.Trainer(
        callbacks=callbacks,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        **arguments,
    )
    trainer.fit(module, data(), ckpt_path=checkpoint)
    return trainer


def watcher(states: Any = "rnn", metrics: Any = None, inputs: Any = PROBE, **arguments) -> DissimilarityCallback:
    return DissimilarityCallback(inputs, states, metrics or [CKA()], components=None, **arguments)


def seeded(kind: Callable[..., pl.LightningModule], *arguments: Any) -> pl.LightningModule:
    pl.seed_everything(0, verbose=False)
    return kind(*arguments)


def interfering(module: pl.LightningModule, inputs: torch.Tensor, _epoch: int) -> torch.Tensor:
    """Do everything that one should not do."""
    module.train()
    with torch.enable_grad():
        states = module.rnn(inputs)[0] + module(inputs)
        states.sum().backward()
    torch.manual_seed(5)
    return states


@pytest.mark.filterwarnings("ignore:The operator of")
@pytest.mark.parametrize("states", ["rnn", "head", interfering])
def test_training_is_the_same_to_the_bit(tmp_path: Path, states: Any) -> None:
    left = []
    for callbacks in ([], [watcher(states, [CKA(), DSA(n_delays=3, rank=3, estimator="havok")])]):
        module = seeded(Theirs)
        trainer = fit(tmp_path, module, callbacks)
        drawn = (torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random(), module.count)  # noqa: NPY002
        modes = [part.training for part in module.modules()]
        logged = {name: value.item() for name, value in trainer.callback_metrics.items() if "/" not in name}
        left.append((module.state_dict(), module.carried, drawn, modes, logged))
    without, observed = left
    assert without[2:] == observed[2:]
    assert torch.equal(without[1], observed[1])
    for name, value in without[0].items():
        assert torch.equal(value, observed[0][name]), name


def test_gradients_that_are_being_accumulated_are_left_alone(tmp_path: Path) -> None:
    weights = []
    for callbacks in ([], [watcher(interfering)]):
        module = seeded(Theirs)
        fit(tmp_path, module, callbacks, accumulate_grad_batches=3)
        weights.append(module.state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_noisy_network_is_seen_under_the_same_noise(tmp_path: Path) -> None:
    def noisy(module: pl.LightningModule, inputs: torch.Tensor, _epoch: int) -> torch.Tensor:
        noise = torch.randn_like(inputs) + np.random.rand() + random.random()  # noqa: NPY002
        return module.dropout(module.rnn(inputs + noise)[0])

    module = seeded(Theirs)
    module.rnn.requires_grad_(False)
    callback = watcher(noisy)
    fit(tmp_path, module, [callback])
    assert [record.dissimilarity for record in callback.records] == pytest.approx([0] * 4, abs=1e-6)


class Stop(pl.Callback):
    """Ends training in the middle of the third epoch."""

    def __init__(self, how: Any) -> None:
        self.how = how

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:
        if trainer.global_step == 10:
            if self.how == "should_stop":
                trainer.should_stop = True
            else:
                raise self.how


class BrokenError(Exception):
    """Something of theirs."""


class Clock(Timer):
    """A timer whose time is up in the middle of the third epoch."""

    def time_elapsed(self, *_: Any) -> float:
        return 1e9 if self.steps >= 10 else 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, *rest: Any, **named: Any) -> None:
        self.steps = trainer.global_step
        super().on_train_batch_end(trainer, *rest, **named)

    steps = 0


ENDS: dict[str, tuple[Callable[[], list], dict, type[BaseException] | None, tuple[int, int]]] = {
    "epochs": (list, {"max_epochs": 3}, None, (3, 12)),
    "steps": (list, {"max_epochs": -1, "max_steps": 10}, None, (3, 10)),
    "time": (lambda: [Clock(timedelta(hours=1))], {"max_epochs": -1}, None, (3, 10)),
    "early": (lambda: [EarlyStopping("loss", patience=1, min_delta=1e9)], {"max_epochs": 9}, None, (2, 8)),
    "should_stop": (lambda: [Stop("should_stop")], {"max_epochs": 9}, None, (3, 10)),
    "exception": (lambda: [Stop(BrokenError("theirs"))], {"max_epochs": 9}, BrokenError, (3, 10)),
    "Ctrl-C": (lambda: [Stop(KeyboardInterrupt())], {"max_epochs": 9}, SystemExit, (3, 10)),
}


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("reference", ["initial", "previous", "final", "elsewhere"])
@pytest.mark.parametrize("end", ENDS)
def test_the_last_state_is_recorded_once_whatever_ends_training(
    tmp_path: Path, end: str, reference: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # Lightning would ignore Ctrl-C from then on
    others, settings, error, last = ENDS[end]
    given: Any = np.random.default_rng(0).normal(size=(10, 25, 8)) if reference == "elsewhere" else reference
    callback, module = watcher(reference=given, every_n_epochs=every), seeded(Plain)

    def run() -> None:
        fit(tmp_path, module, [callback, *others()], **settings)

    if error is None:
        run()
    else:
        with pytest.raises(error):
            run()
    seen = [(record.epoch, record.step) for record in callback.records]
    inner = [(epoch, 4 * epoch) for epoch in range(every, last[0], every)]
    expected = [(0, 0), *inner, last]
    assert seen == (expected[1:] if reference == "previous" else expected)
    if not (end == "epochs" and reference == "final"):
        states = module.rnn(PROBE)[0].detach().numpy()
        at_end = callback.records[-1].dissimilarity
        other = {"final": states, "elsewhere": given}.get(reference)
        if other is not None:
            assert at_end == pytest.approx(CKA()(states, other), abs=1e-6)


def test_an_exception_is_what_they_raised_even_if_the_last_state_cannot_be_seen(tmp_path: Path) -> None:
    class Once(DissimilarityCallback):
        def at_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, step: int) -> None:
            if step:
                raise RuntimeError("no more memory")
            super().at_checkpoint(trainer, module, epoch, step)

    callback = Once(PROBE, "rnn", [CKA()], every_n_epochs=9)
    with pytest.raises(BrokenError, match="theirs"), pytest.warns(UserWarning, match="no more memory"):
        fit(tmp_path, Plain(), [callback, Stop(BrokenError("theirs"))])
    assert [record.epoch for record in callback.records] == [0]


def test_a_second_fit_begins_anew_and_a_resumed_one_goes_on(tmp_path: Path) -> None:
    callback = watcher()
    fit(tmp_path / "a", seeded(Plain), [callback])
    first = [record.dissimilarity for record in callback.records]
    trainer = fit(tmp_path / "b", seeded(Plain), [callback])
    assert [record.dissimilarity for record in callback.records] == first
    checkpoint = Path(trainer.checkpoint_callback.best_model_path)
    resumed = watcher()
    fit(tmp_path / "c", seeded(Plain), [resumed], checkpoint, max_epochs=5)
    assert [record.epoch for record in resumed.records] == list(range(6))
    assert [record.dissimilarity for record in resumed.records[:4]] == first
    torch.load(checkpoint, weights_only=True)  # plain containers and tensors
    other = watcher(inputs=PROBE + 1)  # its reference is no other probe's, but the network it finds
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        fit(tmp_path / "d", seeded(Plain), [other], checkpoint, max_epochs=5)
    assert [record.epoch for record in other.records] == [3, 4, 5]
    assert other.records[0].dissimilarity == pytest.approx(0, abs=1e-6)


def test_a_submodule_made_when_training_starts_is_found(tmp_path: Path) -> None:
    class Late(Plain):
        def configure_model(self) -> None:
            self.late = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.late(self.rnn(x)[0]))

    callback = watcher("late")
    fit(tmp_path, Late(), [callback])
    assert len(callback.records) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
@pytest.mark.parametrize("reference", ["initial", "previous", "final"])
@pytest.mark.parametrize("basis", ["own", "common"])
@pytest.mark.parametrize("when", [0, 1, 2])
def test_states_that_cannot_be_compared_end_nothing(
    tmp_path: Path, value: float, reference: str, basis: str, when: int
) -> None:
    def states(module: pl.LightningModule, inputs: torch.Tensor, epoch: int) -> torch.Tensor:
        output = module.rnn(inputs)[0]
        return torch.full_like(output, value) if epoch == when else output

    callback = DissimilarityCallback(
        PROBE, states, [CKA(), DSA(n_delays=3, rank=6)], components=4, reference=reference, basis=basis
    )
    with pytest.warns(DissimilarityWarning, match=r"No (CKA|DSA.*) at epoch"):
        fit(tmp_path, Plain(), [callback], max_epochs=3)
    bad = {record.epoch for record in callback.records if np.isnan(record.dissimilarity)}
    touched = {
        "initial": {0, 1, 2, 3} if when == 0 else {when},
        "previous": {when, when + 1} - {0},
        "final": {when},
    }
    assert bad == touched[reference]
    assert all(bool(record.reason) == np.isnan(record.dissimilarity) for record in callback.records)


def test_a_diverging_network_is_trained_to_its_end(tmp_path: Path) -> None:
    callback = watcher(metrics=[CKA(), Procrustes()])
    with pytest.warns(DissimilarityWarning, match="NaN or infinite"):
        trainer = fit(tmp_path, Plain(lr=1e30), [callback])
    assert trainer.current_epoch == 3
    assert "NaN" in callback.records[-1].reason


def test_states_that_fail_later_are_noted(tmp_path: Path) -> None:
    def states(module: pl.LightningModule, inputs: torch.Tensor, epoch: int) -> torch.Tensor:
        if epoch == 2:
            raise RuntimeError("CUDA out of memory")
        return module.rnn(inputs)[0]

    callback = watcher(states)
    with pytest.warns(DissimilarityWarning, match="epoch 2.*out of memory"):
        fit(tmp_path, Plain(), [callback])
    assert [record.reason != "" for record in callback.records] == [False, False, True, False]


@pytest.mark.parametrize(
    ("metrics", "arguments", "message"),
    [
        ([DSA(n_delays=40)], {}, "too few for n_delays=40"),
        ([CKA(), DSA(n_delays=40)], {"reference": "final"}, "too few for n_delays=40"),
        ([DSA(n_delays=40)], {"reference": "previous", "basis": "common"}, "too few for n_delays=40"),
        ([CKA()], {"reference": np.random.default_rng(0).normal(size=(9, 25, 8))}, "same trials"),
    ],
)
def test_what_can_never_work_is_refused_before_training(
    tmp_path: Path, metrics: list, arguments: dict, message: str
) -> None:
    module = seeded(Plain)
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(DynalignError, match=message):
        fit(tmp_path, module, [watcher(metrics=metrics, **arguments)])
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_several_callbacks_are_told_apart(tmp_path: Path) -> None:
    def callbacks() -> list[DissimilarityCallback]:
        two = [DSA(n_delays=3, rank=4), DSA(n_delays=3, rank=6)]
        return [watcher(name="cells"), watcher("head", name="out"), watcher(metrics=two, reference="previous")]

    logger = CSVLogger(tmp_path)
    trainer = fit(tmp_path, seeded(Plain), [*callbacks(), ModelCheckpoint(tmp_path, save_last=True)], logger=logger)
    names = {name for name in trainer.callback_metrics if "/" in name}
    logger.save()
    assert {"dissimilarity/cells/cka", "dissimilarity/out/cka"} <= names
    assert len(names) == 6  # two of DSA, each with its floor
    with (Path(logger.log_dir) / "metrics.csv").open() as table:
        assert names <= set(next(csv.reader(table)))
    resumed = callbacks()
    fit(tmp_path / "more", seeded(Plain), [*resumed], tmp_path / "last.ckpt", max_epochs=4)
    assert [len(callback.records) for callback in resumed] == [5, 5, 8]
    assert {record.metric for record in resumed[2].records} == {m.label for m in resumed[2].tracker.metrics}


@pytest.mark.parametrize("name", [None, "a"])
@pytest.mark.parametrize("difference", [{"states": "head"}, {"inputs": PROBE + 1}, {"reference": "final"}])
def test_callbacks_that_log_under_one_name_are_refused(tmp_path: Path, name: str | None, difference: dict) -> None:
    with pytest.raises(DynalignError, match=r"Two callbacks log dissimilarity/.*cka; give each"):
        fit(tmp_path, Plain(), [watcher(name=name), watcher(name=name, **difference)])


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize(
    "precision", ["32-true", "64-true", "bf16-true", "bf16-mixed", pytest.param("16-mixed", marks=GPU)]
)
def test_the_probe_has_the_number_type_of_the_trainer(tmp_path: Path, precision: str) -> None:
    module, callback = seeded(Plain), watcher(metrics=[CKA(), Procrustes()])
    fit(tmp_path, module, [callback], precision=precision)
    assert len(callback.records) == 8
    assert not any(record.reason for record in callback.records)
    assert callback.records[-1].dissimilarity > 0


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("whole", [True, False])
def test_compiled_modules_are_seen_as_they_were_written(tmp_path: Path, whole: bool) -> None:
    class Silent(Plain):  # Lightning's log cannot be compiled with every torch
        def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
            return self(batch[0]).square().mean()

    plain, callback = seeded(Silent), watcher()
    fit(tmp_path, plain, [callback], max_epochs=1)
    compiled = seeded(Silent)
    if whole:
        compiled = torch.compile(compiled, backend="eager")
    else:
        compiled.rnn = torch.compile(compiled.rnn, backend="eager")
    other = watcher()
    fit(tmp_path, compiled, [other], max_epochs=1)
    assert [r.dissimilarity for r in other.records] == pytest.approx([r.dissimilarity for r in callback.records])
