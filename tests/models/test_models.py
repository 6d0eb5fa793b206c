"""What holds for every model, and each model against an independent computation."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn import functional

from dynalign.errors import DynalignError
from dynalign.models import LeakyGRU, LeakyRNN, Mamba, SequenceModel
from dynalign.models.activations import ACTIVATIONS, smoothed
from dynalign.models.leaky_rnn import _Recurrence
from dynalign.models.mamba import kernel
from dynalign.models.scan import selective_scan

SMALL = {LeakyRNN: {"hidden": 6}, LeakyGRU: {"hidden": 6}, Mamba: {"d_model": 4, "d_state": 3, "n_layers": 2}}
every_model = pytest.mark.parametrize("kind", list(SMALL), ids=lambda kind: kind.__name__)


def make(kind: type[SequenceModel], seed: int = 0, **arguments) -> SequenceModel:
    return kind(n_inputs=5, n_actions=3, seed=seed, **{**SMALL[kind], **arguments})


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@every_model
def test_shapes(kind: type[SequenceModel]) -> None:
    model = make(kind)
    logits, states = model(randn(2, 7, 5))
    assert logits.shape == (2, 7, 3)
    assert states.shape == (2, 7, model.n_states)


@every_model
def test_the_seed_decides_the_weights_and_nothing_else_moves(kind: type[SequenceModel]) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, again, other = make(kind, 7), make(kind, 7), make(kind, 8)
    torch.testing.assert_close(torch.rand(3), expected)
    for name, value in first.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], rtol=0, atol=0)
    assert any((value != other.state_dict()[name]).any() for name, value in first.state_dict().items())


@every_model
def test_states_see_the_inputs_up_to_and_including_now(kind: type[SequenceModel]) -> None:
    model = make(kind).double()
    quiet = randn(1, 12, 5, dtype=torch.float64)
    kicked = quiet.clone()
    kicked[:, 4] += 1
    moved = (model(kicked).states - model(quiet).states).abs().amax(dim=(0, 2))
    assert (moved[:4] == 0).all()
    assert (moved[4:] > 0).all()


@every_model
def test_frozen_networks_go_on_learning_their_input_weights_only(kind: type[SequenceModel]) -> None:
    model = make(kind)
    chosen = model.input_parameters()
    names = {name for name, p in model.named_parameters() if any(p is c for c in chosen)}
    expected = {"embedding.weight", "embedding.bias"} if kind is Mamba else {"input.weight"}
    assert names == expected


@every_model
def test_recurrent_parameters_are_by_name_and_no_input_parameters(kind: type[SequenceModel]) -> None:
    model = make(kind)
    scan = {"A_log", "x_proj.weight", "dt_proj.weight", "dt_proj.bias"}
    expected = {
        LeakyRNN: {"recurrent.weight"},
        LeakyGRU: {"gates.weight", "candidate.weight"},
        Mamba: {f"blocks.{layer}.mixer.{name}" for layer in (0, 1) for name in scan},
    }
    assert set(model.recurrent_parameters()) == expected[kind]


@pytest.mark.parametrize("kind", [LeakyRNN, LeakyGRU])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_a_trial_is_made_of_steps(kind: type[SequenceModel], name: str) -> None:
    model = make(kind, activation=name).double()
    x = randn(3, 8, 5, dtype=torch.float64)
    state = torch.zeros(3, 6, dtype=torch.float64)
    for t, expected in enumerate(model(x).states.unbind(1)):
        state = model.step(x[:, t], state)
        torch.testing.assert_close(state, expected, rtol=1e-13, atol=1e-14)


def test_a_step_of_wrong_shape() -> None:
    with pytest.raises(
        DynalignError, match=r"takes inputs \(batch, 5\) and a state \(batch, 6\), not \(2, 5\) and \(6,\)"
    ):
        make(LeakyRNN).step(torch.zeros(2, 5), torch.zeros(6))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_smoothed_activations_come_near_theirs_and_have_their_derivative(name: str) -> None:
    """A softplus of width w is off by w log 2 at most, at the kink."""
    a = torch.linspace(-3, 3, 101, dtype=torch.float64).requires_grad_()
    smooth = smoothed(ACTIVATIONS[name], 0.1)
    assert (smooth.function(a) - ACTIVATIONS[name].function(a)).abs().max() <= 0.1 * math.log(2) * (1 + 1e-12)
    (slope,) = torch.autograd.grad(smooth.function(a).sum(), a)
    torch.testing.assert_close(slope, smooth.derivative(a), rtol=1e-8, atol=1e-8)  # softplus is linear from 20 w on
    assert (smooth is ACTIVATIONS[name]) == (name in ("tanh", "softplus"))


@every_model
def test_smoothing_shares_the_weights_and_leaves_the_model(kind: type[SequenceModel]) -> None:
    model = make(kind)
    x = randn(2, 7, 5)
    before = model(x).states
    smooth = model.smoothed(0.5)
    assert (smooth is model) == (kind is Mamba)
    assert all(a is b for a, b in zip(model.parameters(), smooth.parameters(), strict=True))
    assert (smooth(x).states != before).any() or kind is Mamba
    torch.testing.assert_close(model(x).states, before, rtol=0, atol=0)


@every_model
def test_wrong_inputs(kind: type[SequenceModel]) -> None:
    with pytest.raises(DynalignError, match=r"\(batch, time, 5\), not \(2, 7, 4\)"):
        make(kind)(torch.zeros(2, 7, 4))
    with pytest.raises(DynalignError, match="greater than 0"):
        make(kind, **{next(iter(SMALL[kind])): 0})


@pytest.mark.parametrize("kind", [LeakyRNN, LeakyGRU])
def test_state_noise_is_added_and_carried_on(kind: type[SequenceModel]) -> None:
    model = make(kind)
    x = randn(2, 6, 5)
    clean = model(x).states
    noise = torch.zeros(2, 6, 6)
    torch.testing.assert_close(model(x, noise).states, clean, rtol=0, atol=0)
    noise[:, 2] = 0.1
    noisy = model(x, noise).states
    torch.testing.assert_close(noisy[:, :2], clean[:, :2])
    torch.testing.assert_close(noisy[:, 2], clean[:, 2] + 0.1)
    assert (noisy[:, 3] != clean[:, 3]).any()
    with pytest.raises(DynalignError, match="state noise of shape"):
        model(x, noise[:, :3])


def test_mamba_has_no_place_for_state_noise() -> None:
    model = make(Mamba)
    with pytest.raises(DynalignError, match="add it to the inputs"):
        model(torch.zeros(1, 4, 5), torch.zeros(1, 4, model.n_states))


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("noisy", [False, True])
def test_rnn_is_its_equation_and_its_gradient_is_autograds(name: str, noisy: bool) -> None:
    model = make(LeakyRNN, activation=name, tau=80.0, dt=20.0).double()
    x = randn(3, 8, 5, dtype=torch.float64).requires_grad_()
    noise = 0.1 * randn(3, 8, 6, seed=1, dtype=torch.float64) if noisy else None
    d = math.exp(-20 / 80)
    h = torch.zeros(3, 6, dtype=torch.float64)
    expected = []
    for t in range(8):
        drive = model.input(x[:, t]) + model.recurrent(h)
        h = d * h + (1 - d) * ACTIVATIONS[name].function(drive)
        if noise is not None:
            h = h + noise[:, t]
        expected.append(h)
    slow = torch.stack(expected, dim=1)
    fast = model(x, noise).states
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)
    weights = randn(3, 8, 6, seed=2, dtype=torch.float64)
    inputs = [x, *(p for p in model.parameters() if p is not model.readout.weight and p is not model.readout.bias)]
    for got, want in zip(
        torch.autograd.grad((fast * weights).sum(), inputs),
        torch.autograd.grad((slow * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


def test_rnn_recurrence_gradcheck() -> None:
    arguments = [randn(2, 5, 3, seed=s, dtype=torch.float64).requires_grad_() for s in (0, 1)]
    weight = randn(3, 3, seed=2, dtype=torch.float64).requires_grad_()
    tanh = ACTIVATIONS["tanh"]
    assert gradcheck(lambda u, w, n: _Recurrence.apply(u, w, n, 0.8, tanh), (arguments[0], weight, arguments[1]))


def test_gru_is_its_equations() -> None:
    model = make(LeakyGRU, activation="tanh", tau=50.0, dt=10.0).double()
    x = randn(2, 6, 5, dtype=torch.float64)
    d = math.exp(-10 / 50)
    (w_z, w_r, w_c), (b_z, b_r, b_c) = model.input.weight.chunk(3), model.input.bias.chunk(3)
    u_z, u_r = model.gates.weight.chunk(2)
    h = torch.zeros(2, 6, dtype=torch.float64)
    for t in range(6):
        z = torch.sigmoid(x[:, t] @ w_z.T + h @ u_z.T + b_z)
        r = torch.sigmoid(x[:, t] @ w_r.T + h @ u_r.T + b_r)
        c = torch.tanh(x[:, t] @ w_c.T + (r * h) @ model.candidate.weight.T + b_c)
        h = h + (1 - d) * z * (c - h)
        torch.testing.assert_close(model(x).states[:, t], h, rtol=1e-12, atol=1e-12)


def test_gru_uses_its_reset_gate() -> None:
    model = make(LeakyGRU)
    model(randn(2, 6, 5)).states.sum().backward()
    assert model.gates.weight.grad.chunk(2)[1].abs().sum() > 0


def literal_scan(delta, A, B, C, x):
    """Gu & Dao 2023, eq. 2, one step, channel and state after another."""
    batch, time, channels = x.shape
    h = torch.zeros(batch, channels, A.shape[1], dtype=x.dtype)
    ys, hs = [], []
    for t in range(time):
        h = torch.exp(delta[:, t, :, None] * A) * h + delta[:, t, :, None] * B[:, t, None, :] * x[:, t, :, None]
        ys.append((h * C[:, t, None, :]).sum(-1))
        hs.append(h)
    return torch.stack(ys, 1), torch.stack(hs, 1)


def scan_arguments() -> list[torch.Tensor]:
    shapes = [(2, 6, 3), (3, 4), (2, 6, 4), (2, 6, 4), (2, 6, 3)]
    delta, A, B, C, x = (randn(*shape, seed=seed, dtype=torch.float64) for seed, shape in enumerate(shapes))
    return [t.requires_grad_() for t in (delta.abs() + 0.1, -A.abs(), B, C, x)]


def test_scan_is_the_literal_recurrence() -> None:
    arguments = scan_arguments()
    for got, want in zip(selective_scan(*arguments), literal_scan(*arguments), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


def test_scan_gradcheck() -> None:
    assert gradcheck(selective_scan, scan_arguments())


def test_mamba_block_is_the_published_formula() -> None:
    model = make(Mamba, n_layers=1, d_model=20).double()  # d_model > 16, so that R = 2
    x = randn(2, 9, 5, dtype=torch.float64)
    block = model.blocks[0]
    p = dict(block.mixer.named_parameters())
    stream = x @ model.embedding.weight.T + model.embedding.bias
    normed = stream / torch.sqrt(stream.square().mean(-1, keepdim=True) + torch.finfo(torch.float64).eps)
    u, gate = (normed @ p["in_proj.weight"].T).split(40, dim=-1)
    past = functional.pad(u, (0, 0, 3, 0))
    kernel = p["conv1d.weight"][:, 0]
    convolved = sum(past[:, k : k + 9] * kernel[:, k] for k in range(4)) + p["conv1d.bias"]
    u = functional.silu(convolved)
    dt, B, C = (u @ p["x_proj.weight"].T).split([2, 3, 3], dim=-1)
    delta = functional.softplus(dt @ p["dt_proj.weight"].T + p["dt_proj.bias"])
    y, h = literal_scan(delta, -torch.exp(p["A_log"]), B, C, u)
    stream = stream + ((y + p["D"] * u) * functional.silu(gate)) @ p["out_proj.weight"].T
    normed = stream / torch.sqrt(stream.square().mean(-1, keepdim=True) + torch.finfo(torch.float64).eps)
    logits, states = model(x)
    torch.testing.assert_close(states, h.flatten(2), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(logits, model.readout(normed), rtol=1e-9, atol=1e-12)


def test_mamba_parameters_are_those_of_mamba_ssm() -> None:
    d, E, N, R = 24, 48, 16, 2
    mixer = Mamba(n_inputs=5, n_actions=3, d_model=d).blocks[0].mixer
    shapes = {name: tuple(value.shape) for name, value in mixer.state_dict().items()}
    assert shapes == {
        "A_log": (E, N),
        "D": (E,),
        "in_proj.weight": (2 * E, d),
        "conv1d.weight": (E, 1, 4),
        "conv1d.bias": (E,),
        "x_proj.weight": (R + 2 * N, E),
        "dt_proj.weight": (E, R),
        "dt_proj.bias": (E,),
        "out_proj.weight": (d, E),
    }
    torch.testing.assert_close(mixer.A_log, torch.log(torch.arange(1.0, N + 1)).expand(E, N))
    steps = functional.softplus(mixer.dt_proj.bias)
    assert steps.min() >= 0.99e-3
    assert steps.max() <= 0.101
    assert mixer.dt_proj.weight.abs().max() <= R**-0.5


def test_states_of_all_layers() -> None:
    model = make(Mamba)
    assert model.n_states == 2 * 8 * 3
    states = model(randn(1, 5, 5)).states
    assert (states[..., :24] != 0).any()
    assert (states[..., 24:] != 0).any()


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (LeakyRNN, {"activation": "rleu"}, "did you mean relu"),
        (LeakyGRU, {"activation": "xyz"}, "there is leaky_relu, relu"),
        (Mamba, {"backend": "cud"}, "did you mean cuda"),
    ],
)
def test_misspelt_names(kind: type[SequenceModel], arguments: dict, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        make(kind, **arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without CUDA")
def test_cuda_backend_without_cuda() -> None:
    with pytest.raises(DynalignError, match=r"needs a CUDA GPU and the mamba-ssm package"):
        make(Mamba, backend="cuda")


@pytest.mark.parametrize("broken", ["raise ImportError('undefined symbol')", "raise OSError('libcudart')", "1 / 0"])
def test_a_mamba_ssm_that_does_not_import_is_as_good_as_none(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "mamba_ssm"
    package.mkdir()
    (package / "__init__.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mamba_ssm", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    kernel.cache_clear()
    try:
        assert torch.isfinite(make(Mamba, backend="auto")(randn(2, 7, 5)).logits).all()
        with pytest.raises(
            DynalignError, match=r"backend=cuda needs the mamba-ssm package .*Error: .*use backend=auto"
        ):
            make(Mamba, backend="cuda")
    finally:
        kernel.cache_clear()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@every_model
def test_cuda_agrees_with_the_cpu(kind: type[SequenceModel]) -> None:
    model, x = make(kind), randn(4, 50, 5)
    expected = model(x)
    found = model.cuda()(x.cuda())
    torch.testing.assert_close(found.logits.cpu(), expected.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.states.cpu(), expected.states, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_fused_kernel_agrees_with_plain_pytorch() -> None:
    pytest.importorskip("mamba_ssm")
    fused, plain = make(Mamba, backend="cuda").cuda(), make(Mamba, backend="torch").cuda()
    x = randn(4, 50, 5).cuda()
    outputs = [model(x, return_states=False).logits for model in (fused, plain)]
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)
    for output in outputs:
        output.square().sum().backward()
    for a, b in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_the_block_is_that_of_mamba_ssm() -> None:
    mamba_ssm = pytest.importorskip("mamba_ssm")
    ours = make(Mamba).blocks[0].mixer.cuda()
    E, N = ours.A_log.shape
    theirs = mamba_ssm.Mamba(d_model=E // 2, d_state=N, expand=2, d_conv=4).cuda()
    theirs.load_state_dict(ours.state_dict())
    x = randn(4, 50, E // 2).cuda()
    expected = theirs(x)
    for fused in (False, True):
        torch.testing.assert_close(ours(x, fused=fused)[0], expected, rtol=1e-4, atol=1e-5)
