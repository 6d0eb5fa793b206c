r"""Dynamic mode decomposition of delay-embedded states: one linear operator per system.

Delay vectors :math:`(x_t, x_{t-\tau}, \ldots, x_{t-(d-1)\tau})` are gathered over time, within each trial; their matrix
:math:`H = U S V^\top` is cut to its leading singular directions; and the operator is the least-squares map from
:math:`v_t` to :math:`v_{t+1}` in these coordinates (HAVOK: Brunton et al. 2017, arXiv 1608.05306; as
used by DSA: Ostrow et al. 2023, arXiv 2306.10168, section 2).

Where inputs are given, the map is :math:`v_{t+1} = A v_t + B u_{t+1}`, both operators fitted jointly (dynamic mode
decomposition with control where B is not known: Proctor, Brunton & Kutz 2016, arXiv 1409.6358). By the theorem of
Frisch, Waugh and Lovell the same A comes of a fit without inputs to what the inputs leave of both sides. That is how it
is made, so that without inputs it is the plain fit. Where states and inputs cannot be told apart, the inputs are taken
for the cause, and A is the shortest that there is; unlike the shortest pair of A and B, it depends on no unit of the
inputs.

Two routes lead there. The fast one never forms H. The Gram matrix HᵀH consists of d x d blocks
:math:`\sum_t x_{t-i\tau} x_{t-j\tau}^\top`, and a block differs from its neighbour along the diagonal by the first and
last few time steps only; so does the Gram matrix of neighbouring delay vectors that the least squares needs. But
these square the singular values. Where the kept ones span more than five orders of magnitude, the exact route forms H
and takes its singular vectors by a QR decomposition.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import scipy.integrate
import scipy.optimize
import torch
from torch import Tensor

from dynalign.errors import DynalignError
from dynalign.metrics.control import Drive, drive_of

Rank = int | float | Literal["optimal"]

_GRAM_RANGE = 1e-5  # smallest singular value, over the largest, that a Gram matrix in double precision still tells
_SINGULAR = 1e-8  # condition below which the least squares are left to an SVD


class ConditionWarning(UserWarning):
    """The kept directions differ so much in size that the smallest ones may be no more than noise."""


@dataclass(frozen=True)
class Embedding:
    """How delay vectors are made: ``n_delays`` states, ``interval`` time steps apart."""

    n_delays: int
    interval: int

    def check(self, shape: torch.Size, where: str) -> None:
        """Raise a DynalignError unless trials (trials, time, units) are long enough for one step of delay vectors."""
        time = shape[1]
        needed = (self.n_delays - 1) * self.interval + 2
        if time < needed:
            longest = (time - 2) // self.interval + 1
            remedy = f"use n_delays <= {longest}" if longest >= 1 else "dynamics need at least 2"
            raise DynalignError(
                f"{where} has {time} time steps per trial, too few for n_delays={self.n_delays} at "
                f"delay_interval={self.interval}, which need at least {needed}; {remedy}."
            )

    def __call__(self, states: Tensor) -> Tensor:
        """Return the delay vectors (trials, time - (n_delays - 1) interval, n_delays units), oldest first.

        At an interval of 1 this is a view: neighbouring delay vectors overlap in memory.
        """
        windows = states.unfold(1, (self.n_delays - 1) * self.interval + 1, 1)  # (trials, steps, units, window)
        return windows[..., :: self.interval].mT.flatten(2)

    def gram(self, left: Tensor, right: Tensor | None = None) -> Tensor:
        """Return the inner products, over all trials and steps, of the coordinates of two systems' delay vectors.

        Parameters
        ----------
        left : Tensor, shape (trials, time, units)
        right : Tensor, shape (trials, time, units), optional
            ``left`` itself if not given.

        Returns
        -------
        Tensor, shape (n_delays units, n_delays units)
        """
        itself = right is None
        right = left if right is None else right
        steps = left.shape[1] - (self.n_delays - 1) * self.interval
        if 2 * self.interval >= steps or self.n_delays < 3:
            return _flat(self(left)).mT @ _flat(self(right))
        units, d = left.shape[2], self.n_delays
        # Time first, so that any run of time steps is one block of memory.
        x = left.transpose(0, 1).contiguous()
        y = x if itself else right.transpose(0, 1).contiguous()

        def lagged(i: int, j: int) -> Tensor:
            a, b = i * self.interval, j * self.interval
            return _flat(x[a : a + steps]).mT @ _flat(y[b : b + steps])

        # Blocks (i, j) -> (i+1, j+1): the window starts `interval` later, so it loses steps there and gains them at its
        # end. What all windows lose and gain is the Gram matrix of two short pieces of the trials.
        losses, gains = (
            _blocks(_flat(self._piece(left, begin)).mT @ _flat(self._piece(right, begin)), d - 1, units)
            for begin in (0, steps)
        )
        top = torch.stack([lagged(0, j) for j in range(d)])
        side = top[1:].mT if itself else torch.stack([lagged(i, 0) for i in range(1, d)])
        rows = [top]
        for i in range(1, d):
            moved = rows[-1][:-1] + gains[i - 1] - losses[i - 1]
            rows.append(torch.cat([side[i - 1 : i], moved]))
        return torch.stack(rows).permute(0, 2, 1, 3).reshape(d * units, d * units)

    def products(self, states: Tensor, others: Tensor) -> Tensor:
        """Return the inner products, over all trials and steps, of delay vectors with ``others``.

        Parameters
        ----------
        states : Tensor, shape (trials, time, units)
        others : Tensor, shape (trials * steps, columns)

        Returns
        -------
        Tensor, shape (n_delays units, columns)
        """
        steps = states.shape[1] - (self.n_delays - 1) * self.interval
        begins = range(0, self.n_delays * self.interval, self.interval)
        return torch.cat([_flat(states[:, begin : begin + steps]).mT @ others for begin in begins])

    def acting(self, inputs: Tensor) -> Tensor:
        """Return the inputs (trials, steps - 1, channels) that lead to each delay vector but the first.

        They are those at the time of its newest state.
        """
        return inputs[:, (self.n_delays - 1) * self.interval + 1 :]

    def _piece(self, states: Tensor, begin: int) -> Tensor:
        """Return `interval` steps from `begin` on, embedded with one delay less (trials, interval, (d - 1) units)."""
        stop = begin + (self.n_delays - 1) * self.interval
        return Embedding(self.n_delays - 1, self.interval)(states[:, begin:stop])


@dataclass(frozen=True)
class HankelDMD:
    """A fitted operator and the coordinates that it acts in.

    Attributes
    ----------
    operator : Tensor, shape (rank, rank)
        Maps whitened coordinates of the delay embedding one time step on; zero in directions without data.
    input_operator : Tensor, shape (rank, channels)
        What the inputs add to them in that step; without columns where there are no inputs.
    whitening : Tensor, shape (n_delays units, kept_rank)
        Delay vectors times this are the whitened coordinates.
    kept_rank : int
        Directions that hold data; the rank asked for, unless the data have fewer.
    explained_variance : float
        Share of the delay embedding's variance that these directions hold.
    span : float
        Orders of magnitude from the largest to the smallest singular value that was kept.
    """

    operator: Tensor
    input_operator: Tensor
    whitening: Tensor
    kept_rank: int
    explained_variance: float
    span: float

    def isometric(self) -> Tensor:
        """Return the operator (rank, rank) in coordinates in which delay vectors have the lengths that they have.

        With L Lᵀ = WᵀW, W the whitening, these are L⁻¹ v: the principal components of the delay vectors, and in the
        backward pass some rotation of them, which eigenvectors that meet cannot upset.
        """
        kept = self.kept_rank
        lower = torch.linalg.cholesky(self.whitening.mT @ self.whitening)
        inner = torch.linalg.solve_triangular(lower, self.operator[:kept, :kept] @ lower, upper=False)
        more = len(self.operator) - kept
        return torch.nn.functional.pad(inner, (0, more, 0, more))

    def isometric_input(self) -> Tensor:
        """Return what the inputs add, (rank, channels), in the coordinates of ``isometric``."""
        kept = self.kept_rank
        lower = torch.linalg.cholesky(self.whitening.mT @ self.whitening)
        added = torch.linalg.solve_triangular(lower, self.input_operator[:kept], upper=False)
        return torch.nn.functional.pad(added, (0, 0, 0, len(self.operator) - kept))


def fit_hankel_dmd(
    states: Tensor,
    embedding: Embedding,
    *,
    rank: Rank,
    ridge: float,
    rounding: float,
    inputs: Tensor | None = None,
    where: str = "x",
) -> HankelDMD:
    """Fit the operator of one system; gradients flow from it to the states where the fast route is taken.

    Parameters
    ----------
    states : Tensor, float64, shape (trials, time, units)
        Checked and centred.
    inputs : Tensor, float64, shape (trials, time, channels), optional
        What drove the system in the step to the state of the same index; checked and centred.
    rank : int, float or "optimal"
        Directions to keep: this many; as many as hold this share of the variance; or those above the optimal hard
        threshold for white noise of unknown size (Gavish & Donoho 2014, arXiv 1305.5870, eq. 4).
    ridge : float
        Penalty on the squared norm of the operator, not on that of the inputs; the coordinates have unit norm over all
        delay vectors.
    rounding : float
        Relative rounding error of the data; directions whose singular value is smaller hold no data.

    Raises
    ------
    DynalignError
        If the trials are too short for the delays, or ``rank`` exceeds the dimension of the embedding.

    Warns
    -----
    ConditionWarning
        If the kept singular values span more than five orders of magnitude.
    """
    trials, time, units = states.shape
    embedding.check(states.shape, where)
    width = embedding.n_delays * units
    if isinstance(rank, int) and rank > width:
        raise DynalignError(
            f"rank={rank} exceeds the {width} dimensions of {where}'s delay embedding ({units} units x "
            f"{embedding.n_delays} delays); use rank <= {width}, or more delays."
        )
    rows = trials * (time - (embedding.n_delays - 1) * embedding.interval)
    floor = max(rounding, max(rows, width) * torch.finfo(states.dtype).eps)

    acting = states.new_zeros(rows - trials, 0) if inputs is None else _flat(embedding.acting(inputs))
    drive = drive_of(acting, floor=floor)

    if rows < width and not states.requires_grad:  # their Gram matrix would be larger than they are
        return _fit_exactly(states, embedding, rank, ridge, floor, drive, where)
    before = embedding.gram(states[:, :-1])
    last = _flat(embedding(states)[:, -1:])
    gram = before + last.mT @ last
    squares, vectors = torch.linalg.eigh(gram.detach())
    values = squares.flip(0).clamp_min(0).sqrt()
    kept = int((values[: _wanted(values, rank, (rows, width))] > floor * values[0]).sum())
    if values[kept - 1] <= _GRAM_RANGE * values[0]:
        return _fit_exactly(states, embedding, rank, ridge, floor, drive, where)
    whitening = _whiten(gram, squares, vectors, kept)
    driven = [whitening.mT @ embedding.products(part, drive.basis) for part in (states[:, :-1], states[:, 1:])]
    inner = whitening.mT @ before @ whitening - driven[0] @ driven[0].mT
    if _is_singular(inner):
        return _fit_exactly(states, embedding, rank, ridge, floor, drive, where)
    cross = whitening.mT @ embedding.gram(states[:, :-1], states[:, 1:]) @ whitening - driven[0] @ driven[1].mT
    return _result(_solve(inner, cross, ridge), driven, drive, whitening, values, rank)


def prediction_error(fit: HankelDMD, embedding: Embedding, states: Tensor, inputs: Tensor | None = None) -> float:
    """Return the mean squared error of the operators one step on, over that of predicting no change (persistence)."""
    return step_error(fit, embedding(states), None if inputs is None else embedding.acting(inputs))


def step_error(fit: HankelDMD, vectors: Tensor, acting: Tensor | None) -> float:
    """Return that error for vectors (trials, steps, size) which ``fit.whitening`` makes the fit's coordinates.

    ``acting`` (trials, steps - 1, channels) are the inputs of each step.
    """
    coordinates = vectors @ fit.whitening
    size = torch.linalg.vector_norm(fit.whitening, dim=0)  # 1 / singular value: a direction counts by its variance
    before, after = coordinates[:, :-1], coordinates[:, 1:]
    kept = fit.kept_rank
    predicted = before @ fit.operator[:kept, :kept].mT
    if acting is not None:
        predicted = predicted + acting @ fit.input_operator[:kept].mT
    error = ((after - predicted) / size).square().sum()
    persistence = ((after - before) / size).square().sum()
    return float(error / persistence) if persistence > 0 else 0.0


def _fit_exactly(
    states: Tensor, embedding: Embedding, rank: Rank, ridge: float, floor: float, drive: Drive, where: str
) -> HankelDMD:
    """Fit by a QR decomposition of the delay vectors, which keeps the digits of small directions."""
    if states.requires_grad:
        raise DynalignError(
            f"The kept directions of {where} differ too much in size for a gradient through the fit"
            + (", or its inputs leave nothing of some" if drive.basis.shape[1] else "")
            + "; use a lower rank."
        )
    embedded = embedding(states)
    rows = _flat(embedded)
    values, axes = _singular(rows)
    wanted = _wanted(values, rank, tuple(rows.shape))
    kept = int((values[:wanted] > floor * values[0]).sum())
    span = float(torch.log10(values[0] / values[kept - 1]))
    if span > -math.log10(_GRAM_RANGE):
        warnings.warn(
            f"The {kept} kept directions of {where} span {span:.1f} orders of magnitude; the smallest may be noise, "
            "and whitening makes them as large as the others. A lower rank leaves them out.",
            ConditionWarning,
            stacklevel=2,
        )
    whitening = axes[:kept].mT / values[:kept]
    whitened = (rows @ whitening).reshape(*embedded.shape[:2], kept)
    before, after = (_flat(whitened[:, part]) for part in (slice(None, -1), slice(1, None)))
    driven = [part.mT @ drive.basis for part in (before, after)]
    # What is smaller than this beside the states, before the inputs took their share, is a rounding error.
    cut = floor * float(torch.linalg.matrix_norm(before, 2))
    before, after = (part - drive.basis @ share.mT for part, share in zip((before, after), driven, strict=True))
    inner = before.mT @ before
    if _is_singular(inner):
        return _result(_shortest_solution(before, after, ridge, cut), driven, drive, whitening, values, rank)
    return _result(_solve(inner, before.mT @ after, ridge), driven, drive, whitening, values, rank)


def _singular(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the singular values of a matrix (m, n), and its right singular vectors (min(m, n), n)."""
    if rows.shape[0] >= rows.shape[1]:
        _, values, axes = torch.linalg.svd(torch.linalg.qr(rows, mode="r").R, full_matrices=False)
        return values, axes
    basis, triangle = torch.linalg.qr(rows.mT)
    _, values, axes = torch.linalg.svd(triangle.mT, full_matrices=False)
    return values, axes @ basis.mT


