from __future__ import annotations

import numpy as np
import pytest
from tests.runs import run_of

from dynalign.errors import DynalignError
from dynalign.representations import Representation
from dynalign.store import Run, RunStore
from dynalign.studies import trajectories
from dynalign.studies.trajectories import _conditions, input_names
from dynalign.tasks import FlipFlop, PerceptualDecision, SineWave

SEEN = Representation(rule="basic", trials=40, components=4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_of(RunStore(tmp_path_factory.mktemp("store")))


def test_means_are_those_of_the_recorded_states(run: Run) -> None:
    """Distances between points are what they are between mean states: the components are turned, not scaled."""
    found = trajectories(run, SEEN, conditions=99)
    whole = Representation(rule="basic", trials=40, components=None, period=None)
    network_probe = whole.probe(PerceptualDecision(timing=run.config["task"]["timing"]))
    names, belongs = _conditions(network_probe)
    assert list(found.conditions) == names
    assert found.epochs == run.epochs
    assert found.states.shape == (len(run.epochs), len(names), network_probe.inputs.shape[1], 3)
    states = whole.of(run, run.epochs[-1])
    means = np.stack([states[belongs == name].mean(axis=0) for name in names])
    gaps = np.linalg.norm(means[:, 1:] - means[:, :-1], axis=-1)
    shown = np.linalg.norm(found.states[-1][:, 1:] - found.states[-1][:, :-1], axis=-1)
    assert (shown <= gaps + 1e-5).all()
    assert 0.5 < (shown**2).sum() / (gaps**2).sum() <= 1.0001
    assert (found.explained > 0).all()
    assert (found.explained <= 1 + 1e-9).all()


def test_much_is_thinned_and_the_ends_are_kept(run: Run) -> None:
    whole = trajectories(run, SEEN, conditions=99)
    found = trajectories(run, SEEN, checkpoints=2, conditions=3, steps=5)
    assert found.states.shape == (2, 3, 5, 3)
    assert found.epochs == [run.epochs[0], run.epochs[-1]]
    assert found.known == len(whole.conditions) > 3
    assert (found.times[0], found.times[-1]) == (whole.times[0], whole.times[-1])
    assert found.periods[0] == "fixation"
    assert found.periods[-1] == "decision"


def test_the_example_is_a_trial_of_the_task(run: Run) -> None:
    trial = trajectories(run, SEEN).trial
    assert list(trial.input_names) == ["fixation", "stimulus 1", "stimulus 2", *(f"rule {name}" for name in PerceptualDecision.rules)]  # fmt: skip # noqa: E501
    assert list(trial.target_names) == ["fixation", "choice 1", "choice 2"]
    assert trial.rule == "basic"
    assert trial.inputs[:, trial.input_names.index("rule basic")].all()
    assert (trial.targets.sum(axis=1) == 1).all()
    assert trial.targets[-1, 1:].sum() == 1
    assert trial.condition.startswith("choice ")


def test_tasks_that_ask_for_values_have_conditions(run: Run) -> None:
    rng = np.random.default_rng(0)
    for task in (FlipFlop(), SineWave()):
        trials = Representation(trials=8).drawn(task, rng, balanced=True)
        names, belongs = _conditions(trials)
        assert set(belongs) == set(names)
        assert len(input_names(task)) == trials.inputs.shape[2]


def test_a_network_that_diverged_has_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Representation, "seen", lambda _, __, ___, probe: np.full((*probe.inputs.shape[:2], 8), np.nan))
    with pytest.raises(DynalignError, match="diverged"):
        trajectories(run, SEEN)
