"""Look at the states of somebody's network while it trains, and leave everything as it was."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import move_data_to_device
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from dynalign.errors import DynalignError
from dynalign.representations import States

_SEED = 2306  # of the random numbers that a network may draw while it is looked at
_COMPILED = "_orig_mod."  # what torch.compile puts before the names of what it wraps


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Put a network into evaluation, without gradients, and put everything back afterwards.

    That is: the mode of every submodule, all buffers (such as running statistics), and the random states of Python,
    NumPy and PyTorch. Within, random numbers are the same at every call.
    """
    modes = [(each, each.training) for each in module.modules()]
    buffers = [(each, dict(each._buffers)) for each in module.modules()]
    values = [(buffer, buffer.clone()) for _, known in buffers for buffer in known.values() if buffer is not None]
    with isolate_rng(include_cuda=torch.cuda.is_available()), torch.no_grad():
        random.seed(_SEED)
        np.random.seed(_SEED)  # noqa: NPY002 - what somebody's network may draw from
        torch.manual_seed(_SEED)
        try:
            module.eval()
            yield
        finally:
            for each, training in modes:
                each.training = training
            for each, known in buffers:
                each._buffers.clear()
                each._buffers.update(known)
            for buffer, value in values:
                buffer.copy_(value)


@contextmanager
def as_trained(trainer: pl.Trainer) -> Iterator[None]:
    """Compute in the trainer's precision, and without compiled code, which would pass by the hooks that look."""
    with trainer.precision_plugin.forward_context(), torch.compiler.set_stance("force_eager"):
        yield


def moved(inputs: Any, trainer: pl.Trainer, module: pl.LightningModule) -> Any:
    """Return inputs (a tensor, or a tuple, list or dict of such) on the module's device, in the trainer's precision."""
    return trainer.precision_plugin.convert_input(move_data_to_device(inputs, module.device))


def states_of(module: nn.Module, name: str, inputs: Any, *, batch_first: bool | None = None) -> Tensor:
    """Run a module on inputs and return what its submodule ``name`` put out, shape (trials, time, units).

    Parameters
    ----------
    inputs : Tensor, tuple, list or dict
        A tuple or list becomes the arguments of ``forward``, and so does a dict that names them; a named tuple or any
        other dict is one argument.
    batch_first : bool, optional
        Which way round the output is, where the submodule itself does not say so.

    Raises
    ------
    DynalignError
        If there is no such submodule, it did not run, or what it put out cannot be read as states.
    """
    modules = {each.replace(_COMPILED, ""): found for each, found in module.named_modules()}
    if name not in modules:
        known = ", ".join(sorted(key for key in modules if key))
        raise DynalignError(f"states={name!r} is no submodule of {type(module).__name__}; it has {known}.")
    observed = getattr(modules[name], "_orig_mod", modules[name])
    seen: list[Any] = []
    hook = observed.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        _run(module, inputs)
    finally:
        hook.remove()
    where = f"Submodule {name!r}"
    if not seen:
        raise DynalignError(f"{where} did not run in the forward pass of {type(module).__name__}.")
    outputs = [_tensor(output, where) for output in seen]
    if len(outputs) > 1:
        return _stacked(outputs, where)
    (states,) = outputs
    if states.ndim != 3:
        raise DynalignError(
            f"{where} put out shape {tuple(states.shape)}, but states have three axes, (trials, time, units); give a "
            "batch of trials, or a function of (module, inputs, epoch) that returns states."
        )
    first = isinstance(seen[0], PackedSequence) or _trials_first(observed, module, where, batch_first)
    return states if first else states.transpose(0, 1)


def as_array(states: Any) -> States:
    """Return states as an array of a precision that NumPy has."""
    if isinstance(states, Tensor):
        plain = states.detach().cpu()
        array: States = (plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain).numpy()
        return array
    return np.asarray(states)


def _run(module: nn.Module, inputs: Any) -> None:
    if isinstance(inputs, Mapping):
        known = inspect.signature(module.forward).parameters
        module(**inputs) if set(inputs) <= set(known) else module(inputs)
    elif isinstance(inputs, tuple | list) and not hasattr(inputs, "_fields"):
        module(*inputs)
    else:
        module(inputs)


def _tensor(output: Any, where: str) -> Tensor:
    """Return the states among what a submodule put out: itself, or the first of several."""
    if isinstance(output, tuple) and not isinstance(output, PackedSequence):
        return _tensor(output[0], where)
    if isinstance(output, PackedSequence):
        padded, lengths = pad_packed_sequence(output, batch_first=True)
        if (lengths != lengths[0]).any():
            raise DynalignError(f"{where} put out trials of different lengths; give inputs with trials of one length.")
        return padded
    if not isinstance(output, Tensor):
        raise DynalignError(
            f"{where} puts out {type(output).__name__}, not a tensor (trials, time, units); "
            "give a function of (module, inputs, epoch) instead."
        )
    return output


def _stacked(outputs: list[Tensor], where: str) -> Tensor:
    """Return the states of a cell that runs once per time step."""
    shapes = {tuple(output.shape) for output in outputs}
    if len(shapes) > 1 or outputs[0].ndim != 2:
        raise DynalignError(
            f"{where} ran {len(outputs)} times in one forward pass and put out {', '.join(map(str, sorted(shapes)))}, "
            "which is not one (trials, units) per time step; give a function of (module, inputs, epoch) instead."
        )
    return torch.stack(outputs, dim=1)


def _trials_first(observed: nn.Module, module: nn.Module, where: str, stated: bool | None) -> bool:
    """Tell whether trials are the first axis of what a submodule puts out, rather than time."""
    if stated is not None:
        return stated
    if isinstance(getattr(observed, "batch_first", None), bool):
        return bool(observed.batch_first)
    said = _said_within(observed) or _said_within(module)
    if False not in said:
        return True
    raise DynalignError(
        f"{where} does not say whether trials or time come first in what it puts out, and batch_first is False in a "
        "module of the network; say batch_first=True or batch_first=False."
    )


def _said_within(module: nn.Module) -> set[bool]:
    said = [getattr(each, "batch_first", None) for each in module.modules()]
    return {each for each in said if isinstance(each, bool)}
