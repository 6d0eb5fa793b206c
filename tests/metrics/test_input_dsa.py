"""InputDSA: what a driven system does by itself, whatever drives it; and plain DSA, which cannot tell."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import DSA, Driven, InputDSA, pairwise
from dynalign.metrics.delays import Embedding
from dynalign.metrics.hankel_dmd import HankelDMD, fit_hankel_dmd

AXIOMS = [
    InputDSA(rank=5),
    InputDSA(n_delays=4, rank=6, whiten=True),
    InputDSA(rank=5, compare="input"),
    InputDSA(rank=5, compare="joint"),
    InputDSA(n_delays=2, rank=6, fit="subspace", compare="joint", weight=0.2),
]
FUZZED = [
    (InputDSA(rank=2), 120),
    (InputDSA(rank=2, center=False), 50),
    (InputDSA(n_delays=3, delay_interval=2, rank=3, whiten=True), 120),
    (InputDSA(n_delays=2, rank=0.9, ridge=0.1, distance="euclidean"), 120),
    (InputDSA(rank=2, compare="input"), 120),
    (InputDSA(rank=2, compare="joint", starts=96), 120),
    (InputDSA(n_delays=2, rank=0.9, compare="joint", distance="euclidean", weight=0.9), 120),
    (InputDSA(n_delays=2, rank=2, fit="subspace"), 120),
]


def turning(*angles: float) -> np.ndarray:
    """Damped rotations, each in a plane of its own."""
    matrix = np.zeros((2 * len(angles), 2 * len(angles)))
    for k, angle in enumerate(angles):
        cos, sin = 0.9 * np.cos(angle), 0.9 * np.sin(angle)
        matrix[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[cos, -sin], [sin, cos]]
    return matrix


FAST, SLOW = turning(0.9, 1.4), turning(0.1, 0.5)


def slow_inputs(seed: int, memory: float = 0.95, channels: int = 2, trials: int = 40, time: int = 50) -> np.ndarray:
    """Inputs of variance 1 that forget themselves at the rate of ``memory``, with the mirror image of each trial."""
    rng = np.random.default_rng(seed)
    u, made = rng.normal(size=(trials // 2, channels)), []
    for _ in range(time):
        u = memory * u + np.sqrt(1 - memory**2) * rng.normal(size=u.shape)
        made.append(u)
    half = np.stack(made, axis=1)
    return np.concatenate([half, -half])


def driven(a: np.ndarray, b: np.ndarray, inputs: np.ndarray, seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """States of x_t = A x_{t-1} + B u_t, from random points and their mirror images, so that the mean is 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(inputs) // 2, len(a)))
    x, made = np.concatenate([x, -x]), []
    for t in range(inputs.shape[1]):
        x = x @ a.T + inputs[:, t] @ b.T + noise * rng.normal(size=x.shape)
        made.append(x)
    return np.stack(made, axis=1)


def mixing(seed: int, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, channels))


def fit(states: np.ndarray, inputs: np.ndarray | None, n_delays: int = 1, rank: int = 4) -> HankelDMD:
    return fit_hankel_dmd(
        [torch.from_numpy(states)],
        Embedding(n_delays, 1),
        rank=rank,
        ridge=0,
        rounding=2e-16,
        inputs=None if inputs is None else [torch.from_numpy(inputs)],
    )


def in_units(found: HankelDMD) -> tuple[np.ndarray, np.ndarray]:
    """The fitted A and B in the coordinates of the states."""
    back = np.linalg.inv(found.whitening.numpy().T)
    return back @ found.operator.numpy() @ np.linalg.inv(back), back @ found.input_operator.numpy()


def test_both_operators_are_recovered_where_plain_dmd_is_biased() -> None:
    inputs, b = slow_inputs(0), mixing(5)
    states = driven(FAST, b, inputs)
    a_found, b_found = in_units(fit(states, inputs))
    np.testing.assert_allclose(a_found, FAST, atol=1e-12)
    np.testing.assert_allclose(b_found, b, atol=1e-12)
    plain, _ = in_units(fit(states, None))
    assert np.abs(plain - FAST).max() > 0.2


def test_inputs_one_step_off_are_other_inputs() -> None:
    # x_{t+1} = A x_t + B u_t: the input that a state has seen is that of the step before.
    inputs, b = slow_inputs(0), mixing(5)
    later = driven(FAST, b, inputs[:, :-1])  # its state t + 1 has seen input t
    a_found, _ = in_units(fit(later, inputs[:, :-1]))
    np.testing.assert_allclose(a_found, FAST, atol=1e-12)
    a_off, _ = in_units(fit(later, inputs[:, 1:]))
    assert np.abs(a_off - FAST).max() > 0.02


