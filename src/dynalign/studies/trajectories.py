"""Where the states of a network go: mean trajectories of conditions, at some of its checkpoints, and a trial to see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError
from dynalign.networks import build_network
from dynalign.representations import Representation, reduce_units
from dynalign.store import Run
from dynalign.tasks import Task, Trials
from dynalign.tasks.base import Space
from dynalign.tasks.trials import IGNORE, PADDING

COMPONENTS = 3
"""In which trajectories are shown."""


@dataclass(frozen=True, eq=False)
class ExampleTrial:
    """One trial of a task: what enters, what is to come out, and in which period.

    Attributes
    ----------
    rule, condition : str
        What the trial is.
    inputs : array (time, channels)
    targets : array (time, outputs)
        1 where an action is the right one, or the right values; NaN where nothing is asked.
    input_names, target_names : sequence of str
    """

    rule: str
    condition: str
    inputs: npt.NDArray[np.floating]
    targets: npt.NDArray[np.floating]
    input_names: Sequence[str]
    target_names: Sequence[str]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Mean states of a network by condition, in principal components that all its checkpoints share.

    Attributes
    ----------
    epochs : sequence of int
        The checkpoints, from the first to the last.
    conditions : sequence of str
    known : int
        How many conditions there are, of which these are some.
    states : array (checkpoints, conditions, time, 3)
        Time steps that every probe trial has, perhaps not each of them; NaN where nothing is known.
    explained : array (checkpoints,)
        The share of the variance of the mean states that lies in the components.
    times : array (time,)
        In ms from the start of the trial.
    periods : sequence of str
        That of each time step, in the first trial; none where trials have no periods.
    trial : ExampleTrial, optional
        Of the same probe trials, at the same time steps.
    clock : str
        What times are counted in, if not in ms.
    """

    epochs: Sequence[int]
    conditions: Sequence[str]
    known: int
    states: npt.NDArray[np.float64]
    explained: npt.NDArray[np.float64]
    times: npt.NDArray[np.float64]
    periods: Sequence[str]
    trial: ExampleTrial | None = None
    clock: str = "ms"


def trajectories(
    run: Run,
    representation: Representation,
    *,
    classes: Iterable[type] = (),
    checkpoints: int = 6,
    conditions: int = 10,
    steps: int = 90,
) -> Trajectories:
    """Return where a network's states go in the whole of the probe trials of a representation.

    Parameters
    ----------
    run : Run
    representation : Representation
        Its probe trials are shown, and its noise; not its period and components.
    classes : iterable of type
        See ``Representation.of``.
    checkpoints, conditions, steps : int
        How many of each at most; some at equal distances are taken where there are more.

    Raises
    ------
    DynalignError
        If the states cannot be had, or the network has diverged.
    """
    whole = replace(representation, components=None, period=None, basis="own")
    network = build_network(run.config, run.key, classes=classes)
    task = whole.lasting(network.task)
    trials = whole.probe(network.task)
    kept = np.flatnonzero((trials.periods != PADDING).all(axis=0))
    kept = kept[spaced(len(kept), steps)]
    if not len(kept):
        raise DynalignError("The probe trials have no time step that all of them share.")
    epochs = [run.epochs[place] for place in spaced(len(run.epochs), checkpoints)]
    names, belongs = _conditions(trials)
    chosen = [names[place] for place in spaced(len(names), conditions)]
    means = []
    for epoch in epochs:
        network.model.load_state_dict(run.weights(epoch))
        network.model.eval()
        states = whole.seen(network, epoch, trials)[:, kept]
        means.append(np.stack([states[belongs == name].mean(axis=0, dtype=np.float64) for name in chosen]))
    # The components are those of the means, in which noise of single trials has no part, of all checkpoints together.
    together = np.concatenate(means)
    (reduced,) = reduce_units([together], components=min(COMPONENTS, together.shape[-1]))
    shown = np.zeros((len(epochs), len(chosen), len(kept), COMPONENTS))
    shown[..., : reduced.shape[-1]] = reduced.reshape(*shown.shape[:3], -1)
    return Trajectories(
        epochs=epochs,
        conditions=chosen,
        known=len(names),
        states=shown,
        explained=np.array([share_explained(full, part) for full, part in zip(means, shown, strict=True)]),
        times=kept.astype(np.float64) * task.dt,
        periods=[task.periods[index] for index in trials.periods[0, kept]],
        trial=_example(trials, kept, belongs),
    )


def spaced(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return places out of ``count``: all, or so many at equal distances, the first and the last among them."""
    return (
        np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)) if count else np.zeros(0, int)
    )


def share_explained(states: npt.NDArray[Any], reduced: npt.NDArray[Any]) -> float:
    """Return the share of the variance of states (..., units) that is left in some components of them."""
    total = float(states.reshape(-1, states.shape[-1]).astype(float).var(axis=0).sum())
    return float(reduced.reshape(-1, reduced.shape[-1]).astype(float).var(axis=0).sum()) / total if total > 0 else 1.0


def _conditions(trials: Trials) -> tuple[list[str], npt.NDArray[np.str_]]:
    """Return the conditions in order, in words, and that of each trial."""
    told: dict[str, npt.NDArray[np.generic]] = {"answer": trials.answer} if trials.task.asks == "actions" else {}
    told |= {name: values for name, values in trials.conditions.items() if len(np.unique(values)) > 1}
    if not told:
        return ["all trials"], np.full(len(trials), "all trials")
    actions = _names(trials.task.action_space) if trials.task.asks == "actions" else []
    rows = list(zip(*(values.tolist() for values in told.values()), strict=True))
    words = {row: _words(dict(zip(told, row, strict=True)), actions) for row in sorted(set(rows))}
    return list(words.values()), np.array([words[row] for row in rows])


def _words(levels: Mapping[str, Any], actions: Sequence[str]) -> str:
    said = []
    for name, value in levels.items():
        if name == "answer":
            said.append(actions[value] if 0 <= value < len(actions) else "no answer")
        elif isinstance(value, bool):
            said.append(name if value else f"no {name}")
        else:
            said.append(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(said)


def _example(trials: Trials, kept: npt.NDArray[np.int64], belongs: npt.NDArray[np.str_]) -> ExampleTrial:
    """Return the trial with the strongest inputs, whose structure shows best, of those that have an answer."""
    task = trials.task
    strength = np.abs(trials.inputs).sum(axis=(1, 2)) * np.where(trials.has_answer, 1.0, 0.5)
    place = int(strength.argmax())
    if task.asks == "actions":
        asked = np.asarray(trials.targets[place, kept])
        targets = (asked[:, None] == np.arange(task.n_actions)).astype(float)
        targets[asked == IGNORE] = np.nan
    else:
        targets = np.asarray(trials.targets[place, kept], dtype=float)
    return ExampleTrial(
        rule=task.rules[int(trials.rules[place])],
        condition=str(belongs[place]),
        inputs=trials.inputs[place, kept],
        targets=targets,
        input_names=input_names(task),
        target_names=_names(task.action_space),
    )


def input_names(task: Task) -> list[str]:
    """Return the names of the input channels of a task: its observations, and its rules."""
    rules = [f"rule {name}" for name in task.rules]
    return [*_names(task.observation_space), *rules]


def _names(space: Space) -> list[str]:
    found: dict[int, str] = {}
    for name, index in space.items():
        places = [index] if isinstance(index, int) else list(index)
        for number, place in enumerate(places, start=1):
            found[int(place)] = name if len(places) == 1 else f"{name} {number}"
    return [found[place] for place in sorted(found)]
