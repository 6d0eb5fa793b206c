"""How long a sweep may still take, by those of its jobs that have ended."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import fmean

from dynalign.report import duration

_RECENT = 64  # jobs that are looked back at


class TimeLeft:
    """What the jobs of a sweep took, and so what the others will.

    A job is thought to take as long as those of the ended ones that were typed most alike, such as with the same model.
    What was found in the store is looked at only where nothing else has ended: how many of the others are there, too,
    is not known.

    Parameters
    ----------
    jobs : sequence of sequence of str
        What was typed for each.

    Attributes
    ----------
    at_once : int
        How many of them run at a time.
    """

    def __init__(self, jobs: Sequence[Sequence[str]]) -> None:
        self.at_once = 1
        self._jobs = [frozenset(words) for words in jobs]
        self._took: dict[int, tuple[float, bool]] = {}
        self._dropped: set[int] = set()

    def ended(self, number: int, seconds: float, *, found: bool) -> None:
        """Note that a job has ended, or is about to, which may have been found in the store."""
        self._took.pop(number, None)  # so that it is the most recent one
        self._took[number] = seconds, found

    def drop(self, number: int) -> None:
        """Note that a job is over without having done anything."""
        self._dropped.add(number)

    @property
    def seconds(self) -> float | None:
        """Until the last job ends; None while no job has ended."""
        worked = [number for number, (_, found) in self._took.items() if not found]
        past = list(itertools.islice(reversed(worked or list(self._took)), _RECENT))
        over = {*self._took, *self._dropped}
        waiting = [words for number, words in enumerate(self._jobs) if number not in over]
        if not past or not waiting:
            return None if waiting else 0.0
        costs = {words: self._cost(words, past) for words in set(waiting)}
        whole = sum(costs[words] for words in waiting)
        return max(whole / self.at_once, max(costs.values()))

    def _cost(self, words: frozenset[str], past: Sequence[int]) -> float:
        common = [len(self._jobs[number] & words) for number in past]
        return fmean(self._took[number][0] for number, each in zip(past, common, strict=True) if each == max(common))

    def __str__(self) -> str:
        """Say it; empty where there is nothing to say."""
        seconds = self.seconds
        if not seconds:
            return ""
        return f"about {max(1, round(seconds))} s left" if seconds < 99.5 else f"about {duration(seconds)} left"
