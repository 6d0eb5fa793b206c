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

Instead of the next step, the map may lead ``horizon`` steps on at once. And it may be shrunk (see ``shrinkage``): the
directions kept are those above the noise, and each counts by the share of its variance that is no noise.

Two routes lead there. The fast one never forms H, but Gram matrices alone (see ``delays``). But these square the
singular values. Where the kept ones span more than five orders of magnitude, or there are fewer delay vectors than
dimensions, the exact route forms H and takes its singular vectors by a QR decomposition.
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
from dynalign.metrics.delays import Blocks, Embedding, cut
from dynalign.metrics.shrinkage import noise_edge

Rank = int | float | Literal["optimal"]

NO_DYNAMICS = "stands out of its noise"
"""In the refusal of a system of which nothing can be foreseen: it will be refused whenever it is tried again."""

_GRAM_RANGE = 1e-5  # smallest singular value, over the largest, that a Gram matrix in double precision still tells
_SINGULAR = 1e-8  # condition below which the least squares are left to an SVD


class ConditionWarning(UserWarning):
    """The kept directions differ so much in size that the smallest ones may be no more than noise."""


@dataclass(frozen=True)
class HankelDMD:
    """A fitted operator and the coordinates that it acts in.

    Attributes
    ----------
    operator : Tensor, shape (rank, rank)
        Maps whitened coordinates of the delay embedding one horizon on; zero in directions without data.
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
    reliability : Tensor, shape (kept_rank, kept_rank)
        The share of the variance of each whitened direction that is no noise; the identity unless noise was asked for.
    unexplained : float
        Mean squared error of the operator over that of the better one of predicting no change and predicting the mean;
        NaN where it was not asked for.
    """

    operator: Tensor
    input_operator: Tensor
    whitening: Tensor
    kept_rank: int
    explained_variance: float
    span: float
    reliability: Tensor
    unexplained: float

    def change(self) -> Tensor:
        """Return how coordinates change over the horizon (rank, rank), each direction counted by its reliability."""
        kept = self.kept_rank
        one = torch.eye(kept, dtype=self.operator.dtype, device=self.operator.device)
        inner = self.reliability @ (self.operator[:kept, :kept] - one) @ self.reliability
        more = len(self.operator) - kept
        return torch.nn.functional.pad(inner, (0, more, 0, more))

    def isometric(self) -> Tensor:
        """Return the operator (rank, rank) in coordinates in which delay vectors have the lengths that they have.

        With L Lᵀ = WᵀW, W the whitening, these are L⁻¹ v: the principal components of the delay vectors, and in the
        backward pass some rotation of them, which eigenvectors that meet cannot upset.
        """
        kept, lower = self.kept_rank, self._lower()
        inner = torch.linalg.solve_triangular(lower, self.operator[:kept, :kept] @ lower, upper=False)
        more = len(self.operator) - kept
        return torch.nn.functional.pad(inner, (0, more, 0, more))

    def isometric_input(self) -> Tensor:
        """Return what the inputs add, (rank, channels), in the coordinates of ``isometric``."""
        kept = self.kept_rank
        added = torch.linalg.solve_triangular(self._lower(), self.input_operator[:kept], upper=False)
        return torch.nn.functional.pad(added, (0, 0, 0, len(self.operator) - kept))

    def _lower(self) -> Tensor:
        lower: Tensor = torch.linalg.cholesky(self.whitening.mT @ self.whitening)
        return lower


def fit_hankel_dmd(
    states: Blocks,
    embedding: Embedding,
    *,
    rank: Rank,
    ridge: float,
    rounding: float,
    inputs: Blocks | None = None,
    horizon: int = 1,
    shrink: bool = False,
    where: str = "x",
) -> HankelDMD:
    """Fit the operator of one system; gradients flow from it to the states where the fast route is taken.

    Parameters
    ----------
    states : tensors, float64, of shape (trials, time, units)
        Checked and centred; trials of one length in one tensor.
    inputs : tensors, float64, of shape (trials, time, channels), optional
        What drove the system in the step to the state of the same index; checked and centred.
    rank : int, float or "optimal"
        Directions to keep: this many; as many as hold this share of the variance; or those above the optimal hard
        threshold for white noise of unknown size (Gavish & Donoho 2014, arXiv 1305.5870, eq. 4).
    ridge : float
        Penalty on the squared norm of the operator, not on that of the inputs; the coordinates have unit norm over all
        delay vectors.
    rounding : float
        Relative rounding error of the data; directions whose singular value is smaller hold no data.
    horizon : int
        Time steps that the operator leads on; 1 where there are inputs.
    shrink : bool
        Whether directions within the noise are left out, and the reliability of the others is asked for.

    Raises
    ------
    DynalignError
        If the trials are too short for the delays, ``rank`` exceeds the dimension of the embedding, or nothing stands
        out of the noise.

    Warns
    -----
    ConditionWarning
        If the kept singular values span more than five orders of magnitude.
    """
    embedding.check(max(block.shape[1] for block in states), horizon, where)
    whole = embedding.long(states, horizon)
    units = states[0].shape[2]
    width = embedding.n_delays * units
    if isinstance(rank, int) and rank > width:
        raise DynalignError(
            f"rank={rank} exceeds the {width} dimensions of {where}'s delay embedding ({units} units x "
            f"{embedding.n_delays} delays); use rank <= {width}, or more delays."
        )
    rows = embedding.count(whole)
    floor = max(rounding, max(rows, width) * torch.finfo(states[0].dtype).eps)
    if inputs is None:
        acting = states[0].new_zeros(rows - horizon * sum(map(len, whole)), 0)
    else:
        acting = embedding.newest(embedding.long(inputs, horizon))
    request = _Request(embedding, rank, ridge, floor, drive_of(acting, floor=floor), horizon, shrink, where)
    if rows < width and not states[0].requires_grad:  # their Gram matrix would be larger than they are
        return _fit_exactly(whole, request)
    return _fit_fast(whole, request) or _fit_exactly(whole, request)


