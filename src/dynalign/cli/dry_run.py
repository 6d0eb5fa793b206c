"""`dry_run=true`: what a command would do and cost, told without doing anything of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape

from dynalign.cli.check import Typed
from dynalign.errors import DynalignError
from dynalign.report import duration, size
from dynalign.store import RunStore
from dynalign.studies import Planned, seconds_each

_BYTES = 24  # of a measurement in the store

Job = TypeVar("Job")
Say = Callable[[str, str], None]
"""Prints a line: what it is about, and what there is to say of it."""


@dataclass(frozen=True)
class DryRun(Generic[Job]):
    """Says what the jobs that were typed would do, from a sweep of many to a single one, and returns the exit code.

    Every job is composed and built as it would be, so that what is refused there is refused here; nothing is computed,
    and nothing written.

    Attributes
    ----------
    left_undone : str
        What is not done, as a sentence goes on after "nothing is".
    build : callable
        Makes a job of its config, Hydra's settings, and the store, or an empty one where that is not there yet.
    tell : callable
        Says what jobs would do, and whether they are those of a sweep.
    """

    left_undone: str
    build: Callable[[DictConfig, Any, RunStore], Job]
    tell: Callable[[Sequence[Job], Say, bool], None]

    def __call__(self, typed: Typed, console: Console) -> int:
        """See the class."""
        if typed.expected is None:
            raise DynalignError(
                "dry_run=true cannot tell what a search will ask for; leave out hydra/sweeper, or search."
            )

        def say(what: str, text: str) -> None:
            console.print(f"{what:9} {escape(text)}", soft_wrap=True)

        console.print(f"[bold]dynalign dry run[/]: nothing is {self.left_undone}, and nothing written")
        jobs, refused = [], []
        with tempfile.TemporaryDirectory() as empty, initialize_config_dir(str(typed.folder), version_base="1.3"):
            for words in typed.expected:
                job = self._built(typed, words, Path(empty))
                if isinstance(job, _Refused):
                    shown = " ".join(word for word in words if not word.startswith("dry_run="))
                    refused.append(f"{shown or 'defaults'}: {job.reason}")
                else:
                    jobs.append(job)
            if jobs:
                self.tell(jobs, say, len(typed.expected) > 1)
        for reason in refused:
            console.print(f"[red]would fail[/] {escape(reason)}", soft_wrap=True)
        return 1 if refused else 0

    def _built(self, typed: Typed, words: Sequence[str], empty: Path) -> Job | _Refused:
        whole = compose(typed.name, overrides=[*typed.path, *words], return_hydra_config=True)
        config = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
        root = Path.cwd() / str(config.get("store"))
        try:
            return self.build(config, whole.hydra, RunStore(root if root.is_dir() else empty))
        except DynalignError as error:
            return _Refused(str(error))


class _Refused(NamedTuple):
    reason: str


class Bill:
    """What everything takes, one after the other, as far as it can be told."""

    def __init__(self) -> None:
        self.seconds = self.space = 0.0
        self._whole, self._empty = True, True

    def add(self, seconds: float, space: float = 0.0) -> None:
        """Add something whose time is known, and the bytes that it will leave."""
        self.seconds += seconds
        self.space += space
        self._empty = False

    def add_unknown(self, space: float = 0.0) -> None:
        """Add something whose time is not known."""
        self.space += space
        self._whole = False

    def measuring(self, wanted: Sequence[Planned], store: RunStore, say: Say) -> None:
        """Say what numbers will take that the store lacks, and add it."""
        for each in wanted:
            if not each.missing:
                continue
            seconds = seconds_each(each.metric, store)
            what = f"{each.metric.label}: {each.missing:,} numbers"
            if seconds is None:
                say("measuring", f"{what}: unknown: it has measured nothing here yet")
                self.add_unknown(_BYTES * each.missing)
            else:
                took = f"about {duration(seconds * each.missing)}, at {duration(seconds)} each in this store"
                say("measuring", f"{what}: {took}")
                self.add(seconds * each.missing, _BYTES * each.missing)

    def total(self, say: Say) -> None:
        """Say what everything takes."""
        least = "" if self._whole else "at least "
        unknown = self._empty and not self._whole
        say("time", "unknown" if unknown else f"{least}{duration(self.seconds)} of one processor")
        say("disk", "unknown" if unknown else f"{least}{size(self.space)}")
