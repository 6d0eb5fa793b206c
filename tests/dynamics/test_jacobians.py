"""Jacobians in closed form, by differentiation and by finite differences; and their means along trajectories."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch

from dynalign.dynamics import jacobians, mean_jacobian
from dynalign.errors import DynalignError
from dynalign.models import LeakyGRU, LeakyRNN, Mamba, SequenceModel
from dynalign.models.activations import ACTIVATIONS

every_activation = pytest.mark.parametrize("activation", list(ACTIVATIONS))
every_kind = pytest.mark.parametrize("kind", [LeakyRNN, LeakyGRU])


def points(model: SequenceModel, n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.randn(n, size, generator=generator, dtype=torch.float64) for size in (model.n_inputs, model.n_states)
    )


@every_kind
@every_activation
def test_closed_forms_are_those_of_differentiation(kind: type[SequenceModel], activation: str) -> None:
    model = kind(n_inputs=3, n_actions=2, hidden=7, activation=activation).double()
    x, h = points(model)
    found = jacobians(model, x, h)
    differentiated = SequenceModel._step_jacobian(model, x, h)
    np.testing.assert_allclose(found, differentiated.detach().numpy(), rtol=1e-10, atol=1e-12)


@every_kind
def test_central_differences(kind: type[SequenceModel]) -> None:
    """Their error is of order eps^2 times the third derivative, which is of order 1, and rounding over eps."""
    model = kind(n_inputs=3, n_actions=2, hidden=7, activation="tanh").double()
    x, h = points(model)
    eps = 1e-5
    for unit in range(7):
        kick = eps * torch.eye(7, dtype=torch.float64)[unit]
        slope = (model.step(x, h + kick) - model.step(x, h - kick)) / (2 * eps)
        np.testing.assert_allclose(jacobians(model, x, h)[:, :, unit], slope.detach().numpy(), atol=1e-8)


def test_points_have_any_axes_before_their_units() -> None:
    model = LeakyRNN(n_inputs=3, n_actions=2, hidden=5)
    x, h = np.ones((2, 4, 3)), np.ones((2, 4, 5))
    assert jacobians(model, x, h).shape == (2, 4, 5, 5)
    with pytest.raises(DynalignError, match="at the same points"):
        jacobians(model, x[:, 1:], h)


@every_kind
def test_mean_over_the_steps_that_count(kind: type[SequenceModel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        import_module("dynalign.dynamics.jacobians"), "_ENTRIES", 100
    )  # so that more than one chunk is needed
    model = kind(n_inputs=3, n_actions=2, hidden=5, activation="tanh").double()
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    where = np.zeros((2, 6), dtype=bool)
    where[0, 0] = where[1, 2:5] = True
    states = model(x).states.detach()
    each = [
        jacobians(model, x[0, :1], torch.zeros(1, 5)),
        *(jacobians(model, x[1:, t], states[1:, t - 1]) for t in (2, 3, 4)),
    ]
    (found,) = mean_jacobian(model, x, where)
    np.testing.assert_allclose(found, np.concatenate(each).mean(axis=0), rtol=1e-12, atol=1e-14)
    with pytest.raises(DynalignError, match="holds at least one of them, not 0"):
        mean_jacobian(model, x, np.zeros((2, 6), dtype=bool))


def test_mamba_has_one_diagonal_of_decays_per_layer() -> None:
    """Its states say so themselves: those of inputs that differ at one step alone converge by the decays."""
    model = Mamba(n_inputs=3, n_actions=2, d_model=4, d_state=3, n_layers=2, d_conv=1).double()
    x = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = x.clone()
    other[:, 0] += 1
    with torch.no_grad():
        first, second = (model(inputs).states[..., :24] for inputs in (x, other))
        decays = model.decays(x)
    apart = second - first
    torch.testing.assert_close(apart[:, 1:], decays[0][:, 1:] * apart[:, :-1], rtol=1e-7, atol=1e-14)
    matrices = mean_jacobian(model, x)
    assert [matrix.shape for matrix in matrices] == [(24, 24), (24, 24)]
    for matrix, decay in zip(matrices, decays, strict=True):
        np.testing.assert_allclose(matrix, np.diag(decay.mean((0, 1)).numpy()), rtol=1e-12)


def test_models_without_a_step_say_so() -> None:
    mamba = Mamba(n_inputs=3, n_actions=2, d_model=4, d_state=3)
    with pytest.raises(DynalignError, match="Mamba has no step on its states alone"):
        jacobians(mamba, np.zeros((1, 3)), np.zeros((1, mamba.n_states)))

    class Other(LeakyRNN):
        _step = SequenceModel._step
        _step_jacobian = SequenceModel._step_jacobian

    with pytest.raises(DynalignError, match="Other does not say how one step leads from a state to the next"):
        mean_jacobian(Other(n_inputs=3, n_actions=2, hidden=5), np.zeros((1, 2, 3)))