def test_the_fit_is_the_joint_least_squares_solution() -> None:
    inputs = slow_inputs(0)
    states = driven(FAST, mixing(5), inputs, noise=0.5)
    found = fit(states, inputs, n_delays=3, rank=8)
    whitened = Embedding(3, 1)(torch.from_numpy(states)).numpy() @ found.whitening.numpy()
    before, after = whitened[:, :-1].reshape(-1, 8), whitened[:, 1:].reshape(-1, 8)
    both = np.concatenate([before, inputs[:, 3:].reshape(-1, 2)], axis=1)
    expected = np.linalg.lstsq(both, after, rcond=None)[0].T
    np.testing.assert_allclose(found.operator.numpy(), expected[:, :8], atol=1e-10)
    np.testing.assert_allclose(found.input_operator.numpy(), expected[:, 8:], atol=1e-10)


def test_the_isometric_operator_has_the_lengths_of_the_states() -> None:
    inputs = slow_inputs(0)
    found = fit(driven(FAST, mixing(5), inputs), inputs)
    assert np.linalg.norm(found.isometric().numpy()) == pytest.approx(np.linalg.norm(FAST), abs=1e-10)
    assert abs(np.linalg.norm(found.operator.numpy()) - np.linalg.norm(FAST)) > 0.01


@pytest.mark.parametrize("double", [False, True])
def test_the_same_fit_by_the_package_dsa_metric(double: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its input acts from its own time step on; trials run into each other there.
    dmdc = pytest.importorskip("DSA.dmdc").DMDc
    if double:  # which it does not offer: it calls this to go to single precision
        monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    inputs = slow_inputs(0, trials=2, time=400)[:1]
    states = driven(FAST, mixing(5), np.concatenate([inputs, -inputs]), noise=0.5)[:1]
    theirs = dmdc(states[:, :-1], inputs[:, 1:], n_delays=1, rank_input=6, rank_output=4, lamb=0.0)
    theirs.fit()
    ours = fit(states[:, :-1], inputs[:, :-1])
    a, b = (np.asarray(x) for x in (theirs.A_v, theirs.B_v))
    tolerance = 1e-6 if double else 1e-3
    expected, found = (np.sort_complex(np.linalg.eigvals(x)) for x in (a, ours.operator.numpy()))
    np.testing.assert_allclose(found, expected, atol=tolerance)
    # What the states do so many steps after a unit of input; theirs are coordinates of orthonormal axes.
    back, (mine, drive) = np.asarray(theirs.Ur)[:, :4], in_units(ours)
    for k in range(4):
        response = back @ np.linalg.matrix_power(a, k) @ b
        np.testing.assert_allclose(np.linalg.matrix_power(mine, k) @ drive, response, atol=tolerance)


def test_same_system_driven_in_two_ways_is_near_and_another_one_driven_alike_is_far() -> None:
    calm, restless = slow_inputs(1, memory=0.97), slow_inputs(2, memory=0.0)
    turn = ortho_group.rvs(4, random_state=0)
    x = driven(FAST, mixing(5), calm, noise=0.05)
    same = driven(FAST, mixing(6), restless, seed=1, noise=0.05) @ turn
    other = driven(SLOW, mixing(5), calm, seed=2, noise=0.05) @ turn
    near, far = (
        InputDSA(rank=4)(Driven(x, calm), Driven(y, inputs)) for y, inputs in ((same, restless), (other, calm))
    )
    assert near < 0.01
    assert far > 0.3
    plain_near, plain_far = (DSA(n_delays=1, rank=4, estimator="havok")(x, y) for y in (same, other))
    assert plain_near > 2 / 3 * plain_far  # to plain DSA, the other inputs matter about as much as the other system


def test_systems_rank_by_their_dynamics_and_not_by_their_inputs() -> None:
    systems, metric = {}, InputDSA(rank=4, starts=16)
    for j, memory in enumerate((0.0, 0.6, 0.9, 0.97)):
        inputs = slow_inputs(j, memory)
        for i, angles in enumerate(((0.2, 0.8), (0.5, 1.4), (0.1, 0.4), (0.9, 1.2))):
            states = driven(turning(*angles), mixing(10 * j + i), inputs, seed=i, noise=0.1)
            systems[i, j] = Driven(states, inputs)
    names = list(systems)

    def auc(matrix: np.ndarray) -> float:
        cells = [(names[p], names[q], matrix[p, q]) for p, q in combinations(range(len(names)), 2)]
        near = np.array([value for a, b, value in cells if a[0] == b[0]])
        far = np.array([value for a, b, value in cells if a[0] != b[0] and a[1] == b[1]])
        return float((near[:, None] < far).mean())

    assert auc(pairwise(metric, list(systems.values()))) == 1
    assert auc(pairwise(DSA(n_delays=1, rank=4, starts=16), [x.states for x in systems.values()])) < 0.85


@pytest.mark.parametrize("whiten", [True, False])
def test_inputs_count_whatever_their_units_and_channels_that_say_nothing_do_not(whiten: bool) -> None:
    inputs = slow_inputs(0)
    x, y = (driven(a, mixing(5), inputs, noise=0.3) for a in (FAST, SLOW))
    metric = InputDSA(n_delays=2, rank=6, whiten=whiten)
    expected = metric(Driven(x, inputs), Driven(y, inputs))
    constant = np.full((*inputs.shape[:2], 1), 0.1)
    for other in (
        inputs * [1e6, 1e-6] + 3,
        inputs @ np.random.default_rng(0).normal(size=(2, 2)),
        np.concatenate([inputs, constant, inputs.sum(-1, keepdims=True)], axis=-1),
        np.concatenate([constant, constant, inputs], axis=-1),
    ):
        assert metric(Driven(x, other), Driven(y, inputs)) == pytest.approx(expected, abs=1e-9)


def test_inputs_that_never_change_leave_plain_dsa() -> None:
    x, y = (driven(a, mixing(5), slow_inputs(0), noise=0.3) for a in (FAST, SLOW))
    constant = np.ones((*x.shape[:2], 3))
    plain = DSA(n_delays=3, rank=6, estimator="havok")(x, y)
    assert InputDSA(n_delays=3, rank=6, whiten=True)(Driven(x, constant), Driven(y, constant)) == plain


def test_what_inputs_explain_in_full_is_left_to_them() -> None:
    # The inputs are the states of the step before: nothing is left that A would be needed for.
    states = driven(FAST, np.eye(4), slow_inputs(0, memory=0.0, channels=4))
    copied = np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)
    with pytest.raises(DynalignError, match="The operator of x vanishes"):
        InputDSA(rank=4).prepare(Driven(states, copied))


