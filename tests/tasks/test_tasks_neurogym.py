"""Our trials against NeuroGym's own: step for step without noise, in distribution with it."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from scipy import stats

from dynalign.tasks import IGNORE, PERIODS, RULES, GoNogo, PerceptualDecision, Task, Trials

with warnings.catch_warnings():
    # What third parties deprecate at import is not ours to fail on.
    warnings.simplefilter("ignore")
    from neurogym.core import TrialEnv
    from neurogym.envs.native import gonogo as ng_gonogo
    from neurogym.envs.native import perceptualdecisionmaking as ng_pdm
    from neurogym.utils.scheduler import SequentialSchedule
    from neurogym.wrappers.block import ScheduleEnvs

DT = 20
COHS = (0, 6.4, 12.8, 25.6, 51.2)
TIMING = {
    # Not all multiples of dt, so that flooring matters; lists, so that drawing does.
    "train": {
        "fixation": [100, 210, 300],
        "stimulus": [200, 399],
        "delay": [80, 100, 130],
        "decision": [60, 100],
    },
    "test": {"fixation": 0, "stimulus": 400, "delay": 90, "decision": 100},
}

EIGHT = [(name, rule) for name in ("pdm", "gonogo") for rule in RULES]

# The tests below are deterministic. These are the chances at which they would have failed for another seed.
P_VALUE = 1e-4
Z_VALUE = stats.norm.isf(P_VALUE / 100)  # for up to a hundred comparisons in one test


class AntiPerceptualDecision(ng_pdm.PerceptualDecisionMaking):
    """NeuroGym's task, with the other choice as the right one."""

    def _new_trial(self, **kwargs):
        trial = super()._new_trial(**kwargs)
        self.set_groundtruth(1 - trial["ground_truth"], period="decision", where="choice")
        return trial


class AntiDelayResponse(ng_pdm.PerceptualDecisionMakingDelayResponse):
    """NeuroGym's task, with the other choice as the right one."""

    def _new_trial(self, **kwargs):
        trial = super()._new_trial(**kwargs)
        self.set_groundtruth(3 - trial["ground_truth"], "decision")
        return trial


class AntiGoNogo(ng_gonogo.GoNogo):
    """NeuroGym's task, with go and no-go exchanged."""

    def _new_trial(self, **kwargs):
        trial = super()._new_trial(**kwargs)
        self.set_groundtruth(1 - trial["ground_truth"], "decision")
        return trial


def neurogym_env(task: str, rule: str, split: str = "train", sigma: float = 1.0, seed: int = 0) -> TrialEnv:
    timing = {**TIMING[split]} if rule.startswith("delay") else {**TIMING[split], "delay": 0}
    if task == "gonogo":
        env = (AntiGoNogo if rule.endswith("anti") else ng_gonogo.GoNogo)(dt=DT, timing=timing)
    elif rule.startswith("delay"):
        cls = AntiDelayResponse if rule == "delay_anti" else ng_pdm.PerceptualDecisionMakingDelayResponse
        env = cls(dt=DT, timing=timing, sigma=sigma)
    else:
        cls = AntiPerceptualDecision if rule == "anti" else ng_pdm.PerceptualDecisionMaking
        env = cls(dt=DT, timing=timing, sigma=sigma, cohs=list(COHS))
    env.seed(seed)
    return env


def our_task(task: str, sigma: float = 1.0) -> Task:
    if task == "gonogo":
        return GoNogo(dt=DT, timing=TIMING)
    return PerceptualDecision(dt=DT, timing=TIMING, cohs=COHS, sigma=sigma, matched_cue=False)


def first_choice(env: TrialEnv) -> int:
    """NeuroGym counts the choices of a trial from 1 in one environment and from 0 in the others."""
    return 1 if isinstance(env, ng_pdm.PerceptualDecisionMakingDelayResponse) else 0


def neurogym_trials(env: TrialEnv, n: int) -> Trials:
    """Collect ``n`` of NeuroGym's trials in our layout; the channel of the rule is left out."""
    observations, targets, coherence, choice, durations = [], [], [], [], []
    for _ in range(n):
        trial = env.new_trial()
        observations.append(env.ob)
        targets.append(env.gt)
        coherence.append(trial.get("coh", 100.0))
        choice.append(trial["ground_truth"] - first_choice(env))
        durations.append([env.end_ind[period] - env.start_ind[period] for period in PERIODS])
    n_steps = max(map(len, observations))
    inputs = np.zeros((n, n_steps, 3), dtype=np.float32)
    targets_padded = np.full((n, n_steps), IGNORE)
    periods = np.full((n, n_steps), -1, dtype=np.int8)
    for i, (ob, gt) in enumerate(zip(observations, targets, strict=True)):
        inputs[i, : len(ob)] = ob
        targets_padded[i, : len(ob)] = gt
        periods[i, : len(ob)] = np.repeat(np.arange(len(PERIODS)), durations[i])
    return Trials(
        inputs=inputs,
        targets=targets_padded,
        periods=periods,
        rules=np.zeros(n, dtype=np.int64),
        answer=np.array(choice),  # the choice, that is; the answer is compared through the targets
        has_answer=np.array(coherence) > 0,
        task=PerceptualDecision(),  # for the names of the periods, which all tasks here share
        conditions={"coherence": np.array(coherence, dtype=np.float32)},
    )


