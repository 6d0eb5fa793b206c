from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dynalign.errors import DynalignError
from dynalign.tasks import IGNORE, PERIODS, GoNogo, PerceptualDecision, Trials


@pytest.fixture
def trials() -> Trials:
    return PerceptualDecision().trials(30, ["basic", "delay"], np.random.default_rng(0))


def assert_same(left: Trials, right: Trials) -> None:
    for field in dataclasses.fields(Trials):
        np.testing.assert_array_equal(getattr(left, field.name), getattr(right, field.name))


def test_types_and_shapes(trials: Trials) -> None:
    n_steps = trials.inputs.shape[1]
    expected = {
        "inputs": (np.float32, (30, n_steps, 7)),
        "targets": (np.int64, (30, n_steps)),
        "periods": (np.int8, (30, n_steps)),
        "rules": (np.int64, (30,)),
        "coherence": (np.float32, (30,)),
        "answer": (np.int64, (30,)),
        "has_answer": (np.bool_, (30,)),
    }
    for name, (dtype, shape) in expected.items():
        array = getattr(trials, name)
        assert (array.dtype, array.shape) == (dtype, shape), name
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
    with pytest.raises(DynalignError, match=r"no period 'response'.*fixation, stimulus, delay, decision"):
        GoNogo().trials(1, "basic", np.random.default_rng(0)).in_period("response")


@pytest.mark.parametrize("index", [[4, 2, 2], slice(3, 9), np.arange(30) % 2 == 0, 7])
def test_select_picks_trials(trials: Trials, index: object) -> None:
    chosen = np.atleast_1d(np.arange(30)[index])
    selected = trials.select(index)
    assert len(selected) == len(chosen)
    for i, j in enumerate(chosen):
        np.testing.assert_array_equal(selected.inputs[i], trials.inputs[j])
        assert selected.coherence[i] == trials.coherence[j]
        assert selected.answer[i] == trials.answer[j]


def test_concatenate_pads_the_shorter_batch() -> None:
    task, rng = PerceptualDecision(), np.random.default_rng(0)
    short, long = (task.trials(3, rule, rng, split="test") for rule in ("basic", "delay"))
    both = Trials.concatenate([short, long])
    n_short = short.inputs.shape[1]
    assert both.inputs.shape == (6, long.inputs.shape[1], 7)
    assert_same(both.select(slice(3, 6)), long)
    np.testing.assert_array_equal(both.inputs[:3, :n_short], short.inputs)
    assert not both.inputs[:3, n_short:].any()
    assert (both.targets[:3, n_short:] == IGNORE).all()
    np.testing.assert_array_equal(both.lengths, [*short.lengths, *long.lengths])


def test_concatenate_refuses_what_does_not_fit(trials: Trials) -> None:
    with pytest.raises(DynalignError, match="at least one batch"):
        Trials.concatenate([])
    other = dataclasses.replace(trials, inputs=trials.inputs[:, :, :5])
    with pytest.raises(DynalignError, match=r"input channels, and got \[5, 7\]"):
        Trials.concatenate([trials, other])


def test_shapes_that_do_not_fit_are_named(trials: Trials) -> None:
    with pytest.raises(DynalignError, match=r"Trials\.answer must have shape \(30,\)"):
        dataclasses.replace(trials, answer=trials.answer[:5])
    with pytest.raises(DynalignError, match=r"Trials\.targets must have shape"):
        dataclasses.replace(trials, targets=trials.targets.T)
    with pytest.raises(DynalignError, match=r"\(trials, time, channels\)"):
        dataclasses.replace(trials, inputs=trials.targets)
