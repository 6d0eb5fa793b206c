"""Training: what learns, what is kept, and that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping

from dynalign.errors import DynalignError
from dynalign.metrics import CKA
from dynalign.models import LeakyRNN
from dynalign.perturbations import InputNoise, RecurrentNoise
from dynalign.tasks import GoNogo, PerceptualDecision
from dynalign.training import (
    Curriculum,
    DissimilarityCallback,
    DissimilarityWarning,
    TaskModule,
    Training,
    decisions,
    fit,
)
from dynalign.training.checkpoints import CheckpointCallback
from dynalign.training.data import to_batch

TIMING = {
    "train": {"fixation": [40, 60], "stimulus": [100, 200], "delay": [40, 60], "decision": 60},
    "test": {"fixation": 40, "stimulus": 200, "delay": 60, "decision": 60},
}
TASK = PerceptualDecision(timing=TIMING)
TRAINING = Training(epochs=3, batches_per_epoch=3, batch_size=8, validation_trials=40)


def train(folder: Path, curriculum: Curriculum, callbacks=(), **arguments) -> tuple[LeakyRNN, pd.DataFrame]:
    model = LeakyRNN(n_inputs=7, n_actions=3, hidden=8)
    settings = {"perturbation": InputNoise(0.1), "training": TRAINING, "task": TASK} | arguments
    rows = fit(
        model, curriculum=curriculum, target="delay_anti", seed=1, folder=folder, callbacks=callbacks, **settings
    )
    return model, pd.DataFrame(rows)


def weights(folder: Path, epoch: int) -> dict[str, torch.Tensor]:
    return torch.load(folder / "weights" / f"epoch-{epoch:04d}.pt", weights_only=True)


def test_history_and_weights_of_every_epoch(tmp_path: Path) -> None:
    model, history = train(tmp_path, Curriculum("both", pretrain=["basic"], train=["delay_anti"]))
    assert history["epoch"].tolist() == list(range(7))
    assert history["step"].tolist() == [0, 3, 6, 9, 12, 15, 18]
    assert history["phase"].tolist() == ["pretrain"] * 4 + ["train"] * 3
    assert history[["val_loss", "accuracy", "chance_accuracy"]].notna().all().all()
    assert [name for name in history if "/" in name] == ["accuracy/basic", "accuracy/delay_anti"]
    pd.testing.assert_series_equal(history["accuracy"], history["accuracy/delay_anti"], check_names=False)
    for name, value in weights(tmp_path, 6).items():
        torch.testing.assert_close(value, model.state_dict()[name])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["weights"]  # what resuming needs is gone


def test_every_rule_is_asked_and_the_loss_is_that_of_the_phase(tmp_path: Path) -> None:
    model, history = train(tmp_path, Curriculum("both", pretrain=["basic", "anti"], train=["delay_anti"]))
    noise, last = InputNoise(0.1), history.iloc[-1]

    def scores(rules: tuple[str, ...]) -> dict[str, dict[str, float]]:
        module = TaskModule(model, noise, learning_rate=1, weight_decay=0, decision_weight=0.5, rules=rules)
        trials = {
            rule: TASK.trials(40, rule, np.random.default_rng(TRAINING.validation_seed), "test", balanced=True)
            for rule in ("basic", "anti", "delay_anti")
        }
        return {rule: module.score(to_batch(each, rule=rule)) for rule, each in trials.items()}

    found = scores(("delay_anti",))
    for rule, score in found.items():
        assert last[f"accuracy/{rule}"] == score[f"accuracy/{rule}"]
    assert last["val_loss"] == pytest.approx(found["delay_anti"]["val_loss"], rel=1e-5)
    assert [rule for rule, score in found.items() if "val_loss" in score] == ["delay_anti"]
    # In pretraining, the loss is the mean over both rules; before it, of the network as it was.
    before = weights(tmp_path, 3)
    model.load_state_dict(before)
    both = scores(("basic", "anti"))
    mean = (both["basic"]["val_loss"] + both["anti"]["val_loss"]) / 2
    assert history["val_loss"][3] == pytest.approx(mean, rel=1e-5)


def test_freezing_leaves_all_but_the_input_weights(tmp_path: Path) -> None:
    train(tmp_path, Curriculum("frozen", pretrain=["basic"], train=["delay_anti"], freeze=True))
    before, after = weights(tmp_path, 3), weights(tmp_path, 6)
    moved = {name for name in before if (before[name] != after[name]).any()}
    assert moved == {"input.weight"}
    start = weights(tmp_path, 0)
    assert all((start[name] != before[name]).any() for name in before)


def test_same_seed_same_network(tmp_path: Path) -> None:
    curriculum = Curriculum("master")
    first, _ = train(tmp_path / "a", curriculum)
    torch.rand(5)  # the global random state has no say
    second, _ = train(tmp_path / "b", curriculum)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_the_weight_of_decisions_reaches_the_loss(tmp_path: Path) -> None:
    whole = Curriculum("master")
    _, plain = train(tmp_path / "a", whole, training=replace(TRAINING, decision_weight=None))
    _, weighted = train(tmp_path / "b", whole, training=replace(TRAINING, decision_weight=0.5))
    assert plain["val_loss"][0] != weighted["val_loss"][0]  # of one and the same untrained network
    assert plain["train_loss"][1] != weighted["train_loss"][1]


class Killed(BaseException):
    """Stands for a kill: nothing in the program catches it."""


class KillAfter(CheckpointCallback):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def at_checkpoint(self, *_: object) -> None:
        pass

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if self.first_epoch + trainer.current_epoch == self.epoch and trainer.global_step % 3 == 1:
            raise Killed


@pytest.mark.parametrize("epoch", [0, 2, 3, 5])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path: Path, epoch: int) -> None:
    curriculum = Curriculum("both", pretrain=["basic", "delay"], train=["delay_anti"])
    expected, history = train(tmp_path / "whole", curriculum)
    with pytest.raises(Killed):
        train(tmp_path / "killed", curriculum, [KillAfter(epoch)])
    found, resumed = train(tmp_path / "killed", curriculum)
    for a, b in zip(expected.parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    pd.testing.assert_frame_equal(history, resumed)


class StopAt(pl.Callback):
    """Stops a phase at one of its steps: at its second batch, in the middle of an epoch, or an epoch's last."""

    def __init__(self, step: int, error: BaseException | None = None) -> None:
        self.step, self.error = step, error

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object, **__: object) -> None:
        if trainer.global_step == self.step:
            if self.error is not None:
                raise self.error
            trainer.should_stop = True


