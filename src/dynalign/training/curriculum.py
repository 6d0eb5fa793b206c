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
    frozen: bool


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
        Rules of the second phase; none for a network that is left as it is.
    freeze : bool
        Whether only the input weights learn in the second phase.
    """

    name: str
    pretrain: Sequence[str] = field(default_factory=tuple)
    train: Sequence[str] = ("delay_anti",)
    freeze: bool = False

    def phases(self) -> list[Phase]:
        """Return the phases that have rules, in order."""
        both = [
            Phase("pretrain", tuple(self.pretrain), frozen=False),
            Phase("train", tuple(self.train), frozen=self.freeze),
        ]
        return [phase for phase in both if phase.rules]

    def check(self, task: Task) -> None:
        """Refuse rules that the task does not have.

        Raises
        ------
        DynalignError
            Naming the rule and those that exist.
        """
        for phase in self.phases():
            for rule in phase.rules:
                if rule not in task.rules:
                    raise DynalignError(
                        f"curriculum={self.name} asks for rule {rule} in {phase.name}, which task={task.name} does "
                        f"not have; its rules are {', '.join(task.rules)}."
                    )
