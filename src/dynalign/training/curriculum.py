"""The order in which a network meets the rules of its task: pretrain on some, optionally freeze, train on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dynalign.errors import DynalignError
from dynalign.tasks import Task


@dataclass(frozen=True)
class Phase:
    """One stretch of training: these rules, interleaved, with or without the recurrent weights frozen."""

    name: str
    rules: tuple[str, ...]
    frozen: bool = False


UNTRAINED = Phase("untrained", ())
"""What stands for the training of a network that is left as it is."""


@dataclass(frozen=True)
class Curriculum:
    """Pretraining, then training.

    Parameters
    ----------
    name : str
        The group's name in tables and figures.
    pretrain : sequence of str
        Rules of the first phase; none for a network that starts from its initial weights.
    train : sequence of str
        Rules of the second phase; an empty list for a network that is left as it is. By default the task's target,
        its last rule.
    freeze : bool
        Whether only the input weights learn in the second phase.
    target : str, optional
        Rule on which accuracy is measured; by default the last one that is trained, and for a network that is left as
        it is the task's last.
    """

    name: str
    pretrain: Sequence[str] = field(default_factory=tuple)
    train: Sequence[str] | None = None
    freeze: bool = False
    target: str | None = None

    def phases(self, task: Task) -> tuple[Phase, ...]:
        """Return the phases that have rules, in order."""
        train = (task.target,) if self.train is None else tuple(self.train)
        both = (Phase("pretrain", tuple(self.pretrain)), Phase("train", train, frozen=self.freeze))
        return tuple(phase for phase in both if phase.rules)

    def asks(self, task: Task) -> str:
        """Return the rule on which accuracy is measured."""
        trained = [rule for phase in self.phases(task) for rule in phase.rules]
        return self.target or (trained or [task.target])[-1]

    def check(self, task: Task) -> None:
        """Refuse rules that the task does not have.

        Raises
        ------
        DynalignError
            Naming the rule and those that exist.
        """
        for phase in self.phases(task):
            for rule in phase.rules:
                if rule not in task.rules:
                    raise DynalignError(
                        f"{phase.name} has the rule {rule}, which {task.name} does not have; its rules are "
                        f"{', '.join(task.rules)}."
                    )
        if self.target is not None and self.target not in task.rules:
            raise DynalignError(
                f"target={self.target} is no rule of {task.name}; its rules are {', '.join(task.rules)}."
            )
