"""How much there is to train, before it is trained."""

from __future__ import annotations

from pathlib import Path

from tests.runs import run_of, spec_of

from dynalign.store import RunStore
from dynalign.training import cost


def test_phases_count_once_and_those_in_the_store_not_at_all(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    specs = [
        spec_of(pretrain=("basic", "anti"), train=("delay_anti",)),
        spec_of(pretrain=("basic", "anti"), train=("delay",)),
        spec_of(train=()),
    ]
    # Their targets differ, and with them their pretrainings.
    found = cost(specs, store)
    assert (found.trainings, found.missing, found.seconds) == (5, 5, None)
    assert found.batches == 2 * (3 * 2 * 2 + 3 * 2)  # epochs x batches x rules; the untrained network takes none
    run_of(store, pretrain=("basic", "anti"), train=("delay_anti",))
    after = cost(specs, store)
    assert (after.trainings, after.missing, after.batches) == (5, 3, 18)
    assert after.seconds is not None
    assert after.seconds > 0
    assert cost([specs[0]], store).missing == 0
