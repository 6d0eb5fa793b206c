"""What jobs leave behind: one ``result.json`` each, and a sweep that finds them all again.

A sweep writes ``sweep.json`` into its folder: who it is, and which jobs are expected. Every job writes where its folder
lies, and there what became of it, first when it starts and again when it ends. So a job that was killed is known, and
so is one that never started, whatever launched them and wherever their folders are.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from dynalign.errors import DynalignError
from dynalign.identity import name_of, spelt, varying
from dynalign.metrics import Description
from dynalign.redaction import redacted_data
from dynalign.store import read_json, write_json
from dynalign.tables import read_table

RESULT, SWEEP, _JOBS = "result.json", "sweep.json", ".jobs"
RUNNING, FAILED, KILLED, MISSING = "running", "failed", "killed", "missing"
FOUND = "from store"  # the status of a job that had nothing to train
BASE_FACTORS = ("model", "task", "curriculum", "noise", "perturbation", "seed")
"""Factors that tables have in any case."""
NUMBERS = (
    "comparison",
    "epoch",
    "accuracy",
    "metric",
    "unit",
    "reference",
    "dissimilarity",
    "floor",
    "seconds",
    "reason",
)
"""What there is to say of a dissimilarity besides whose it is.

``comparison`` is "learning" (a checkpoint against its run's reference) or "pairwise" (two trained networks, of which
``reference`` is the second); ``metric`` is a label. ``floor`` is how far the two are from themselves, by random halves
of their trials; NaN where it is not known.
"""


@dataclass(frozen=True)
class Result:
    """What became of one job.

    Attributes
    ----------
    command : str
        Such as ``train``.
    number : int
        Of the job in its sweep; 0 for a single run.
    overrides : sequence of str
        What was typed for it; for people to read.
    sweep : str
        The sweep that it belongs to; empty for a single run.
    status : str
        ``running``, ``failed``, ``killed``, ``missing``, or how it got what it was to get: trained, measured, ...
    reason : str
        Why it has none, in one sentence.
    seconds : float
    key : str
        Of the run in the store.
    factors : mapping
        Everything in the config that can set a run apart, by config path; a group by what was chosen.
    told : sequence of str
        Those factors that are not the defaults.
    facts : mapping
        What there is to say of the run, such as its accuracy.
    metrics : mapping of label to Description, as plain data
    details : mapping
        What else a summary of this command needs, as plain data.
    config : str
        The whole config, as YAML.
    table : str
        Name of the file of numbers in the job's folder.
    value : float, optional
        What a sweeper was to optimise.
    folder : Path
        Where the job's files are.
    """

    command: str
    number: int = 0
    overrides: Sequence[str] = ()
    sweep: str = ""
    status: str = RUNNING
    reason: str = ""
    seconds: float = 0.0
    key: str = ""
    factors: Mapping[str, Any] = field(default_factory=dict)
    told: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    table: str = ""
    value: float | None = None
    folder: Path = Path()

    @property
    def name(self) -> str:
        """What the run is called: what differs from the defaults, exactly."""
        return name_of(self.factors, self.told)

    def name_beside(self, jobs: Sequence[Sequence[str]]) -> str:
        """Return what the run is called beside others, given what was typed for each: without what all have."""
        if len(jobs) < 2:
            return self.name
        common = {word.partition("=")[0].lstrip("+~") for word in set.intersection(*map(set, jobs))}
        return name_of(self.factors, [name for name in self.told if name not in common])

    @property
    def succeeded(self) -> bool:
        """Whether the job did what it was to do."""
        return self.status not in (RUNNING, FAILED, KILLED, MISSING)

    def rows(self) -> pd.DataFrame:
        """Return the job's table of numbers; empty if it has none."""
        if not self.table:
            return pd.DataFrame()
        stem = Path(self.table).stem
        if self.table != f"{stem}.parquet" or (self.folder / self.table).is_symlink():
            raise DynalignError(f"The result in {self.folder} names the table {self.table}, which lies elsewhere.")
        return read_table(self.folder, stem)

    def write(self) -> None:
        """Write it into the job's folder, over what stood there before."""
        content = asdict(self)
        del content["folder"]
        write_json(self.folder / RESULT, redacted_data(content))


def read_result(folder: Path) -> Result | None:
    """Return the result in a folder, or None if there is none that can be read."""
    content = read_json(folder / RESULT)
    if not isinstance(content, dict) or "command" not in content:
        return None
    known = {each.name for each in fields(Result)}
    result = Result(**{name: value for name, value in content.items() if name in known}, folder=folder)
    return result if _is_sound(result) else None


def _is_sound(result: Result) -> bool:
    """Whether every entry is of the kind that ``Result.write`` has written."""
    like = {tuple: (list, tuple), float: (int, float)}
    kinds = {name: type(value) for name, value in vars(Result("")).items() if name not in ("value", "folder")}
    return all(
        isinstance(getattr(result, name), like.get(kind, kind)) for name, kind in kinds.items() if name != "folder"
    )


