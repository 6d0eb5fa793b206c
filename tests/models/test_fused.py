"""The kernel of the leaky network, on a GPU where there is one, elsewhere as Triton's interpreter runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from dynalign.models.activations import ACTIVATIONS

pytest.importorskip("triton")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
RUNS = pytest.mark.skipif(DEVICE == "cpu" and not INTERPRETED, reason="runs in a process of its own")
DECAY = 0.8


@pytest.mark.skipif(DEVICE == "cuda" or INTERPRETED, reason="runs as it is")
def test_interpreted() -> None:
    # Triton must know before it is imported, and whoever imports torch may have imported it.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def loop(drive: Tensor, weight: Tensor, noise: Tensor | None, name: str) -> Tensor:
    """Do the same step by step."""
    f = ACTIVATIONS[name].function
    state, states = torch.zeros_like(drive[:, :, 0]), []
    for step in range(drive.shape[2]):
        state = DECAY * state + (1 - DECAY) * f(drive[:, :, step] + state @ weight.mT)
        state = state if noise is None else state + noise[:, :, step]
        states.append(state)
    return torch.stack(states, dim=2)


@RUNS
@pytest.mark.parametrize("units", [1, 11, 64, 100])
@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_states_and_gradients_are_those_of_a_loop(name: str, noisy: bool, units: int) -> None:
    from dynalign.models.fused import recurrence

    if DEVICE == "cpu" and units > 11:
        pytest.skip("the interpreter is slow")
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 19, 7, units), (2, units, units), (2, 19, 7, units)]
    drive, weight, noise = (torch.randn(shape, generator=generator).to(DEVICE) for shape in shapes)
    weight /= units**0.5
    kinds = []
    for run in (
        lambda d, w, n: recurrence(d, w, n, DECAY, name, ACTIVATIONS[name].leak or 0.0),
        lambda d, w, n: loop(d.double(), w.double(), None if n is None else n.double(), name),
    ):
        leaves = [each.clone().requires_grad_() for each in (drive, weight, noise)]
        states = run(leaves[0], leaves[1], leaves[2] if noisy else None)
        upward = torch.linspace(-1, 1, states.numel(), dtype=states.dtype, device=DEVICE).view_as(states)
        states.backward(upward)
        kinds.append([states.detach(), *[leaf.grad for leaf in (leaves if noisy else leaves[:2])]])
    for found, expected in zip(*kinds, strict=True):
        # A sum of n terms in float32 is right to n eps of their size.
        torch.testing.assert_close(
            found.double(), expected.double(), rtol=1e-4, atol=1e-4 * float(expected.abs().max())
        )
