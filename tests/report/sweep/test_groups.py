from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dynalign.report import first_of_groups, pairwise_matrix
from dynalign.report.sweep.groups import (
    between_seeds,
    group_matrix,
    groups,
    mean,
    mean_between,
    mean_within,
    seeded,
)


def test_seeds_alone_make_a_group(study):
    data = study(seeds=3)
    found = groups(data["runs"], data["factors"])
    assert [group.name for group in found] == ["rnn noise=0", "rnn noise=0.1", "mamba noise=0", "mamba noise=0.1"]
    assert found[1].levels == {"model": "rnn", "noise": "0.1"}
    assert list(found[1].runs) == [f"rnn noise=0.1 seed={seed}" for seed in range(3)]
    assert seeded(found)
    once = study()
    assert not seeded(groups(once["runs"], once["factors"]))


def test_without_other_factors_there_is_one_group(study):
    data = study(models=("rnn",), noises=(0.0,), seeds=2)
    (group,) = groups(data["runs"], data["factors"])
    assert (group.name, len(group.runs)) == ("all networks", 2)


def test_a_mean_has_students_interval():
    values = np.array([0.1, 0.4, 0.3, 0.25])
    found = mean([*values, math.nan])
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert found == pytest.approx((values.mean(), *expected))


def test_few_values_have_no_interval():
    assert mean([0.5])[0] == mean([0.4, 0.6])[0] == pytest.approx(0.5)
    assert all(math.isnan(end) for end in (*mean([0.5])[1:], *mean([0.4, 0.6])[1:], *mean([])))


def test_intervals_of_pairs_are_the_jackknifes():
    """For a mean over a table, leaving out a row is what the variance of the rows' means says."""
    rng = np.random.default_rng(0)
    effects = rng.normal(size=5)
    block = np.tile(effects[:, None], (1, 4))  # columns do not differ: a mean of five numbers
    found = mean_between(block)
    reach = stats.t.ppf(0.975, 3) * stats.sem(effects)
    assert found == pytest.approx((effects.mean(), effects.mean() - reach, effects.mean() + reach))
    sums = effects[:, None] + effects  # of a pair, the sum of two numbers: twice their mean
    within = mean_within(sums)
    reach = stats.t.ppf(0.975, 4) * 2 * stats.sem(effects)
    assert within == pytest.approx((2 * effects.mean(), 2 * effects.mean() - reach, 2 * effects.mean() + reach))


def test_a_matrix_of_groups_holds_means_of_different_networks(study):
    data = study(seeds=3)
    found = groups(data["runs"], data["factors"])
    names, matrix = pairwise_matrix(data["table"], "DSA")
    means = group_matrix(data["table"], "DSA", found)
    assert list(means.names) == [group.name for group in found]
    first, second = ([names.index(run) for run in group.runs] for group in found[:2])
    assert means.values[0, 1] == pytest.approx(matrix[np.ix_(first, second)].mean())
    own = matrix[np.ix_(first, first)][np.triu_indices(3, 1)]
    assert means.values[0, 0] == pytest.approx(own.mean())
    assert means.counts[0].tolist() == [3, 9, 9, 9]
    assert (means.low <= means.values).all()
    assert (means.values <= means.high).all()
    assert between_seeds(data["table"], "DSA", found).value == pytest.approx(np.diag(means.values).mean())


def test_one_seed_has_no_distance_between_seeds(study):
    data = study()
    assert math.isnan(between_seeds(data["table"], "DSA", groups(data["runs"], data["factors"])).value)


def test_a_few_networks_are_of_as_many_groups_as_there_are(study):
    data = study(seeds=3)
    chosen = first_of_groups(data["runs"], data["factors"], 5)
    assert [run for run in chosen if run.endswith("seed=0")] == [f"{m} noise={n} seed=0" for m in ("rnn", "mamba") for n in ("0", "0.1")]  # fmt: skip # noqa: E501
    assert len(chosen) == 5
    assert first_of_groups(data["runs"], data["factors"], 99) == data["runs"]["run"].tolist()
    assert first_of_groups(pd.DataFrame(), [], 5) == []
