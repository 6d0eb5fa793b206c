"""Looking at a network leaves it as it was, whatever the look does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dynalign.training.observing import observing


def test_gradients_are_kept_apart() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    module(torch.ones(2, 3)).sum().backward()
    module[1].bias.grad = None
    before = [(p.grad, None if p.grad is None else p.grad.clone()) for p in module.parameters()]
    with observing(module):
        assert not torch.is_grad_enabled()
        with torch.enable_grad():
            module(torch.ones(2, 3)).square().sum().backward()
    for parameter, (gradient, values) in zip(module.parameters(), before, strict=True):
        assert parameter.grad is gradient
        assert gradient is None or torch.equal(gradient, values)


def test_all_is_put_back_after_an_error_too() -> None:
    module = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3).eval(), nn.Dropout())
    random, running = torch.get_rng_state(), module[0].running_mean.clone()

    def look() -> None:
        with observing(module):
            assert not any(part.training for part in module.modules())
            module.train()
            module(torch.randn(8, 3))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        look()
    assert [part.training for part in module.modules()] == [True, True, False, True]
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(module[0].running_mean, running)
    assert torch.is_grad_enabled()


def test_a_forward_pass_can_be_looked_at_before_its_gradients() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3).eval())
    loss = module(torch.ones(2, 3)).square().sum()
    with observing(module):
        module(torch.ones(2, 3))
    loss.backward()  # the buffers that it needs were not written to
    assert module[0].weight.grad is not None
