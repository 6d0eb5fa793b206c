"""From a trained network to the (trials, time, units) array that a metric sees, and the inputs beside it.

Four steps: run the network on a fixed probe set, the same trials for every network; cut out one period; mix in noise,
if that is asked for; reduce the units by principal components. A metric that needs inputs is given those of the same
trials and period, as the network saw them.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from dynalign.errors import DamagedError, DynalignError, suggestion
from dynalign.metrics import Distance, Driven, Metric, measure
from dynalign.metrics.halves import floor_distances
from dynalign.metrics.pairwise import reason_of
from dynalign.networks import Network, build_network
from dynalign.perturbations import RepresentationNoise
from dynalign.tasks import Task, Trials

States = npt.NDArray[np.floating]
System = States | Driven
Name = TypeVar("Name", bound=Hashable)


class Stored(Protocol):
    """What is needed of a stored run; ``dynalign.store.Run`` has it."""

    @property
    def key(self) -> str:
        """Hash of the config."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What determined the network."""

    def restore(self, model: torch.nn.Module, epoch: int) -> None:
        """Give a model the weights of a checkpoint."""


@dataclass(frozen=True)
class Representation:
    """What of a network a metric is shown.

    Parameters
    ----------
    rule : str, optional
        Rule of the probe trials; by default the task's target, its last rule.
    trials : int
        Number of probe trials; conditions (coherence and choice) occur equally often.
    period : str or None
        Period to keep, or None for the whole trial.
    components : int or None
        Number of principal components to keep, or None for all units.
    basis : {"own", "common"}
        Principal components of each network alone, or of all compared networks together (the study's choice).
        A metric that ignores rotations loses nothing by the own basis but the discarded variance; and it can compare
        networks of different size, which a common basis cannot. One that looks at single units (its
        ``invariances`` are without rotation) says nothing about components: their signs and order are arbitrary.
    noise : float
        Share of noise that is mixed into the recorded states, from 0 to 1; see ``RepresentationNoise``. It is drawn
        anew for every run and checkpoint, and the same at every call.
    seed : int
        Seed of the probe trials.
    durations : mapping of period to ms, optional
        How long periods of the probe trials last, where not as in the task: two seconds of delay show what a network
        does when nothing enters.

    Raises
    ------
    DynalignError
        For a period, number, basis or share of noise that there is not.
    """

    rule: str | None = None
    trials: int = 100
    period: str | None = "stimulus"
    components: int | None = 20
    basis: Literal["own", "common"] = "own"
    noise: float = 0.0
    seed: int = 2410
    durations: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.components is not None and self.components < 1:
            raise DynalignError(f"components={self.components} keeps nothing; use a number >= 1, or null for all.")
        if self.basis not in ("own", "common"):
            raise DynalignError(f"basis={self.basis} is unknown; use own or common.")
        RepresentationNoise(self.noise)

    def check(self, task: Task) -> None:
        """Refuse what a task does not have, before anything is trained.

        Raises
        ------
        DynalignError
            If the rule or the period is unknown, or the period is empty or not at the same steps in every trial.
        """
        if self.rule is not None and self.rule not in task.rules:
            raise DynalignError(f"rule={self.rule} is no rule of {task.name}; {suggestion(self.rule, task.rules)}")
        if self.period is not None and self.period not in task.periods:
            raise DynalignError(
                f"period={self.period} is no period of {task.name}; {suggestion(self.period, task.periods)} "
                "The whole trial is period=null."
            )
        probe = self.probe(task)
        self.cut(probe.inputs, probe)

    def check_metrics(self, metrics: Sequence[Metric], task: Task, units: int) -> None:
        """Refuse metrics that can compare no states of the shape that this gives of a network with so many units.

        Raises
        ------
        DynalignError
            Saying what a metric needs; states of that shape, which have nothing else wrong with them, were refused.
        """
        check_components(metrics, self.components)
        probe = self.probe(task)
        inputs = self.cut(probe.inputs, probe)
        shape = (*inputs.shape[:2], min(units, self.components or units))
        states = states_of_shape(shape)
        for metric in metrics:
            _check_shape(metric, shown(metric, states, inputs))

    def of(self, run: Stored, epoch: int, *, classes: Iterable[type] = ()) -> States:
        """Return what a metric sees of a stored run at a checkpoint, shape (trials, time, components or units).

        A metric that needs inputs is to be given ``driven``.

        Parameters
        ----------
        run : Run
        epoch : int
            One of ``run.epochs``.
        classes : iterable of type
            Classes of models, tasks and noise that are not of this package, if the run was made with such.

        Raises
        ------
        DynalignError
            If the checkpoint or a class is missing, the period is empty, or the network has diverged.
        """
        return self.seen(network_at(run, epoch, classes), epoch)

    def driven(self, run: Stored, epoch: int, *, classes: Iterable[type] = ()) -> Driven:
        """Return the states as ``of`` does, with the inputs that drove them; see ``inputs``."""
        network = network_at(run, epoch, classes)
        probe = self.probe(network.task)
        return Driven(self.seen(network, epoch, probe), self.inputs(network, probe))

    def seen(self, network: Network, epoch: int, probe: Trials | None = None) -> States:
        """Return what a metric sees of a network as it is now; ``of`` a stored run at that epoch is the same.

        Units are not reduced yet where the basis is common to what is compared.

        Parameters
        ----------
        probe : Trials, optional
            From ``self.probe``, if they are made already.
        """
        trials = self.probe(network.task) if probe is None else probe
        states = self.cut(network.record(torch.from_numpy(trials.inputs)), trials)
        rng = np.random.default_rng((int(network.key, 16), epoch))
        noisy = RepresentationNoise(self.noise).on_representation(states, rng)
        return self.reduce([noisy])[0] if self.basis == "own" else noisy

    def inputs(self, network: Network, probe: Trials | None = None) -> States:
        """Return the inputs (trials, time, channels) that led to the states that ``seen`` returns.

        They are those that the network saw, noise on them included, step by step: a state has seen the input of its own
        time step.
        """
        trials = self.probe(network.task) if probe is None else probe
        return self.cut(network.seen_inputs(torch.from_numpy(trials.inputs)), trials)

    def probe(self, task: Task) -> Trials:
        """Return the probe trials: the same for every network that is asked with this task."""
        rng = np.random.default_rng(self.seed)
        return self.drawn(task, rng, balanced=True)

    def drawn(self, task: Task, rng: np.random.Generator, *, balanced: bool) -> Trials:
        """Return trials of the rule and durations that are asked for."""
        rule = task.target if self.rule is None else self.rule
        return self.lasting(task).trials(self.trials, rule, rng, split="test", balanced=balanced)

    def lasting(self, task: Task) -> Task:
        """Return the task whose probe trials last as long as ``durations`` says."""
        return task.lasting(self.durations) if self.durations else task

    def cut(self, states: States, trials: Trials) -> States:
        """Keep the time steps of ``period``.

        Parameters
        ----------
        states : array, shape (trials, time, units)
        trials : Trials
            The trials on which the states were recorded.

        Raises
        ------
        DynalignError
            If the period is empty, or not at the same steps in every trial.
        """
        if self.period is None:
            return states
        mask = trials.in_period(self.period)
        if not mask.any():
            raise DynalignError(
                f"period={self.period} is empty in the probe trials of rule {self.rule or trials.task.target}; "
                "choose a period that this rule has."
            )
        if (mask != mask[0]).any():
            raise DynalignError(
                f"period={self.period} falls on different time steps in different probe trials; "
                "give the test split of the task fixed durations."
            )
        return states[:, mask[0]]

    def reduce(self, systems: Sequence[States]) -> list[States]:
        """Reduce the units of the compared systems to ``components`` principal components.

        Parameters
        ----------
        systems : sequence of arrays, each (trials, time, units)

        Returns
        -------
        list of arrays, each (trials, time, min(components, units)), centred

        Raises
        ------
        DynalignError
            If the states hold NaN or infinite values, or the basis is common and the unit counts differ.
        """
        return reduce_units(systems, components=self.components, basis=self.basis)