@pytest.mark.parametrize("n_delays", [1, 2])
def test_inputs_that_can_be_read_from_the_states_have_one_answer_all_the_same(n_delays: int) -> None:
    steady = np.random.default_rng(1).normal(size=(10, 1, 2)).repeat(30, axis=1)
    steady = np.concatenate([steady, -steady])
    states = driven(FAST, mixing(5), steady)
    turned = states @ ortho_group.rvs(4, random_state=1)
    metric = InputDSA(n_delays=n_delays, rank=1.0)
    assert metric(Driven(states, steady), Driven(turned, 5 * steady)) < 1e-6


def test_explain_counts_what_the_inputs_do() -> None:
    inputs = slow_inputs(0, memory=0.0)
    x, y = (driven(a, 3 * mixing(5), inputs) for a in (FAST, SLOW))
    explained = InputDSA(rank=4).explain(Driven(x, inputs), Driven(y, inputs))
    assert explained.distance == pytest.approx(InputDSA(rank=4)(Driven(x, inputs), Driven(y, inputs)), abs=1e-6)
    assert explained.x.prediction_error < 1e-12
    assert DSA(n_delays=1, rank=4).explain(x, y).x.prediction_error > 0.1


@pytest.mark.parametrize("whiten", [True, False])
@pytest.mark.parametrize("n_delays", [1, 3])
def test_gradients_are_those_of_finite_differences(n_delays: int, whiten: bool) -> None:
    inputs = slow_inputs(0, trials=8, time=20)
    metric = InputDSA(n_delays=n_delays, rank=3, whiten=whiten)
    x, y = (
        torch.from_numpy(driven(a, mixing(5), inputs, noise=0.3)).requires_grad_(grad)
        for a, grad in ((FAST, True), (SLOW, False))
    )
    loss = metric.loss(Driven(x, inputs), Driven(y, inputs))
    assert loss.item() == pytest.approx(metric(Driven(x, inputs), Driven(y, inputs)), abs=1e-9)
    loss.backward()
    push = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ahead, behind = (metric(Driven(x.detach() + step * push, inputs), Driven(y, inputs)) for step in (1e-5, -1e-5))
    assert float((x.grad * push).sum()) == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda u: u[:-1], r"y has \(trials, time\) = \(40, 50\) and the input to it \(39, 50\)"),
        (lambda u: u[:, 1:], r"the input to it \(40, 49\)"),
        (lambda u: u[0], r"the input to y has shape \(50, 2\), but inputs have three axes: \(trials, time, channels\)"),
        (lambda u: u[..., :0], "the input to y is empty"),
        (lambda u: np.where(u == u[1, 2, 1], np.nan, u), r"the input to y holds 1 NaN .* channel\) \(1, 2, 1\)"),
        (lambda u: u.astype(str), "inputs are real numbers"),
    ],
)
def test_bad_inputs_get_one_clear_sentence(spoil, message: str) -> None:
    inputs = slow_inputs(0)
    x = driven(FAST, mixing(5), inputs)
    with pytest.raises(DynalignError, match=message):
        InputDSA(rank=4)(Driven(x, inputs), Driven(x, spoil(inputs)))


