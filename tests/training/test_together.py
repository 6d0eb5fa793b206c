"""Networks that train together: each ends as it would alone, and none has a say in another's training."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from dynalign.identity import key_of
from dynalign.models import LeakyGRU, LeakyRNN
from dynalign.networks import Network
from dynalign.perturbations import InputNoise, Perturbation, RecurrentNoise
from dynalign.store import RunStore
from dynalign.tasks import FlipFlop, PerceptualDecision, Task
from dynalign.training import Curriculum, RunSpec, Training, obtain, plain_phases, together, train_many
from dynalign.training.data import to_batch
from dynalign.training.many import Trained, in_jobs
from dynalign.training.module import step_losses, step_weights, task_loss
from dynalign.training.stopping import PhaseEnd
from dynalign.training.together import obtain_together, shape_of

TIMING = {
    "train": {"fixation": [40, 60], "stimulus": [100, 200, 300], "delay": [40, 60], "decision": 60},
    "test": {"fixation": 40, "stimulus": 200, "delay": 60, "decision": 60},
}
TASK = PerceptualDecision(timing=TIMING)
TRAINING = Training(epochs=2, batches_per_epoch=3, batch_size=8, validation_trials=40, learned=None, gate=None)
WHOLE = Curriculum("master")


def specs_of(
    curriculum: Curriculum = WHOLE,
    *,
    seeds: Sequence[int] = (1, 2, 3),
    training: Training = TRAINING,
    task: Task = TASK,
    noise: Perturbation | None = None,
    model: type = LeakyRNN,
    **settings: object,
) -> list[RunSpec]:
    phases = curriculum.phases(task)
    specs = []
    for seed in seeds:
        config = {"phases": plain_phases(phases), "seed": seed}
        own = model(n_inputs=task.n_inputs, n_actions=task.n_actions, hidden=8, seed=seed, **settings)
        network = Network(key_of(config), task, own, noise or InputNoise(0.1))
        specs.append(RunSpec(network, phases, curriculum.asks(task), training, seed, config))
    return specs


def stored(
    specs: Sequence[RunSpec], folder: Path
) -> dict[int, tuple[pd.DataFrame, dict[int, dict[str, torch.Tensor]]]]:
    store = RunStore(folder)
    runs = {spec.seed: store.open(spec.key) for spec in specs}
    return {seed: (run.history, {epoch: run.weights(epoch) for epoch in run.epochs}) for seed, run in runs.items()}


def both_ways(tmp_path: Path, **settings: object) -> None:
    """Train one by one and together, and compare what is stored."""
    alone, together = RunStore(tmp_path / "alone"), RunStore(tmp_path / "together")
    for spec in specs_of(**settings):
        obtain(spec, alone)
    specs = specs_of(**settings)
    if len(specs[0].phases) > 1:
        assert obtain_together([spec.before for spec in specs_of(**settings)], together) == {}
    assert len({shape_of(spec, together) for spec in specs}) == 1
    assert obtain_together(specs, together) == {}
    files = [
        sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.suffix != ".lock")
        for store in (alone, together)
    ]
    assert files[0] == files[1]
    expected, found = stored(specs, alone.root), stored(specs, together.root)
    for spec in specs:
        (history, weights), (other_history, other_weights) = expected[spec.seed], found[spec.seed]
        assert list(history) == list(other_history)
        losses = ["train_loss", "val_loss"]
        pd.testing.assert_frame_equal(history[losses], other_history[losses], rtol=1e-3, atol=1e-5)
        for name in ("epoch", "step", "phase"):
            assert history[name].tolist() == other_history[name].tolist()
        # Accuracy counts trials: one that is decided by rounding may fall either way.
        accuracy = [name for name in history if name.startswith(("accuracy", "phase_accuracy"))]
        pd.testing.assert_frame_equal(history[accuracy], other_history[accuracy], rtol=0, atol=0.051)
        for epoch in weights:
            for name, value in weights[epoch].items():
                torch.testing.assert_close(other_weights[epoch][name], value, rtol=1e-3, atol=2e-5)
        facts = [store.open(spec.key) for store in (alone, together)]
        assert facts[0].config == facts[1].config
        assert (facts[0].before is None) == (facts[1].before is None)
        assert facts[1].seconds > 0


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=GPU)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu"])
@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("model", [LeakyRNN, LeakyGRU])
def test_a_stack_computes_what_its_networks_do(model: type, noise: bool, activation: str, device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    models = [
        model(n_inputs=4, n_actions=3, hidden=6, seed=seed, activation=activation).to(device) for seed in range(3)
    ]
    names = list(models[0].state_dict())
    weights = {name: torch.stack([m.state_dict()[name] for m in models]).requires_grad_() for name in names}
    inputs = torch.randn(3, 5, 9, 4, generator=generator).to(device)
    states = 0.1 * torch.randn(3, 5, 9, 6, generator=generator).to(device) if noise else None
    logits = models[0].run_together(weights, inputs, states)
    into = torch.randn(logits.shape, generator=generator).to(device)
    gradients = dict(zip(names, torch.autograd.grad(logits, list(weights.values()), into), strict=True))
    with torch.no_grad():
        torch.testing.assert_close(models[0].run_together(weights, inputs, states), logits)
    for index, one in enumerate(models):
        alone = one(inputs[index], None if states is None else states[index]).logits
        torch.testing.assert_close(logits[index], alone, rtol=1e-5, atol=1e-6)
        expected = torch.autograd.grad(alone, list(one.parameters()), into[index])
        for (name, _), gradient in zip(one.named_parameters(), expected, strict=True):
            torch.testing.assert_close(gradients[name][index], gradient, rtol=1e-4, atol=1e-5)


def test_trials_that_no_loss_needs_change_nothing() -> None:
    model = LeakyRNN(n_inputs=4, n_actions=3, hidden=6, readout_bias=False)
    weights = {name: value[None].requires_grad_() for name, value in model.state_dict().items()}
    inputs = torch.randn(1, 4, 7, 4, generator=torch.Generator().manual_seed(1))
    active = [4, 4, 3, 3, 2, 1, 1]
    mask = torch.tensor([[trial < count for count in active] for trial in range(4)])[None, ..., None]
    results = []
    for chosen in (active, None):
        logits = model.run_together(weights, inputs, active=chosen) * mask
        results.append((logits, torch.autograd.grad(logits.square().sum(), list(weights.values()))))
    torch.testing.assert_close(results[0], results[1])
    # Memory is used again: an earlier run's numbers must not show.
    again = model.run_together(weights, inputs, active=active) * mask
    torch.testing.assert_close(again, results[0][0])


def test_two_runs_before_the_way_back_do_not_share_memory() -> None:
    model = LeakyRNN(n_inputs=4, n_actions=3, hidden=6)
    weights = {name: value[None].requires_grad_() for name, value in model.state_dict().items()}
    inputs = torch.randn(2, 1, 4, 7, 4, generator=torch.Generator().manual_seed(1))

    def gradient(logits: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(logits.square().sum(), weights["recurrent.weight"])[0]

    expected = [gradient(model.run_together(weights, each)) for each in inputs]
    for _ in range(2):
        both = [model.run_together(weights, each) for each in inputs]
        torch.testing.assert_close([gradient(logits) for logits in both], expected)


def test_the_weights_of_steps_make_the_loss() -> None:
    batch = to_batch(TASK.trials(9, TASK.rules, np.random.default_rng(0), split="train"))
    logits = torch.randn(*batch.targets.shape, TASK.n_actions, generator=torch.Generator().manual_seed(0))
    log_probability = logits.log_softmax(-1)
    counted = batch.targets >= 0
    losses = -log_probability.gather(-1, batch.targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    answering = batch.decision & batch.has_answer.unsqueeze(-1)
    torch.testing.assert_close(task_loss(logits, batch, None), losses[counted].mean())
    expected = 0.3 * losses[answering].mean() + 0.7 * losses[counted & ~answering].mean()
    torch.testing.assert_close(task_loss(logits, batch, 0.3), expected)
    assert step_weights(batch, 0.3).sum().item() == pytest.approx(1)
    assert not step_losses(logits, batch.targets)[~counted].any()


@pytest.mark.slow
@pytest.mark.parametrize("noise", [InputNoise(0.1), RecurrentNoise(0.1), InputNoise(0.0)], ids=repr)
def test_each_ends_as_it_would_alone(tmp_path: Path, noise: Perturbation) -> None:
    both_ways(tmp_path, noise=noise)


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [False, True])
def test_phases_of_several_rules_and_frozen_ones(tmp_path: Path, freeze: bool) -> None:
    curriculum = Curriculum("both", pretrain=["basic", "anti"], train=["delay_anti"], freeze=freeze)
    both_ways(tmp_path, curriculum=curriculum, training=replace(TRAINING, schedule="constant", decision_weight=None))


@pytest.mark.slow
def test_a_task_of_values(tmp_path: Path) -> None:
    both_ways(tmp_path, task=FlipFlop())


@pytest.mark.slow
def test_scores_by_steps_and_rare_checkpoints(tmp_path: Path) -> None:
    training = replace(TRAINING, epochs=5, checkpoint_every=2, scoring="steps", weight_decay=0.0, gradient_clip=0.05)
    both_ways(tmp_path, training=training, readout_bias=False)


@pytest.mark.slow
def test_networks_that_end_at_different_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(end: PhaseEnd, accuracy: dict[str, float], epochs: int) -> bool:  # by what tells the networks apart
        end.seen = [*getattr(end, "seen", []), accuracy["delay_anti"]]
        return epochs == 1 + int(1000 * end.seen[0]) % 3

    monkeypatch.setattr(PhaseEnd, "is_over", ends)
    training = replace(TRAINING, epochs=4, gate=0.9)
    both_ways(tmp_path, training=training, seeds=range(1, 7))
    lengths = {len(history) for history, _ in stored(specs_of(seeds=range(1, 7)), tmp_path / "together").values()}
    assert len(lengths) > 1


@pytest.mark.slow
def test_a_network_that_diverges_or_cannot_be_kept_costs_itself_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, sick = RunStore(tmp_path / "healthy"), RunStore(tmp_path / "sick")
    assert obtain_together(specs_of(), healthy) == {}
    specs = specs_of(seeds=(1, 2, 3, 4))
    with torch.no_grad():
        specs[1].network.model.recurrent.weight[0, 0] = torch.nan
    write = together.write_run

    def fail(folder: Path, spec: RunSpec, *more: Any) -> None:
        if spec is specs[3]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(folder, spec, *more)

    monkeypatch.setattr(together, "write_run", fail)
    failed = obtain_together(specs, sick)
    assert sorted(failed) == sorted([specs[1].key, specs[3].key])
    assert failed[specs[1].key].startswith("Training diverged: the loss of epoch 1 of its phase is nan")
    assert failed[specs[3].key].startswith("The disk is full")
    assert sick.find(specs[3].key) is None
    expected, found = stored(specs_of(), healthy.root), stored([specs[0], specs[2]], sick.root)
    for seed in (1, 3):
        for name, value in expected[seed][1][2].items():
            torch.testing.assert_close(found[seed][1][2][name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_killed_stack_leaves_nothing_that_looks_finished_and_can_be_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> bool:
        raise Killed

    store, again = RunStore(tmp_path / "killed"), RunStore(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(PhaseEnd, "is_over", killed)
        with pytest.raises(Killed):
            obtain_together(specs_of(), store)
    assert all(store.find(spec.key) is None for spec in specs_of())
    assert obtain_together(specs_of(), store) == {}
    assert obtain_together(specs_of(), again) == {}
    for seed, (history, _) in stored(specs_of(), store.root).items():
        pd.testing.assert_frame_equal(history, stored(specs_of(), again.root)[seed][0])
    assert obtain_together(specs_of(), store) == {}  # nothing left to do


def test_what_trains_together(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    one, other = specs_of(seeds=(1, 2))
    assert shape_of(one, store) == shape_of(other, store) is not None
    changes = [
        specs_of(training=replace(TRAINING, learning_rate=0.1)),
        specs_of(noise=InputNoise(0.2)),
        specs_of(readout_bias=False),
        specs_of(Curriculum("other", train=["basic"])),
    ]
    assert all(shape_of(specs[0], store) not in (shape_of(one, store), None) for specs in changes)
    # A later phase goes by what it trains, not by what was trained before.
    later = [Curriculum("later", pretrain=[rule], train=["delay_anti"]) for rule in ("basic", "anti")]
    assert len({shape_of(specs_of(curriculum)[0], store) for curriculum in later}) == 1
    assert shape_of(specs_of(model=LeakyGRU)[0], store) is None
    assert (
        shape_of(specs_of(training=replace(TRAINING, accelerator="auto"))[0], store) is None
        or torch.cuda.is_available()
    )
    (store.root / f"{one.key}.partial" / "resuming").mkdir(parents=True)
    assert shape_of(one, store) is None


@GPU
@pytest.mark.parametrize("noise", [InputNoise(0.1), RecurrentNoise(0.1)])
def test_on_a_gpu_each_ends_as_it_would_alone(tmp_path: Path, noise: Perturbation) -> None:
    both_ways(tmp_path, training=replace(TRAINING, accelerator="gpu"), noise=noise)


@GPU
def test_a_gpu_trains_what_a_processor_does(tmp_path: Path) -> None:
    runs = []
    for accelerator in ("cpu", "gpu"):
        store = RunStore(tmp_path / accelerator)
        (spec,) = specs_of(seeds=(1,), training=replace(TRAINING, accelerator=accelerator))
        runs.append(obtain(spec, store)[0])
    on_cpu, on_gpu = runs
    for name, value in on_cpu.weights(2).items():
        torch.testing.assert_close(on_gpu.weights(2)[name], value, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize(("workers", "sizes"), [(1, [7]), (2, [4, 3]), (3, [3, 2, 2]), (7, [1] * 7), (20, [1] * 7)])
def test_no_process_is_left_idle(tmp_path: Path, workers: int, sizes: list[int]) -> None:
    jobs = in_jobs(specs_of(seeds=range(7)), RunStore(tmp_path), workers)
    assert [len(job) for job in jobs] == sizes


@pytest.mark.slow
def test_many_are_trained_together_phase_by_phase(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    curricula = [Curriculum("later", pretrain=[rule], train=["delay_anti"]) for rule in ("basic", "anti")]
    specs = [spec for curriculum in curricula for spec in specs_of(curriculum, seeds=(1, 2))]
    events: list[Trained] = []
    assert train_many(specs, store, workers=1, progress=events.append) == {}
    assert [event.done for event in events] == list(range(1, 9))
    assert {event.total for event in events} == {8}
    for spec in specs:
        run = store.open(spec.key)
        assert run.history["phase"].tolist() == ["pretrain"] * 3 + ["train"] * 2
        assert [name for name in run.history if "/" in name] == [f"accuracy/{rule}" for rule in spec.asked]