@dataclass(frozen=True)
class Sweep:
    """The jobs of one invocation, finished or not.

    Attributes
    ----------
    folder : Path
    results : sequence of Result
        In the order of the jobs.
    """

    folder: Path
    results: Sequence[Result]

    @staticmethod
    def start(folder: Path, command: str, expected: Sequence[Sequence[str]] | None) -> str:
        """Note that a sweep starts in ``folder``, which may hold older ones, and return its identity.

        Parameters
        ----------
        expected : sequence of overrides per job, optional
            What each job is to be given, if that is known beforehand.
        """
        identity = uuid.uuid4().hex
        jobs = None if expected is None else [list(each) for each in expected]
        write_json(folder / SWEEP, {"sweep": identity, "command": command, "jobs": jobs})
        return identity

    @staticmethod
    def expected(folder: Path) -> list[list[str]]:
        """Return what was typed for each job of the sweep in ``folder``; empty if that was not known beforehand."""
        about = read_json(folder / SWEEP)
        jobs = about.get("jobs") if isinstance(about, dict) else None
        return [[str(word) for word in each] for each in jobs or []]

    @staticmethod
    def join(sweep_folder: Path, job_folder: Path, command: str, number: int, overrides: Sequence[str]) -> Result:
        """Note that a job of the sweep in ``sweep_folder`` starts in ``job_folder``, and return its result so far.

        Raises
        ------
        DynalignError
            If another job of this sweep has the same folder.
        """
        identity = str((read_json(sweep_folder / SWEEP) or {}).get("sweep", ""))
        result = Result(command, number, list(overrides), identity, folder=job_folder)
        if identity:
            there = read_result(job_folder)
            if there is not None and there.sweep == identity and there.number != number:
                own = sweep_folder / _JOBS / identity / str(number)
                own.mkdir(parents=True, exist_ok=True)
                _point(sweep_folder, identity, number, own, overrides)
                reason = (
                    f"Job {number} has the folder of job {there.number}, {job_folder}; give hydra.sweep.subdir "
                    "something that differs between jobs, such as ${hydra.job.num}."
                )
                Result(command, number, list(overrides), identity, FAILED, reason, folder=own).write()
                raise DynalignError(reason)
            _point(sweep_folder, identity, number, job_folder, overrides)
        result.write()
        return result

    @staticmethod
    def lose(sweep_folder: Path, command: str, number: int, overrides: Sequence[str], reason: str) -> bool:
        """Note why a job of the sweep in ``sweep_folder`` was lost that could not say so itself.

        Returns
        -------
        bool
            Whether it was: what a job that had ended said stands.
        """
        identity = str((read_json(sweep_folder / SWEEP) or {}).get("sweep", ""))
        jobs = sweep_folder / _JOBS / identity
        pointer = read_json(jobs / f"{number}.json")
        own = jobs / str(number) if pointer is None else sweep_folder / pointer["folder"]
        there = None if pointer is None else read_result(own)
        if there is None or (there.sweep, there.number) != (identity, number):
            there = Result(command, number, list(overrides), identity, folder=own)
        if there.status != RUNNING:
            return False
        own.mkdir(parents=True, exist_ok=True)
        replace(there, status=MISSING if pointer is None else KILLED, reason=reason).write()
        if pointer is None:
            _point(sweep_folder, identity, number, own, overrides)
        return True

    @classmethod
    def load(cls, folder: Path | str) -> Sweep:
        """Return the sweep, or the single run, whose results are in ``folder``.

        Raises
        ------
        DynalignError
            If there is neither.
        """
        folder = Path(folder)
        about = read_json(folder / SWEEP)
        if isinstance(about, dict) and "sweep" in about:
            return cls(folder, list(_jobs(folder, about)))
        single = read_result(folder)
        if single is None:
            raise DynalignError(
                f"{folder} holds neither {SWEEP} nor {RESULT}; give the folder in which a sweep or a run has left its "
                "table and report."
            )
        return cls(folder, [single])

    @cached_property
    def finished(self) -> list[Result]:
        """The jobs that succeeded."""
        return [result for result in self.results if result.succeeded]

    @property
    def lost(self) -> list[Result]:
        """The jobs that did not."""
        return [result for result in self.results if not result.succeeded]

    @cached_property
    def factors(self) -> list[str]:
        """What is not the same in all finished jobs, other than as a consequence of what else is not."""
        told = {name for result in self.finished for name in result.told}
        return [name for name in varying([result.factors for result in self.finished]) if name in told]

    @property
    def metrics(self) -> dict[str, Description]:
        """The metrics that measured, by label."""
        return {label: Description(**each) for result in self.finished for label, each in result.metrics.items()}

    @cached_property
    def columns(self) -> list[str]:
        """The factors that tables have a column for: the usual ones, and those that vary."""
        usual = [name for name in BASE_FACTORS if any(name in result.factors for result in self.finished)]
        return [*usual, *(name for name in self.factors if name not in usual)]

    def name_of(self, result: Result) -> str:
        """Return what a run is called within this sweep: only what varies is told, or all if nothing does.

        Two networks of one name, which only a config that changed in between can make, are told apart by their keys.
        """
        name = name_of(result.factors, self.factors) if self.factors else result.name
        return f"{name} [{result.key[:8]}]" if len(self._keys[result.name]) > 1 else name

    @cached_property
    def _keys(self) -> dict[str, set[str]]:
        """The keys of finished runs, by their names."""
        keys: dict[str, set[str]] = {}
        for each in self.finished:
            keys.setdefault(each.name, set()).add(each.key)
        return keys

    def runs(self) -> pd.DataFrame:
        """Return a row per run: its name, its factors, what there is to say of it, and how it ended.

        Jobs that measured one network by several metrics are one run.
        """
        rows: dict[str, dict[str, Any]] = {}
        for result in self.finished:
            name = self.name_of(result)
            row = {
                "run": name,
                **{name: _cell(result.factors.get(name)) for name in self.columns},
                **result.facts,
                "status": result.status,
                "seconds": result.seconds,
                "key": result.key,
            }
            known = rows.setdefault(name, row)
            if known is not row:
                known["seconds"] += result.seconds
        return pd.DataFrame(list(rows.values()))

    def table(self) -> pd.DataFrame:
        """Return the numbers of all jobs, tidy: one row per number, each once."""
        parts = []
        for result in self.finished:
            part = result.rows()
            if not len(part):
                continue
            if "run" in part:
                known = {name: result.factors.get(name) for name in self.columns}
                part = labelled(part.reindex(columns=NUMBERS), self.name_of(result), known)
            parts.append(part)
        if not parts:
            return pd.DataFrame()
        table = pd.concat(parts, ignore_index=True)
        return table.drop_duplicates([column for column in table if column != "seconds"], ignore_index=True)