def reduce_units(
    systems: Sequence[States], *, components: int | None, basis: Literal["own", "common"] = "own"
) -> list[States]:
    """Reduce the units of several systems; see ``Representation`` for the arguments and what is raised."""
    for states in systems:
        if not np.isfinite(states).all():
            raise DynalignError("The recorded states hold NaN or infinite values: the network has diverged.")
    if components is None:
        return list(systems)
    if basis == "own":
        return [_project(states, [states], components) for states in systems]
    sizes = sorted({states.shape[-1] for states in systems})
    if len(sizes) > 1:
        raise DynalignError(f"basis=common needs networks with equally many units, not {sizes}; use basis=own.")
    return [_project(states, systems, components) for states in systems]


def shown(metric: Metric, states: States, inputs: States | None) -> States | Driven:
    """Return what a metric is given of a system: its states; with the inputs, if it needs them and there are some."""
    return Driven(states, inputs) if metric.needs_inputs and inputs is not None else states


def network_at(run: Stored, epoch: int, classes: Iterable[type] = ()) -> Network:
    """Return the network of a stored run as it was at a checkpoint."""
    network = build_network(run.config, run.key, classes=classes)
    run.restore(network.model, epoch)
    network.model.eval()
    return network


def states_of_shape(shape: tuple[int, ...]) -> States:
    """Return states (trials, time, units) with nothing wrong about them, for asking a metric about their shape.

    They vary in every direction and can be foreseen: slow waves of random phase, with a little noise.
    """
    rng = np.random.default_rng(0)
    phases = rng.uniform(0, 2 * np.pi, size=(shape[0], 1, *shape[2:]))
    waves = np.cos(phases + rng.uniform(0.1, 0.3, size=shape[2:]) * np.arange(shape[1]).reshape(1, -1, 1))
    return waves + 1e-3 * rng.normal(size=waves.shape)


