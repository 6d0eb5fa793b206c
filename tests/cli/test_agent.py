"""W&B's agent on `train.py`: the example of a sweep, typed as the agent would type it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.tiny import DSA, TINY
from tests.command import ROOT, run
from tests.wandb_file import read_run
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from dynalign.cli import CONF
from dynalign.cli.check import check_command_line

SWEEP = yaml.safe_load((CONF / "wandb" / "sweep.yaml").read_text())


def trial(place: int) -> dict[str, Any]:
    """Return a value of every parameter, the first or the last of those that there are."""
    return {
        name: {"value": about["values"][place] if "values" in about else about[("min", "max")[place]]}
        for name, about in SWEEP["parameters"].items()
    }


def typed(parameters: dict[str, Any]) -> list[str]:
    """Return the agent's command line, its macros replaced as the agent does."""
    known = {
        **create_sweep_command_args({"args": parameters}),
        "env": ["/usr/bin/env"], "interpreter": ["python"], "program": [SWEEP["program"]],
    }  # fmt: skip
    words: list[str] = []
    for word in SWEEP["command"]:
        words += known[word[2:-1]] if word.startswith("${") else [word]
    return words


@pytest.mark.parametrize("place", [0, -1])
def test_what_the_agent_types_is_a_command(place: int) -> None:
    env, interpreter, program, *arguments = typed(trial(place))
    assert [env, interpreter, program] == ["/usr/bin/env", "python", "train.py"]
    assert (ROOT / program).is_file()
    assert check_command_line(arguments, CONF, "train").arguments == arguments
    assert len(arguments) == 4


@pytest.mark.slow
def test_a_trial_is_the_agents_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = trial(0)
    settings = tmp_path / "config.yaml"  # as the agent writes it
    settings.write_text(
        "wandb_version: 1\n" + "".join(f"{key}:\n  value: {each['value']}\n" for key, each in parameters.items())
    )
    for name, value in (("SWEEP_ID", "thesweep"), ("RUN_ID", "thetrial"), ("SWEEP_PARAM_PATH", str(settings))):
        monkeypatch.setenv(f"WANDB_{name}", value)
    ran = run("train.py", tmp_path / "store", tmp_path / "run", *typed(parameters)[3:], *TINY, *DSA)
    assert ran.code == 0, ran.output
    logged = read_run(ran.folder)
    assert (logged.id, logged.sweep, logged.exit_code) == ("thetrial", "thesweep", 0)
    assert SWEEP["metric"]["name"] in logged.summary
    assert {"final/dissimilarity/cka", "final/dissimilarity/procrustes"} <= set(logged.summary)
    assert {name: logged.config[name] for name in ("model", "noise", "seed")} == {"model": "rnn", "noise": 0, "seed": 0}
