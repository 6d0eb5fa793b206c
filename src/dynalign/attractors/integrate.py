"""From a system to trajectories: adaptive for numbers to trust, Euler for those of the study, and with noise."""

from __future__ import annotations

import numpy as np
from scipy.integrate import DOP853

from dynalign.attractors.base import Array, System
from dynalign.errors import DynalignError

_FINEST = 1e-13  # relative tolerance below which SciPy warns
_FAR = 1e8  # beyond it, a trajectory has left every attractor that there is here


def trajectories(
    system: System, starts: Array, *, time_steps: int, time_step: float | None = None, tolerance: float = 1e-9
) -> Array:
    """Return trajectories of shape (trials, time, dimension), integrated all at once with adaptive steps.

    Dormand and Prince's method of order 8 (Hairer, Nørsett & Wanner 1993, II.10) as it is in SciPy. SciPy bounds the
    error of a step on average over all coordinates of all trials; the bound is set such that no coordinate of any
    trial exceeds ``tolerance``. Steps end at the samples, because between the ends of a step the bound does not hold.

    Parameters
    ----------
    system : System
    starts : array (trials, dimension)
        The first sample of each trajectory.
    time_steps : int
        Samples, at least 2.
    time_step : float, optional
        Time between two samples; by default the system's own.
    tolerance : float
        Largest estimated error of a step in a coordinate x, over 1 + |x|.

    Raises
    ------
    DynalignError
        If a trajectory diverges, naming the system and its parameters; or for starts, times or a tolerance that have
        no meaning.
    """
    step = _checked(system, starts, time_steps, time_step)
    if not _FINEST < tolerance < 1:
        raise DynalignError(f"tolerance={tolerance:g} must lie between {_FINEST:g} and 1.")
    shape = starts.shape
    bound = tolerance / np.sqrt(starts.size)

    def flow(_: float, state: Array) -> Array:
        return system.drift(state.reshape(shape)).ravel()

    states = np.empty((time_steps, *shape))
    states[0] = starts
    with np.errstate(over="ignore", invalid="ignore"):
        solver = DOP853(flow, 0.0, starts.ravel(), step, rtol=max(bound, _FINEST), atol=bound)
        for index in range(1, time_steps):
            solver.t_bound, solver.status = index * step, "running"
            while solver.status == "running" and np.abs(solver.y).max() < _FAR:
                solver.step()
            if solver.status != "finished" or not np.abs(solver.y).max() < _FAR:
                raise _diverged(system, solver.t, "with adaptive steps")
            states[index] = solver.y.reshape(shape)
    return np.ascontiguousarray(states.transpose(1, 0, 2))


def euler(system: System, starts: Array, *, time_steps: int, time_step: float | None = None) -> Array:
    """Return trajectories (trials, time, dimension) by forward Euler, one step a sample, as the study made them.

    Raises
    ------
    DynalignError
        If a trajectory diverges, naming the system and its parameters.
    """
    return _march(system, starts, time_steps, _checked(system, starts, time_steps, time_step), 1, 0.0, None)


def euler_maruyama(
    system: System,
    starts: Array,
    *,
    time_steps: int,
    noise: float,
    rng: np.random.Generator,
    time_step: float | None = None,
    substeps: int = 20,
) -> Array:
    """Return trajectories (trials, time, dimension) under white noise, by Euler and Maruyama's method.

    dx = f(x) dt + noise dW / sqrt(time_step) (Kloeden & Platen 1992, section 10.2): between two samples, noise of
    standard deviation ``noise`` enters every coordinate.

    Parameters
    ----------
    noise : float
        Standard deviation of what enters from sample to sample, in the units of the states.
    substeps : int
        Steps of the method between two samples.

    Raises
    ------
    DynalignError
        If a trajectory diverges, naming the system and its parameters.
    """
    if not (np.isfinite(noise) and noise >= 0):
        raise DynalignError(f"noise={noise:g} of {system.label} must be a number >= 0.")
    if substeps < 1:
        raise DynalignError(f"substeps={substeps} must be at least 1.")
    return _march(system, starts, time_steps, _checked(system, starts, time_steps, time_step), substeps, noise, rng)


def _march(
    system: System,
    starts: Array,
    time_steps: int,
    time_step: float,
    substeps: int,
    noise: float,
    rng: np.random.Generator | None,
) -> Array:
    """Go forward in equal steps; ``rng`` gives the noise, or there is none."""
    step, kick = time_step / substeps, noise / np.sqrt(substeps)
    states = np.empty((time_steps, *starts.shape))
    states[0] = x = starts
    with np.errstate(over="ignore", invalid="ignore"):
        for index in range(1, time_steps):
            for _ in range(substeps):
                x = x + step * system.drift(x)
                if rng is not None:
                    x = x + kick * rng.standard_normal(x.shape)
            if not np.abs(x).max() < _FAR:
                raise _diverged(system, index * time_step, f"in steps of {step:g}")
            states[index] = x
    return np.ascontiguousarray(states.transpose(1, 0, 2))


def _checked(system: System, starts: Array, time_steps: int, time_step: float | None) -> float:
    """Check what all integrators are given, and return the time between two samples."""
    if starts.ndim != 2 or starts.shape[1] != system.dimension or not starts.size:
        raise DynalignError(
            f"The starts of {system.label} must have the shape (trials, {system.dimension}), not {starts.shape}."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        moves = np.isfinite(starts).all() and np.isfinite(system.drift(starts)).all()
    if not moves or not np.abs(starts).max() < _FAR:
        raise DynalignError(
            f"The starts of {system.label} must be finite numbers below {_FAR:g}, where the system is defined."
        )
    if time_steps < 2:
        raise DynalignError(f"time_steps={time_steps} of {system.label} must be at least 2.")
    step = system.time_step if time_step is None else time_step
    if not (np.isfinite(step) and step > 0):
        raise DynalignError(f"time_step={step:g} of {system.label} must be a number > 0.")
    return step


def _diverged(system: System, time: float, how: str) -> DynalignError:
    return DynalignError(
        f"The integration of {system.label} diverges by time {time:g} ({how}); other parameters, smaller steps, "
        "less noise, or starts nearer to its attractor would keep it finite."
    )
