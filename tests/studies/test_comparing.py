"""Networks compared two by two: what is measured, of what, and how often; and controls, whose weights are changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.runs import run_of
from tests.studies.made_up import members, row, to_pool

from dynalign.errors import DynalignError
from dynalign.metrics import CKA, Procrustes
from dynalign.networks import build_network
from dynalign.representations import Representation
from dynalign.store import Run, RunStore
from dynalign.studies import CONTROLS, POOL, Column, Look, Member, Pair, Population, compare
from dynalign.studies import comparing as module
from dynalign.studies.comparing import Controlled, MissingError

SEE = Representation(trials=20, rule="basic", components=4)
FIRST, SECOND, POOLED = Member("rnn", "master", 0), Member("rnn", "master", 1), Member("rnn", POOL, 1000)
CALLS: list[str] = []


@dataclass(frozen=True)
class Counting(CKA):
    """Counts how often anything is prepared."""

    def prepare(self, x: Any, *, where: str = "x") -> Any:
        CALLS.append(where)
        return super().prepare(x, where=where)


@dataclass(frozen=True)
class Unknown(CKA):
    """Knows no number."""

    def distances(self, pairs: Sequence[tuple[Any, Any]]) -> np.ndarray:
        return np.full(len(pairs), np.nan)


COLUMNS = [Column("cka", "CKA", CKA(), SEE), Column("long", "Procrustes", Procrustes(), replace(SEE, period=None))]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def population(store: RunStore) -> Population:
    runs = {
        FIRST: run_of(store, 0),
        SECOND: run_of(store, 1, pretrain=("basic",), train=("anti",)),
        POOLED: run_of(store, 2),
    }
    return Population(runs, {}, ideal=float("nan"), gate=0.9)


@pytest.fixture
def trained(population: Population) -> Run:
    return population.runs[SECOND]


def test_every_number_is_what_the_metric_says_of_the_states(population: Population, store: RunStore) -> None:
    pairs = [
        Pair(population.last(FIRST), population.last(POOLED), "trained"),
        Pair(Look(FIRST, 1), Look(SECOND, 5), "on the way", 0.4),
    ]
    rows = compare(pairs, COLUMNS, population, store)
    assert list(rows["column"]) == ["cka", "cka", "long", "long"]
    assert list(rows["part"]) == ["trained", "on the way"] * 2
    assert list(rows["x"]) == [0.0, 0.4] * 2
    for column, (at, pair) in zip([COLUMNS[0]] * 2 + [COLUMNS[1]] * 2, [*enumerate(pairs)] * 2, strict=True):
        found = rows[rows["column"] == column.name].iloc[at]
        first, other = (column.representation.of(population.runs[look.member], look.epoch) for look in pair[:2])
        assert found["dissimilarity"] == pytest.approx(column.metric(first, other), abs=1e-9)
        assert found["dissimilarity"] > 1e-3
    last = rows.iloc[1]
    assert (last["model"], last["group"], last["seed"], last["epoch"]) == ("rnn", "master", 0, 1)
    assert (last["other_model"], last["other_group"], last["other_seed"], last["other_epoch"]) == (
        "rnn",
        "master",
        1,
        5,
    )
    assert last["accuracy"] == population.accuracy(Look(FIRST, 1))
    assert last["other_accuracy"] == population.accuracy(Look(SECOND, 5))
    assert (rows["reason"] == "").all()


def test_a_pair_is_measured_once_whatever_asks_for_it(population: Population, store: RunStore) -> None:
    looks = population.last(FIRST), population.last(POOLED)
    pairs = [Pair(*looks, "trained"), Pair(*looks, "trained"), Pair(*looks, "matched accuracy", 1.0)]
    column = Column("counting", "Counting", Counting(), SEE)
    CALLS.clear()
    told: list[tuple[str, int, int]] = []
    rows = compare(pairs, [column], population, store, progress=lambda *what: told.append(what))
    assert list(rows["part"]) == ["trained", "matched accuracy"]
    assert rows["dissimilarity"].nunique() == 1
    assert len(CALLS) == 2
    assert told[-1] == ("Counting, rnn", 1, 1)
    told.clear()
    again = compare(pairs, [column], population, RunStore(store.root), progress=lambda *what: told.append(what))
    pd.testing.assert_frame_equal(again, rows)
    assert (len(CALLS), told) == (2, [])


def test_other_probe_trials_are_other_trials_of_the_same_kind(population: Population, store: RunStore) -> None:
    last = population.last(FIRST)
    pairs = [Pair(last, last, "itself"), Pair(last, last._replace(probe=1), "split half")]
    same, split = compare(pairs, COLUMNS[:1], population, store)["dissimilarity"]
    seen = [replace(SEE, seed=SEE.seed + probe).of(population.runs[FIRST], last.epoch) for probe in (0, 1)]
    assert seen[0].shape == seen[1].shape
    assert same < 1e-6 < split
    assert split == pytest.approx(CKA()(*seen), abs=1e-9)


def test_what_has_no_number_has_a_reason(population: Population, store: RunStore) -> None:
    pair = Pair(population.last(FIRST), population.last(POOLED), "trained")
    (found,) = compare([pair], [Column("unknown", "Unknown", Unknown(), SEE)], population, store).itertuples()
    assert np.isnan(found.dissimilarity)
    assert found.reason


def test_nothing_to_compare_leaves_a_table_with_the_same_columns(population: Population, store: RunStore) -> None:
    pair = Pair(population.last(FIRST), population.last(POOLED), "trained")
    empty = compare([], COLUMNS, population, store)
    assert not len(empty)
    assert list(empty) == list(compare([pair], COLUMNS, population, store))
    with pytest.raises(MissingError, match="no networks of the group master of rnn"):
        module.to_pool(empty, "cka", "rnn", "master", part="trained")


def test_controls_are_measured_on_their_own_weights(population: Population, store: RunStore) -> None:
    last, pooled = population.last(FIRST), population.last(POOLED)
    pairs = [Pair(last, pooled, "trained")]
    pairs += [Pair(last._replace(control=control), pooled, "control") for control in CONTROLS]
    rows = compare(pairs, COLUMNS[:1], population, store)
    assert list(rows["control"]) == ["", *CONTROLS]
    assert rows["dissimilarity"].nunique() == 4
    assert list(rows["accuracy"].isna()) == [False, True, True, True]
    off = SEE.of(Controlled.of(population.runs[FIRST], "no recurrence"), last.epoch)
    expected = CKA()(off, SEE.of(population.runs[POOLED], pooled.epoch))
    assert rows["dissimilarity"].iloc[1] == pytest.approx(expected, abs=1e-9)


def recurrent(run: Run) -> list[str]:
    return list(build_network(run.config, run.key).model.recurrent_parameters())


def test_without_recurrence_nothing_of_it_is_left(trained: Run) -> None:
    epoch = trained.epochs[-1]
    weights, changed = trained.weights(epoch), Controlled.of(trained, "no recurrence").weights(epoch)
    for name, value in weights.items():
        if name in recurrent(trained):
            assert torch.count_nonzero(value) > 0
            assert torch.count_nonzero(changed[name]) == 0
        else:
            assert torch.equal(changed[name], value)


def test_shuffled_recurrence_has_the_same_weights_in_another_order(trained: Run) -> None:
    epoch = trained.epochs[-1]
    weights, changed = trained.weights(epoch), Controlled.of(trained, "shuffled recurrence").weights(epoch)
    again = Controlled.of(trained, "shuffled recurrence").weights(epoch)
    assert recurrent(trained)
    for name, value in weights.items():
        assert torch.equal(changed[name], again[name])
        assert torch.equal(changed[name].flatten().sort().values, value.flatten().sort().values)
        assert torch.equal(changed[name], value) == (name not in recurrent(trained))


def test_initial_recurrence_is_that_before_any_training(trained: Run) -> None:
    epoch = trained.epochs[-1]
    weights, changed = trained.weights(epoch), Controlled.of(trained, "initial recurrence").weights(epoch)
    assert trained.before is not None
    initial = trained.before.weights(0)
    for name, value in weights.items():
        assert torch.equal(changed[name], initial[name] if name in recurrent(trained) else value)
        assert name not in recurrent(trained) or not torch.equal(value, initial[name])


def test_a_control_is_another_run_to_the_store(trained: Run) -> None:
    controls = [Controlled.of(trained, control) for control in CONTROLS]
    assert len({trained.key, *(each.key for each in controls)}) == 4
    assert controls[0].key == Controlled.of(trained, CONTROLS[0]).key
    assert controls[0].epochs == trained.epochs


def test_a_control_that_there_is_not(trained: Run) -> None:
    with pytest.raises(DynalignError, match="control=none is unknown; use one of no recurrence, shuffled"):
        Controlled.of(trained, "none").weights(0)


def rows_of(**changes: object) -> pd.DataFrame:
    networks = members(["full"], seeds=3, pool=2)
    return pd.DataFrame(to_pool(networks, lambda _, first, other: 10 * first.seed + other.seed - 1000, **changes))


def test_a_table_is_seeds_by_pool() -> None:
    shuffled = rows_of().sample(frac=1, random_state=0)
    seeds, values = module.to_pool(shuffled, "dsa", "rnn", "full", part="trained")
    assert seeds == [0, 1, 2]
    assert values.tolist() == [[0, 1], [10, 11], [20, 21]]


def test_a_table_is_of_one_place_on_the_axis() -> None:
    rows = pd.concat([rows_of(x=0.2), rows_of(x=0.1 + 0.2).assign(dissimilarity=5.0)])
    _, values = module.to_pool(rows, "dsa", "rnn", "full", part="trained", x=0.3)
    assert (values == 5.0).all()


@pytest.mark.parametrize(
    "where",
    [("cka", "gru", "full", "trained"), ("other", "rnn", "full", "trained"), ("dsa", "rnn", "full", "control")],
)
def test_a_table_that_there_is_not(where: tuple[str, str, str, str]) -> None:
    column, model, group, part = where
    with pytest.raises(MissingError, match=f"no networks of the group {group} of {model}"):
        module.to_pool(rows_of(), column, model, group, part=part)


def test_a_table_with_a_hole_is_missing_with_its_reason() -> None:
    rows = rows_of()
    rows.loc[2, ["dissimilarity", "reason"]] = [np.nan, "it has diverged."]
    with pytest.raises(MissingError, match=r"^it has diverged$"):
        module.to_pool(rows, "dsa", "rnn", "full", part="trained")
    with pytest.raises(MissingError, match="not every network of full was compared with the whole pool"):
        module.to_pool(rows_of().drop(index=2), "dsa", "rnn", "full", part="trained")


def test_masters_of_other_models_are_no_pool() -> None:
    foreign = row("dsa", Member("rnn", "full", 0), Member("gru", POOL, 1000), 9.0)
    rows = pd.concat([rows_of(), pd.DataFrame([foreign])])
    assert module.to_pool(rows, "dsa", "rnn", "full", part="trained").values.shape == (3, 2)
