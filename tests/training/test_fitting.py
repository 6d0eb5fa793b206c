"""Training: what learns, what is kept, and that a killed run goes on as if nothing had happened."""

from __future__ import annotations

import itertools
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
from pytorch_lightning.loggers.logger import DummyLogger

from dynalign.errors import DynalignError
from dynalign.identity import key_of
from dynalign.metrics import CKA
from dynalign.models import LeakyRNN
from dynalign.networks import Network
from dynalign.perturbations import InputNoise, RecurrentNoise
from dynalign.store import RunStore
from dynalign.tasks import GoNogo, PerceptualDecision
from dynalign.training import (
    Curriculum,
    DissimilarityCallback,
    DissimilarityWarning,
    Phase,
    RunSpec,
    TaskModule,
    Training,
    decisions,
    obtain,
    plain_phases,
)
from dynalign.training.checkpoints import CheckpointCallback
from dynalign.training.data import to_batch

TIMING = {
    "train": {"fixation": [40, 60], "stimulus": [100, 200], "delay": [40, 60], "decision": 60},
    "test": {"fixation": 40, "stimulus": 200, "delay": 60, "decision": 60},
}
TASK = PerceptualDecision(timing=TIMING)
TRAINING = Training(epochs=3, batches_per_epoch=3, batch_size=8, validation_trials=40, learned=None, gate=None)


def train(
    folder: Path, curriculum: Curriculum, callbacks=(), *, training=TRAINING, task=TASK, perturbation=None, loggers=()
) -> tuple[LeakyRNN, pd.DataFrame]:
    """Train a small network through a curriculum, in a store of its own, and return it with its history."""
    phases = curriculum.phases(task)
    config = {"phases": plain_phases(phases), "seed": 1}
    model = LeakyRNN(n_inputs=task.n_inputs, n_actions=task.n_actions, hidden=8)
    watching = [callback for callback in callbacks if isinstance(callback, CheckpointCallback)]
    spec = RunSpec(
        network=Network(key_of(config), task, model, perturbation or InputNoise(0.1)),
        phases=phases,
        target="delay_anti",
        training=training,
        seed=1,
        config=config,
        callbacks=[callback for callback in callbacks if callback not in watching],
    )
    spec.check()
    run, _ = obtain(spec, RunStore(folder), observers=watching, loggers=loggers)
    model.load_state_dict(run.weights(run.epochs[-1]))
    return model, run.history


def weights(folder: Path, epoch: int) -> dict[str, torch.Tensor]:
    (path,) = folder.glob(f"*/weights/epoch-{epoch:04d}.pt")
    return torch.load(path, weights_only=True)


def test_history_and_weights_of_every_epoch(tmp_path: Path) -> None:
    _, history = train(tmp_path, Curriculum("both", pretrain=["basic"], train=["delay_anti"]))
    assert history["epoch"].tolist() == list(range(7))
    assert history["step"].tolist() == [0, 3, 6, 9, 12, 15, 18]
    assert history["phase"].tolist() == ["pretrain"] * 4 + ["train"] * 3
    assert history[["val_loss", "phase_accuracy", "accuracy", "chance_accuracy"]].notna().all().all()
    assert [name for name in history if "/" in name] == ["accuracy/basic", "accuracy/delay_anti"]
    pd.testing.assert_series_equal(history["accuracy"], history["accuracy/delay_anti"], check_names=False)
    first, second = sorted(tmp_path.glob("*/weights"), key=lambda folder: len(list(folder.iterdir())), reverse=True)
    assert [len(list(folder.iterdir())) for folder in (first, second)] == [4, 3]  # each phase is a run of its own
    for folder in (first.parent, second.parent):  # what resuming needs is gone
        assert sorted(path.name for path in folder.iterdir()) == [
            "config.json", "history.csv", "manifest.json", "run.json", "weights",
        ]  # fmt: skip


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
    assert {path.name for path in tmp_path.glob("*/weights/*")} == {f"epoch-{e:04d}.pt" for e in expected}
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
    files = [sorted(path.name for path in (tmp_path / run).glob("*/weights/*")) for run in ("whole", "killed")]
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
    with pytest.raises(DynalignError, match=r"Callback cannot be copied .*lock.* train in one phase"):
        train(tmp_path / "two", Curriculum("both", pretrain=["basic"], train=["delay_anti"]), [locked])
    assert len(train(tmp_path / "one", Curriculum("master"), [locked])[1]) == 4


def test_ctrl_c_is_an_interrupt_and_the_next_one_is_heard(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Curriculum("master"), [StopAt(4, KeyboardInterrupt())])
    assert signal.getsignal(signal.SIGINT) is handler
    for name, value in train(tmp_path, Curriculum("master"))[0].state_dict().items():
        torch.testing.assert_close(value, weights(tmp_path, 3)[name], rtol=0, atol=0)


