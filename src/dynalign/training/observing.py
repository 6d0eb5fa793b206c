"""Looking at a network without changing it, or anything that its training depends on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn

SEED = 20241  # of whatever noise a network draws while it is looked at: the same at every checkpoint


@contextmanager
def observing(module: nn.Module) -> Iterator[None]:
    """Put ``module`` into evaluation mode, and afterwards everything back as it was.

    Inside, nothing has gradients, nothing is logged, and global random numbers come from a fixed seed, so that a
    network that draws noise gives the same states whenever it is looked at. Afterwards these are what they were
    before, to the bit: the random state of Python, numpy and torch (CPU and CUDA) and of generators that submodules
    hold; the mode, buffers, tensors and other attributes of every submodule; the gradients.
    """
    undo = [_restore_random_state(), *(_restore(part) for part in module.modules())]
    gradients = [(parameter, parameter.grad) for parameter in module.parameters()]
    try:
        for parameter, _ in gradients:
            parameter.grad = None  # kept aside, so that nobody can add to them
        module.eval()
        for part in module.modules():
            if isinstance(part, pl.LightningModule):
                # Whatever forward logs is about training, not about this look; an attribute hides the method.
                vars(part).update(log=_nothing, log_dict=_nothing)
        _seed()
        with torch.no_grad():
            yield
    finally:
        for restore in undo:
            restore()
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for ``log``."""


def _restore(part: nn.Module) -> Callable[[], None]:
    """Return what puts the attributes and buffers of one module back: those it reassigned, and changed in place."""
    attributes, buffers = dict(vars(part)), dict(part._buffers)
    tensors = [
        (tensor, tensor.detach().clone())
        for tensor in (*buffers.values(), *attributes.values())
        if isinstance(tensor, torch.Tensor)
    ]
    generators = [_restore_generator(value) for value in attributes.values()]

    @torch.no_grad()
    def restore() -> None:
        vars(part).clear()
        vars(part).update(attributes)
        part._buffers.clear()
        part._buffers.update(buffers)
        for tensor, values in tensors:
            # Writing raises the version that autograd checks, so write only what has changed.
            if not torch.equal(tensor, values):
                tensor.copy_(values)
        for generator in generators:
            generator()

    return restore


def _restore_generator(value: Any) -> Callable[[], Any]:
    """Return what puts a random generator back that a module holds."""
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)
    if isinstance(value, np.random.Generator):
        numbers = value.bit_generator.state
        return lambda: setattr(value.bit_generator, "state", numbers)
    if isinstance(value, random.Random):
        place = value.getstate()
        return lambda: value.setstate(place)
    return _nothing


def _cuda_in_use() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def _restore_random_state() -> Callable[[], None]:
    """Return what puts the global random states back."""
    python, numbers, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else None

    def restore() -> None:
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    return restore


def _seed() -> None:
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002
    torch.default_generator.manual_seed(SEED)
    if _cuda_in_use():  # elsewhere this would reseed CUDA later, when training starts to use it
        torch.cuda.manual_seed_all(SEED)