def _is_singular(inner: Tensor) -> bool:
    return float(torch.linalg.eigvalsh(inner.detach())[0]) < _SINGULAR


def _solve(inner: Tensor, cross: Tensor, ridge: float) -> Tensor:
    penalised = inner + ridge * torch.eye(len(inner), dtype=inner.dtype, device=inner.device)
    solution: Tensor = torch.linalg.solve(penalised, cross)
    return solution


def _shortest_solution(before: Tensor, after: Tensor, ridge: float, cut: float) -> Tensor:
    """Return the least-squares solution; the shortest, where directions of the present hold no data beyond ``cut``."""
    kept = before.shape[1]
    penalty = math.sqrt(ridge) * torch.eye(kept, 2 * kept, dtype=before.dtype, device=before.device)
    both = torch.cat([torch.cat([before, after], dim=1), penalty])
    triangle = torch.linalg.qr(both, mode="r").R
    left, sizes, right = torch.linalg.svd(triangle[:, :kept], full_matrices=False)
    inverse = torch.where(sizes > cut, 1 / sizes.clamp_min(torch.finfo(sizes.dtype).tiny), 0)
    solution: Tensor = right.mT @ (inverse[:, None] * (left.mT @ triangle[:, kept:]))
    return solution


def _result(
    solution: Tensor, driven: list[Tensor], drive: Drive, whitening: Tensor, values: Tensor, rank: Rank
) -> HankelDMD:
    """Return the fit; ``driven`` are the inner products of present and next state with the drive."""
    kept = len(solution)
    size = rank if isinstance(rank, int) else kept
    added = (driven[1] - solution.mT @ driven[0]) @ drive.per_channel.mT
    return HankelDMD(
        operator=torch.nn.functional.pad(solution.mT, (0, size - kept, 0, size - kept)),
        input_operator=torch.nn.functional.pad(added, (0, 0, 0, size - kept)),
        whitening=whitening,
        kept_rank=kept,
        explained_variance=float(values[:kept].square().sum() / values.square().sum()),
        span=float(torch.log10(values[0] / values[kept - 1])),
    )


