"""What sets a job's config apart from the defaults, read off the configs themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from dynalign.cli.schema import completed, join
from dynalign.identity import spelt


class Factors(NamedTuple):
    """Every factor of a job by its config path, a group by what was chosen; and those that are not the defaults."""

    all: dict[str, Any]
    told: list[str]


def factors_of(config: DictConfig, plain: Mapping[str, Any], settings: Any, without: Collection[str]) -> Factors:
    """Return the factors of a job.

    A value counts as told where the config differs from one with the same choices and nothing else; a choice, where it
    differs from the default choice. Values that only follow another one do not count: ``perturbation.std`` is
    ``${noise}``.

    Parameters
    ----------
    config : DictConfig
        As composed, with its references.
    plain : mapping
        The same, completed.
    settings : DictConfig
        Hydra's own config of the job.
    without : collection of str
        Parts of the config that set no run apart.
    """
    name = str(settings.job.config_name)
    search = _search_path(settings)
    choices, usual = _choices(config, settings), _like(name, search, []).choices
    alike = _like(name, search, _overrides(choices))
    mine, theirs = (_flat(each, without) for each in (plain, alike.plain))
    follows, followed = _references(config), alike.references
    values = {key: value for key, value in mine.items() if not (key in follows and follows[key] == followed.get(key))}
    told = [group for group, choice in choices.items() if spelt(choice) != spelt(usual.get(group))]
    told += [key for key, value in values.items() if key not in theirs or spelt(value) != spelt(theirs[key])]
    told += [key for key in theirs if key not in mine and key not in follows]
    gone = {key: None for key in told if key not in choices and key not in values}
    kept = {group: choice for group, choice in choices.items() if group not in without}
    everything = {**kept, **gone, **values}
    order = sorted(everything, key=lambda key: (key not in kept, "." in key))  # choices, plain values, the rest
    return Factors({key: everything[key] for key in order}, [key for key in order if key in told])


class _Like(NamedTuple):
    """What is asked of a config that many jobs of a sweep are compared with."""

    choices: dict[str, Any]
    plain: dict[str, Any]
    references: dict[str, str]


_known: WeakKeyDictionary[Any, dict[tuple[str, ...], _Like]] = WeakKeyDictionary()
"""By Hydra's loader, of which every start of it makes a new one: to compose takes a quarter of a second."""


def _like(name: str, search: list[str], words: list[str]) -> _Like:
    known = _known.setdefault(GlobalHydra.instance().config_loader(), {})
    asked = (name, *search, *words)
    if asked not in known:
        config = compose(name, overrides=[*search, *words], return_hydra_config=True)
        bare = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        known[asked] = _Like(_choices(config, config.hydra), completed(bare, {}), _references(config))
    return known[asked]


def _search_path(settings: Any) -> list[str]:
    """Return an override for the folders that were added to Hydra's search path, whichever way."""
    paths = []
    for source in settings.runtime.config_sources:
        if source.provider not in ("hydra", "main", "schema"):
            path = str(source.path)
            paths.append(path if "://" in path else f"{source.schema}://{path}")
    return [f"hydra.searchpath=[{','.join(paths)}]"] if paths else []


def _choices(config: DictConfig, settings: Any) -> dict[str, Any]:
    """Return what was chosen in every group; a list of names where several were, in alphabetical order."""
    single = {
        str(group): choice
        for group, choice in settings.runtime.choices.items()
        if not str(group).startswith("hydra/") and "@" not in str(group)
    }
    groups = GlobalHydra.instance().config_loader().list_groups("")
    several = {
        str(group): sorted(str(name) for name in config[group])
        for group in config
        if group in groups and group not in single and group != "hydra"
    }
    return {**single, **several}


def _overrides(choices: Mapping[str, Any]) -> list[str]:
    """Return overrides that make the same choices; what has no file of its own is left out."""
    loader = GlobalHydra.instance().config_loader()
    words = []
    for group, choice in choices.items():
        if isinstance(choice, list):
            offered = loader.get_group_options(group)
            words.append(f"{group}=[{','.join(name for name in choice if name in offered)}]")
        elif choice is not None:
            words.append(f"{group}={choice}")
    return words


def _flat(plain: Mapping[str, Any], without: Collection[str], path: str = "") -> dict[str, Any]:
    """Return every value of a config by its path; parts named in ``without`` are left out."""
    found: dict[str, Any] = {}
    for key, value in plain.items():
        name = join(path, key)
        if name in without:
            continue
        if isinstance(value, Mapping) and value:
            found |= _flat(value, without, name)
        else:
            found[name] = value
    return found


def _references(config: DictConfig) -> dict[str, str]:
    """Return the values that refer to others, as they are written, by their paths."""
    return dict(_walk(OmegaConf.to_container(config, resolve=False), ""))


def _walk(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "hydra":
                yield from _walk(value, join(path, key))
    elif isinstance(node, str) and "${" in node:
        yield path, node


def aliases_of(config: DictConfig) -> dict[str, str]:
    """Return the config paths that are nothing but another one's value, such as ``perturbation.std`` for ``noise``."""
    return {
        path: text[2:-1]
        for path, text in _references(config).items()
        if text.startswith("${") and text.endswith("}") and ":" not in text and text.count("${") == 1
    }
