"""What every task is: rules, periods, and trials that are made in batches."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from dynalign.errors import DynalignError, suggestion
from dynalign.tasks.trials import Trials

Space = Mapping[str, int | Sequence[int]]
"""A name for every channel or output, in NeuroGym's style: ``{"fixation": 0, "stimulus": [1, 2]}``."""


class Task(abc.ABC):
    """A task that networks learn: an answer at every time step, judged in the period in which it is due.

    Most tasks ask for one of several actions, and some for values, such as the sign that is to be held. A rule is a
    version of the task, of which a network is told by a one-hot input after the observations; a task without versions
    has one rule.
    """

    name: ClassVar[str]
    """The short name of the task in configurations and tables."""

    rules: ClassVar[tuple[str, ...]]
    """In the order of the one-hot rule input; ``Trials.rules`` holds indices into it."""

    periods: ClassVar[tuple[str, ...]]
    """Of a trial, in the order in which they happen; ``Trials.periods`` holds indices into it."""

    response: ClassVar[str]
    """The period in which the answer is due."""

    asks: ClassVar[Literal["actions", "values"]] = "actions"
    """Whether an answer is one of the outputs, which the largest of them gives, or a value for each of them."""

    tolerance: ClassVar[float] = 0.0
    """Where values are asked for, how far each of them may be from its target, exclusively, and count as right."""

    dt: int
    """Time step in ms."""

    @property
    @abc.abstractmethod
    def observation_space(self) -> Space:
        """Names of the observation channels; the rule input follows after them."""

    @property
    @abc.abstractmethod
    def action_space(self) -> Space:
        """Names of the outputs: actions, or values."""

    @property
    def target(self) -> str:
        """The rule that the others lead up to, the last."""
        return self.rules[-1]

    @property
    def n_observations(self) -> int:
        """Number of observation channels, those before the rule input."""
        return _size(self.observation_space)

    @property
    def n_inputs(self) -> int:
        """Number of input channels: observations and rules."""
        return self.n_observations + len(self.rules)

    @property
    def n_actions(self) -> int:
        """Number of outputs: actions, or values."""
        return _size(self.action_space)

    @abc.abstractmethod
    def trials(
        self,
        n: int,
        rules: str | Sequence[str],
        rng: np.random.Generator,
        split: str = "train",
        balanced: bool = False,
    ) -> Trials:
        """Draw a batch of trials.

        Parameters
        ----------
        n : int
            Number of trials.
        rules : str or sequence of str
            One rule, or several, among which every trial draws one with equal probability.
        rng : numpy.random.Generator
            The only source of randomness: the same state gives the same trials.
        split : {"train", "test"}
            Durations may differ between the two.
        balanced : bool
            If True, nothing but noise is random: all conditions occur equally often to within one trial. Meant for
            the probe set that all networks of a comparison see.

        Returns
        -------
        Trials
            With ``n`` trials, padded to the longest.

        Raises
        ------
        DynalignError
            If ``n`` is less than 1, a rule or the split is unknown, a rule is given twice, or ``rng`` is no
            generator.
        """

    def lasting(self, durations: Mapping[str, float]) -> Task:
        """Return this task with other durations of periods in the split ``test``.

        Parameters
        ----------
        durations : mapping of period to ms

        Raises
        ------
        DynalignError
            If the task has no durations that can be set, no such period, or a duration is out of range.
        """
        raise DynalignError(f"{self.name} has no durations that could be set, as durations={dict(durations)} asks.")

    def ideal_accuracy(self, rule: str, split: str = "test", extra_noise: float = 0.0) -> float:  # noqa: ARG002
        """Return the accuracy of the ideal observer; NaN where it is not known in closed form.

        Parameters
        ----------
        rule : str
            One of ``rules``.
        split : {"train", "test"}
        extra_noise : float
            Standard deviation of further independent Gaussian noise on every input channel in every time step.
        """
        return float("nan")

    def rule_indices(self, rules: str | Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the indices of one rule or several into ``rules`` of the task.

        Raises
        ------
        DynalignError
            If there is none, one is unknown, or one is given twice.
        """
        known = ", ".join(self.rules)
        if not isinstance(rules, Iterable):
            raise DynalignError(f"rules must be one of {known} or a list of them, not {rules!r}.")
        names = [rules] if isinstance(rules, str) else list(rules)
        if not names:
            raise DynalignError(f"At least one rule is needed, and none was given; {self.name} has {known}.")
        for name in names:
            if name not in self.rules:
                raise DynalignError(f"{self.name} has no rule {name!r}; {suggestion(name, self.rules)}")
        if len(set(names)) < len(names):
            raise DynalignError(f"Each rule may be given once only, not as in {names}.")
        return np.array([self.rules.index(name) for name in names], dtype=np.int64)


def _size(space: Space) -> int:
    """Return how many channels or outputs a space names."""
    return sum(1 if isinstance(index, int) else len(index) for index in space.values())