def _wanted(values: Tensor, rank: Rank, shape: tuple[int, ...]) -> int:
    """Return how many of the singular ``values`` of a matrix of ``shape``, largest first, ``rank`` asks for."""
    if rank == "optimal":
        threshold = _optimal_threshold(min(shape) / max(shape)) * values[: min(shape)].median()
        return max(1, int((values > threshold).sum()))
    if isinstance(rank, int):
        return min(rank, *shape)
    shares = values.square().cumsum(0) / values.square().sum()
    return min(int((shares < rank - 1e-12).sum()) + 1, *shape)


def _optimal_threshold(aspect: float) -> float:
    """Return the optimal hard threshold over the median singular value (Gavish & Donoho 2014, eqs. 4 and 11)."""
    low, high = (1 - math.sqrt(aspect)) ** 2, (1 + math.sqrt(aspect)) ** 2

    def density(x: float) -> float:  # Marchenko-Pastur
        return math.sqrt(max(0.0, (high - x) * (x - low))) / (2 * math.pi * aspect * x)

    def below(x: float) -> float:
        # Substituting x = low + (high - low) sin², which takes the square roots away at both ends.
        top = math.asin(math.sqrt((x - low) / (high - low)))

        def smooth(angle: float) -> float:
            place = low + (high - low) * math.sin(angle) ** 2
            return density(place) * (high - low) * math.sin(2 * angle) if place > 0 else 0.0

        return float(scipy.integrate.quad(smooth, 0, top)[0])

    median = scipy.optimize.brentq(lambda x: below(x) - 0.5, low, high)
    root = math.sqrt(2 * (aspect + 1) + 8 * aspect / (aspect + 1 + math.sqrt(aspect**2 + 14 * aspect + 1)))
    return root / math.sqrt(median)


