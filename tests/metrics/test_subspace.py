"""Subspace identification: hidden states are found exactly, and the package dsa-metric finds the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import Driven, InputDSA
from dynalign.metrics.hankel_dmd import HankelDMD
from dynalign.metrics.subspace import fit_subspace, moments, prediction_error

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "dsa_metric_inputs.npz")
WINDOW, RANK = 4, 6  # of the reference


def eigenvalues(operator: torch.Tensor | np.ndarray) -> np.ndarray:
    return np.sort_complex(np.linalg.eigvals(np.asarray(operator)))


def identified(states: np.ndarray, inputs: np.ndarray, *, window: int = WINDOW, rank: float = RANK) -> HankelDMD:
    return fit_subspace(
        [torch.from_numpy(states)], [torch.from_numpy(inputs)], window=window, rank=rank, ridge=0.0, rounding=2e-16
    )


def responses(found: HankelDMD, units: int, powers: int = 4) -> list[np.ndarray]:
    """What the units do so many steps after a unit of input, G Aᵏ B, which no coordinates of the states touch."""
    a, b = found.operator.numpy(), found.input_operator.numpy()
    seen = np.linalg.pinv(found.whitening.numpy().T)[:units]  # the future of a state, its first step
    return [seen @ np.linalg.matrix_power(a, k) @ b for k in range(powers)]


class Hidden:
    """A linear system of which fewer units are seen than it has states."""

    def __init__(self, seed: int, states: int = 5, units: int = 2, channels: int = 2) -> None:
        self.rng = np.random.default_rng(seed)
        self.a = 0.9 * ortho_group.rvs(states, random_state=seed)
        self.b = self.rng.normal(size=(states, channels))
        self.seen = self.rng.normal(size=(units, states))

    def run(self, inputs: np.ndarray, noise: float = 0.0) -> np.ndarray:
        """x_t = A x_{t-1} + B u_t, from random points and their mirror images, so that the mean can be 0."""
        x, made = mirrored(self.rng.normal(size=(len(inputs) // 2, len(self.a)))), []
        for t in range(inputs.shape[1]):
            x = x @ self.a.T + inputs[:, t] @ self.b.T + noise * self.rng.normal(size=x.shape)
            made.append(x @ self.seen.T)
        return np.stack(made, axis=1)


def mirrored(half: np.ndarray) -> np.ndarray:
    return np.concatenate([half, -half])


def white(seed: int, trials: int, time: int, channels: int) -> np.ndarray:
    return mirrored(np.random.default_rng(seed).normal(size=(trials // 2, time, channels)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", [3, 6])
def test_hidden_states_without_noise_are_found_exactly(seed: int, window: int) -> None:
    hidden, inputs = Hidden(seed), white(seed, 20, 40, 2)
    found = identified(hidden.run(inputs), inputs, window=window, rank=5)
    np.testing.assert_allclose(eigenvalues(found.operator), eigenvalues(hidden.a), atol=1e-6)
    for k, response in enumerate(responses(found, units=2)):
        np.testing.assert_allclose(response, hidden.seen @ np.linalg.matrix_power(hidden.a, k) @ hidden.b, atol=1e-6)


def test_directions_without_data_are_left_at_0() -> None:
    hidden, inputs = Hidden(0), white(0, 20, 40, 2)
    found = identified(hidden.run(inputs), inputs, window=6, rank=9)
    assert found.kept_rank == 5
    assert found.operator.shape == (9, 9)
    assert found.input_operator.shape == (9, 2)
    assert not found.operator[5:].any()
    assert identified(hidden.run(inputs), inputs, window=6, rank=0.9999999).operator.shape == (5, 5)


@pytest.mark.parametrize("index", range(3))
def test_operators_are_those_of_dsa_metric(index: int) -> None:
    found = identified(REFERENCE["states"][index], REFERENCE["inputs"][index])
    np.testing.assert_allclose(eigenvalues(found.operator), REFERENCE["eigenvalues"][index], atol=1e-6)
    np.testing.assert_allclose(responses(found, units=3), REFERENCE["responses"][index], atol=1e-6)


@pytest.mark.parametrize(("window", "rank"), [(2, 4), (5, 7)])
def test_the_installed_package_finds_the_same(window: int, rank: int) -> None:
    theirs = pytest.importorskip("DSA.subspace_dmdc").SubspaceDMDc
    hidden, inputs = Hidden(1), white(1, 12, 40, 2)
    states = hidden.run(inputs, noise=0.3)
    # Its inputs act from their own time step on, and its last time step is never looked at.
    later = np.concatenate([inputs[:, 1:], np.zeros_like(inputs[:, :1])], axis=1)
    peer = theirs(states, later, n_delays=window, rank=rank, lamb=0.0)
    peer.fit()
    ours = identified(states, inputs, window=window, rank=rank)
    np.testing.assert_allclose(eigenvalues(ours.operator), eigenvalues(peer.A_v), atol=1e-6)
    expected = [peer.C_v @ np.linalg.matrix_power(peer.A_v, k) @ peer.B_v for k in range(4)]
    np.testing.assert_allclose(responses(ours, units=2), expected, atol=1e-6)


def test_states_are_as_long_as_what_they_lead_to_whatever_drives_them() -> None:
    hidden = Hidden(2)
    calm, restless = white(0, 30, 40, 2).cumsum(axis=1), white(1, 30, 40, 2)
    metric = InputDSA(n_delays=5, rank=5, fit="subspace")
    turn = ortho_group.rvs(2, random_state=0)
    x, y = Driven(hidden.run(calm), calm), Driven(hidden.run(restless) @ turn, restless)
    assert metric(x, y) < 1e-6
    assert InputDSA(n_delays=5, rank=5)(x, y) > 0.05  # delay vectors hold inputs, too
    assert InputDSA(n_delays=5, rank=5, fit="subspace", whiten=True)(x, y) > 0.05


@pytest.mark.parametrize("compare", ["input", "joint"])
def test_input_operators_of_hidden_states_are_the_same_under_other_inputs(compare: str) -> None:
    hidden, other = Hidden(2), Hidden(2)
    other.b = Hidden(7).b
    metric = InputDSA(n_delays=5, rank=5, fit="subspace", compare=compare)
    inputs = [white(seed, 30, 40, 2) for seed in (0, 1)]
    for each in inputs:
        each /= each.std((0, 1))
    x, y, z = (Driven(s.run(u), u) for s, u in ((hidden, inputs[0]), (hidden, inputs[1]), (other, inputs[1])))
    assert metric(x, y) < 1e-6
    assert metric(x, z) > 0.1


def test_units_of_states_and_inputs_do_not_matter() -> None:
    hidden, inputs = Hidden(3), white(3, 12, 40, 2)
    other = Driven(Hidden(4).run(inputs, noise=0.3), inputs)
    states = hidden.run(inputs, noise=0.3)
    for compare in ("internal", "input", "joint"):
        metric = InputDSA(n_delays=3, rank=5, fit="subspace", compare=compare)
        expected = metric(Driven(states, inputs), other)
        turned = 1e5 * states @ ortho_group.rvs(4, random_state=0)[:2] + 3
        assert metric(Driven(turned, inputs * [1e6, 1e-6] + 2), other) == pytest.approx(expected, abs=1e-7)


def test_inputs_that_stay_the_same_within_trials_can_be_used() -> None:
    steady = white(0, 30, 1, 2).repeat(40, axis=1)
    hidden = Hidden(0)
    states = hidden.run(steady, noise=0.1)
    metric = InputDSA(n_delays=3, rank=5, fit="subspace")
    turned = states @ ortho_group.rvs(2, random_state=1)
    assert metric(Driven(states, steady), Driven(turned, 5 * steady)) < 1e-6


def test_explain_tells_the_error_of_the_states_that_are_found() -> None:
    hidden, inputs = Hidden(0), white(0, 20, 40, 2)
    states = hidden.run(inputs)
    metric = InputDSA(n_delays=4, rank=5, fit="subspace")
    explained = metric.explain(Driven(states, inputs), Driven(hidden.run(inputs, noise=1.0), inputs))
    assert explained.x.kept_rank == 5
    assert explained.x.prediction_error < 1e-12
    assert 0.01 < explained.y.prediction_error < 1
    found = identified(states, inputs, window=4, rank=5)
    given = ([torch.from_numpy(states)], [torch.from_numpy(inputs)])
    assert prediction_error(found, *given, window=4, rounding=2e-16) < 1e-12
    assert moments(given[0], 4) == 20 * 32


def test_trials_of_unequal_lengths_are_identified_as_those_of_one() -> None:
    # Noise-free states are recovered exactly, whatever the lengths of the trials.
    hidden, inputs = Hidden(0), white(0, 20, 40, 2)
    states = hidden.run(inputs)
    lengths = [20 + (7 * k) % 21 for k in range(20)]
    parts = [[each[k, :length] for k, length in enumerate(lengths)] for each in (states, inputs)]
    metric = InputDSA(n_delays=4, rank=5, fit="subspace", center=False)
    assert metric(Driven(*parts), Driven(states, inputs)) < 1e-6
    found, whole = (metric.prepare(Driven(*each)).operator for each in (parts, (states, inputs)))
    assert found.shape == whole.shape


def test_a_penalty_makes_the_operator_smaller() -> None:
    hidden, inputs = Hidden(0), torch.from_numpy(white(0, 20, 40, 2))
    states = torch.from_numpy(hidden.run(inputs.numpy(), noise=0.3))
    free, held = (
        fit_subspace([states], [inputs], window=4, rank=5, ridge=ridge, rounding=2e-16).operator for ridge in (0.0, 0.5)
    )
    assert torch.linalg.matrix_norm(held) < 0.8 * torch.linalg.matrix_norm(free)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"n_delays": 20},
            r"x has 40 time steps per trial, too few for a past and a future of n_delays=20, which need",
        ),
        ({"n_delays": 2, "rank": 5}, r"rank=5 exceeds the 4 dimensions of x's future \(2 units x 2 delays\)"),
        ({"delay_interval": 2}, "fit=subspace needs delay_interval=1, not 2"),
    ],
)
def test_what_cannot_be_had_gets_one_clear_sentence(settings: dict[str, int], message: str) -> None:
    inputs = white(0, 4, 40, 2)
    with pytest.raises(DynalignError, match=message):
        InputDSA(**{"n_delays": 3, "rank": 5, "fit": "subspace", **settings}).prepare(
            Driven(Hidden(0).run(inputs), inputs)
        )


def test_two_short_for_any_window() -> None:
    with pytest.raises(DynalignError, match=r"need at least 4; use fit=dmdc\.$"):
        InputDSA(rank=2, fit="subspace").prepare(Driven(white(0, 8, 3, 2), white(1, 8, 3, 2)))


def test_there_is_no_gradient() -> None:
    inputs = white(0, 4, 40, 2)
    x = Driven(Hidden(0).run(inputs), inputs)
    with pytest.raises(DynalignError, match="fit=subspace has no gradient; use fit=dmdc"):
        InputDSA(n_delays=3, rank=5, fit="subspace").loss(x, x)