@dataclass(frozen=True)
class _Request:
    """What is asked of a fit; ``floor`` is the relative size below which singular values are rounding errors."""

    embedding: Embedding
    rank: Rank
    ridge: float
    floor: float
    drive: Drive
    horizon: int
    shrink: bool
    where: str

    def kept(self, values: Tensor, shape: tuple[int, int], noise: float) -> int:
        """Return how many of the singular ``values`` of the delay vectors, of ``shape``, are kept."""
        least = max(self.floor * float(values[0]), math.sqrt(noise))
        kept = int((values[: wanted_rank(values, self.rank, shape)] > least).sum())
        if kept == 0:
            raise DynalignError(
                f"Nothing of {self.where} {NO_DYNAMICS}: the next state cannot be foreseen from the "
                f"{self.embedding.n_delays} states before, so that there are no dynamics to compare."
            )
        return kept


def _fit_fast(states: Blocks, request: _Request) -> HankelDMD | None:
    """Fit by Gram matrices; None where they have too few digits for the directions that are kept."""
    embedding, horizon = request.embedding, request.horizon
    early, late = cut(states, 0, horizon), cut(states, horizon, 0)
    before = embedding.gram(early)
    last = embedding.rows([block[:, -(embedding.needed(horizon) - 1) :] for block in states])
    first = embedding.rows([block[:, : embedding.needed(horizon) - 1] for block in states])
    gram = before + last.mT @ last
    squares, vectors = torch.linalg.eigh(gram.detach())
    values = squares.flip(0).clamp_min(0).sqrt()
    noise = _noise(states, request, gram, values, vectors.flip(1))
    kept = request.kept(values, (embedding.count(states), len(gram)), float(noise.detach()))
    if values[kept - 1] <= _GRAM_RANGE * values[0]:
        return None
    whitening = _whiten(gram, squares, vectors, kept)
    basis = request.drive.basis
    driven = [whitening.mT @ embedding.products(part, basis) for part in (early, late)]
    inner = whitening.mT @ before @ whitening - driven[0] @ driven[0].mT
    if _is_singular(inner):
        return None
    cross = whitening.mT @ embedding.gram(early, late) @ whitening - driven[0] @ driven[1].mT
    after = whitening.mT @ (gram - first.mT @ first) @ whitening - driven[1] @ driven[1].mT
    return _result(
        _solve(inner, cross, request.ridge), (inner, cross, after), driven, whitening, values, noise, request
    )


def _noise(states: Blocks, request: _Request, gram: Tensor, values: Tensor, axes: Tensor) -> Tensor:
    """Return the sum of squares, over all delay vectors, up to which a direction may be all noise; 0 if none is asked.

    ``axes`` are the singular directions (n_delays units, directions), the largest first.
    """
    if not request.shrink:
        return values.new_zeros(())
    return request.embedding.count(states) * noise_edge(states, request.embedding, gram, values, axes)


def prediction_error(
    fit: HankelDMD, embedding: Embedding, states: Blocks, inputs: Blocks | None = None, horizon: int = 1
) -> float:
    """Return the mean squared error of the operators one horizon on, over that of predicting no change."""
    whole = embedding.long(states, horizon)
    before, after = (embedding.rows(part) for part in (cut(whole, 0, horizon), cut(whole, horizon, 0)))
    if inputs is None:
        return step_error(fit, before, after, None)
    acting = embedding.newest(embedding.long(inputs, horizon))
    return step_error(fit, before, after, acting)


