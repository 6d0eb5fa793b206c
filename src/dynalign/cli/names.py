"""Launchers and sweepers of ours that are called as those of Hydra's plugins."""

from __future__ import annotations

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from dynalign.cli import CONF

_IN_TURN = "hydra_plugins.dynalign_launcher.InTurn"


def prefer_own() -> None:
    """Let a config of ours stand for that of a plugin of the same name, which is called ``<name>_plugin`` from now on.

    Hydra takes a config that a plugin registers for the schema of a file of that name, and refuses the file. So a
    file of ours can extend it, or do without. Its own launcher has a config that it registers, and no other has that
    name without a warning; so this one is changed.
    """
    Plugins.instance()  # looks for plugins, which register their configs then
    repository = ConfigStore.instance().repo
    for group in ("launcher", "sweeper"):
        registered = repository.get("hydra", {}).get(group, {})
        for path in (CONF / "hydra" / group).glob("*.yaml"):
            if path.name in registered:
                registered[f"{path.stem}_plugin.yaml"] = registered.pop(path.name)
    repository["hydra"]["launcher"]["basic.yaml"].node._target_ = _IN_TURN
