from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.tasks import IGNORE, PERIODS, FlipFlop, GoNogo, PerceptualDecision, Trials


@pytest.fixture
def trials() -> Trials:
    return PerceptualDecision().trials(30, ["basic", "delay"], np.random.default_rng(0))


def test_types_and_shapes(trials: Trials) -> None:
    n_steps = trials.inputs.shape[1]
    expected = {
        "inputs": (np.float32, (30, n_steps, 7)),
        "targets": (np.int64, (30, n_steps)),
        "periods": (np.int8, (30, n_steps)),
        "rules": (np.int64, (30,)),
        "answer": (np.int64, (30,)),
        "has_answer": (np.bool_, (30,)),
    }
    for name, (dtype, shape) in expected.items():
        array = getattr(trials, name)
        assert (array.dtype, array.shape) == (dtype, shape), name
    coherence = trials.conditions["coherence"]
    assert (coherence.dtype, coherence.shape) == (np.float32, (30,))
    assert len(trials) == 30


def test_padding_only_at_the_end_and_marked_everywhere(trials: Trials) -> None:
    padding = np.arange(trials.inputs.shape[1]) >= trials.lengths[:, None]
    assert padding.any()
    assert not padding.all(axis=0).any()  # padded to the longest trial and no further
    np.testing.assert_array_equal(trials.periods == -1, padding)
    np.testing.assert_array_equal(trials.targets == IGNORE, padding)
    assert not trials.inputs[padding].any()


def test_periods_follow_in_order(trials: Trials) -> None:
    for periods, length in zip(trials.periods, trials.lengths, strict=True):
        assert (np.diff(periods[:length]) >= 0).all()
    np.testing.assert_array_equal(sum(trials.in_period(name).astype(int) for name in PERIODS), trials.targets != IGNORE)


def test_unknown_period_is_named() -> None:
    with pytest.raises(DynalignError, match=r"gonogo has no period .response.; there is decision, delay"):
        GoNogo().trials(1, "basic", np.random.default_rng(0)).in_period("response")


def test_shapes_that_do_not_fit_are_named(trials: Trials) -> None:
    with pytest.raises(DynalignError, match=r"Trials\.answer must have shape \(30,\)"):
        dataclasses.replace(trials, answer=trials.answer[:5])
    with pytest.raises(DynalignError, match=r"Trials\.targets must have shape"):
        dataclasses.replace(trials, targets=trials.targets.T)
    with pytest.raises(DynalignError, match=r"Trials\.coherence must have shape"):
        dataclasses.replace(trials, conditions={"coherence": np.zeros(5)})
    with pytest.raises(DynalignError, match=r"\(trials, time, channels\)"):
        dataclasses.replace(trials, inputs=trials.targets)


def test_values_have_a_target_for_every_output() -> None:
    trials = FlipFlop().trials(5, "three_bits", np.random.default_rng(0))
    assert (trials.answer == IGNORE).all()
    np.testing.assert_array_equal(trials.when_due, trials.counted)
    assert trials.when_due.sum() < trials.in_period("stimulus").sum()
    with pytest.raises(DynalignError, match=r"Trials\.targets must have shape \(5, 100, 3\)"):
        dataclasses.replace(trials, targets=trials.targets[:, :, 0])
    with pytest.raises(DynalignError, match=r"Trials\.counted must have shape \(5, 100\)"):
        dataclasses.replace(trials, counted=trials.counted[:, :3])
