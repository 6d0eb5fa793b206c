"""From states to what a metric sees."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, DSA, Driven, InputDSA, Procrustes, SoftMatching
from dynalign.representations import Representation, measure_reduced, reduce_units
from dynalign.tasks import PerceptualDecision

TASK = PerceptualDecision()


def test_probe_is_the_same_at_every_call_and_balanced() -> None:
    first, again = (Representation(trials=40).probe(TASK) for _ in range(2))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    _, counts = np.unique(np.stack([first.conditions["coherence"], first.answer]), axis=1, return_counts=True)
    assert set(counts) == {4}


def test_cut_keeps_the_period_alone() -> None:
    representation = Representation(trials=10, period="delay")
    probe = representation.probe(TASK)
    states = probe.periods[:, :, None].astype(float)
    cut = representation.cut(states, probe)
    assert cut.shape == (10, 20, 1)  # 400 ms of 20 ms
    assert (cut == 2).all()
    assert Representation(period=None).cut(states, probe) is states


def test_periods_of_the_probe_can_last_longer() -> None:
    probe = Representation(trials=10, period="delay", durations={"delay": 2000}).probe(TASK)
    assert (probe.in_period("delay").sum(axis=1) == 100).all()
    assert (probe.in_period("stimulus").sum(axis=1) == 100).all()  # as in the task
    delay = probe.inputs[probe.in_period("delay")]
    assert (delay == delay[0]).all()  # nothing enters but the cue and the rule
    with pytest.raises(DynalignError, match="pdm has no period 'dealy'; did you mean delay"):
        Representation(durations={"dealy": 2000}).probe(TASK)


def test_cut_refuses_a_period_that_moves_or_is_empty() -> None:
    representation = Representation(trials=50, period="delay")
    moving = TASK.trials(50, "delay", np.random.default_rng(0), split="train")
    with pytest.raises(DynalignError, match="different time steps"):
        representation.cut(moving.inputs, moving)
    basic = TASK.trials(5, "basic", np.random.default_rng(0), split="test")
    with pytest.raises(DynalignError, match="is empty"):
        representation.cut(basic.inputs, basic)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "basik"}, "rule=basik is no rule of pdm; did you mean basic"),
        ({"period": "lunch"}, r"period=lunch is no period of pdm; there is .*fixation.* period=null"),
        ({"rule": "basic", "period": "delay"}, "is empty"),
    ],
)
def test_what_a_task_does_not_have_is_refused(arguments: dict, message: str) -> None:
    Representation().check(TASK)
    with pytest.raises(DynalignError, match=message):
        Representation(**arguments).check(TASK)


def test_metrics_that_can_see_nothing_of_this_shape_are_refused() -> None:
    see = Representation(trials=10)
    see.check_metrics([CKA(), DSA(), InputDSA()], TASK, 64)
    with pytest.raises(
        DynalignError, match=r"^DSA\(n_delays=120\): the recording has 100 time steps per trial, too few"
    ):
        see.check_metrics([CKA(), DSA(n_delays=120)], TASK, 64)
    with pytest.raises(DynalignError, match=r"rank=8 exceeds the 5 dimensions of the recording's delay embedding"):
        see.check_metrics([DSA()], TASK, 1)
    with pytest.raises(DynalignError, match="looks at single units"):
        see.check_metrics([SoftMatching()], TASK, 64)
    with pytest.raises(DynalignError, match=r"^InputDSA: rank=10 exceeds the 5 dimensions"):
        see.check_metrics([InputDSA()], TASK, 5)


def test_components_hold_the_most_variance_and_ignore_rotation() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(8, 30, 6)) * [5, 4, 3, 0.01, 0.01, 0.01] + 2
    (reduced,) = reduce_units([states], components=3)
    assert reduced.shape == (8, 30, 3)
    assert reduced.var((0, 1)).sum() == pytest.approx(states.var((0, 1))[:3].sum(), rel=1e-2)
    turned = states @ ortho_group.rvs(6, random_state=0)
    (other,) = reduce_units([turned], components=3)
    assert Procrustes()(reduced, other) < 1e-6
    (every,) = reduce_units([states], components=20)
    assert every.shape == (8, 30, 6)


def test_common_basis_is_shared() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 20, 5)) * [3, 1, 0, 0, 0]
    y = rng.normal(size=(4, 20, 5)) * [0, 0, 3, 1, 0]
    own = reduce_units([x, y], components=2)
    common = reduce_units([x, y], components=2, basis="common")
    assert own[0].var() + own[1].var() > common[0].var() + common[1].var()
    # The joint axes are one large direction of each system; each system hardly varies along the other's.
    spread = np.sort([common[0].std((0, 1)), common[1].std((0, 1))], axis=None)
    np.testing.assert_allclose(spread, [0, 0, 3, 3], atol=0.6)
    with pytest.raises(DynalignError, match="equally many units"):
        reduce_units([x, y[..., :4]], components=2, basis="common")


@pytest.mark.parametrize("basis", ["own", "common"])
def test_inputs_stay_with_their_states(basis: str) -> None:
    rng = np.random.default_rng(2)
    states, inputs = rng.normal(size=(2, 6, 20, 5)), rng.normal(size=(2, 6, 20, 2))
    systems = {name: Driven(x, u) for name, x, u in zip("ab", states, inputs, strict=True)}
    metric = InputDSA(rank=3)
    (found,) = measure_reduced(metric, systems, [("a", "b")], components=3, basis=basis)
    shown = states if basis == "own" else reduce_units(list(states), components=3, basis=basis)
    first, second = (Driven(x, u) for x, u in zip(shown, inputs, strict=True))
    assert found.value == pytest.approx(metric(first, second), abs=1e-9)


def test_single_precision_stays_single() -> None:
    states = np.random.default_rng(0).normal(size=(3, 9, 4)).astype(np.float32)
    assert reduce_units([states], components=2)[0].dtype == np.float32


def test_divergence_is_named() -> None:
    with pytest.raises(DynalignError, match="diverged"):
        reduce_units([np.full((2, 3, 4), np.nan)], components=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"components": 0}, "keeps nothing"), ({"basis": "mine"}, "own")],
)
def test_bad_settings(arguments: dict, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        Representation(**arguments)
