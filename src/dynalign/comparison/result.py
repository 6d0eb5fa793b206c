"""What came out of a comparison: every number with what a reader needs to believe it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dynalign.data import Recording
from dynalign.errors import DynalignError, suggestion
from dynalign.metrics import Description

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SAME, FARTHER = "within the floor", "beyond the floor"


@dataclass(frozen=True)
class Pair:
    """Two recordings as a metric sees them. What is not known is NaN.

    Attributes
    ----------
    run, reference : str
        Their names.
    metric, unit : str
        Label of the metric; what its numbers are measured in.
    dissimilarity : float
        Between all trials of both.
    low, high : float
        The 95 % interval of a bootstrap over trials.
    halves : float
        Mean between a half of the trials of one and a half of the other, of equally many trials.
    floor, floor_high : float
        Mean between two such halves of one recording, over both recordings; and the larger of the two ends below which
        97.5 % of these lie.
    p, p_least : float
        Of the conditions' correspondence, see ``dynalign.comparison.correspondence``; and the least that it can be.
    starts, at_best, gap : float
        Of the alignment, see ``dynalign.metrics.Explanation``.
    seconds : float
    reason : str
        Why there is no number.
    """

    run: str
    reference: str
    metric: str
    unit: str
    dissimilarity: float
    low: float = math.nan
    high: float = math.nan
    halves: float = math.nan
    floor: float = math.nan
    floor_high: float = math.nan
    p: float = math.nan
    p_least: float = math.nan
    starts: float = math.nan
    at_best: float = math.nan
    gap: float = math.nan
    seconds: float = 0.0
    reason: str = ""

    @property
    def verdict(self) -> str:
        """Whether halves of the two are farther apart than halves of either; empty where that is not known."""
        if math.isnan(self.halves) or math.isnan(self.floor_high):
            return ""
        return FARTHER if self.halves > self.floor_high else SAME


@dataclass(frozen=True)
class Fit:
    """A recording as a metric sees it. What is not known is NaN.

    Attributes
    ----------
    recording, metric : str
    itself : float
        Its distance from itself, all trials, which should be 0.
    floor, floor_low, floor_high : float
        Mean distance between two halves of its trials, and the ends between which 95 % of them lie.
    rank, variance, error, span : float
        See ``dynalign.metrics.operators.FitReport``.
    warnings : str
        What the metric warned of.
    reason : str
        Why there is no floor.
    """

    recording: str
    metric: str
    itself: float = math.nan
    floor: float = math.nan
    floor_low: float = math.nan
    floor_high: float = math.nan
    rank: float = math.nan
    variance: float = math.nan
    error: float = math.nan
    span: float = math.nan
    warnings: str = ""
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Recordings beside each other. ``print`` it, ``plot()`` it, or take it as a DataFrame.

    Attributes
    ----------
    recordings : sequence of Recording
    metrics : mapping of label to Description
    pairs : sequence of Pair
        One per metric and two recordings.
    fits : sequence of Fit
        One per metric and recording.
    notes : sequence of str
        What a reader should know besides, in sentences.
    """

    recordings: Sequence[Recording]
    metrics: Mapping[str, Description]
    pairs: Sequence[Pair]
    fits: Sequence[Fit]
    notes: Sequence[str] = ()

    def table(self) -> pd.DataFrame:
        """Return a row per metric and pair, with the columns of ``Pair`` and the verdict.

        Raises
        ------
        DynalignError
            If pandas is not installed.
        """
        rows = [{"comparison": "pairwise", **asdict(pair), "verdict": pair.verdict} for pair in self.pairs]
        return _frame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return the same as ``table``."""
        return self.table()

    def fit_table(self) -> pd.DataFrame:
        """Return a row per metric and recording, with the columns of ``Fit``."""
        return _frame([asdict(fit) for fit in self.fits])

    def recording_table(self) -> pd.DataFrame:
        """Return a row per recording: what was read of it."""
        return _frame(
            [
                {
                    "recording": each.name,
                    "trials": len(each.trials),
                    "shortest": min(each.lengths),
                    "longest": max(each.lengths),
                    "units": each.units,
                    "gaps": each.gaps,
                    "conditions": len(set(each.conditions)) if each.conditions is not None else 0,
                }
                for each in self.recordings
            ]
        )

    def trajectory_table(self) -> pd.DataFrame:
        """Return where states go: a row per recording, condition and time step, in the recording's own components.

        Raises
        ------
        DynalignError
            If what this needs is not installed.
        """
        try:
            from dynalign.comparison.trajectories import trajectory_table  # the comparison itself needs none of it
        except ImportError as error:
            raise DynalignError("trajectory_table() needs what pip install 'dynalign[train]' brings.") from error
        return trajectory_table(self.recordings)

    def plot(self, metric: str | None = None) -> Figure:
        """Return the matrix of dissimilarities as a figure.

        Parameters
        ----------
        metric : str, optional
            Label of one of the metrics; the first by default.

        Raises
        ------
        DynalignError
            If there is no such metric, or what draws is not installed.
        """
        label = next(iter(self.metrics)) if metric is None else metric
        if label not in self.metrics:
            raise DynalignError(f"{label} measured nothing here; {suggestion(label, self.metrics)}")
        try:
            from dynalign.report import comparison_draws
        except ImportError as error:
            raise DynalignError("plot() needs what pip install 'dynalign[train]' brings.") from error
        return comparison_draws(self.table(), self.fit_table(), label, self.metrics)["matrix"]()

    def __str__(self) -> str:
        lines = [_told(each) for each in self.recordings]
        for label, about in self.metrics.items():
            unit = "" if about.unit == "none" else f", {about.unit}"
            lines += ["", f"{label} ({about.compares}{unit}; 0 is the same; 95 % interval over trials)"]
            lines += [_line(pair) for pair in self.pairs if pair.metric == label]
            lines += [f"  {line}" for fit in self.fits if fit.metric == label for line in fit_lines(fit)]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])


def fit_lines(fit: Fit) -> list[str]:
    """Return what there is to say of how a metric sees a recording, in lines."""
    parts = []
    if not math.isnan(fit.floor):
        parts.append(f"floor {fit.floor:.3g} [{fit.floor_low:.3g}, {fit.floor_high:.3g}]")
    if not math.isnan(fit.rank):
        parts.append(
            f"rank {fit.rank:.0f} holds {fit.variance:.1%} of the variance, error of its prediction {fit.error:.2f} of "
            "persistence"
        )
    lines = [f"{fit.recording}: {'; '.join(parts)}"] if parts else []
    return [*lines, *([f"{fit.recording}: {fit.warnings}"] if fit.warnings else [])]


def _told(recording: Recording) -> str:
    shortest, longest = min(recording.lengths), max(recording.lengths)
    steps = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
    parts = [f"{len(recording.trials)} trials of {steps} time steps, {recording.units} units"]
    if recording.conditions is not None:
        parts.append(f"{len(set(recording.conditions))} conditions")
    return f"{recording.name}: {', '.join(parts)}"


def _line(pair: Pair) -> str:
    if pair.reason:
        return f"{pair.run} – {pair.reference}: no distance, {pair.reason}"
    text = f"{pair.run} – {pair.reference}: {pair.dissimilarity:.3g}"
    if not math.isnan(pair.low):
        text += f" [{pair.low:.3g}, {pair.high:.3g}]"
    if pair.verdict:
        text += f"; halves {pair.halves:.3g}, floor {pair.floor:.3g} (up to {pair.floor_high:.3g}): {pair.verdict}"
    if not math.isnan(pair.p):
        text += f"; p of the conditions' correspondence {pair.p:.3g} (least {pair.p_least:.2g})"
    return text


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    try:
        import pandas as pd  # only here: the comparison itself needs it not
    except ImportError as error:
        raise DynalignError("A table needs the package pandas; pip install 'dynalign[data]' brings it.") from error
    return pd.DataFrame(list(rows))