def test_its_own_name_in_what_it_refuses() -> None:
    with pytest.raises(DynalignError, match="InputDSA needs n_delays >= 1, not 0"):
        InputDSA(n_delays=0)
    with pytest.raises(DynalignError, match="InputDSA needs as rank"):
        InputDSA(rank=0)


def one_size(inputs: np.ndarray) -> np.ndarray:
    """Inputs whose channels spread alike, so that one system under two of them has one input operator."""
    return inputs / inputs.std((0, 1))


@pytest.mark.parametrize("distance", ["angular", "euclidean"])
def test_each_comparison_sees_its_own_operators(distance: str) -> None:
    calm, restless = one_size(slow_inputs(1, memory=0.97)), one_size(slow_inputs(2, memory=0.0))
    turn = ortho_group.rvs(4, random_state=0)
    x = Driven(driven(FAST, mixing(5), calm), calm)
    others = {
        "the same": Driven(driven(FAST, mixing(5), restless, seed=1) @ turn, restless),
        "other weights": Driven(driven(FAST, mixing(6), restless, seed=1) @ turn, restless),
        "other dynamics": Driven(driven(SLOW, mixing(5), restless, seed=1) @ turn, restless),
    }
    internal, fed, joint = (
        {name: InputDSA(rank=4, distance=distance, compare=compare)(x, y) for name, y in others.items()}
        for compare in ("internal", "input", "joint")
    )
    if distance == "angular":  # of which input operators are seen in the size of the states
        assert max(each["the same"] for each in (internal, fed, joint)) < 1e-6
        assert fed["other dynamics"] < 1e-6
    assert internal["other weights"] < 1e-6
    assert internal["other dynamics"] > 0.2
    assert fed["other weights"] > 0.03
    assert min(joint["other weights"], joint["other dynamics"]) > 0.02


@pytest.mark.parametrize("whiten", [True, False])
def test_the_joint_distance_lies_where_its_weight_puts_it(whiten: bool) -> None:
    inputs = slow_inputs(0)
    x, y = (Driven(driven(a, mixing(k), inputs, noise=0.3), inputs) for k, a in enumerate((FAST, SLOW)))
    own, fed = (
        np.cos(InputDSA(rank=4, whiten=whiten, scale="radians", compare=c)(x, y)) for c in ("internal", "input")
    )
    for weight in (1e-9, 0.2, 0.8, 1 - 1e-9):
        joint = np.cos(InputDSA(rank=4, whiten=whiten, scale="radians", compare="joint", weight=weight)(x, y))
        assert joint <= (1 - weight) * own + weight * fed + 1e-9  # one rotation for both is no better than one for each
        if weight < 1e-6 or weight > 1 - 1e-6:
            assert joint == pytest.approx(own if weight < 0.5 else fed, abs=1e-6)