def watch(**arguments) -> DissimilarityCallback:
    probe = torch.randn(10, 30, 7, generator=torch.Generator().manual_seed(0))

    def states(module: pl.LightningModule, inputs: torch.Tensor, _epoch: int) -> torch.Tensor:
        return module.model(inputs).states

    return DissimilarityCallback(probe, states, [CKA()], components=4, **arguments)


@pytest.mark.parametrize("step", [2, 6, 7])
@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_phase_that_stops_early_keeps_its_last_state(tmp_path: Path, step: int, every: int) -> None:
    training = replace(TRAINING, epochs=9, checkpoint_every=every)
    callback = watch(every_n_epochs=every)
    model, history = train(tmp_path, Curriculum("master"), [StopAt(step), callback], training=training)
    last = -(-step // 3)
    expected = [*range(0, last, every), last]
    assert history["epoch"].tolist() == expected
    assert history["step"].tolist() == [*range(0, 3 * last, 3 * every), step]
    assert history[["val_loss", "accuracy"]].notna().all().all()
    assert [record.epoch for record in callback.records] == expected
    assert {path.name for path in (tmp_path / "weights").iterdir()} == {f"epoch-{e:04d}.pt" for e in expected}
    for name, value in weights(tmp_path, last).items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=0, atol=0)


