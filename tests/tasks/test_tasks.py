from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from dynalign.errors import DynalignError
from dynalign.tasks import (
    PERIODS,
    RULES,
    DelayedMatch,
    FlipFlop,
    GoNogo,
    PerceptualDecision,
    SineWave,
    Task,
    Trials,
    Yang19,
)
from dynalign.tasks.decision import default_timing

CONF = Path(__file__).parents[2] / "conf" / "task"
TASKS = [PerceptualDecision, GoNogo]
STUDY_TEST = {"fixation": 200, "stimulus": 4000, "delay": 2000, "decision": 200}


def with_timing(split: str = "train", **durations: object) -> dict[str, Any]:
    timing: dict[str, Any] = copy.deepcopy(dict(default_timing()))
    timing[split].update(durations)
    return timing


def draw(task: Task, n: int = 40, rules: object = RULES, seed: int = 0, **options: Any) -> Trials:
    return task.trials(n, rules, np.random.default_rng(seed), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", TASKS)
def test_rule_input_is_one_hot_and_constant_through_the_trial(cls: type[Task]) -> None:
    task = cls()
    trials = draw(task)
    assert task.rules == RULES
    assert task.n_inputs == task.n_observations + 4 == trials.inputs.shape[2] == 7
    real = trials.periods >= 0
    expected = real[:, :, None] * (np.arange(4) == trials.rules[:, None])[:, None]
    np.testing.assert_array_equal(trials.inputs[:, :, 3:], expected)


@pytest.mark.parametrize("cls", TASKS)
def test_fixate_until_the_decision_then_answer(cls: type[Task]) -> None:
    trials = draw(cls())
    decision = trials.in_period("decision")
    np.testing.assert_array_equal(trials.targets[decision], np.repeat(trials.answer, decision.sum(axis=1)))
    for period in PERIODS[:-1]:
        assert not trials.targets[trials.in_period(period)].any()


@pytest.mark.parametrize("cls", TASKS)
@pytest.mark.parametrize(("plain", "anti"), [("basic", "anti"), ("delay", "delay_anti")])
def test_anti_shows_the_same_and_asks_for_the_opposite(cls: type[Task], plain: str, anti: str) -> None:
    task = cls()
    left, right = draw(task, rules=plain), draw(task, rules=anti)
    np.testing.assert_array_equal(left.inputs[:, :, :3], right.inputs[:, :, :3])
    first, second = (1, 2) if task.name == "pdm" else (0, 1)
    assert set(left.answer) == {first, second}
    np.testing.assert_array_equal(left.answer + right.answer, first + second)


@pytest.mark.parametrize("cls", TASKS)
def test_only_the_delay_rules_have_a_delay(cls: type[Task]) -> None:
    trials = draw(cls())
    has_delay = trials.in_period("delay").any(axis=1)
    np.testing.assert_array_equal(has_delay, trials.rules >= RULES.index("delay"))


def test_matched_cue_makes_rules_differ_in_the_delay_alone() -> None:
    task = PerceptualDecision()
    basic, delay = (draw(task, rules=rule, split="test", balanced=True) for rule in ("basic", "delay"))
    without_delay = ~delay.in_period("delay")[0]
    np.testing.assert_array_equal(basic.inputs[:, :, :3], delay.inputs[:, without_delay, :3])
    np.testing.assert_array_equal(basic.inputs[:, :, 0], basic.periods < PERIODS.index("decision"))


def test_unmatched_cue_goes_out_with_fixation_where_there_is_no_delay() -> None:
    matched, unmatched = (draw(PerceptualDecision(matched_cue=matched)) for matched in (True, False))
    np.testing.assert_array_equal(matched.inputs[:, :, 1:], unmatched.inputs[:, :, 1:])
    delayed = unmatched.rules >= RULES.index("delay")
    np.testing.assert_array_equal(matched.inputs[delayed], unmatched.inputs[delayed])
    np.testing.assert_array_equal(unmatched.inputs[~delayed][:, :, 0], unmatched.periods[~delayed] == 0)


def test_no_right_answer_exactly_where_coherence_is_zero() -> None:
    trials = draw(PerceptualDecision(), balanced=True)
    np.testing.assert_array_equal(trials.has_answer, trials.conditions["coherence"] > 0)
    assert trials.has_answer.mean() == 0.8
    assert draw(GoNogo()).has_answer.all()
    assert (draw(GoNogo()).conditions["coherence"] == 100).all()


@pytest.mark.parametrize("cls", TASKS)
@pytest.mark.parametrize("balanced", [False, True])
def test_same_seed_same_trials(cls: type[Task], balanced: bool) -> None:
    first, again = (draw(cls(), balanced=balanced) for _ in range(2))
    for name in ("inputs", "targets", "periods", "rules", "answer", "has_answer"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    np.testing.assert_array_equal(first.conditions["coherence"], again.conditions["coherence"])
    if cls is PerceptualDecision or not balanced:
        other = draw(cls(), seed=1, balanced=balanced)
        assert first.inputs.shape != other.inputs.shape or (first.inputs != other.inputs).any()


def test_noise_is_drawn_last() -> None:
    quiet, noisy = draw(PerceptualDecision(sigma=0)), draw(PerceptualDecision(sigma=2))
    np.testing.assert_array_equal(quiet.periods, noisy.periods)
    np.testing.assert_array_equal(quiet.conditions["coherence"], noisy.conditions["coherence"])
    np.testing.assert_array_equal(quiet.targets, noisy.targets)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("n", [1, 7, 40, 83])
def test_balanced_counts_differ_by_one_at_most_and_ignore_the_seed(split: str, n: int) -> None:
    task = PerceptualDecision()
    trials, other = (draw(task, n, seed=seed, split=split, balanced=True) for seed in (0, 1))
    for name in ("periods", "rules", "answer", "targets"):
        np.testing.assert_array_equal(getattr(trials, name), getattr(other, name))
    np.testing.assert_array_equal(trials.conditions["coherence"], other.conditions["coherence"])
    conditions = [(r, c, a) for r in range(4) for c in np.float32(task.cohs) for a in (1, 2)]
    drawn = list(zip(trials.rules, trials.conditions["coherence"], trials.answer, strict=True))
    counts = [drawn.count(condition) for condition in conditions]
    assert sum(counts) == n
    assert max(counts) - min(counts) <= 1
    assert np.ptp(np.bincount(trials.rules, minlength=4)) <= 1


def test_balanced_runs_through_all_combinations_of_durations() -> None:
    trials = draw(GoNogo(), 2 * 3**3, rules="basic", balanced=True)
    seen = {tuple(row) for row in np.stack([trials.in_period(p).sum(axis=1) for p in PERIODS], axis=1)}
    assert len(seen) == 3**3


def test_rules_are_mixed_with_equal_probability() -> None:
    trials = draw(GoNogo(), 4000, rules=["delay_anti", "anti"])
    counts = np.bincount(trials.rules, minlength=4)
    assert counts[[0, 2]].sum() == 0
    assert abs(counts[1] - 2000) < 4.5 * np.sqrt(4000 / 4)


@pytest.mark.parametrize("cls", TASKS)
def test_test_split_of_one_rule_needs_no_padding(cls: type[Task]) -> None:
    for rule in RULES:
        assert (draw(cls(), rules=rule, split="test").periods >= 0).all()


def test_timing_of_the_delay_rules_can_differ() -> None:
    task = GoNogo(timing_delay_rules={"test": {"fixation": 500, "decision": 480}})
    trials = draw(task, 8, split="test", balanced=True)
    delayed = trials.rules >= RULES.index("delay")
    for period, usual, longer in (("fixation", 10, 25), ("stimulus", 100, 100), ("decision", 10, 24)):
        np.testing.assert_array_equal(trials.in_period(period).sum(axis=1), np.where(delayed, longer, usual))
    assert (draw(task).periods == draw(GoNogo()).periods).all()  # the other split keeps its timing


def test_later_changes_of_the_arguments_do_not_reach_the_task() -> None:
    timing, cohs = with_timing(), [0.0, 50.0]
    task = PerceptualDecision(timing=timing, cohs=cohs)
    timing["train"]["stimulus"][0] = 40
    cohs.append(90.0)
    assert task == PerceptualDecision(cohs=(0.0, 50.0))


@pytest.mark.parametrize("cls", TASKS)
def test_tasks_can_be_pickled(cls: type[Task]) -> None:
    assert pickle.loads(pickle.dumps(cls(dt=10))) == cls(dt=10)


@settings(derandomize=True, deadline=None)
@given(
    dt=st.integers(1, 50),
    durations=st.lists(st.floats(50, 300) | st.integers(50, 300), min_size=4, max_size=4),
)
def test_durations_are_floored_to_whole_steps(dt: int, durations: list[float]) -> None:
    both = dict(zip(PERIODS, durations, strict=True))
    task = GoNogo(dt=dt, timing={"train": both, "test": both})
    trials = draw(task, 3, rules="delay")
    steps = [trials.in_period(period).sum(axis=1) for period in PERIODS]
    np.testing.assert_array_equal(steps, [[duration // dt] * 3 for duration in durations])


@pytest.mark.parametrize("cls", [*TASKS, DelayedMatch, Yang19, FlipFlop, SineWave])
def test_configuration_spells_out_the_defaults(cls: type[Task]) -> None:
    text = (CONF / f"{cls.name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.splitlines()) < 20
    config = OmegaConf.create(text)
    assert set(config) == {"_target_"} | {field.name for field in dataclasses.fields(cls)}
    task = instantiate(config)
    assert task == cls()
    assert type(task.timing["train"]["stimulus"]) in (list, int)  # nothing of OmegaConf stays inside


def test_observation_and_action_names() -> None:
    assert dict(PerceptualDecision().action_space) == {"fixation": 0, "choice": (1, 2)}
    assert (PerceptualDecision().n_actions, GoNogo().n_actions) == (3, 2)
    assert (PerceptualDecision.name, GoNogo.name) == ("pdm", "gonogo")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dt": 0}, r"dt, the time step in ms, must be a whole number of at least 1, not 0\."),
        ({"dt": 2.5}, r"not 2\.5"),
        ({"timing": {"train": STUDY_TEST}}, r"timing lacks the split 'test'"),
        (
            {"timing": {"train": STUDY_TEST, "tset": STUDY_TEST}},
            r"timing has no split 'tset'; did you mean test",
        ),
        (
            {"timing": with_timing(fixaton=100)},
            r"timing\['train'\] has no period 'fixaton'; did you mean fixation",
        ),
        (
            {"timing": {"train": STUDY_TEST, "test": {"fixation": 0}}},
            r"timing\['test'\] lacks the period 'stimulus'",
        ),
        ({"timing": {"train": STUDY_TEST, "test": 300}}, r"timing\['test'\] must map periods .* not be 300"),
        ({"timing": [1, 2]}, r"timing must map train and test .* not be \[1, 2\]"),
        (
            {"timing": with_timing(delay=-20)},
            r"timing\['train'\]\['delay'\] has the duration -20 ms; .*not negative",
        ),
        ({"timing": with_timing(delay=float("inf"))}, r"duration inf ms; durations are finite"),
        (
            {"timing": with_timing("test", stimulus=19)},
            r"leave the period empty; give it at least 20 ms",
        ),
        ({"timing": with_timing(decision=[0, 100])}, r"leave the period empty"),
        (
            {"timing": with_timing(fixation=[0, 5])},
            r"duration 5 ms, less than .* give it 0 or at least 20 ms",
        ),
        (
            {"timing": with_timing(stimulus=[])},
            r"timing\['train'\]\['stimulus'\] must be a number of ms or a list",
        ),
        ({"timing": with_timing(stimulus="long")}, r"not 'long'"),
        ({"timing": with_timing(stimulus=True)}, r"not True"),
        (
            {"timing_delay_rules": {"test": {"stimulus": 3}}},
            r"timing_delay_rules\['test'\]\['stimulus'\] has .* 3 ms",
        ),
    ],
)
@pytest.mark.parametrize("cls", TASKS)
def test_bad_timing_is_refused(cls: type[Task], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        cls(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cohs": []}, r"cohs must list at least one coherence in percent, not be \[\]"),
        ({"cohs": 6.4}, r"cohs must list .* not be 6\.4"),
        ({"cohs": [6.4, -1]}, r"coherence -1; coherences are percentages, 0 to 100"),
        ({"cohs": [120]}, r"coherence 120"),
        ({"cohs": ["high"]}, r"coherence 'high'"),
        ({"sigma": -0.1}, r"sigma is a standard deviation, finite and not negative, not -0\.1"),
        ({"sigma": float("nan")}, r"not nan"),
    ],
)
def test_bad_stimulus_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        PerceptualDecision(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, r"n, the number of trials, must be a whole number of at least 1, not 0"),
        ({"n": 1.5}, r"not 1\.5"),
        (
            {"rules": "delay_ant"},
            r"pdm has no rule 'delay_ant'; did you mean delay_anti",
        ),
        ({"rules": ["basic", "xyz"]}, r"has no rule 'xyz'; there is anti, basic"),
        ({"rules": []}, r"At least one rule"),
        ({"rules": ["anti", "anti"]}, r"once only"),
        ({"rules": None}, r"or a list of them, not None"),
        ({"split": "validation"}, r"split=validation is unknown; there is test, train"),
        ({"rng": 3}, r"rng must be a numpy\.random\.Generator .* not 3"),
    ],
)
def test_bad_requests_are_refused(arguments: dict[str, Any], message: str) -> None:
    request = {"n": 4, "rules": "basic", "rng": np.random.default_rng(0), **arguments}
    with pytest.raises(DynalignError, match=message):
        PerceptualDecision().trials(**request)