class Poison(pl.Callback):
    """Makes a network diverge in its second epoch."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *_: object) -> None:
        if trainer.global_step == 4:
            with torch.no_grad():
                next(module.parameters()).fill_(float("nan"))


def test_a_network_that_diverges_is_refused(tmp_path: Path) -> None:
    callback = watch()
    with (
        pytest.warns(DissimilarityWarning, match="diverged"),
        pytest.raises(DynalignError, match="diverged: the loss of epoch 2 of its phase is nan; a smaller learning"),
    ):
        train(tmp_path, Curriculum("master"), [Poison(), callback])
    assert [(record.epoch, record.reason != "") for record in callback.records] == [(0, False), (1, False), (2, True)]
    assert len(train(tmp_path, Curriculum("master"))[1]) == 4  # and what was good of it is gone on with


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
    _, history = train(tmp_path, Curriculum("master"), task=GoNogo(timing=TIMING), perturbation=RecurrentNoise(0.1))
    assert len(history) == 4


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
        ({"learning_rate_frozen": -1.0}, "learning_rate_frozen=-1"),
        ({"learned": 1.5}, "learned=1.5 must be a share"),
        ({"gate": 0.0}, "gate=0 must be a share"),
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


def run_to(path: Path, callbacks=(), **settings) -> pd.DataFrame:
    """Train on one rule of a task without noise, which is learned soon."""
    training = replace(TRAINING, epochs=8, batches_per_epoch=15, batch_size=32, learning_rate=0.02, **settings)
    easy = PerceptualDecision(timing=TIMING, sigma=0.0, cohs=(51.2,))
    curriculum = Curriculum("basic", train=["basic"], target="basic")
    return train(path, curriculum, callbacks, task=easy, training=training)[1]


def test_a_phase_ends_once_its_rule_is_learned_twice(tmp_path: Path) -> None:
    history = run_to(tmp_path, learned=0.98)
    right = (history["phase_accuracy"] >= 0.98).tolist()
    assert right[-2:] == [True, True]
    assert not any(a and b for a, b in itertools.pairwise(right[:-1]))
    assert len(history) < 9


def test_a_phase_that_was_killed_ends_where_it_would_have(tmp_path: Path) -> None:
    whole = run_to(tmp_path / "whole", learned=0.98)
    last = int(whole["epoch"].iloc[-1])
    with pytest.raises(Killed):
        run_to(tmp_path / "killed", [KillAfter(last - 1)], learned=0.98)  # after the first of the two checks that count
    pd.testing.assert_frame_equal(run_to(tmp_path / "killed", learned=0.98), whole)


def test_a_phase_below_the_gate_goes_on_once(tmp_path: Path) -> None:
    settings = {"epochs": 2, "learning_rate": 1e-6}
    short = replace(TRAINING, **settings)
    assert len(train(tmp_path / "none", Curriculum("master"), training=short)[1]) == 3
    again = train(tmp_path / "gate", Curriculum("master"), training=replace(short, gate=0.95))[1]
    assert again["epoch"].tolist() == [0, 1, 2, 3, 4]
    # A gate that any network passes ends the phase where it would have ended.
    assert len(train(tmp_path / "easy", Curriculum("master"), training=replace(short, gate=1e-9))[1]) == 3


def test_several_rules_take_proportionally_more_steps_and_their_own_rate(tmp_path: Path) -> None:
    _, history = train(tmp_path, Curriculum("both", pretrain=["basic", "anti"], train=["delay_anti"], freeze=True))
    assert history["step"].tolist() == [0, 6, 12, 18, 21, 24, 27]
    training = Training(learning_rate=1, learning_rate_several=2, learning_rate_frozen=3)
    one, two = Phase("train", ("basic",)), Phase("pretrain", ("basic", "anti"))
    assert [training.rate(phase) for phase in (one, two, replace(two, frozen=True))] == [1, 2, 3]


def test_groups_share_their_pretraining(tmp_path: Path) -> None:
    """The second group trains its last phase only, and sees and logs the first as if it had trained it."""
    _, first = train(tmp_path, Curriculum("a", pretrain=["basic"], train=["delay_anti"], freeze=True))
    begun = {path.name for path in tmp_path.iterdir()}
    seen, logger = watch(), Memory()
    model, second = train(tmp_path, Curriculum("b", pretrain=["basic"], train=["delay_anti"]), [seen], loggers=[logger])
    alone, expected, own = watch(), Memory(), tmp_path / "alone"
    other, whole = train(own, Curriculum("b", pretrain=["basic"], train=["delay_anti"]), [alone], loggers=[expected])
    pd.testing.assert_frame_equal(second, whole)
    pd.testing.assert_frame_equal(first[:4], second[:4])
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert [r.dissimilarity for r in seen.records] == pytest.approx([r.dissimilarity for r in alone.records])
    assert [row["epoch"] for row in logger.rows] == [row["epoch"] for row in expected.rows]
    assert len([name for name in {p.name for p in tmp_path.iterdir()} - begun if len(name) == 16]) == 1


class Memory(DummyLogger):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict] = []

    def log_metrics(self, metrics: dict, step: int | None = None) -> None:
        self.rows.append({**metrics, "step": step})


@pytest.mark.parametrize("epoch", [2, 5])
def test_a_resumed_training_logs_what_was_logged_before(tmp_path: Path, epoch: int) -> None:
    """Loggers begin anew with every command, and get the whole run, each number once."""
    curriculum, expected, again = Curriculum("both", pretrain=["basic"], train=["delay_anti"]), Memory(), Memory()
    train(tmp_path / "whole", curriculum, [watch()], loggers=[expected])
    with pytest.raises(Killed):
        train(tmp_path / "killed", curriculum, [KillAfter(epoch), watch()], loggers=[Memory()])
    train(tmp_path / "killed", curriculum, [watch()], loggers=[again])
    for name in ("accuracy", "dissimilarity/cka"):
        whole, resumed = ([row for row in logger.rows if name in row] for logger in (expected, again))
        assert [(row["epoch"], row["step"]) for row in resumed] == [(row["epoch"], row["step"]) for row in whole]
        assert [row[name] for row in resumed] == pytest.approx([row[name] for row in whole], abs=1e-12)