def test_phases_that_stop_early_follow_one_another_also_when_resumed(tmp_path: Path) -> None:
    training = replace(TRAINING, epochs=9, checkpoint_every=5)
    curriculum = Curriculum("both", pretrain=["basic"], train=["delay_anti"])
    callback = watch(every_n_epochs=5)
    expected, history = train(tmp_path / "whole", curriculum, [StopAt(7), callback], training=training)
    assert history["epoch"].tolist() == [0, 3, 6]
    assert history["step"].tolist() == [0, 7, 14]
    with pytest.raises(Killed):
        train(tmp_path / "killed", curriculum, [StopAt(7), KillAfter(4), watch(every_n_epochs=5)], training=training)
    again = watch(every_n_epochs=5)
    found, resumed = train(tmp_path / "killed", curriculum, [StopAt(7), again], training=training)
    pd.testing.assert_frame_equal(history, resumed)
    for a, b in zip(expected.parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert [r.dissimilarity for r in again.records] == [r.dissimilarity for r in callback.records]
    files = [sorted(path.name for path in (tmp_path / run / "weights").iterdir()) for run in ("whole", "killed")]
    assert files[0] == files[1]


class KillAtEnd(CheckpointCallback):
    """Kills once a phase has stopped, before anything says that it is finished."""

    def at_checkpoint(self, *_: object) -> None:
        pass

    def on_train_end(self, *_: object) -> None:
        raise Killed


@pytest.mark.parametrize("stop", [lambda: StopAt(6), lambda: StopAt(7), lambda: EarlyStopping("accuracy", patience=2)])
def test_a_phase_that_was_killed_as_it_stopped_stops_again(tmp_path: Path, stop: Callable[[], pl.Callback]) -> None:
    training = replace(TRAINING, epochs=9, checkpoint_every=5)
    expected, history = train(tmp_path / "whole", Curriculum("master"), [stop()], training=training)
    with pytest.raises(Killed):
        train(tmp_path / "killed", Curriculum("master"), [stop(), KillAtEnd()], training=training)
    found, resumed = train(tmp_path / "killed", Curriculum("master"), [stop()], training=training)
    assert len(history) < 9
    pd.testing.assert_frame_equal(history, resumed)
    for a, b in zip(expected.parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_early_stopping_starts_each_phase_afresh(tmp_path: Path) -> None:
    patient = EarlyStopping("accuracy", mode="max", patience=2, min_delta=10.0)
    curriculum = Curriculum("both", pretrain=["basic"], train=["delay_anti"])
    _, history = train(tmp_path, curriculum, [patient], training=replace(TRAINING, epochs=9))
    # Nothing improves upon the first epoch of a phase, so that each has that one and two more.
    assert history["phase"].tolist() == ["pretrain"] * 4 + ["train"] * 3


def test_callbacks_that_cannot_start_afresh_are_refused(tmp_path: Path) -> None:
    locked = pl.Callback()
    locked.lock = threading.Lock()
    with pytest.raises(DynalignError, match=r"Callback cannot be copied .*lock"):
        train(tmp_path / "two", Curriculum("both", pretrain=["basic"], train=["delay_anti"]), [locked])
    assert len(train(tmp_path / "one", Curriculum("master"), [locked])[1]) == 4


def test_ctrl_c_is_an_interrupt_and_the_next_one_is_heard(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Curriculum("master"), [StopAt(4, KeyboardInterrupt())])
    assert signal.getsignal(signal.SIGINT) is handler
    for name, value in train(tmp_path, Curriculum("master"))[0].state_dict().items():
        torch.testing.assert_close(value, weights(tmp_path, 3)[name], rtol=0, atol=0)


def test_a_network_that_diverges_is_trained_to_its_end(tmp_path: Path) -> None:
    class Poison(pl.Callback):
        def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *_: object) -> None:
            if trainer.global_step == 4:
                with torch.no_grad():
                    next(module.parameters()).fill_(float("nan"))

    callback = watch()
    with pytest.warns(DissimilarityWarning, match="diverged"):
        _, history = train(tmp_path, Curriculum("master"), [Poison(), callback])
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert [record.reason != "" for record in callback.records] == [False, False, True, True]


def test_the_callback_has_no_say_in_training(tmp_path: Path) -> None:
    (one, history), (two, watched) = (
        train(tmp_path / name, Curriculum("master"), callbacks) for name, callbacks in (("a", []), ("b", [watch()]))
    )
    pd.testing.assert_frame_equal(history, watched)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_untrained_network_is_recorded_and_left_alone(tmp_path: Path) -> None:
    model, history = train(tmp_path, Curriculum("untrained", train=[]))
    assert history["epoch"].tolist() == [0]
    for name, value in LeakyRNN(n_inputs=7, n_actions=3, hidden=8).state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=0, atol=0)


def test_recurrent_noise_and_gonogo(tmp_path: Path) -> None:
    task = GoNogo(timing=TIMING)
    model = LeakyRNN(n_inputs=task.n_inputs, n_actions=task.n_actions, hidden=8)
    rows = fit(
        model, task=task, curriculum=Curriculum("master"), perturbation=RecurrentNoise(0.1), training=TRAINING,
        target="delay_anti", seed=0, folder=tmp_path,
    )  # fmt: skip
    assert len(rows) == 4


def test_decision_is_what_the_whole_period_argues_for() -> None:
    logits = torch.zeros(2, 4, 3)
    logits[0, :2, 2] = 9  # before the decision: does not count
    logits[0, 2, 1], logits[0, 3, 2] = 3, 2
    logits[1, 3, 2] = 1
    period = torch.tensor([[False, False, True, True]] * 2)
    assert decisions(logits, period).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "^epochs=0"),
        ({"learning_rate": 0.0}, "learning_rate=0"),
        ({"weight_decay": -1.0}, "weight"),
        ({"decision_weight": 0.0}, "decision_weight=0 must lie between 0 and 1"),
        ({"decision_weight": 1.0}, "decision_weight=1 must lie between 0 and 1"),
    ],
)
def test_bad_settings(arguments: dict, message: str) -> None:
    with pytest.raises(DynalignError, match=message):
        Training(**arguments)


def test_unknown_rule() -> None:
    with pytest.raises(DynalignError, match="train has the rule foo, which pdm does not have"):
        Curriculum("odd", train=["foo"]).check(TASK)
