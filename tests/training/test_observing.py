"""The callback observes: it changes nothing, it reads states the right way round, and it never ends training."""

from __future__ import annotations

import math
import random
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Procrustes
from dynalign.training import DissimilarityCallback, DissimilarityWarning
from dynalign.training.observing import as_array, states_of, untouched

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*"),
    pytest.mark.filterwarnings("ignore:.*is supported for historical reasons but its usage is discouraged.*"),
    pytest.mark.filterwarnings("ignore:.*Precision bf16-mixed is not supported.*"),
]
PROBE = torch.randn(10, 25, 3, generator=torch.Generator().manual_seed(1))


class Fickle(pl.LightningModule):
    """Draws noise of three kinds, counts in a buffer, drops out, and has one normalisation frozen and one not."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.GRU(3, 8, batch_first=True)
        self.frozen, self.running = nn.BatchNorm1d(8), nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(8, 1)
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("last", torch.zeros(1), persistent=False)

    def on_train_epoch_start(self) -> None:
        self.frozen.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.last = x.mean().reshape(1)
        states, _ = self.rnn(x + 0.1 * torch.randn_like(x) + 0.01 * random.random() + 0.01 * np.random.rand())  # noqa: NPY002
        normal = self.running(self.frozen(states.transpose(1, 2))).transpose(1, 2)
        return self.head(self.drop(normal))

    def training_step(self, batch):
        return (self(batch) - batch.cumsum(1)[..., :1]).square().mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)


def fit(module: pl.LightningModule, *callbacks: pl.Callback, **settings) -> pl.LightningModule:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    data = torch.randn(16, 25, 3, dtype=torch.float64 if settings.get("precision") == "64-true" else torch.float32)
    trainer = pl.Trainer(
        callbacks=list(callbacks), logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator="cpu", **{"max_epochs": 3, **settings},
    )  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=4, shuffle=True))
    return module


def watch(states="rnn", **settings) -> DissimilarityCallback:
    metrics = settings.pop("metrics", [CKA(), Procrustes()])
    return DissimilarityCallback(settings.pop("inputs", PROBE), states, metrics, components=None, **settings)


def everything(module: nn.Module) -> dict[str, torch.Tensor]:
    kept = dict(module.state_dict())
    return kept | dict(module.named_buffers())


def test_training_is_the_same_with_and_without_it() -> None:
    alone = everything(fit(Fickle()))
    after = torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002
    ours = watch()
    seen = everything(fit(Fickle(), ours))
    assert len(ours.records) == 2 * 4
    assert alone.keys() == seen.keys()
    for name, value in alone.items():
        assert torch.equal(value, seen[name]), name
    assert torch.equal(after[0], torch.rand(3))
    assert after[1:] == (random.random(), np.random.rand())  # noqa: NPY002


def test_what_is_recorded_of_a_noisy_network_is_the_same_each_time() -> None:
    module = Fickle()
    first, second = watch(), watch()
    fit(module, first)
    fit(Fickle(), second)
    assert [record.dissimilarity for record in first.records] == [record.dissimilarity for record in second.records]


def test_modes_buffers_and_gradients_are_put_back_also_after_an_error() -> None:
    module = Fickle()
    module.frozen.eval()
    module.head.weight.grad = torch.ones_like(module.head.weight)
    modes = {name: each.training for name, each in module.named_modules()}
    last = module.last

    def look() -> None:
        with untouched(module):
            module(PROBE)
            assert not module.running.training
            assert not torch.is_grad_enabled()
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        look()
    assert {name: each.training for name, each in module.named_modules()} == modes
    assert module.last is last
    assert (module.calls == 0).all()
    assert torch.is_grad_enabled()
    assert (module.head.weight.grad == 1).all()


class Ends(pl.Callback):
    def __init__(self, error: BaseException, step: int) -> None:
        self.error, self.step = error, step

    def on_train_batch_end(self, trainer, *_, **__) -> None:
        if trainer.global_step == self.step:
            raise self.error


@pytest.mark.parametrize("reference", ["initial", "previous", "final", "elsewhere"])
@pytest.mark.parametrize(("error", "raised"), [(ValueError("theirs"), ValueError), (KeyboardInterrupt(), SystemExit)])
@pytest.mark.parametrize(("step", "epoch"), [(4, 1), (6, 2)])
def test_the_last_state_is_recorded_when_training_breaks(
    reference: str, error: BaseException, raised: type, step: int, epoch: int
) -> None:
    states = np.random.default_rng(0).normal(size=(10, 25, 8))
    ours = watch(reference=states if reference == "elsewhere" else reference, every_n_epochs=50)
    with pytest.raises(raised):
        fit(Fickle(), ours, Ends(error, step))
    epochs = [record.epoch for record in ours.records if record.metric == "CKA"]
    assert epochs == ([epoch] if reference == "previous" else [0, epoch])
    assert all(math.isfinite(record.dissimilarity) for record in ours.records)


class Diverges(pl.Callback):
    """Makes the weights NaN in the second epoch."""

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        if trainer.current_epoch == 1:
            with torch.no_grad():
                pl_module.rnn.weight_ih_l0.fill_(float("nan"))


@pytest.mark.parametrize("reference", ["initial", "previous", "final"])
def test_states_that_diverge_are_noted_and_training_goes_on(reference: str) -> None:
    ours = watch(reference=reference, metrics=[DSA(n_delays=2, rank=3), CKA()])
    with pytest.warns(DissimilarityWarning, match="NaN or infinite"):
        module = fit(Fickle(), ours, Diverges())
    assert module.calls.item() == 12
    noted = [record for record in ours.records if record.epoch >= 2]
    assert len(noted) == 4
    assert all(math.isnan(record.dissimilarity) and record.reason for record in noted)


def test_a_failure_of_the_states_function_is_noted_after_the_first_checkpoint() -> None:
    def states(module, inputs, epoch):
        if epoch == 2:
            raise torch.OutOfMemoryError("out of memory")
        return module.rnn(inputs)[0]

    ours = watch(states, metrics=[CKA()])
    with pytest.warns(DissimilarityWarning, match="No CKA at epoch 2: OutOfMemoryError"):
        fit(Fickle(), ours)
    values = {record.epoch: record.dissimilarity for record in ours.records if record.metric == "CKA"}
    assert math.isnan(values[2])
    assert math.isfinite(values[3])
    with pytest.raises(ZeroDivisionError):
        fit(Fickle(), watch(lambda *_: 1 / 0))


def test_several_callbacks_have_names() -> None:
    first, second = watch(name="all"), watch("head", name="readout", metrics=[CKA(), CKA(kernel="rbf")])
    module = Fickle()
    fit(module, first, second)
    logged = set(module.trainer.callback_metrics)
    assert logged == {
        "dissimilarity/all/cka", "dissimilarity/all/procrustes",
        "dissimilarity/readout/cka", "dissimilarity/readout/cka(kernel=rbf)",
    }  # fmt: skip
    assert first.state_key != second.state_key
    with pytest.raises(DynalignError, match="Two callbacks for dissimilarity have no name"):
        fit(Fickle(), watch(), watch("head"))


def test_a_second_fit_begins_anew() -> None:
    ours = watch()
    fit(Fickle(), ours)
    first = [record.dissimilarity for record in ours.records]
    fit(Fickle(), ours)
    assert [record.dissimilarity for record in ours.records] == first


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-true", "bf16-mixed"])
def test_any_precision(precision: str) -> None:
    class Plain(Fickle):
        def forward(self, x):
            return self.head(self.rnn(x)[0])

    ours = watch()
    fit(Plain(), ours, precision=precision, max_epochs=1)
    values = [record.dissimilarity for record in ours.records]
    assert all(math.isfinite(value) for value in values)
    assert max(values[:2]) < 1e-3
    assert min(values[2:]) > 1e-3


def expected(rnn: nn.RNNBase) -> torch.Tensor:
    """States, trials first, from the module itself."""
    if rnn.batch_first:
        return rnn(PROBE)[0]
    return rnn(PROBE.transpose(0, 1))[0].transpose(0, 1)


class Holds(nn.Module):
    def __init__(self, rnn: nn.Module) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(self, x):
        return self.rnn(x if self.rnn.batch_first else x.transpose(0, 1))


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("batch_first", [True, False])
def test_either_way_round(kind: type, batch_first: bool) -> None:
    holder = Holds(kind(3, 6, batch_first=batch_first))
    assert torch.equal(states_of(holder, "rnn", PROBE), expected(holder.rnn))


def test_a_layer_after_an_rnn_whose_time_comes_first_must_be_asked_for_its_order() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.RNN(3, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.rnn(x.transpose(0, 1))[0])

    net = Net()
    with pytest.raises(DynalignError, match="'head' does not say whether trials or time come first"):
        states_of(net, "head", PROBE)
    assert states_of(net, "head", PROBE, batch_first=False).shape == (10, 25, 2)


def test_packed_sequences_are_read_where_trials_are_of_one_length() -> None:
    class Packs(nn.Module):
        def __init__(self, lengths: list[int]) -> None:
            super().__init__()
            self.rnn, self.lengths = nn.GRU(3, 6, batch_first=True), lengths

        def forward(self, x):
            return self.rnn(pack_padded_sequence(x, self.lengths, batch_first=True))

    whole = Packs([25] * 10)
    torch.testing.assert_close(states_of(whole, "rnn", PROBE), expected(whole.rnn))
    with pytest.raises(DynalignError, match="different lengths"):
        states_of(Packs([25] * 9 + [20]), "rnn", PROBE)


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell])
def test_a_cell_that_runs_step_by_step(kind: type) -> None:
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = kind(3, 6)

        def forward(self, x):
            state = None
            for t in range(x.shape[1]):
                state = self.cell(x[:, t], state)
            return state

    net = Steps()
    states = states_of(net, "cell", PROBE)
    assert states.shape == (10, 25, 6)
    last = net(PROBE)
    assert torch.equal(states[:, -1], last[0] if isinstance(last, tuple) else last)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (lambda x: x.mean(), "three axes"),
        (lambda x: x[0], "three axes"),
        (lambda x: x.flatten(0, 1), "three axes"),
        (lambda x: {"states": x}, "puts out dict, not a tensor"),
        (lambda x: None, "puts out NoneType"),
    ],
)
def test_output_that_is_no_states_is_refused(output, message: str) -> None:
    class Odd(nn.Module):
        def forward(self, x):
            return output(x)

    net = nn.Sequential(Odd())
    with pytest.raises(DynalignError, match=f"Submodule '0' .*{message}"):
        states_of(net, "0", PROBE)


def test_a_submodule_that_never_runs_or_is_not_there() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(DynalignError, match="'idle' did not run"):
        states_of(Idle(), "idle", PROBE)
    with pytest.raises(DynalignError, match="'usd' is no submodule of Idle; it has idle, used"):
        states_of(Idle(), "usd", PROBE)


Batch = namedtuple("Batch", ["x", "gain"])


def test_probes_of_several_tensors() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(3, 6, batch_first=True)

    class Arguments(Two):
        def forward(self, x, gain):
            return self.rnn(gain * x)

    class OneDict(Two):
        def forward(self, batch):
            return self.rnn(batch["gain"] * batch["x"])

    class OneTuple(Two):
        def forward(self, batch):
            return self.rnn(batch.gain * batch.x)

    gain = torch.full((1,), 0.5)
    for kind, probes in (
        (Arguments, [(PROBE, gain), [PROBE, gain], {"x": PROBE, "gain": gain}]),
        (OneDict, [{"x": PROBE, "gain": gain}]),
        (OneTuple, [Batch(PROBE, gain)]),
    ):
        net = kind()
        for probe in probes:
            assert torch.equal(states_of(net, "rnn", probe), net.rnn(0.5 * PROBE)[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("compiled", ["whole", "part"])
def test_compiled_modules_are_looked_into(compiled: str, tmp_path: Path) -> None:
    class Plain(Fickle):
        def forward(self, x):
            return self.head(self.rnn(x)[0])

    def run(compile_it: bool) -> list[float]:
        module = Plain()
        if compile_it and compiled == "part":
            module.rnn = torch.compile(module.rnn, backend="eager")
        ours = watch()
        fit(torch.compile(module, backend="eager") if compile_it and compiled == "whole" else module, ours)
        return [record.dissimilarity for record in ours.records]

    assert run(True) == pytest.approx(run(False), abs=1e-6)


def test_arrays_keep_the_precision_that_numpy_has() -> None:
    kinds = {
        torch.bfloat16: np.float32,
        torch.float16: np.float32,
        torch.float32: np.float32,
        torch.float64: np.float64,
    }
    for kind, dtype in kinds.items():
        assert as_array(torch.ones(2, 2, dtype=kind, requires_grad=True)).dtype == dtype
    assert as_array(np.ones(3)).dtype == np.float64