def step_error(fit: HankelDMD, before: Tensor, after: Tensor, acting: Tensor | None) -> float:
    """Return that error for vectors (steps, size) which ``fit.whitening`` makes the fit's coordinates.

    ``acting`` (steps, channels) are the inputs of each step.
    """
    before, after = before @ fit.whitening, after @ fit.whitening
    size = torch.linalg.vector_norm(fit.whitening, dim=0)  # 1 / singular value: a direction counts by its variance
    kept = fit.kept_rank
    predicted = before @ fit.operator[:kept, :kept].mT
    if acting is not None:
        predicted = predicted + acting @ fit.input_operator[:kept].mT
    error = ((after - predicted) / size).square().sum()
    persistence = ((after - before) / size).square().sum()
    return float(error / persistence) if persistence > 0 else 0.0


def _fit_exactly(states: Blocks, request: _Request) -> HankelDMD:
    """Fit by a QR decomposition of the delay vectors, which keeps the digits of small directions."""
    where, drive, embedding = request.where, request.drive, request.embedding
    if states[0].requires_grad:
        raise DynalignError(
            f"The kept directions of {where} differ too much in size for a gradient through the fit"
            + (", or its inputs leave nothing of some" if drive.basis.shape[1] else "")
            + "; use a lower rank."
        )
    rows = embedding.rows(states)
    values, axes = _singular(rows)
    noise = _noise(states, request, axes.mT * values.square() @ axes if request.shrink else rows, values, axes.mT)
    kept = request.kept(values, (rows.shape[0], rows.shape[1]), float(noise.detach()))
    span = float(torch.log10(values[0] / values[kept - 1]))
    if span > -math.log10(_GRAM_RANGE):
        warnings.warn(
            f"The {kept} kept directions of {where} span {span:.1f} orders of magnitude; the smallest may be noise, "
            "and whitening makes them as large as the others. A lower rank leaves them out.",
            ConditionWarning,
            stacklevel=2,
        )
    whitening = axes[:kept].mT / values[:kept]
    before, after = (
        embedding.rows(part) @ whitening for part in (cut(states, 0, request.horizon), cut(states, request.horizon, 0))
    )
    driven = [part.mT @ drive.basis for part in (before, after)]
    # What is smaller than this beside the states, before the inputs took their share, is a rounding error.
    least = request.floor * float(torch.linalg.matrix_norm(before, 2))
    before, after = (part - drive.basis @ share.mT for part, share in zip((before, after), driven, strict=True))
    inner, cross = before.mT @ before, before.mT @ after
    if _is_singular(inner):
        solution = _shortest_solution(before, after, request.ridge, least)
    else:
        solution = _solve(inner, cross, request.ridge)
    return _result(solution, (inner, cross, after.mT @ after), driven, whitening, values, noise, request)


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
    solution: Tensor,
    products: tuple[Tensor, Tensor, Tensor],
    driven: list[Tensor],
    whitening: Tensor,
    values: Tensor,
    noise: Tensor,
    request: _Request,
) -> HankelDMD:
    """Return the fit.

    ``products`` are the inner products of the present with itself, of the present with what comes, and of that with
    itself, less what the inputs did; ``driven`` are those of present and future with the drive.
    """
    kept = len(solution)
    size = request.rank if isinstance(request.rank, int) else kept
    added = (driven[1] - solution.mT @ driven[0]) @ request.drive.per_channel.mT
    # With W the whitening, 1 - noise WᵀW turns with W's columns, as the operator does, and gradients need no more.
    one = torch.eye(kept, dtype=solution.dtype, device=solution.device)
    return HankelDMD(
        operator=torch.nn.functional.pad(solution.mT, (0, size - kept, 0, size - kept)),
        input_operator=torch.nn.functional.pad(added, (0, 0, 0, size - kept)),
        whitening=whitening,
        kept_rank=kept,
        explained_variance=float(values[:kept].square().sum() / values.square().sum()),
        span=float(torch.log10(values[0] / values[kept - 1])),
        reliability=one - noise * (whitening.mT @ whitening),
        unexplained=_unexplained(solution.detach(), products, whitening.detach()),
    )


def _unexplained(solution: Tensor, products: tuple[Tensor, Tensor, Tensor], whitening: Tensor) -> float:
    """Return the squared error of a solution, over that of the better of predicting no change and the mean.

    Directions count by their variance.
    """
    inner, cross, after = (part.detach() for part in products)
    size = 1 / whitening.square().sum(0)
    mean = (size * after.diagonal()).sum()
    no_change = (size * (after - 2 * cross + inner).diagonal()).sum()
    error = (size * (after - 2 * cross.mT @ solution + solution.mT @ inner @ solution).diagonal()).sum()
    least = torch.minimum(mean, no_change)
    return float(error / least) if least > 0 else 0.0


def wanted_rank(values: Tensor, rank: Rank, shape: tuple[int, int]) -> int:
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
