"""The states of any network: run it on a probe, and read what one of its submodules puts out."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from dynalign.errors import DynalignError, suggestion
from dynalign.representations import States

# Modules that leave the order of trials and time as it is.
_KEEPS_AXES = (
    nn.Linear, nn.Identity, nn.LayerNorm, nn.RMSNorm, nn.modules.dropout._DropoutNd,
    nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.LeakyReLU, nn.Softplus,
)  # fmt: skip


def record_states(module: nn.Module, name: str, probe: Any, *, batch_first: bool | None = None) -> States:
    """Run ``module`` on ``probe`` and return what its submodule ``name`` put out.

    Parameters
    ----------
    probe : Tensor, or tuple, dict or NamedTuple of tensors
        On the module's device. A tuple is given as positional arguments, a dict or NamedTuple by name, if ``forward``
        can be called so; otherwise it is given as one argument, as everything else is.
    batch_first : bool, optional
        Whether the submodule's output is (trials, time, units) or (time, trials, units). Known, if not given, of
        ``nn.RNN``, ``nn.GRU``, ``nn.LSTM``, transformers, attention and whatever says ``batch_first`` itself, and of
        ``nn.Sequential`` around them.

    Returns
    -------
    array, shape (trials, time, units), float32 or float64

    Raises
    ------
    DynalignError
        If there is no such submodule, it did not run, or its output has not these three axes or not in a known order.
        A cell that runs once per time step may put out (trials, units).
    """
    part = find_submodule(module, name)
    seen: list[Any] = []
    hook = part.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        with _uncompiled():
            _call(module, probe)
    finally:
        hook.remove()
    if not seen:
        raise DynalignError(f"Submodule {name!r} did not run in the forward pass of {type(module).__name__}.")
    where = f"Submodule {name!r}"
    outputs = [_states(output, where) for output in seen]
    if len(outputs) > 1:
        return as_array(_stacked(outputs, where))
    return _in_order(outputs[0], where, module, part, probe, batch_first)


def find_submodule(module: nn.Module, name: str) -> nn.Module:
    """Return the submodule called ``name``, whether or not it or what holds it was compiled.

    Raises
    ------
    DynalignError
        If there is none.
    """
    # A compiled module holds the original as _orig_mod; the original comes later and is what is wanted.
    parts = {_plain(key): part for key, part in module.named_modules()}
    if _plain(name) not in parts:
        known = [key for key in parts if key]
        raise DynalignError(f"states={name!r} is no submodule of {type(module).__name__}; {suggestion(name, known)}")
    found: nn.Module = parts[_plain(name)]
    return found


def as_array(states: Any) -> States:
    """Return states as an array in a precision that numpy knows."""
    if isinstance(states, Tensor):
        states = states.detach().cpu()
        states = (states.float() if states.dtype in (torch.bfloat16, torch.float16) else states).numpy()
    array: States = states
    return array


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def _uncompiled() -> AbstractContextManager[Any]:
    """Let compiled modules run as they were written: in compiled ones no hook is called."""
    if "torch._dynamo" not in sys.modules:  # nothing can be compiled; and importing it takes seconds
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def _call(module: nn.Module, probe: Any) -> None:
    signature = inspect.signature(module.forward)
    named = probe if isinstance(probe, Mapping) else getattr(probe, "_asdict", dict)()
    try:
        if named:
            signature.bind(**named)
        elif isinstance(probe, tuple):
            signature.bind(*probe)
    except TypeError:
        module(probe)
        return
    if named and not isinstance(probe, PackedSequence):
        module(**named)
    elif isinstance(probe, tuple) and not named:
        module(*probe)
    else:
        module(probe)


def _states(output: Any, where: str) -> Tensor | PackedSequence:
    """Return the states among what a module put out: itself, or the first of several, as an LSTM puts them out."""
    if isinstance(output, tuple) and not isinstance(output, PackedSequence):
        return _states(output[0], where)
    if not isinstance(output, Tensor | PackedSequence):
        raise DynalignError(
            f"{where} puts out {type(output).__name__}, not a tensor (trials, time, units); give a function of "
            "(module, inputs, epoch) instead."
        )
    return output


def _stacked(outputs: list[Any], where: str) -> Tensor:
    """Return the states of a cell that ran once per time step."""
    shapes = {tuple(output.shape) if isinstance(output, Tensor) else () for output in outputs}
    if len(shapes) > 1 or len(min(shapes)) != 2:
        raise DynalignError(
            f"{where} ran {len(outputs)} times in one forward pass and put out {', '.join(map(str, sorted(shapes)))}, "
            "which is not one (trials, units) per time step; give a function of (module, inputs, epoch) instead."
        )
    return torch.stack(outputs, dim=1)


def _in_order(
    output: Any, where: str, module: nn.Module, part: nn.Module, probe: Any, batch_first: bool | None
) -> States:
    if isinstance(output, PackedSequence):
        output, lengths = pad_packed_sequence(output, batch_first=True)
        batch_first = True
        if (lengths != lengths[0]).any():
            raise DynalignError(f"{where} saw trials of different lengths; give a probe whose trials are equally long.")
    if output.ndim != 3:
        raise DynalignError(
            f"{where} puts out shape {tuple(output.shape)}, but states have three axes: (trials, time, units); give a "
            "batch of trials as the probe, or a function of (module, inputs, epoch) instead of a name."
        )
    if batch_first is None:
        batch_first = _batch_first(part)
    if batch_first is None:
        trials = next((tensor.shape[0] for tensor in tensors_of(probe) if tensor.ndim > 1), output.shape[0])
        elsewhere = any(getattr(other, "batch_first", True) is False for other in module.modules())
        if elsewhere or output.shape[0] != trials:
            raise DynalignError(
                f"{where} puts out shape {tuple(output.shape)}, which may be (trials, time, units) or (time, trials, "
                "units); say which by batch_first=True or batch_first=False."
            )
        batch_first = True
    return as_array(output if batch_first else output.transpose(0, 1))


def _batch_first(part: nn.Module) -> bool | None:
    """Return whether trials come first in what a module puts out; None where it does not tell."""
    own = getattr(part, "batch_first", None)
    if own is not None:
        return bool(own)
    if isinstance(part, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        return bool(part.self_attn.batch_first)
    if isinstance(part, nn.TransformerEncoder | nn.TransformerDecoder):
        return _batch_first(part.layers[0])
    if isinstance(part, nn.Sequential):
        for child in reversed(part):
            if not isinstance(child, _KEEPS_AXES):
                return _batch_first(child)
    return None


def tensors_of(probe: Any) -> Iterator[Tensor]:
    """Yield the tensors that a probe consists of."""
    if isinstance(probe, Tensor):
        yield probe
    elif isinstance(probe, Mapping):
        for value in probe.values():
            yield from tensors_of(value)
    elif isinstance(probe, list | tuple):
        for value in probe:
            yield from tensors_of(value)
