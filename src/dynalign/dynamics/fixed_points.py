r"""Fixed points and slow points of a network under a constant input.

They are the minima of

.. math:: q(h) = \tfrac{1}{2} \|F(h, u) - h\|^2

(Sussillo & Barak 2013, Neural Computation 25:626): fixed points where q is 0, slow points where it is not. As in
FixedPointFinder (Golub & Sussillo 2018, JOSS 3:1003), many starts among recorded states descend at once. Each descends
by the Levenberg-Marquardt method with the exact Jacobian (damping after its gain: Nocedal & Wright 2006, Numerical
Optimization, ch. 4 and 10), which never goes uphill, begins as a careful descent of the gradient, and ends as Newton's
method. Starts that end elsewhere than at a fixed point, in a network whose activation has a kink, may have been caught
there; they start again, with the kink rounded over less and less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dynalign.dynamics.jacobians import double, exact
from dynalign.dynamics.spectra import time_constants
from dynalign.errors import DynalignError
from dynalign.models import SequenceModel

Floats = npt.NDArray[np.float64]

MARGIN = 1e-6
"""By how much an eigenvalue has to leave the unit circle to count as stable or unstable; within, a mode takes a million
steps to decay or grow, and rounding decides on which side it is."""

_EPS = float(torch.finfo(torch.float64).eps)
_ITERATIONS, _SMOOTH_ITERATIONS = 100, 30
_PATIENCE, _PROGRESS = 20, 0.9  # a start has come to a minimum where this many iterations leave this much of its speed
_WIDTHS = (0.3, 0.1, 0.03, 0.01, 1e-3)  # over which kinks are rounded in turn, in units of the states' root mean square
_GAUSS = 1e-8  # cosine of the residual and what can be reached from it, at which q has come to a minimum


@dataclass(frozen=True, eq=False)
class Points:
    """Points of the state space, those of the smallest q first.

    Attributes
    ----------
    points : array, shape (n, units)
    q : array, shape (n,)
        Half the squared distance that the state moves in one step.
    speed : array, shape (n,)
        The distance that it moves in one step, over the root mean square of what recorded states move there (over the
        tolerance, where that is larger because they rest).
    eigenvalues : complex array, shape (n, units)
        Of the Jacobian of one step, in descending order of their absolute values.
    stable : bool array, shape (n,)
        Whether all of them lie within the unit circle, by more than ``MARGIN``.
    origin : int array, shape (n, axes)
        Index (such as trial and time step) of the recorded state from which the start came that led there.
    starts : int array, shape (n,)
        How many starts ended there.
    """

    points: Floats
    q: Floats
    speed: Floats
    eigenvalues: npt.NDArray[np.complex128]
    stable: npt.NDArray[np.bool_]
    origin: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.points)

    @property
    def unstable_modes(self) -> npt.NDArray[np.int64]:
        """Number of eigenvalues outside the unit circle, by more than ``MARGIN``, shape (n,)."""
        return np.asarray((np.abs(self.eigenvalues) > 1 + MARGIN).sum(axis=1), dtype=np.int64)

    def time_constants(self, dt: float) -> Floats:
        """Return the time constants of all modes in ms, (n, units), for a time step of ``dt`` ms; negative: growth."""
        return time_constants(self.eigenvalues, dt)


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """What all starts came to.

    Attributes
    ----------
    fixed : Points
        Where the state stays.
    slow : Points
        Where it moves the least among all places nearby, which may still be fast: see their ``speed``.
    outside, unfinished : int
        Starts that ended beyond reach, and those that were still descending when the iterations were over.
    """

    fixed: Points
    slow: Points
    outside: int
    unfinished: int


@torch.no_grad()
def fixed_points(
    model: SequenceModel,
    inputs: npt.ArrayLike | Tensor,
    states: npt.ArrayLike | Tensor,
    *,
    starts: int = 128,
    jitter: float = 0.1,
    tolerance: float = 1e-6,
    merge: float = 1e-3,
    reach: float = 3.0,
    seed: int = 0,
) -> FixedPoints:
    """Find the fixed points and slow points of a network under a constant input.

    Parameters
    ----------
    model : SequenceModel
        One that has a step.
    inputs : array, shape (n_inputs,)
        The constant input.
    states : array, shape (..., n_states)
        Recorded states, such as (trials, time, units). Their largest norm is the size by which lengths go.
    starts : int
        How many of the recorded states to start from; all, if there are fewer.
    jitter : float
        Standard deviation of what is added to every unit of a start, over the root mean square of the states' entries.
    tolerance : float
        A point is fixed if it moves in one step by no more than this times the root mean square of what the recorded
        states would move under the same input (or by rounding error, where those rest).
    merge : float
        Points nearer to each other than this times the size are one; the one of smaller q stays.
    reach : float
        Points farther from 0 than this times the size are left out.
    seed : int
        Seed of the choice of starts and of the jitter.

    Raises
    ------
    DynalignError
        If the model has no step, a shape is wrong, a setting is out of range, or the states are all 0 or not finite.
    """
    if not (starts >= 1 and jitter >= 0 and tolerance > 0 and merge >= 0 and reach > 0):
        raise DynalignError(
            "Fixed points need starts >= 1, jitter >= 0, tolerance > 0, merge >= 0 and reach > 0, "
            f"not {starts}, {jitter}, {tolerance}, {merge} and {reach}."
        )
    model = exact(model)
    u, recorded = double(inputs), double(states)
    if u.shape != (model.n_inputs,) or recorded.ndim < 2 or recorded.shape[-1] != model.n_states:
        raise DynalignError(
            f"Fixed points need an input of shape ({model.n_inputs},) and states (..., {model.n_states}), "
            f"not {tuple(u.shape)} and {tuple(recorded.shape)}."
        )
    flat = recorded.reshape(-1, model.n_states)
    size = float(torch.linalg.vector_norm(flat, dim=1).max()) if len(flat) else 0.0
    if not 0 < size < float("inf"):
        raise DynalignError("Fixed points need recorded states that are finite and not all 0, to start from.")

    speed = float((model.step(u.expand(len(flat), -1), flat) - flat).square().sum(1).mean().sqrt())
    still = max(tolerance * speed, 1e3 * _EPS * size)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(flat))[:starts])
    noise = torch.from_numpy(rng.standard_normal((len(chosen), model.n_states)))
    entry = float(flat.square().mean().sqrt())
    begin = flat[torch.from_numpy(chosen)] + jitter * entry * noise

    # Further down than the tolerance asks, so that starts that end at one point end within rounding of each other.
    enough, length = 1e-3 * still, 1e-12 * size
    points, moved, ended = _descend(model, u, begin, enough=enough, length=length, iterations=_ITERATIONS)
    caught = torch.nonzero(moved > still)[:, 0]
    if len(caught) > 0 and model.smoothed(entry) is not model:
        again = begin[caught]
        for width in _WIDTHS:
            smooth = model.smoothed(width * entry)
            again, _, _ = _descend(smooth, u, again, enough=1e-3 * speed, length=length, iterations=_SMOOTH_ITERATIONS)
        again, again_moved, again_ended = _descend(
            model, u, again, enough=enough, length=length, iterations=_ITERATIONS
        )
        better = (again_moved < moved[caught]) & (torch.linalg.vector_norm(again, dim=1) <= reach * size)
        caught = caught[better]
        points[caught], moved[caught], ended[caught] = again[better], again_moved[better], again_ended[better]
    inside = torch.linalg.vector_norm(points, dim=1) <= reach * size
    fixed = inside & (moved <= still)
    slow = inside & ~fixed & ended
    origin = np.stack(np.unravel_index(chosen, recorded.shape[:-1]), axis=1)

    def gathered(which: Tensor) -> Points:
        kept, counts = _merged(points, moved, which, distance=merge * size)
        jacobian = model.step_jacobian(u.expand(len(kept), -1), points[kept])
        eigenvalues = torch.linalg.eigvals(jacobian).numpy()
        order = np.argsort(-np.abs(eigenvalues), axis=1, kind="stable")
        eigenvalues = np.take_along_axis(eigenvalues, order, axis=1)
        distance = moved[kept].numpy()
        return Points(
            points=points[kept].numpy(),
            q=distance**2 / 2,
            speed=distance / max(speed, still),
            eigenvalues=eigenvalues,
            stable=(np.abs(eigenvalues) < 1 - MARGIN).all(axis=1),
            origin=origin[kept.numpy()],
            starts=counts,
        )

    return FixedPoints(
        fixed=gathered(fixed),
        slow=gathered(slow),
        outside=int((~inside).sum()),
        unfinished=int((inside & ~fixed & ~ended).sum()),
    )


def _descend(
    model: SequenceModel, u: Tensor, begin: Tensor, *, enough: float, length: float, iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Descend from all starts at once, each with a damping of its own.

    A start has ended where it moves less than ``enough``, where no small change of the state makes it slower or many
    changes hardly did, and where its steps have become shorter than ``length``, as they do at the kink of a relu.

    Returns
    -------
    points : Tensor, shape (starts, units)
    moved : Tensor, shape (starts,)
        By how much each moves in one step.
    ended : bool Tensor, shape (starts,)
    """
    points = begin.clone()
    residuals = model.step(u.expand(len(points), -1), points) - points
    ended = torch.zeros(len(points), dtype=torch.bool)
    damping = torch.full((len(points),), float("nan"), dtype=points.dtype)
    raised = torch.full_like(damping, 2.0)  # by how much the next failure raises the damping
    least = points.shape[1] * _EPS
    before = torch.full_like(damping, float("inf"))
    for iteration in range(iterations):
        active = torch.nonzero(~ended)[:, 0]
        if len(active) == 0:
            break
        h, g = points[active], residuals[active]
        x = u.expand(len(h), -1)
        slope = model.step_jacobian(x, h)
        slope.diagonal(dim1=-2, dim2=-1).sub_(1)
        gradient = torch.einsum("bij,bi->bj", slope, g)
        norm = torch.linalg.vector_norm(g, dim=1)
        stretch = torch.linalg.matrix_norm(slope)
        flat = torch.linalg.vector_norm(gradient, dim=1) <= _GAUSS * stretch * norm
        normal = slope.mT @ slope
        largest = normal.diagonal(dim1=-2, dim2=-1).amax(1)
        lam = torch.where(damping[active].isnan(), 1e-3 * largest, damping[active]).clamp(min=least * largest)
        normal.diagonal(dim1=-2, dim2=-1).add_(lam.unsqueeze(1))
        factor, failed = torch.linalg.cholesky_ex(normal)
        change = -torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)
        new = h + change
        new_g = model.step(x, new) - new
        gain = norm.square() - new_g.square().sum(1)
        gain = gain / (change * (lam.unsqueeze(1) * change - gradient)).sum(1)  # over the one that a line would give
        better = (gain > 0) & (failed == 0)
        points[active] = torch.where(better.unsqueeze(1), new, h)
        residuals[active] = torch.where(better.unsqueeze(1), new_g, g)
        factors = torch.where(gain > 0.75, 0.1, torch.where(gain > 0.25, 1.0, 4.0))
        damping[active] = lam * torch.where(better, factors.to(lam), raised[active])
        raised[active] = torch.where(better, torch.full_like(lam, 2.0), 2 * raised[active])
        if iteration % _PATIENCE == 0:
            now = torch.linalg.vector_norm(residuals[active], dim=1)
            flat |= now > _PROGRESS * before[active]
            before[active] = now
        short = torch.linalg.vector_norm(change, dim=1) <= length
        ended[active] = flat | short | (torch.linalg.vector_norm(residuals[active], dim=1) <= enough)
    return points, torch.linalg.vector_norm(residuals, dim=1), ended


def _merged(points: Tensor, moved: Tensor, which: Tensor, *, distance: float) -> tuple[Tensor, npt.NDArray[np.int64]]:
    """Return the indices of distinct points among ``which``, the stillest first, and how many each stands for."""
    left = torch.nonzero(which)[:, 0]
    left = left[torch.argsort(moved[left], stable=True)]
    kept, counts = [], []
    while len(left) > 0:
        near = torch.linalg.vector_norm(points[left] - points[left[0]], dim=1) <= distance
        kept.append(int(left[0]))
        counts.append(int(near.sum()))
        left = left[~near]
    return torch.tensor(kept, dtype=torch.int64), np.array(counts, dtype=np.int64)