@pytest.mark.parametrize("compare", ["input", "joint"])
@pytest.mark.parametrize("whiten", [True, False])
def test_units_of_channels_do_not_matter_but_which_is_which_does(compare: str, whiten: bool) -> None:
    inputs = slow_inputs(0)
    x, y = (driven(a, mixing(5), inputs, noise=0.3) for a in (FAST, SLOW))
    metric = InputDSA(n_delays=2, rank=6, whiten=whiten, compare=compare)
    expected = metric(Driven(x, inputs), Driven(y, inputs))
    assert metric(Driven(1e3 * x + 1, inputs * [1e6, 1e-6] + 3), Driven(y, inputs)) == pytest.approx(expected, abs=1e-9)
    assert metric(Driven(x, inputs[..., ::-1]), Driven(y, inputs[..., ::-1])) == pytest.approx(expected, abs=1e-9)
    assert abs(metric(Driven(x, inputs[..., ::-1]), Driven(y, inputs)) - expected) > 1e-4


def test_how_much_is_recorded_does_not_matter_to_euclidean_distances() -> None:
    inputs = slow_inputs(0)
    x = driven(FAST, mixing(5), inputs, noise=0.3)
    twice = Driven(np.concatenate([x, x]), np.concatenate([inputs, inputs]))
    for whiten in (True, False):
        for compare in ("input", "joint"):
            metric = InputDSA(rank=4, whiten=whiten, compare=compare, distance="euclidean")
            assert metric(Driven(x, inputs), twice) < 1e-6
            assert metric(Driven(x, inputs), Driven(x, slow_inputs(5))) > 0.01


@pytest.mark.parametrize("compare", ["input", "joint"])
def test_gradients_through_input_operators_are_those_of_finite_differences(compare: str) -> None:
    inputs = slow_inputs(0, trials=8, time=20)
    for settings in ({}, {"whiten": True}, {"distance": "euclidean"}):
        metric = InputDSA(n_delays=2, rank=3, compare=compare, **settings)
        x, y = (torch.from_numpy(driven(a, mixing(5), inputs, noise=0.3)) for a in (FAST, SLOW))
        x.requires_grad_()
        metric.loss(Driven(x, inputs), Driven(y, inputs)).backward()
        push = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        ahead, behind = (metric(Driven(x.detach() + step * push, inputs), Driven(y, inputs)) for step in (1e-5, -1e-5))
        assert float((x.grad * push).sum()) == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("compare", ["input", "joint"])
def test_explain_gives_the_distance_of_a_call(compare: str) -> None:
    inputs = slow_inputs(0)
    x, y = (Driven(driven(a, mixing(k), inputs, noise=0.3), inputs) for k, a in enumerate((FAST, SLOW)))
    metric = InputDSA(rank=4, compare=compare)
    explained = metric.explain(x, y)
    assert explained.distance == pytest.approx(metric(x, y), abs=1e-6)
    assert explained.starts == (1 if compare == "input" else 192)


@pytest.mark.parametrize("compare", ["input", "joint"])
def test_channels_must_be_as_many(compare: str) -> None:
    inputs, metric = slow_inputs(0), InputDSA(rank=4, compare=compare)
    x = driven(FAST, mixing(5), inputs)
    more = Driven(x, np.concatenate([inputs, inputs[:1].repeat(40, axis=0)], axis=-1))
    for measure in (metric, metric.explain, metric.loss):
        with pytest.raises(DynalignError, match=r"x has 2 input channels and y has 4, .* or use compare=internal\.$"):
            measure(Driven(x, inputs), more)
    assert metric.distances([(metric.prepare(s), metric.prepare(s)) for s in (Driven(x, inputs), more)]).max() < 1e-9


@pytest.mark.parametrize("compare", ["input", "joint"])
def test_inputs_that_do_nothing_have_no_operator_to_compare(compare: str) -> None:
    x = driven(FAST, mixing(5), slow_inputs(0))
    with pytest.raises(DynalignError, match="The inputs of x do nothing to its states; use compare=internal"):
        InputDSA(rank=4, compare=compare).prepare(Driven(x, np.ones((40, 50, 2))))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"compare": "state"}, "compare=state is unknown; use internal, input or joint"),
        ({"fit": "n4sid"}, "fit=n4sid is unknown; use dmdc or subspace"),
        ({"compare": "joint", "weight": 1.0}, r"InputDSA needs a weight between 0 and 1, not 1\.0"),
        ({"weight": 0.2}, "weight=0.2 needs compare=joint; compare=internal weighs nothing"),
        ({"compare": "input", "distance": "wasserstein"}, "compare=input needs distance=angular or euclidean"),
    ],
)
def test_settings_that_have_no_meaning(settings: dict[str, object], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        InputDSA(**settings)