class _Whiten(torch.autograd.Function):
    """From a Gram matrix G (n, n), and its eigenvalues and -vectors, to W (n, r): the r leading ones, with WᵀGW = 1.

    Any rotation of W's columns would do as well, and nothing here may depend on it. The backward pass uses that
    freedom: it leaves out how eigenvectors turn within the span, which is what blows up where eigenvalues meet.
    """

    @staticmethod
    def forward(_gram: Tensor, values: Tensor, vectors: Tensor, rank: int) -> Tensor:
        return vectors[:, -rank:] / values[-rank:].sqrt()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int], output: Tensor) -> None:
        ctx.save_for_backward(output, *inputs[1:3])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = gradients
        whitening, values, vectors = ctx.saved_tensors
        rank = whitening.shape[1]
        kept, dropped = values[-rank:], values[:-rank]
        outside = vectors[:, :-rank]
        # dW = -W (Wᵀ dG W) / 2 + U [(Uᵀ dG W) / (kept - dropped)], U the eigenvectors left out.
        inner = -(whitening.mT @ gradient) / 2
        total = whitening @ inner @ whitening.mT
        turned = (outside.mT @ gradient) / (kept - dropped[:, None])
        total = total + outside @ turned @ whitening.mT
        return (total + total.mT) / 2, None, None, None


def _whiten(gram: Tensor, values: Tensor, vectors: Tensor, rank: int) -> Tensor:
    whitening: Tensor = _Whiten.apply(gram, values, vectors, rank)  # type: ignore[no-untyped-call]
    return whitening


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])


def _blocks(gram: Tensor, count: int, units: int) -> Tensor:
    """Return the blocks (count, count, units, units) of a square matrix."""
    return gram.reshape(count, units, count, units).permute(0, 2, 1, 3)
