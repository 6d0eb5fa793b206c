"""Check what was typed on the command line before Hydra composes anything, so that a slip gets one clear sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf

from dynalign.cli.schema import join, suggestion
from dynalign.errors import DynalignError


def check_overrides(arguments: Sequence[str], conf: Path, config_name: str) -> None:
    """Check every ``key=value`` and ``group=name`` among the arguments.

    Raises
    ------
    DynalignError
        If a group has no such choice, or there is no such key; names the nearest spelling.
    """
    typed = [argument for argument in arguments if "=" in argument and not argument.startswith("-")]
    try:
        overrides = OverridesParser.create().parse_overrides(typed)
    except HydraException as error:
        raise DynalignError(f"Could not read the command line: {str(error).splitlines()[0]}.") from error
    groups = {path.name for path in conf.iterdir() if path.is_dir()}
    own = _groups(conf / f"{config_name}.yaml")
    chosen = []
    for override in overrides:
        if override.key_or_group in groups - own and not override.is_add():
            raise DynalignError(
                f"{override.key_or_group} is no choice of {config_name}.py; {suggestion(override.key_or_group, own)}"
            )
        if override.key_or_group in groups and override.value_type is not ValueType.GLOB_CHOICE_SWEEP:
            for choice in _choices(override):
                available = sorted(path.stem for path in (conf / override.key_or_group).glob("*.yaml"))
                if choice not in available:
                    raise DynalignError(
                        f"{override.key_or_group}={choice} is unknown; {suggestion(choice, available)} "
                        f"Available: {', '.join(available)} (conf/{override.key_or_group}/)."
                    )
            chosen.append(_first(override))
    try:
        with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
            config = compose(config_name, overrides=chosen)
    except MissingConfigException as error:
        if "hydra/sweeper/optuna" in str(error):
            raise DynalignError(
                "hydra/sweeper=optuna needs a plugin; pip install 'dynalign[optuna]' brings it."
            ) from error
        raise
    known = set(_keys(config, ""))
    for override in overrides:
        key = override.key_or_group
        plain = not (override.is_add() or override.is_delete() or key.startswith("hydra") or key in groups)
        if plain and "@" not in key and key not in known:
            raise DynalignError(f"There is no setting {key} in conf/{config_name}.yaml; {suggestion(key, known)}")


def _groups(primary: Path) -> set[str]:
    """Return the config groups in the defaults list of a primary config."""
    entries = [entry for entry in OmegaConf.load(primary).defaults if isinstance(entry, DictConfig)]
    return {str(key) for entry in entries for key in entry if not str(key).startswith("override ")}


def _choices(override: Override) -> list[str]:
    """Return the names that an override of a group may choose, those of a sweep all together."""
    if override.is_delete():
        return []
    if override.is_sweep_override():
        values: list[object] = list(override.sweep_iterator())
    else:
        values = [override.value()]
    names: list[str] = []
    for value in values:
        names += [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return [name.strip("'\"[] ") for joined in names for name in joined.split(",") if name != "None"]


def _first(override: Override) -> str:
    """Return the override with the first choice of its sweep."""
    if override.is_sweep_override():
        return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
    assert override.input_line is not None
    return override.input_line


def _keys(config: DictConfig, path: str) -> Iterator[str]:
    for key in config:
        name = join(path, key)
        yield name
        if not OmegaConf.is_missing(config, key) and isinstance(config._get_node(key), DictConfig):
            yield from _keys(config[key], name)
