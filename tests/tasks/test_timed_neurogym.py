"""Delayed match and the twenty rules of Yang et al. against NeuroGym's own trials."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dynalign.tasks import DelayedMatch, Trials, Yang19

with warnings.catch_warnings():
    # What third parties deprecate at import is not ours to fail on.
    warnings.simplefilter("ignore")
    from neurogym.core import TrialEnv
    from neurogym.envs.collections import yang19 as ng
    from neurogym.envs.native.delaymatchsample import DelayMatchSample

DT = 20
RING = 4  # few directions, so that every condition can be compared
FIXED = {"fixation": 90, "stimulus": 100, "delay": 59, "comparison": 60, "decision": 40}
DRAWN = {
    "fixation": [100, 210],
    "stimulus": [200, 399],
    "delay": [80, 130],
    "comparison": [60, 100],
    "decision": [60, 100],
}
TIMING = {"train": DRAWN, "test": FIXED}

# NeuroGym's names of our periods, in the environments where they differ.
IN_TURN = {"stimulus": "stim1", "comparison": "stim2"}
MATCH = {"stimulus": "sample", "comparison": "test"}
P_VALUE = 1e-4
Z_VALUE = stats.norm.isf(P_VALUE / 1000)  # for up to a thousand comparisons in one test

YANG = Yang19.rules


def names_of(rule: str) -> dict[str, str]:
    return MATCH if rule in ("dms", "dnms", "dmc", "dnmc", "match") else IN_TURN if "dlydm" in rule else {}


def match_env(split: str, sigma: float, seed: int = 0, ring: int = 2) -> TrialEnv:
    timing = {MATCH.get(period, period): ms for period, ms in TIMING[split].items()}
    env = DelayMatchSample(dt=DT, timing=timing, sigma=sigma, dim_ring=ring)
    env.seed(seed)
    return env


def yang_env(rule: str, split: str, sigma: float, seed: int = 0) -> TrialEnv:
    timing = {names_of(rule).get(period, period): ms for period, ms in TIMING[split].items()}
    reach = rule.endswith(("go", "anti"))
    if reach and not rule.startswith("dly"):
        timing["delay"] = 0
    options: dict[str, Any] = {"dim_ring": RING, "dt": DT}
    # The delayed rules set their timing themselves, after what they are given.
    env = getattr(ng, rule)(**options, **({} if reach else {"timing": timing, "sigma": sigma}))
    singles = getattr(env, "envs", [env])
    for place, single in enumerate(singles):
        if reach:
            single.unwrapped.timing.update(timing)
        single.unwrapped.seed(seed + 100 * place)  # NeuroGym's own seed gives both rings the same trials
    return env


def next_trial(env: TrialEnv) -> tuple[dict[str, Any], np.ndarray, np.ndarray, TrialEnv]:
    trial = env.new_trial()
    inner = env.unwrapped
    return trial, inner.ob, inner.gt, inner


def ring_of(env: TrialEnv) -> int:
    """Return the ring that an environment of one stimulus shows it on."""
    return int(env.unwrapped.observation_space.name["stimulus"][0] > RING)


def index_of(theta: float) -> int:
    return round(theta / (2 * np.pi / RING)) % RING


def condition_of(rule: str, trial: dict[str, Any], env: TrialEnv) -> tuple[float, ...]:
    """Return what a trial of NeuroGym shows: directions, then strengths of both on the first and on the second ring."""
    strengths = np.zeros((2, 2))  # (ring, stimulus)
    if rule.endswith(("go", "anti")):
        first, second = (trial["ground_truth"] + trial["anti"] * RING // 2) % RING, -1
        strengths[ring_of(env), 0] = 1
    elif "sample_theta" in trial:
        first, second = index_of(trial["sample_theta"]), index_of(trial["test_theta"])
        strengths[ring_of(env)] = 1
    else:
        first, second = index_of(trial["theta1"]), index_of(trial["theta2"])
        for ring in (0, 1):
            strengths[ring] = [trial.get(f"coh{i}_mod{ring + 1}", 0) for i in (1, 2)]
    return (first, second, *np.round(strengths.ravel(), 4).tolist())


def conditions_of(trials: Trials) -> np.ndarray:
    names = ("first", "second", "first_mod1", "second_mod1", "first_mod2", "second_mod2")
    return np.round(np.stack([trials.conditions[name] for name in names], axis=1).astype(float), 4)


def durations_of(trials: Trials) -> np.ndarray:
    return np.stack([trials.in_period(period).sum(axis=1) for period in trials.task.periods], axis=1)


def their_durations(env: TrialEnv, rule: str) -> list[int]:
    inner, names = env.unwrapped, names_of(rule)
    reaction = rule.startswith("rt")
    return [
        0
        if reaction and period in ("stimulus", "delay")
        else inner.end_ind.get(names.get(period, period), 0) - inner.start_ind.get(names.get(period, period), 0)
        for period in Yang19.periods
    ]


@pytest.mark.parametrize("rule", YANG)
def test_every_condition_of_yang19_is_neurogyms(rule: str) -> None:
    task = Yang19(dt=DT, timing=TIMING, dim_ring=RING, sigma=0.0)
    size = int(task._n_conditions[YANG.index(rule)])
    ours = task.trials(size, rule, np.random.default_rng(0), split="test", balanced=True)
    answers: dict[tuple[float, ...], set[int]] = {}
    place = {}
    for index, key in enumerate(map(tuple, conditions_of(ours))):
        answers.setdefault(key, set()).add(int(ours.answer[index]))
        place[key] = index
    env = yang_env(rule, "test", sigma=0.0)
    seen = set()
    for _ in range(200):
        trial, observations, targets, inner = next_trial(env)
        key = condition_of(rule, trial, inner)
        i = place[key]
        seen.add(key)
        np.testing.assert_allclose(ours.inputs[i, :, : task.n_observations], observations, atol=1e-6)
        asked = ours.targets[i].copy()
        if ours.has_answer[i]:
            assert answers[key] == {int(ours.answer[i])}
        else:  # a tie, for which NeuroGym tosses a coin
            assert targets[-1] in answers[key]
            assert len(answers[key]) == 2
            asked[asked > 0] = targets[-1]
        np.testing.assert_array_equal(asked, targets)
        assert durations_of(ours)[i].tolist() == their_durations(inner, rule)
    assert len(seen) == len(place) or len(place) > 40  # all conditions, of those rules that have few


@pytest.mark.parametrize("rule", YANG)
def test_yang19_has_neurogyms_distributions(rule: str) -> None:
    task = Yang19(dt=DT, timing=TIMING, dim_ring=RING)
    ours = task.trials(3000, rule, np.random.default_rng(1))
    env = yang_env(rule, "train", sigma=1.0, seed=2)
    conditions, durations, goals = [], [], []
    for _ in range(500):
        trial, _, targets, inner = next_trial(env)
        conditions.append(condition_of(rule, trial, inner))
        durations.append(their_durations(inner, rule))
        goals.append(targets[-1])
    for mine, theirs in (
        (durations_of(ours), np.array(durations)),
        (ours.answer[:, None], np.array(goals)[:, None]),
        *((conditions_of(ours)[:, [i]], np.array(conditions)[:, [i]]) for i in range(6)),
    ):
        assert same_frequencies(mine, theirs) > P_VALUE


def same_frequencies(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the p value of a chi-squared test that two samples of labels have one distribution."""
    labels, codes = np.unique(np.concatenate([ours, theirs]), axis=0, return_inverse=True)
    if len(labels) == 1:
        return 1.0
    codes = codes.ravel()
    counts = [np.bincount(part, minlength=len(labels)) for part in (codes[: len(ours)], codes[len(ours) :])]
    return float(stats.chi2_contingency(counts).pvalue)


