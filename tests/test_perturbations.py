"""Noise: exact at 0, of the stated size, where it was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dynalign.errors import DynalignError
from dynalign.perturbations import InputNoise, RecurrentNoise, RepresentationNoise


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", [InputNoise, RecurrentNoise, RepresentationNoise])
def test_zero_noise_is_exactly_nothing(kind) -> None:
    inputs, states = torch.ones(2, 3, 4), np.ones((2, 3, 4))
    assert kind(0.0).on_inputs(inputs, generator()) is inputs
    assert kind(0.0).state_noise((2, 3, 4), generator()) is None
    assert kind(0.0).on_representation(states, np.random.default_rng(0)) is states


def test_input_noise_has_its_standard_deviation() -> None:
    noise = InputNoise(0.3).on_inputs(torch.zeros(100, 100, 10), generator())
    assert noise.std().item() == pytest.approx(0.3, rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    torch.testing.assert_close(noise, InputNoise(0.3).on_inputs(torch.zeros(100, 100, 10), generator()))


def test_recurrent_noise_has_its_standard_deviation() -> None:
    noise = RecurrentNoise(0.2).state_noise((100, 100, 10), generator())
    assert noise.std().item() == pytest.approx(0.2, rel=0.01)
    with pytest.raises(DynalignError, match="no meaning for mamba"):
        RecurrentNoise(0.2).check(model="mamba", accepts_state_noise=False)
    RecurrentNoise(0.0).check(model="mamba", accepts_state_noise=False)


@pytest.mark.parametrize("share", [0.1, 0.7, 1.0])
def test_representation_noise_keeps_mean_and_variance(share: float) -> None:
    rng = np.random.default_rng(0)
    states = 5 + rng.normal(size=(200, 50, 10)) * np.linspace(0.5, 2, 10)
    mixed = RepresentationNoise(share).on_representation(states, rng)
    np.testing.assert_allclose(mixed.mean((0, 1)), 5, atol=0.1)
    assert mixed.var((0, 1)).mean() == pytest.approx(states.var((0, 1)).mean(), rel=0.02)
    overlap = np.corrcoef(mixed[..., -1].ravel(), states[..., -1].ravel())[0, 1]
    large = states[..., -1].var() / states.var((0, 1)).mean()
    expected = np.sqrt((1 - share**2) * large / ((1 - share**2) * large + share**2))
    assert overlap == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("std", [-0.1, float("nan"), float("inf")])
def test_no_standard_deviation(std: float) -> None:
    with pytest.raises(DynalignError, match="must be a number >= 0"):
        InputNoise(std)


def test_representation_noise_has_a_largest_value() -> None:
    with pytest.raises(DynalignError, match=r"between 0 .* and 1"):
        RepresentationNoise(1.5)
