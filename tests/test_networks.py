"""A network is rebuilt from data alone, and runs the same at every call."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.runs import spec_of

from dynalign.errors import DynalignError
from dynalign.identity import target_of
from dynalign.models import LeakyRNN
from dynalign.networks import build_network
from dynalign.perturbations import InputNoise, RecurrentNoise


class Mine(LeakyRNN):
    """A model of somebody else's."""


@pytest.mark.parametrize("part", ["task", "model", "perturbation"])
@pytest.mark.parametrize("target", ["os.system", "builtins.exec", "subprocess.Popen", None, "", 3])
def test_a_config_names_no_code_to_run(part: str, target: object, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    config = copy.deepcopy(dict(spec_of().config))
    config[part] = {"_target_": target, "command": f"touch {trace}"}
    with pytest.raises(DynalignError, match=r"which dynalign does not have; import that class and pass it in classes"):
        build_network(config, "0" * 16)
    assert not trace.exists()


def test_classes_from_elsewhere_have_to_be_named() -> None:
    config = copy.deepcopy(dict(spec_of().config))
    config["model"]["_target_"] = target_of(Mine)
    with pytest.raises(DynalignError, match="Mine"):
        build_network(config, "0" * 16)
    assert type(build_network(config, "0" * 16, classes=[Mine]).model) is Mine


def test_recorded_states_are_the_same_at_every_call() -> None:
    config = copy.deepcopy(dict(spec_of().config))
    config["perturbation"] = {"_target_": target_of(RecurrentNoise), "std": 0.3}
    network = build_network(config, "0" * 16)
    inputs = torch.ones(4, 10, network.task.n_inputs)
    first = network.record(inputs)
    torch.rand(3)
    np.testing.assert_array_equal(first, network.record(inputs))
    assert first.shape == (4, 10, 8)
    quiet = build_network({**config, "perturbation": None}, "0" * 16).record(inputs)
    assert np.abs(first - quiet).max() > 0.05


def test_noise_depends_on_the_seed() -> None:
    config = copy.deepcopy(dict(spec_of().config))
    config["perturbation"] = {"_target_": target_of(RecurrentNoise), "std": 0.3}
    network = build_network(config, "0" * 16)
    inputs = torch.ones(4, 10, network.task.n_inputs)
    outputs = [network.run(inputs, seed, states=False).logits for seed in ((1, 2), (1, 2), (12,), (2, 1))]
    assert torch.equal(outputs[0], outputs[1])
    for other in outputs[2:]:
        assert not torch.equal(outputs[0], other)


def test_seen_inputs_are_those_that_the_states_come_of() -> None:
    config = copy.deepcopy(dict(spec_of().config))
    config["perturbation"] = {"_target_": target_of(InputNoise), "std": 0.5}
    noisy = build_network(config, "0" * 16)
    inputs = torch.randn(3, 9, noisy.task.n_inputs, generator=torch.Generator().manual_seed(0))
    seen = noisy.seen_inputs(inputs)
    assert np.abs(seen - inputs.numpy()).max() > 0.5
    still = build_network({**config, "perturbation": None}, "0" * 16)
    np.testing.assert_array_equal(still.record(torch.from_numpy(seen)), noisy.record(inputs))
    np.testing.assert_array_equal(still.seen_inputs(inputs), inputs)
