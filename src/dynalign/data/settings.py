"""What a person says of recordings that their files do not say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dynalign.errors import DynalignError, suggestion

AXES = ("trials", "time", "units")


@dataclass(frozen=True)
class Reading:
    """How recordings are read.

    Parameters
    ----------
    axes : sequence of str, optional
        What the axes of arrays are, in their order: trials, time and units; time and units for one trial; trials and
        time for one unit. By default what their names say or, of three axes without names, trials, time, units.
    key : str, optional
        Which of a file's arrays holds the states, where there are several.
    condition : str, optional
        Where the condition of each trial is told: a column of the table, another array in the file, or another file.
    ignore : sequence of str
        Columns of a table that are no units.
    step_ms : float, optional
        How long a time step lasts, where ``bin_ms`` or ``smooth_ms`` need to know and the file does not say.
    bin_ms : float, optional
        Width of the bins that spikes are counted in: spike times; or counts in finer steps, which are summed.
    smooth_ms : float, optional
        Standard deviation of the Gaussian that each trial is smoothed with.

    Raises
    ------
    DynalignError
        For axes or a duration that there cannot be.
    """

    axes: Sequence[str] | None = None
    key: str | None = None
    condition: str | None = None
    ignore: Sequence[str] = ()
    step_ms: float | None = None
    bin_ms: float | None = None
    smooth_ms: float | None = None

    def __post_init__(self) -> None:
        if self.axes is not None:
            object.__setattr__(self, "axes", _checked(self.axes))
        if isinstance(self.ignore, str):
            object.__setattr__(self, "ignore", (self.ignore,))
        for name in ("step_ms", "bin_ms", "smooth_ms"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise DynalignError(f"{name}={value:g} is no duration: it must be a number of milliseconds above 0.")

    def of(self, key: str | None) -> Reading:
        """Return the same for one array of a file, if it is named."""
        return self if key is None else replace(self, key=key)


def _checked(axes: Sequence[str]) -> tuple[str, ...]:
    names = axes.split(",") if isinstance(axes, str) else axes
    found = tuple(str(name).strip() for name in names)
    for name in found:
        if name not in AXES:
            raise DynalignError(f"axes has {name}, which is no axis; {suggestion(name, AXES, AXES)}")
    if "time" not in found or len(found) < 2 or len(set(found)) < len(found):
        raise DynalignError(
            f"axes={','.join(found)} must name time and one or both of trials and units, each once, in the order in "
            "which the array has them, as axes=trials,time,units."
        )
    return found
