"""How a job ended, in a file of its folder: whatever launches the jobs, the summary of a sweep finds it there."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dynalign.errors import DynalignError
from dynalign.store import write_json

FILE = "job.json"


@dataclass(frozen=True)
class Finished:
    """A job that has succeeded.

    Attributes
    ----------
    status : str
        How it got its results: trained, measured, or found in the store.
    seconds : float
    value : float, optional
        What a sweeper is to optimise.
    """

    status: str
    seconds: float
    value: float | None = None


def write_success(folder: Path, overrides: Sequence[str], finished: Finished) -> None:
    """Note a job that has succeeded."""
    write_json(folder / FILE, {"overrides": list(overrides), **asdict(finished)})


def write_failure(folder: Path, overrides: Sequence[str], error: BaseException) -> None:
    """Note a job that has failed, and keep the traceback of an error that was not foreseen."""
    write_json(folder / FILE, {"overrides": list(overrides), "status": "failed", "reason": reason_of(error)})
    if not isinstance(error, DynalignError):
        (folder / "traceback.txt").write_text("".join(traceback.format_exception(error)))


def reason_of(error: BaseException) -> str:
    """Return the sentence to show for an error."""
    if isinstance(error, DynalignError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped from the keyboard"
    return f"{type(error).__name__}: {error} (traceback.txt in the job's folder has the details)"
