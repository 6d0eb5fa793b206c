"""The truth about networks: it knows networks whose dynamics are written down by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.runs import run_of

from dynalign.errors import DynalignError
from dynalign.metrics import DSA
from dynalign.store import RunStore
from dynalign.studies import JacobianSpectrum, Member, Population, SpectralDistance, fixed_point_table
from dynalign.studies.truth import _different


def test_spectra_are_compared_as_sets_in_the_plane() -> None:
    metric = SpectralDistance()
    first = np.array([[0.5, 0.5], [0.5, -0.5], [0.9, 0.0]])
    shifted = first + np.array([0.3, 0.4])
    assert metric(first[None], first[None, ::-1]) == pytest.approx(0, abs=1e-12)
    assert metric(first[None], shifted[None]) == pytest.approx(0.5)
    with pytest.raises(DynalignError, match="no spectrum of shape"):
        metric(np.zeros((4, 10, 3)), first[None])


def test_the_spectrum_is_that_of_the_networks_equations(tmp_path: Path) -> None:
    run = run_of(RunStore(tmp_path))
    weights = run.weights(run.epochs[-1])
    weights["recurrent.weight"] = torch.zeros_like(weights["recurrent.weight"])
    torch.save(weights, next(tmp_path.glob(f"{run.key}/weights/epoch-{run.epochs[-1]:04d}.pt")))
    found = JacobianSpectrum(rule="basic").of(run, run.epochs[-1])
    assert found.shape == (1, 8, 2)
    np.testing.assert_allclose(found[0, :, 0], np.exp(-20 / 100))  # the leak is all that is left
    np.testing.assert_allclose(found[0, :, 1], 0)


def test_metrics_of_states_are_refused(tmp_path: Path) -> None:
    task = run_of  # not looked at
    with pytest.raises(DynalignError, match="DSA compares states"):
        JacobianSpectrum().check_metrics([DSA()], task, 8)
    JacobianSpectrum().check_metrics([SpectralDistance()], task, 8)


def test_fixed_points_of_every_network_and_found_again(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    members = [Member("rnn", "master", seed) for seed in (0, 1)]
    runs = {member: run_of(store, seed=member.seed, train=("delay",)) for member in members}
    for member, run in runs.items():  # a leak without recurrence rests where its input holds it
        weights = run.weights(run.epochs[-1])
        weights["recurrent.weight"] = torch.zeros_like(weights["recurrent.weight"])
        torch.save(weights, run.folder / "weights" / f"epoch-{run.epochs[-1]:04d}.pt")
        assert member.model == "rnn"
    population = Population(runs, {}, 0.99, 0.95)
    seen = []
    table = fixed_point_table(population, members, store, progress=lambda *event: seen.append(event))
    assert table[["stable", "unstable", "slow"]].to_numpy().tolist() == [[1, 0, 0]] * 2
    np.testing.assert_allclose(table["time_constant"].astype(float), 100.0, rtol=1e-6)  # ms, that of the units
    assert (table["reason"] == "").all()
    assert seen[-1] == ("fixed points", 2, 2)
    again = fixed_point_table(population, members, store)
    assert again.to_dict() == table.to_dict()


def test_what_is_nearly_the_same_input_counts_once() -> None:
    inputs = [np.array([1.0, 0.0]), np.array([1.0, 1e-9]), np.array([0.0, 1.0])]
    assert len(_different(inputs)) == 2