def durations_of(trials: Trials) -> np.ndarray:
    return np.stack([trials.in_period(period).sum(axis=1) for period in PERIODS], axis=1)


def choice_of(trials: Trials, task: Task, rule: str) -> np.ndarray:
    """Return which of the two stimuli was shown, from the answer that it calls for."""
    first = task.n_actions - 2
    return (trials.answer - first) ^ rule.endswith("anti")


@pytest.mark.parametrize(("name", "rule"), EIGHT)
@pytest.mark.parametrize("split", ["train", "test"])
def test_without_noise_every_step_is_neurogyms(name: str, rule: str, split: str) -> None:
    task = our_task(name, sigma=0.0)
    trials = task.trials(60, rule, np.random.default_rng(0), split=split)
    choices, durations, lengths = choice_of(trials, task, rule), durations_of(trials), trials.lengths
    env = neurogym_env(name, rule, split, sigma=0.0)
    for i in range(len(trials)):
        env.timing = {period: int(steps) * DT for period, steps in zip(PERIODS, durations[i], strict=True)}
        condition = {"ground_truth": choices[i] + first_choice(env)}
        if name == "pdm":
            condition["coh"] = float(trials.conditions["coherence"][i])
        env.new_trial(**condition)
        assert len(env.ob) == lengths[i]
        np.testing.assert_allclose(trials.inputs[i, : lengths[i], :3], env.ob, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(trials.targets[i, : lengths[i]], env.gt)


@pytest.mark.parametrize("rule", RULES)
def test_stepping_the_environment_shows_the_same_trial(rule: str) -> None:
    trials = our_task("gonogo").trials(2, rule, np.random.default_rng(0), split="test", balanced=True)
    env = neurogym_env("gonogo", rule, "test")
    for i, choice in enumerate(choice_of(trials, our_task("gonogo"), rule)):
        env.reset()
        env.new_trial(ground_truth=choice)
        env.t = env.t_ind = 0
        seen, asked = [env.ob[0]], []
        for step in range(trials.inputs.shape[1]):
            observation, _, _, _, info = env.step(action=0)
            asked.append(info["gt"])
            assert info["new_trial"] == (step == trials.inputs.shape[1] - 1)
            seen.append(observation)
        # The last observation is already the first one of the next trial.
        np.testing.assert_array_equal(np.array(seen[:-1]), trials.inputs[i, :, :3])
        np.testing.assert_array_equal(asked, trials.targets[i])


@pytest.mark.parametrize("name", ["pdm", "gonogo"])
def test_rule_input_is_that_of_neurogyms_scheduled_environments(name: str) -> None:
    envs = [neurogym_env(name, rule, "test", sigma=0.0, seed=i) for i, rule in enumerate(RULES)]
    scheduled = ScheduleEnvs(envs, SequentialSchedule(len(envs)), env_input=True)
    scheduled.reset(options={"no_step": True})
    task = our_task(name, sigma=0.0)
    for _ in range(2 * len(RULES)):
        scheduled.new_trial()
        rule = RULES[scheduled.i_env]
        trials = task.trials(1, rule, np.random.default_rng(0), split="test")
        assert scheduled.unwrapped.ob.shape == trials.inputs.shape[1:]
        np.testing.assert_array_equal(scheduled.unwrapped.ob[:, 3:], trials.inputs[0, :, 3:])


@pytest.fixture(scope="module", params=EIGHT, ids="-".join)
def samples(request: pytest.FixtureRequest) -> tuple[str, str, Trials, Trials]:
    """Random trials of one rule: ours, with the choice in place of the answer, and NeuroGym's."""
    name, rule = request.param
    task = our_task(name)
    ours = task.trials(4000, rule, np.random.default_rng(1))
    theirs = neurogym_trials(neurogym_env(name, rule, seed=2), 2000)
    return name, rule, dataclasses.replace(ours, answer=choice_of(ours, task, rule)), theirs


def same_frequencies(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the p value of a chi-squared test that two samples of labels have one distribution."""
    labels = np.unique(np.concatenate([ours, theirs]), axis=0)

    def counts(sample: np.ndarray) -> list[int]:
        return [int(np.all(sample == label, axis=-1).sum()) for label in labels]

    if len(labels) == 1:
        return 1.0
    return float(stats.chi2_contingency([counts(ours), counts(theirs)]).pvalue)


def test_durations_have_neurogyms_distribution(samples: tuple[str, str, Trials, Trials]) -> None:
    _, rule, ours, theirs = samples
    mine, reference = durations_of(ours), durations_of(theirs)
    assert set(map(tuple, mine)) == set(map(tuple, reference))  # each of the combinations occurs in both
    assert len(set(map(tuple, mine))) == 3 * 2 * 2 * (3 if rule.startswith("delay") else 1)
    assert same_frequencies(mine, reference) > P_VALUE
    assert same_frequencies(ours.lengths[:, None], theirs.lengths[:, None]) > P_VALUE


def test_conditions_have_neurogyms_distribution(samples: tuple[str, str, Trials, Trials]) -> None:
    name, _, ours, theirs = samples
    mine, reference = (np.stack([t.conditions["coherence"], t.answer], axis=1) for t in (ours, theirs))
    assert len(np.unique(mine, axis=0)) == (2 * len(COHS) if name == "pdm" else 2)
    assert same_frequencies(mine, reference) > P_VALUE
    # Conditions say nothing of durations, in ours as in theirs.
    stimulus = durations_of(ours)[:, 1:2]
    if len(np.unique(stimulus)) > 1:
        table = stats.contingency.crosstab(mine @ [10, 1], stimulus[:, 0]).count
        assert stats.chi2_contingency(table).pvalue > P_VALUE


def test_observations_have_neurogyms_means_and_variances(samples: tuple[str, str, Trials, Trials]) -> None:
    _, _, ours, theirs = samples
    compared = 0
    for coherence in np.unique(theirs.conditions["coherence"]):
        for choice in (0, 1):
            for period in PERIODS:
                x, y = (
                    t.inputs[t.in_period(period) & chosen[:, None]][:, :3]
                    for t in (ours, theirs)
                    for chosen in [(t.conditions["coherence"] == coherence) & (t.answer == choice)]
                )
                assert len(x) == 0 if len(y) == 0 else len(x) > 0
                if len(y) == 0:
                    continue
                for channel in range(3):
                    compare_channel(x[:, channel].astype(float), y[:, channel].astype(float))
                    compared += 1
    assert compared >= 2 * 3 * 3


def compare_channel(x: np.ndarray, y: np.ndarray) -> None:
    """Equal where NeuroGym's channel is constant, otherwise within sampling error of mean and variance."""
    if y.min() == y.max():
        np.testing.assert_array_equal(x, np.float32(y[0]))
        return
    standard_error = np.sqrt(x.var() / len(x) + y.var() / len(y))
    assert abs(x.mean() - y.mean()) < Z_VALUE * standard_error
    # The log of a normal sample's variance has a variance of 2 / n.
    assert abs(np.log(x.var() / y.var())) < Z_VALUE * np.sqrt(2 / len(x) + 2 / len(y))


def test_noise_is_gaussian_and_white_as_neurogyms() -> None:
    task = our_task("pdm")
    ours = task.trials(4000, "basic", np.random.default_rng(1))
    theirs = neurogym_trials(neurogym_env("pdm", "basic", seed=2), 1000)
    sign = np.where(choice_of(ours, task, "basic"), -1, 1)

    def residuals(trials: Trials, sign: np.ndarray) -> np.ndarray:
        """Stimulus noise of the first ten steps, (trials, 10, 2)."""
        start = durations_of(trials)[:, 0]
        steps = start[:, None] + np.arange(10)
        stimulus = np.take_along_axis(trials.inputs[:, :, 1:3], steps[:, :, None], axis=1).astype(float)
        return stimulus - 0.5 - sign[:, None, None] * [1, -1] * trials.conditions["coherence"][:, None, None] / 200

    mine = residuals(ours, sign)
    reference = residuals(theirs, np.where(theirs.answer, -1, 1))
    assert stats.ks_2samp(mine.ravel(), reference.ravel()).pvalue > P_VALUE
    n = mine[:, 1:].size
    assert abs(np.corrcoef(mine[:, 1:].ravel(), mine[:, :-1].ravel())[0, 1]) < Z_VALUE / np.sqrt(n)
    assert abs(np.corrcoef(mine[..., 0].ravel(), mine[..., 1].ravel())[0, 1]) < Z_VALUE / np.sqrt(mine.size / 2)
    across_trials = np.corrcoef(mine[1:].ravel(), mine[:-1].ravel())[0, 1]
    assert abs(across_trials) < Z_VALUE / np.sqrt(mine[1:].size)


@pytest.mark.parametrize("name", ["pdm", "gonogo"])
def test_spaces_are_neurogyms(name: str) -> None:
    task, env = our_task(name), neurogym_env(name, "basic")

    def plain(space: object) -> dict[str, object]:
        return {key: value if isinstance(value, int) else list(value) for key, value in dict(space).items()}

    assert plain(task.observation_space) == plain(env.observation_space.name)
    assert plain(task.action_space) == plain(env.action_space.name)
    assert task.n_actions == env.action_space.n
    assert task.n_observations == env.observation_space.shape[0]
