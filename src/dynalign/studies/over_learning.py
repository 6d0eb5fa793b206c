"""How far has a network moved? Every checkpoint of a run against a reference, from the store where possible."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dynalign.metrics import Metric
from dynalign.representations import Representation, States
from dynalign.store import RunStore, read_json, write_json
from dynalign.training import DissimilarityTracker, DissimilarityWarning, Record, Run


def measure_over_learning(
    run: Run,
    metrics: Sequence[Metric],
    *,
    reference: str | States,
    representation: Representation,
    store: RunStore,
    name: Mapping[str, Mapping[str, Any]],
    records: Sequence[Record] | None = None,
) -> list[Record]:
    """Return the records of a run, one per checkpoint and metric.

    Parameters
    ----------
    name : mapping of metric name to everything that determines the measurement
        What it is found by in the store.
    records : sequence of Record, optional
        What training has measured already; it goes into the store instead of being measured again.
    """
    found: list[Record] = []
    missing: list[Metric] = []
    for metric in metrics:
        if records is not None:
            mine = [record for record in records if record.metric == metric.name]
            write_json(store.measurement(name[metric.name]), [asdict(record) for record in mine])
            found += mine
            continue
        content = read_json(store.measurement(name[metric.name]))
        if content is None:
            missing.append(metric)
        else:
            found += [Record(**record) for record in content]
    if missing:
        tracker = DissimilarityTracker(
            missing, reference=reference, components=representation.components, basis=representation.basis
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DissimilarityWarning)  # the reason stands in the record
            for epoch in run.epochs:
                tracker.add(epoch, run.states(epoch, representation))
            new = tracker.finish()
        for metric in missing:
            mine = [record for record in new if record.metric == metric.name]
            write_json(store.measurement(name[metric.name]), [asdict(record) for record in mine])
        found += new
    order = {metric.name: place for place, metric in enumerate(metrics)}
    return sorted(found, key=lambda record: (record.epoch, order[record.metric]))
