"""A network as it runs: a model, the task that it is asked, and the noise under which it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import dynalign.models
import dynalign.perturbations
import dynalign.tasks
from dynalign.errors import DamagedError, DynalignError
from dynalign.identity import target_of
from dynalign.models import Output, SequenceModel
from dynalign.perturbations import InputNoise, Perturbation
from dynalign.tasks import Task

States = npt.NDArray[np.floating]

RECORDING, VALIDATION = 2, 1  # seeds of the noise on the fixed sets


@dataclass(frozen=True)
class Network:
    """A model with its task and its noise; ``key`` is the key of the run that it belongs to."""

    key: str
    task: Task
    model: SequenceModel
    perturbation: Perturbation

    def run(self, inputs: Tensor, seed: tuple[int, ...], *, states: bool) -> Output:
        """Run the model under the perturbation; the noise depends on ``seed`` and the shapes alone.

        Parameters
        ----------
        inputs : Tensor, shape (trials, time, channels)
        states : bool
            Whether the states are needed.
        """
        return run_under(self.model, self.perturbation, inputs, seed, states=states)

    def ideal_accuracy(self, rule: str) -> float:
        """Return the accuracy of the ideal observer, who sees the inputs with their noise; NaN where not known."""
        extra = self.perturbation.std if self.perturbation.name == "input" else 0.0
        return float(self.task.ideal_accuracy(rule, extra_noise=extra))

    @torch.no_grad()
    def record(self, inputs: Tensor) -> States:
        """Return the states (trials, time, units) on the given inputs, under noise that is the same at every call."""
        device = next(self.model.parameters()).device
        states = self.run(inputs.to(device), (RECORDING,), states=True).states
        assert states is not None
        array: States = states.cpu().numpy()
        return array

    def seen_inputs(self, inputs: Tensor) -> States:
        """Return the given inputs (trials, time, channels) as the network sees them while ``record`` runs it."""
        return self.perturbation.on_inputs(inputs, _generator((RECORDING,))).cpu().numpy()


def run_under(
    model: SequenceModel, perturbation: Perturbation, inputs: Tensor, seed: tuple[int, ...], *, states: bool
) -> Output:
    """Run a model under a perturbation; see ``Network.run``."""
    noisy, noise = perturbed(model, perturbation, inputs, seed)
    output: Output = model(noisy, noise, return_states=states)
    return output


def perturbed(
    model: SequenceModel, perturbation: Perturbation, inputs: Tensor, seed: tuple[int, ...]
) -> tuple[Tensor, Tensor | None]:
    """Return the inputs that a model sees under a perturbation, and the noise on its states, if there is any."""
    generator = _generator(seed)
    noisy = perturbation.on_inputs(inputs, generator)
    noise = perturbation.state_noise((inputs.shape[0], inputs.shape[1], model.n_states), generator)
    return noisy, None if noise is None else noise.to(inputs)


def build_network(config: Mapping[str, Any], key: str, *, classes: Iterable[type] = ()) -> Network:
    """Build the untrained network of a run from the plain config that determined it.

    A config is data and can name no code to run: its classes are looked up among those of this package and
    ``classes``.

    Raises
    ------
    DynalignError
        For a class that is not among them.
    """
    missing = [name for name in ("task", "model", "perturbation", "seed") if name not in config]
    if missing:
        raise DamagedError(f"The config of run {key} lacks {', '.join(missing)}, so its network cannot be built.")
    known = {target_of(kind): kind for kind in (*_own(), *classes)}
    task: Task = _make(config["task"], known)
    model: SequenceModel = _make(
        config["model"], known, n_inputs=task.n_inputs, n_actions=task.n_actions, seed=config["seed"]
    )
    noise = config["perturbation"]
    return Network(key, task, model, InputNoise() if noise is None else _make(noise, known))


def _own() -> list[type]:
    rooms = (dynalign.models, dynalign.perturbations, dynalign.tasks)
    things = [getattr(room, name) for room in rooms for name in dir(room)]
    return [
        thing for thing in things if isinstance(thing, type) and issubclass(thing, (SequenceModel, Task, Perturbation))
    ]


def _make(node: Mapping[str, Any], known: Mapping[str, type], **more: Any) -> Any:
    settings = {name: value for name, value in node.items() if not name.startswith("_")}
    kind = known.get(str(node.get("_target_")))
    if kind is None:
        raise DynalignError(
            f"The stored run names the class {node.get('_target_')}, which dynalign does not have; "
            "import that class and pass it in classes=[...], if you trust it."
        )
    return kind(**settings, **more)


def _generator(seed: tuple[int, ...]) -> torch.Generator:
    return torch.Generator().manual_seed(_mix(seed))


def _mix(seed: tuple[int, ...]) -> int:
    """Turn several integers into one seed, without collisions between neighbouring tuples."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