def _check_shape(metric: Metric, states: States | Driven) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what these states are like
            metric.prepare(states, where="the recording")
    except DynalignError as error:
        raise DynalignError(f"{metric.label}: {error}") from None


def measure_reduced(
    metric: Metric,
    systems: Mapping[Name, System | Callable[[], System]],
    pairs: Sequence[tuple[Name, Name]],
    *,
    components: int | None,
    basis: Literal["own", "common"],
    progress: Callable[[int, int], None] | None = None,
) -> list[Distance]:
    """Let a metric measure pairs of systems as ``Representation`` returns them; see ``dynalign.metrics.measure``.

    Where the basis is common, each pair has components of its own, and so each system is another one in each pair.
    """
    if basis == "own":
        return measure(metric, systems, pairs, progress=progress)
    raw: dict[Name, System] = {}

    def part(pair: tuple[Name, Name], place: int) -> Callable[[], System]:
        def reduced() -> System:
            for name in pair:
                if name not in raw:
                    system = systems[name]
                    raw[name] = system() if callable(system) else system
            both = [_states(raw[name]) for name in pair]
            states = reduce_units(both, components=components, basis=basis)[place]
            whole = raw[pair[place]]
            return replace(whole, states=states) if isinstance(whole, Driven) else states

        return reduced

    parts = {(pair, place): part(pair, place) for pair in pairs for place in (0, 1)}
    return measure(metric, parts, [((pair, 0), (pair, 1)) for pair in pairs], progress=progress)


def measure_floor(
    metric: Metric,
    system: System | Callable[[], System],
    *,
    splits: int,
    components: int | None,
    basis: Literal["own", "common"],
) -> Distance | None:
    """Return the mean distance of random halves of the trials of a system as ``Representation`` returns it.

    It is the same at every call. Where the basis is common, it is that of the whole system, which both halves share.
    None where there can be no halves: of the metric, if it compares trial by trial, or of a single trial.
    """
    if metric.needs_matched_trials or splits < 1:
        return None
    start = time.perf_counter()
    try:
        whole = system() if callable(system) else system
        states = _states(whole)
        if len(states) < 2:
            return None
        if basis == "common":
            states = reduce_units([states], components=components)[0]
            whole = replace(whole, states=states) if isinstance(whole, Driven) else states
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to say of halves is said of the whole
            values = floor_distances(metric, whole, splits=splits, where="the states")
    except DamagedError:
        raise
    except Exception as error:  # whatever a metric of someone else may raise
        return Distance(math.nan, time.perf_counter() - start, reason_of(error))
    return Distance(float(values.mean()), time.perf_counter() - start)


def floor_of_pair(first: Distance | None, second: Distance | None) -> float | None:
    """Return the floor of the distance of two systems, the mean of both of theirs; None where one has none."""
    if first is None or second is None or first.reason or second.reason:
        return None
    return (first.value + second.value) / 2


def _states(system: System) -> States:
    return np.asarray(system.states) if isinstance(system, Driven) else system


def _project(states: States, fitted_on: Sequence[States], components: int) -> States:
    """Project ``states`` onto the leading principal axes of all ``fitted_on`` together."""
    rows = np.concatenate([s.reshape(-1, s.shape[-1]) for s in fitted_on]).astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    _, axes = np.linalg.eigh(rows.T @ rows)
    leading = np.ascontiguousarray(axes[:, ::-1][:, :components])  # products with a reversed view are not left to BLAS
    # In the precision of the states, by which a metric knows what is signal and what is rounding.
    projected: States = ((states.astype(np.float64) - mean) @ leading).astype(states.dtype)
    return projected


def check_components(metrics: Sequence[Metric], components: int | None) -> None:
    """Raise a DynalignError for a metric that looks at single units where it would be shown principal components."""
    for metric in metrics:
        if components is not None and "rotation" not in metric.invariances:
            raise DynalignError(
                f"components={components} turns units into principal components, but {metric.label} looks at single "
                "units; use components=null."
            )