@pytest.mark.parametrize("rule", ["rtgo", "dm1", "ctxdlydm2", "dmc"])
def test_yang19_is_noisy_where_neurogym_is(rule: str) -> None:
    task = Yang19(dt=DT, timing=TIMING, dim_ring=RING)
    ours = task.trials(400, rule, np.random.default_rng(1), split="test", balanced=True)
    quiet = dataclasses.replace(task, sigma=0.0).trials(400, rule, np.random.default_rng(1), "test", balanced=True)
    mine = (ours.inputs - quiet.inputs)[:, :, : task.n_observations]
    env = yang_env(rule, "test", sigma=1.0, seed=5)
    place = {key: i for i, key in enumerate(map(tuple, conditions_of(quiet)))}
    theirs, rings = [], []
    while len(theirs) < 400:
        trial, observations, _, inner = next_trial(env)
        key = condition_of(rule, trial, inner)
        if key in place:
            rings.append(key[2] > 0)
            theirs.append(observations - quiet.inputs[place[key], :, : task.n_observations])
    first = conditions_of(quiet)[:, 2] > 0
    for on_first in (True, False):
        x, y = mine[first == on_first], np.array(theirs)[np.array(rings) == on_first]
        assert (len(x) == 0) == (len(y) == 0)
        if len(x):
            sd, reference = x.std(axis=0), y.std(axis=0)
            np.testing.assert_array_equal(sd > 1e-6, reference > 1e-6)
            noisy = sd > 1e-6
            error = Z_VALUE * np.sqrt(1 / (2 * len(x)) + 1 / (2 * len(y)))
            assert (np.abs(np.log(sd[noisy] / reference[noisy])) < error).all()


