"""What every model is: inputs in; action logits and recurrent states out."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from dynalign.errors import DynalignError, suggestion

Init = Literal["orthogonal", "uniform"]


class Output(NamedTuple):
    """``logits`` (batch, time, actions) and ``states`` (batch, time, units), None if they were not asked for."""

    logits: Tensor
    states: Tensor | None


class SequenceModel(nn.Module, abc.ABC):
    """A network that reads a sequence step by step and says at each step how it would act.

    Parameters
    ----------
    n_inputs, n_actions : int
        Input channels and actions.
    n_states : int
        Units of the recurrent state.
    """

    accepts_state_noise: ClassVar[bool] = True
    """Whether noise can be added to the state at every step."""
    stackable: ClassVar[bool] = False
    """Whether several networks of one shape train faster together (``run_together``) than one by one."""

    def __init__(self, *, n_inputs: int, n_actions: int, n_states: int) -> None:
        super().__init__()
        self.n_inputs, self.n_actions, self.n_states = n_inputs, n_actions, n_states

    def forward(self, inputs: Tensor, state_noise: Tensor | None = None, *, return_states: bool = True) -> Output:
        """Run the network from a zero state.

        Parameters
        ----------
        inputs : Tensor, shape (batch, time, n_inputs)
        state_noise : Tensor, shape (batch, time, n_states), optional
            Added to the state at every step, and carried on by the recurrence; None is the unperturbed network.
        return_states : bool
            Whether the states are needed; some models are faster without.

        Raises
        ------
        DynalignError
            If a shape is wrong, or the model has no place for noise on its state.
        """
        name = type(self).__name__
        self._check_inputs(inputs)
        if state_noise is not None:
            if not self.accepts_state_noise:
                raise DynalignError(
                    f"{name} cannot take noise on its recurrent state, which lives inside one fused scan; "
                    "add it to the inputs, or to the recorded states."
                )
            expected = (*inputs.shape[:2], self.n_states)
            if tuple(state_noise.shape) != expected:
                raise DynalignError(f"{name} needs state noise of shape {expected}, not {tuple(state_noise.shape)}.")
        return self._run(inputs, state_noise, return_states)

    def run_together(
        self,
        weights: Mapping[str, Tensor],
        inputs: Tensor,
        state_noise: Tensor | None = None,
        *,
        active: Sequence[int] | None = None,  # noqa: ARG002 - a model may do more than is needed
    ) -> Tensor:
        """Run several networks of this shape from zero states, each on trials of its own.

        Parameters
        ----------
        weights : mapping of str to Tensor, shape (networks, ...)
            Those of the state dict; this model's own have no say.
        inputs : Tensor, shape (networks, trials, time, n_inputs)
        state_noise : Tensor, shape (networks, trials, time, n_states), optional
        active : sequence of int, optional
            How many trials, the first ones, matter at each step, of every network; it never rises. The logits of
            others may be left at 0. By default, all.

        Returns
        -------
        Tensor, shape (networks, trials, time, n_actions)
            The logits, to be differentiated at most once.
        """

        def one(weights: dict[str, Tensor], inputs: Tensor, state_noise: Tensor | None) -> Tensor:
            output: Output = torch.func.functional_call(self, weights, (inputs, state_noise), {"return_states": False})
            return output.logits

        in_dims = (0, 0, None if state_noise is None else 0)
        logits: Tensor = torch.func.vmap(one, in_dims=in_dims)(dict(weights), inputs, state_noise)
        return logits

    def step(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Return the next state, as one step of ``forward`` without noise makes it.

        Parameters
        ----------
        inputs : Tensor, shape (batch, n_inputs)
        state : Tensor, shape (batch, n_states)

        Returns
        -------
        Tensor, shape (batch, n_states)

        Raises
        ------
        DynalignError
            If a shape is wrong, or the next state does not follow from the state and the present input alone.
        """
        self._check_step(inputs, state)
        return self._step(inputs, state)

    def step_jacobian(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Return the derivative of ``step`` by the state, row = unit of the next state.

        Parameters
        ----------
        inputs : Tensor, shape (batch, n_inputs)
        state : Tensor, shape (batch, n_states)

        Returns
        -------
        Tensor, shape (batch, n_states, n_states)

        Raises
        ------
        DynalignError
            As ``step``.
        """
        self._check_step(inputs, state)
        return self._step_jacobian(inputs, state)

    def smoothed(self, width: float) -> SequenceModel:  # noqa: ARG002
        """Return this model, on the same weights, with kinks in its activation rounded over ``width``; itself, if none.

        Solvers that go by derivatives get caught at kinks, and find their way past them as ``width`` goes to 0.
        """
        return self

    @abc.abstractmethod
    def _run(self, inputs: Tensor, state_noise: Tensor | None, return_states: bool) -> Output:
        """Do what ``forward`` promises, on checked arguments."""

    def _check_inputs(self, inputs: Tensor) -> None:
        if inputs.ndim != 3 or inputs.shape[-1] != self.n_inputs:
            raise DynalignError(
                f"{type(self).__name__} reads inputs of shape (batch, time, {self.n_inputs}), "
                f"not {tuple(inputs.shape)}."
            )

    def _check_step(self, inputs: Tensor, state: Tensor) -> None:
        expected = [(len(inputs), self.n_inputs), (len(inputs), self.n_states)]
        if [tuple(inputs.shape), tuple(state.shape)] != expected:
            raise DynalignError(
                f"A step of {type(self).__name__} takes inputs (batch, {self.n_inputs}) and a state "
                f"(batch, {self.n_states}), not {tuple(inputs.shape)} and {tuple(state.shape)}."
            )

    def _step(self, inputs: Tensor, state: Tensor) -> Tensor:  # noqa: ARG002
        """Do what ``step`` promises, on checked arguments."""
        raise DynalignError(f"{type(self).__name__} does not say how one step leads from a state to the next.")

    def _step_jacobian(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Do what ``step_jacobian`` promises, on checked arguments; by differentiation, if there is nothing faster."""

        def one(h: Tensor, x: Tensor) -> Tensor:
            return self._step(x[None], h[None])[0]

        jacobian: Tensor = torch.func.vmap(torch.func.jacrev(one))(state, inputs)
        return jacobian

    @abc.abstractmethod
    def input_parameters(self) -> list[Tensor]:
        """Return the parameters that go on learning when a curriculum freezes the network."""

    def recurrent_parameters(self) -> dict[str, float | None]:
        """Return which parameters lead from a state to the next, by their names in the state dict.

        Returns
        -------
        dict of str to float or None
            To each name the value of all its entries at which no unit hears of the past through it, or None if
            the recurrence is off whatever this parameter is.

        Raises
        ------
        DynalignError
            If the model does not say so.
        """
        raise DynalignError(f"{type(self).__name__} does not say which of its parameters are recurrent.")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from ``seed`` and leave the global random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def initialise(weight: Tensor, init: Init) -> None:
    """Give recurrent weights (units, units) their initial values.

    Raises
    ------
    DynalignError
        If there is no such initialisation.
    """
    if init not in get_args(Init):
        raise DynalignError(f"init={init} is unknown; {suggestion(init, get_args(Init))}")
    if init == "orthogonal":
        nn.init.orthogonal_(weight.detach())
    else:
        bound = len(weight) ** -0.5
        nn.init.uniform_(weight.detach(), -bound, bound)


def require_positive(**values: Any) -> None:
    """Raise a DynalignError for the first value that is not greater than 0."""
    for name, value in values.items():
        if not value > 0:
            raise DynalignError(f"{name}={value} must be greater than 0.")
