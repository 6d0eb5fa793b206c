"""Controls change the recurrence, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dynalign.dynamics import initial_recurrence, mean_jacobian, no_recurrence, shuffled_recurrence
from dynalign.errors import DynalignError
from dynalign.models import LeakyGRU, LeakyRNN, Mamba, SequenceModel

SMALL = {LeakyRNN: {"hidden": 6}, LeakyGRU: {"hidden": 6}, Mamba: {"d_model": 4, "d_state": 3, "n_layers": 2}}
every_model = pytest.mark.parametrize("kind", list(SMALL), ids=lambda kind: kind.__name__)


def make(kind: type[SequenceModel], seed: int = 0) -> SequenceModel:
    return kind(n_inputs=5, n_actions=3, seed=seed, **SMALL[kind])


def changed(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> set[str]:
    assert a.keys() == b.keys()
    return {name for name in a if not torch.equal(a[name], b[name])}


@every_model
def test_only_recurrent_parameters_change(kind: type[SequenceModel]) -> None:
    model = make(kind)
    weights, recurrent = model.state_dict(), model.recurrent_parameters()
    before = {name: value.clone() for name, value in weights.items()}
    controls = [
        no_recurrence(weights, recurrent),
        shuffled_recurrence(weights, recurrent, np.random.default_rng(0)),
        initial_recurrence(weights, recurrent, make(kind, seed=1).state_dict()),
    ]
    for control in controls:
        assert changed(weights, control)
        assert changed(weights, control) <= set(recurrent)
        model.load_state_dict(control)
        assert torch.isfinite(model(torch.ones(1, 4, 5)).states).all()
        model.load_state_dict(before)
    assert not changed(model.state_dict(), before)


@every_model
def test_without_recurrence_units_keep_no_more_than_their_leak(kind: type[SequenceModel]) -> None:
    model = make(kind)
    model.load_state_dict(no_recurrence(model.state_dict(), model.recurrent_parameters()))
    for matrix in mean_jacobian(model, torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))):
        assert (matrix == np.diag(np.diag(matrix))).all()
        if kind is LeakyRNN:
            np.testing.assert_allclose(np.diag(matrix), model.decay, rtol=1e-12)
        if kind is Mamba:
            assert not matrix.any()


@every_model
def test_shuffling_keeps_the_entries(kind: type[SequenceModel]) -> None:
    model = make(kind)
    weights, recurrent = model.state_dict(), model.recurrent_parameters()
    first, again = (shuffled_recurrence(weights, recurrent, np.random.default_rng(0)) for _ in range(2))
    assert not changed(first, again)
    for name in recurrent:
        assert torch.equal(first[name].flatten().sort().values, weights[name].flatten().sort().values)


def test_the_initial_recurrence_is_taken_as_it_was() -> None:
    trained, initial = make(LeakyGRU).state_dict(), make(LeakyGRU, seed=1).state_dict()
    control = initial_recurrence(trained, ["gates.weight"], initial)
    assert torch.equal(control["gates.weight"], initial["gates.weight"])
    assert changed(control, trained) == {"gates.weight"}


def test_bad_input() -> None:
    weights = make(LeakyRNN).state_dict()
    with pytest.raises(DynalignError, match=r"lack the recurrent parameters gates\.weight"):
        no_recurrence(weights, {"gates.weight": 0.0})
    other = LeakyRNN(n_inputs=5, n_actions=3, hidden=7).state_dict()
    with pytest.raises(DynalignError, match=r"has shape \(6, 6\) and was initially \(7, 7\)"):
        initial_recurrence(weights, ["recurrent.weight"], other)