def labelled(numbers: pd.DataFrame, run: str, factors: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table of ``NUMBERS`` with whose they are: the run's name, and a column per factor.

    A factor of the name of a column of ``NUMBERS`` (the reference) is told by that column already.
    """
    labels = {"run": run, **{name: _cell(value) for name, value in factors.items() if name not in NUMBERS}}
    first, *rest = NUMBERS
    return numbers.assign(**labels)[[first, *labels, *rest]]


def sweep_folder_of(job_folder: Path, stated: Path) -> Path:
    """Return the folder of the sweep that a job belongs to: the one that is stated, or the nearest above the job's."""
    return next((folder for folder in (stated, *job_folder.parents) if (folder / SWEEP).exists()), stated)


def _point(sweep_folder: Path, identity: str, number: int, job_folder: Path, overrides: Sequence[str]) -> None:
    content = {"folder": os.path.relpath(job_folder, sweep_folder), "overrides": list(overrides)}
    write_json(sweep_folder / _JOBS / identity / f"{number}.json", content)


def _jobs(folder: Path, about: Mapping[str, Any]) -> Iterator[Result]:
    identity, command = str(about["sweep"]), str(about.get("command", ""))
    expected = Sweep.expected(folder)
    pointers = {int(path.stem): read_json(path) for path in (folder / _JOBS / identity).glob("*.json")}
    for number in sorted({*range(len(expected)), *pointers}):
        pointer = pointers.get(number)
        typed = expected[number] if number < len(expected) else []
        if pointer is None:
            yield Result(command, number, typed, identity, MISSING, "It never started.", folder=folder)
            continue
        if not isinstance(pointer, dict) or not {"folder", "overrides"} <= set(pointer):
            reason = "What it noted when it started cannot be read."
            yield Result(command, number, typed, identity, KILLED, reason, folder=folder)
            continue
        place = folder / str(pointer["folder"])
        result = read_result(place)
        if result is not None and result.sweep != identity:
            reason = "Its folder was used again by a later sweep."
            yield Result(command, number, pointer["overrides"], identity, MISSING, reason, folder=place)
        elif result is None or result.number != number or result.status == RUNNING:
            reason = "It was killed before it could say how it ended."
            yield Result(command, number, pointer["overrides"], identity, KILLED, reason, folder=place)
        else:
            yield _whole(result)


def _whole(result: Result) -> Result:
    """Return a result, as failed if its table cannot be read: so it costs itself and no other."""
    try:
        result.rows()
    except DynalignError as error:
        return replace(result, status=FAILED, reason=str(error))
    return result


def _cell(value: Any) -> Any:
    """Return a factor as a table holds it; lists and the like as text."""
    return spelt(value) if isinstance(value, (list, tuple, dict)) else value


def to_plain(content: Any) -> Any:
    """Return content as JSON has it, so that what is written and what is read again are equal."""
    return json.loads(json.dumps(content))
