"""The states of any network: which axis is which, and what a probe can be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from dynalign.errors import DynalignError
from dynalign.training.recording import record_states

TRIALS, TIME, UNITS = 6, 9, 4
X = torch.randn(TRIALS, TIME, UNITS, generator=torch.Generator().manual_seed(0))


class Around(nn.Module):
    """Runs one part, given time first if the part wants it so."""

    def __init__(self, part: nn.Module, swap: bool = False) -> None:
        super().__init__()
        self.part, self.swap = part, swap

    def forward(self, x: torch.Tensor) -> Any:
        return self.part(x.transpose(0, 1) if self.swap else x)


def record(module: nn.Module, probe: Any = X, name: str = "part", **arguments: Any) -> np.ndarray:
    with torch.no_grad():
        return record_states(module.eval(), name, probe, **arguments)


def twins(kind: str) -> list[nn.Module]:
    """Return two modules with the same weights: trials first, time first."""

    def make(batch_first: bool) -> nn.Module:
        torch.manual_seed(0)
        if kind in ("RNN", "GRU", "LSTM"):
            return getattr(nn, kind)(UNITS, UNITS, batch_first=batch_first)
        if kind == "Sequential":
            return nn.Sequential(nn.Linear(UNITS, UNITS), nn.GRU(UNITS, UNITS, batch_first=batch_first))
        layer = nn.TransformerEncoderLayer(UNITS, 2, 8, batch_first=batch_first)
        if kind == "layer":
            return layer
        encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        return encoder if kind == "encoder" else nn.Sequential(encoder, nn.Linear(UNITS, UNITS), nn.Dropout(0.1))

    return [make(True), make(False)]


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "Sequential", "layer", "encoder", "encoder and head"])
def test_time_first_modules_are_turned(kind: str) -> None:
    trials_first, time_first = twins(kind)
    expected = record(Around(trials_first))
    assert expected.shape == (TRIALS, TIME, UNITS)
    found = record(Around(time_first, swap=True))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    # Whoever gives them a probe with time first is understood as well.
    np.testing.assert_allclose(record(Around(time_first), X.transpose(0, 1)), expected, rtol=1e-4, atol=1e-5)


class Cells(nn.Module):
    """A recurrent network of their own, which says nothing of its axes."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.RNNCell(UNITS, UNITS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state, states = torch.zeros(x.shape[1], UNITS), []
        for step in x:
            state = self.cell(step, state)
            states.append(state)
        return torch.stack(states)


def test_axes_that_cannot_be_known_are_asked_for() -> None:
    module = Around(Cells(), swap=True)
    with pytest.raises(DynalignError, match=r"\(9, 6, 4\), which may be .*say which by batch_first"):
        record(module)
    assert record(module, batch_first=False).shape == (TRIALS, TIME, UNITS)
    time_first = nn.Sequential()
    time_first.add_module("rnn", Around(nn.GRU(UNITS, UNITS)))
    time_first.add_module("part", Around(nn.Identity()))
    time_first[0].register_forward_hook(lambda _module, _inputs, output: output[0])
    with pytest.raises(DynalignError, match="batch_first=True or batch_first=False"):
        record(time_first)
    np.testing.assert_array_equal(
        record(time_first, batch_first=False), record(time_first, batch_first=True).swapaxes(0, 1)
    )


def test_packed_sequences() -> None:
    gru = nn.GRU(UNITS, UNITS, batch_first=True)
    expected = gru(X)[0].detach().numpy()
    for batch_first in (True, False):
        gru.batch_first = batch_first
        packed = pack_padded_sequence(X, torch.full((TRIALS,), TIME), batch_first=True)
        np.testing.assert_allclose(record(Around(gru), packed), expected, rtol=1e-4, atol=1e-5)
    uneven = pack_padded_sequence(X, torch.tensor([9, 5, 9, 9, 9, 9]), batch_first=True, enforce_sorted=False)
    with pytest.raises(DynalignError, match="different lengths"):
        record(Around(gru), uneven)


@pytest.mark.parametrize(
    ("part", "probe", "message"),
    [
        (nn.GRU(UNITS, UNITS), X[0], r"puts out shape \(9, 4\), but states have three axes"),
        (nn.GRU(UNITS, UNITS, batch_first=True), X[:, 0], r"puts out shape \(6, 4\)"),
        (nn.Unflatten(2, (2, 2)), X, r"puts out shape \(6, 9, 2, 2\)"),
    ],
)
def test_outputs_of_other_shapes_are_refused(part: nn.Module, probe: torch.Tensor, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        record(Around(part), probe)


class Named(NamedTuple):
    x: torch.Tensor
    scale: torch.Tensor


class Two(nn.Module):
    """Takes two arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.GRU(UNITS, UNITS, batch_first=True)

    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> Any:
        return self.part(x * scale)


class Batch(Two):
    """Takes the whole batch as one argument."""

    def forward(self, batch: Any) -> Any:  # type: ignore[override]
        x, scale = (batch["x"], batch["scale"]) if isinstance(batch, dict) else batch
        return super().forward(x, scale)


@pytest.mark.parametrize("kind", [Two, Batch])
@pytest.mark.parametrize(
    "probe", [(X, torch.tensor(2.0)), Named(X, torch.tensor(2.0)), {"scale": torch.tensor(2.0), "x": X}]
)
def test_probes_of_several_tensors(kind: type[Two], probe: Any) -> None:
    module = kind()
    np.testing.assert_allclose(record(module, probe), module.part(2 * X)[0].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_submodule_that_is_not_there_or_does_not_run() -> None:
    with pytest.raises(DynalignError, match=r"states='pat' is no submodule of Two; did you mean part\?"):
        record(Two(), name="pat")
    module = Around(nn.Identity())
    module.other = nn.Identity()
    with pytest.raises(DynalignError, match="'other' did not run in the forward pass of Around"):
        record(module, name="other")


@pytest.mark.parametrize("name", ["part", "_orig_mod.part"])
def test_a_graph_that_was_compiled_before_anybody_looked(name: str) -> None:
    module = Around(nn.Linear(UNITS, UNITS)).eval()  # recurrent ones torch does not compile
    expected = record(module)
    compiled = torch.compile(module, backend="eager")
    with torch.no_grad():
        compiled(X)
    np.testing.assert_array_equal(record(compiled, name=name), expected)


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_a_cell_that_runs_once_per_time_step(kind: type[nn.Module]) -> None:
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = kind(3, 6)

        def forward(self, x: torch.Tensor) -> Any:
            state = None
            for t in range(x.shape[1]):
                state = self.cell(x[:, t], state)
            return state

    net, probe = Steps(), torch.randn(4, 9, 3)
    states = record_states(net, "cell", probe)
    assert states.shape == (4, 9, 6)
    last = net(probe)
    np.testing.assert_array_equal(states[:, -1], (last[0] if isinstance(last, tuple) else last).detach().numpy())


def test_a_layer_that_runs_twice_is_asked_for_another_way() -> None:
    layer = nn.Linear(3, 3)
    with pytest.raises(DynalignError, match=r"ran 2 times in one forward pass and put out \(4, 9, 3\)"):
        record_states(nn.Sequential(layer, layer), "0", torch.randn(4, 9, 3))