def test_neurogyms_own_timing_can_be_had() -> None:
    own = {"fixation": [200, 300, 400], "stimulus": 500, "decision": 200}
    both = {"fixation": 500, "stimulus": 500, "delay": 500, "comparison": 500, "decision": 500}
    task = Yang19(
        dt=100,
        timing={"train": both, "test": both},
        timing_rules={"dm2": {"train": own}, "dms": {"test": {"delay": 0}}},
    )
    env = ng.dm2(dt=100)
    env.seed(0)
    theirs = []
    for _ in range(500):
        env.new_trial()
        theirs.append(their_durations(env, "dm2"))
    ours = task.trials(1000, "dm2", np.random.default_rng(0))
    assert same_frequencies(durations_of(ours), np.array(theirs)) > P_VALUE
    env = ng.dlygo(dt=100)
    env.new_trial()
    mine = task.trials(5, "dlygo", np.random.default_rng(0))
    np.testing.assert_array_equal(durations_of(mine), [their_durations(env, "dlygo")] * 5)
    assert not task.trials(5, "dms", np.random.default_rng(0), "test").in_period("delay").any()


@pytest.mark.parametrize("ring", [2, 5])
@pytest.mark.parametrize("split", ["train", "test"])
def test_without_noise_every_step_of_delayed_match_is_neurogyms(ring: int, split: str) -> None:
    task = DelayedMatch(dt=DT, timing=TIMING, sigma=0.0, dim_ring=ring)
    trials = task.trials(60, "delay", np.random.default_rng(0), split=split)
    for i, length in enumerate(trials.lengths):
        timing = dict(zip(task.periods, durations_of(trials)[i] * DT, strict=True))
        env = match_env(split, sigma=0.0, ring=ring)
        env.timing = {MATCH.get(period, period): int(ms) for period, ms in timing.items()}
        env.new_trial(
            ground_truth=1 if trials.conditions["match"][i] else 2,
            sample_theta=env.theta[trials.conditions["sample"][i]],
        )
        np.testing.assert_allclose(trials.inputs[i, :length, : task.n_observations], env.ob, atol=1e-6)
        np.testing.assert_array_equal(trials.targets[i, :length], env.gt)


def test_delayed_match_has_neurogyms_distributions_and_noise() -> None:
    task = DelayedMatch(dt=DT, timing=TIMING)
    ours = task.trials(3000, "delay", np.random.default_rng(1))
    env = match_env("train", sigma=1.0, seed=2)
    durations, conditions, samples = [], [], []
    for _ in range(500):
        trial = env.new_trial()
        durations.append(their_durations(env, "match"))
        conditions.append([trial["ground_truth"], round(trial["sample_theta"] / np.pi)])
        samples.append(env.view_ob("sample")[0, 1:] - [0.5 + 0.5 * np.cos(env.theta - trial["sample_theta"])])
    assert same_frequencies(durations_of(ours), np.array(durations)) > P_VALUE
    mine = np.stack([ours.answer, ours.conditions["sample"]], axis=1)
    assert same_frequencies(mine, np.array(conditions)) > P_VALUE
    at = durations_of(ours)[:, 0]
    noise = ours.inputs[np.arange(3000), at, 1:3] - (ours.conditions["sample"][:, None] == [0, 1])
    assert stats.ks_2samp(noise.ravel(), np.array(samples).ravel()).pvalue > P_VALUE
    quiet = ~(ours.in_period("stimulus") | ours.in_period("comparison"))
    assert set(np.unique(ours.inputs[quiet][:, 1:3])) == {0.0}


def plain(space: Any) -> dict[str, Any]:
    return {key: value if isinstance(value, int) else list(value) for key, value in dict(space).items()}


def test_spaces_are_neurogyms() -> None:
    task, env = DelayedMatch(), match_env("train", 1.0)
    assert plain(task.observation_space) == plain(env.observation_space.name)
    assert plain(task.action_space) == plain(env.action_space.name)
    yang, env = Yang19(), ng.ctxdm1()
    assert plain(yang.observation_space) == plain(env.observation_space.name)
    assert plain(yang.action_space) == plain(env.action_space.name)
    for rule in YANG:
        env = getattr(ng, rule)()
        assert (yang.n_observations, yang.n_actions) == (env.observation_space.shape[0], env.action_space.n)
