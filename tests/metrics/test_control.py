"""An orthonormal basis of what inputs do."""

from __future__ import annotations

import numpy as np
import torch

from dynalign.metrics.control import drive_of


def drive(inputs: np.ndarray):
    return drive_of(torch.from_numpy(inputs), floor=1e-12)


def test_the_basis_is_orthonormal_and_made_of_the_channels() -> None:
    inputs = np.random.default_rng(0).normal(size=(50, 3)) * [1, 1e8, 1e-8]
    found = drive(inputs)
    np.testing.assert_allclose(found.basis.mT @ found.basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(inputs @ found.per_channel.numpy(), found.basis, atol=1e-12)


def test_channels_that_say_nothing_new_lower_the_rank() -> None:
    inputs = np.random.default_rng(0).normal(size=(50, 2))
    more = np.concatenate([inputs, np.zeros((50, 1)), inputs @ [[1.0], [2.0]]], axis=1)
    found = drive(more)
    assert found.basis.shape == (50, 2)
    assert not found.per_channel[2].any()
    np.testing.assert_allclose(more @ found.per_channel.numpy(), found.basis, atol=1e-12)


def test_no_channels_and_constant_ones_have_rank_0() -> None:
    for inputs in (np.zeros((50, 2)), np.zeros((50, 0))):
        assert drive(inputs).basis.shape == (50, 0)
