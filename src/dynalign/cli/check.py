"""Check what was typed before Hydra composes anything, so that a slip gets one clear sentence and nothing trains."""

from __future__ import annotations

import copy
import inspect
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dynalign.cli.names import prefer_own
from dynalign.cli.schema import TARGET, join
from dynalign.cli.signatures import settings_of
from dynalign.cli.top import check_top
from dynalign.engines import engine_of
from dynalign.errors import DynalignError, nearest, suggestion
from dynalign.identity import locate, trust

_PLUGINS = {
    "hydra/sweeper/optuna_plugin": "hydra/sweeper=optuna needs the package hydra-optuna-sweeper; "
    "pip install 'dynalign[optuna]' brings it.",
}
_OPTIONAL = {"logger": "none", "callbacks": None, "experiment": None, "search": None}
"""Groups that may be switched off with null, and what stands for that."""
_SEVERAL = ("metric", "logger", "callbacks", "testcase", "study")
"""Groups from which several may be chosen, each file of which says ``# @package group.name``."""
_MOST = 64  # combinations of choices that are all composed beforehand


@dataclass(frozen=True)
class Typed:
    """What was typed, checked.

    Attributes
    ----------
    arguments : list of str
        What Hydra is to be given.
    expected : list of list of str, optional
        The overrides of every job of a sweep, where the sweeper is Hydra's own.
    dry : bool
        Whether it is only to be told what would be done; ``expected`` then holds the one job of a single run, too.
    folder : Path
        Where the configs are.
    name : str
        Of the primary one.
    path : list of str
        An override for the folders beside ``folder``.
    asks : bool
        Whether only something is to be told, such as what can be typed.
    composed : bool
        Whether every combination of choices was composed, so that every job can be.
    """

    arguments: list[str]
    expected: list[list[str]] | None
    dry: bool = False
    folder: Path = Path()
    name: str = ""
    path: Sequence[str] = ()
    asks: bool = False
    composed: bool = False


def check_command_line(arguments: Sequence[str], conf: Path, config_name: str) -> Typed:
    """Check every ``key=value`` and ``group=name`` among the arguments, in every combination that they ask for.

    Choices are what Hydra's search path offers, ``--config-dir`` and ``hydra.searchpath`` included.

    Raises
    ------
    DynalignError
        If a group has no such choice, there is no such key with the choices made, or a sweep is asked for without -m.
    """
    options = get_args_parser().parse_intermixed_args(list(arguments))
    flags = list(arguments)
    for word in options.overrides:
        flags.remove(word)
    words = _switched_off(list(options.overrides))
    modes = [name for name in ("run", "multirun", "cfg", "info", "shell_completion") if getattr(options, name)]
    if len(modes) > 1:
        raise DynalignError(f"--{' and --'.join(modes)} exclude each other; type one of them.")
    if options.help or options.hydra_help or options.info or options.shell_completion:
        return Typed([*flags, *words], None, asks=True)  # Hydra wants flags first
    if options.config_dir is not None and not Path(options.config_dir).is_dir():
        raise DynalignError(f"--config-dir={options.config_dir} is no folder.")
    base = Path(options.config_path) if options.config_path else conf
    name = options.config_name or config_name
    extra = [] if options.config_dir is None else [str(Path(options.config_dir).resolve())]
    prefer_own()
    with initialize_config_dir(str(base.resolve()), version_base="1.3"):
        check = _Check(name, config_name, _parse([word for word in words if word]), extra, multirun=options.multirun)
        expected = check.run()
        arguments = [*flags, *(check.rewritten.get(word, word) for word in words)]
        folder = base.resolve()
        return Typed(arguments, expected, check.dry, folder, name, check.path, composed=check.composed)


class _Check:
    def __init__(
        self, name: str, command: str, overrides: Sequence[Override], folders: Sequence[str], *, multirun: bool
    ) -> None:
        self.name, self.command, self.multirun = name, command, multirun
        self.overrides = [each for each in overrides if each.key_or_group != "hydra.searchpath"]
        paths = [f"file://{folder}" for folder in folders]
        for each in overrides:
            if each.key_or_group == "hydra.searchpath":
                value = each.value()
                paths += [str(path) for path in (value if isinstance(value, list) else [value])]
        self.path = [f"hydra.searchpath=[{','.join(paths)}]"] if paths else []
        loader = GlobalHydra.instance().config_loader()
        self.groups = set(loader.list_groups("")) | {"hydra/launcher", "hydra/sweeper"}
        self.own = self._own_groups()
        self.rewritten: dict[str, str] = {}
        """What was typed by what Hydra is to be given instead."""
        self.dry = self.composed = False

    def run(self) -> list[list[str]] | None:
        choices = [each for each in self.overrides if self._is_choice(each)]
        values = [each for each in self.overrides if not self._is_choice(each)]
        self._check_groups(choices)
        mode = next((each.value() for each in self.overrides if each.key_or_group == "hydra.mode"), None)
        sweeping = self.multirun or str(mode).endswith("MULTIRUN")
        if not sweeping:
            for each in self.overrides:
                if each.is_sweep_override():
                    raise DynalignError(f"{each.input_line} asks for several jobs; type -m before it to sweep.")
        combinations = _combinations(choices)
        self.composed = combinations is not None
        composed = [(words, self._compose(words)) for words in combinations or _each_once(choices)]
        if sweeping:
            self._check_in_time(choices, composed)
        for _, config in composed:
            _check_packages(config)
            _check_launcher(config)
            _trust(config)
        known = [set(_keys(config, "")) for _, config in composed]
        values = [self._checked(override, composed, known) for override in values]
        self.overrides = [*choices, *values]
        for words, _ in composed:
            config = self._compose([*words, *(_first(each) for each in values)])
            check_top(config)
            _trust(config)
        for override in values:
            key = override.key_or_group
            if override.is_discrete_sweep() and "." not in key and key in config:
                _check_values(config, key, _values(override))
        self.dry = _is_dry(config)
        sweeper = str(OmegaConf.select(config, "hydra.sweeper._target_", default=""))
        basic = sweeper.endswith("BasicSweeper")
        if not basic and not sweeping:
            raise DynalignError("A search asks for several jobs; type -m before it.")
        if not basic and "objective" in config and self.command == "train" and config.objective is None:
            raise DynalignError(
                f"The sweeper {sweeper.rsplit('.', 1)[-1]} needs to know what to optimise; type objective=accuracy, or "
                "objective=dissimilarity/dsa."
            )
        if self.dry and not sweeping:
            return [[str(each.input_line) for each in self.overrides if not each.key_or_group.startswith("hydra.")]]
        if not sweeping or not basic:
            return None
        batches: list[list[list[str]]] = BasicSweeper.split_arguments([*_params(config), *self.overrides], None)
        return [[word for word in job if not word.startswith("hydra.")] for job in batches[0]]

    def _is_choice(self, override: Override) -> bool:
        return override.key_or_group in self.groups

    def _own_groups(self) -> set[str]:
        config = self._compose([])
        self.usual = dict(config.hydra.runtime.choices)
        taken = {str(key) for key in config.hydra.runtime.choices if not str(key).startswith("hydra/")}
        defaults = OmegaConf.to_container(config, resolve=False)
        assert isinstance(defaults, dict)
        return taken | (self.groups & set(defaults)) - {"hydra"}

    def _check_in_time(self, choices: Sequence[Override], composed: Sequence[tuple[list[str], DictConfig]]) -> None:
        """Refuse how to run a sweep where a file says it that is one of those swept over: Hydra reads it too late."""
        groups = ("hydra/launcher", "hydra/sweeper")
        if all(config.hydra.runtime.choices[group] == self.usual[group] for _, config in composed for group in groups):
            return
        first = self._compose([word for each in choices if not each.is_sweep_override() for word in _words(each)])
        for words, config in composed:
            for group in groups:
                chosen = config.hydra.runtime.choices[group]
                if chosen != first.hydra.runtime.choices[group]:
                    raise DynalignError(
                        f"A file of {' '.join(words)} chooses {group}={chosen}, too late for a sweep over such files; "
                        f"type {group}={chosen}."
                    )

    def _check_groups(self, choices: Sequence[Override]) -> None:
        for each in choices:
            group = each.key_or_group
            if group not in self.own and not group.startswith("hydra/") and not each.is_add():
                raise DynalignError(f"{group} is no choice of {self.command}; {suggestion(group, self.own)}")
            offered = GlobalHydra.instance().config_loader().get_group_options(group)
            if each.is_delete() and group in self.own - {*_SEVERAL, *_OPTIONAL}:
                raise DynalignError(f"{self.command} needs a {group}; there is {', '.join(offered)}.")
            for value in [] if each.is_delete() else _values(each):
                if isinstance(value, list) and group not in _SEVERAL:
                    raise DynalignError(f"{group} takes one name, not a list; there is {', '.join(offered)}.")
                if not isinstance(value, str | list):
                    shown = "null" if value is None else str(value).lower()
                    raise DynalignError(f"{group}={shown} is no choice; there is {', '.join(offered)}.")

    def _checked(
        self, override: Override, composed: Sequence[tuple[list[str], DictConfig]], known: Sequence[set[str]]
    ) -> Override:
        """Return an override of a value as Hydra is to be given it, if there is such a value with the choices made."""
        key = override.key_or_group
        if key.startswith("hydra") or "@" in key:
            return override
        top = "." not in key
        if override.is_delete() and top and any(key in keys for keys in known):
            raise DynalignError(f"{self.name}.yaml needs {key}; it cannot be deleted.")
        if (override.is_add() or override.is_force_add()) and not (top and all(key not in keys for keys in known)):
            return override
        lacking = [config for (_, config), keys in zip(composed, known, strict=True) if key not in keys]
        if not lacking:
            return override
        if all(_is_setting(key, config) for config in lacking):
            # It has a default, which its file leaves out; Hydra wants to be told that it is to be added.
            assert override.input_line is not None
            self.rewritten[override.input_line] = f"++{override.input_line}"
            return _parse_one(f"++{override.input_line}")
        for (words, _), keys in zip(composed, known, strict=True):
            if key not in keys and any(key in other for other in known):
                having = next(
                    " ".join(others) for (others, _), other in zip(composed, known, strict=True) if key in other
                )
                raise DynalignError(
                    f"There is no setting {key} with {' '.join(words)}, only with {having}; sweep them apart."
                )
        names = {name for name in known[0] if not name.startswith("hydra") and not name.endswith(TARGET)}
        parent = key.rpartition(".")[0]
        beside = {name for name in names if name.rpartition(".")[0] == parent}
        raise DynalignError(f"There is no setting {key} in {self.name}.yaml; {suggestion(key, names, beside or names)}")

    def _compose(self, words: Sequence[str]) -> DictConfig:
        try:
            return compose(self.name, overrides=[*self.path, *words], return_hydra_config=True)
        except MissingConfigException as error:
            raise DynalignError(_missing(error)) from error
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            said = str(error.__cause__ or error).strip() or str(error)
            raise DynalignError(f"{' '.join(words) or self.name}: {said.splitlines()[0].rstrip('.')}.") from error


def _check_values(config: DictConfig, key: str, values: Sequence[Any]) -> None:
    """Check each value of a sweep in its place; to compose all of them would take a quarter of a second each."""
    changed = copy.deepcopy(config)
    OmegaConf.set_struct(changed, False)
    for value in values:
        changed[key] = value
        check_top(changed)


def _check_packages(config: DictConfig) -> None:
    """Refuse a file that does not say where it stands among several of its group: it would hide the others."""
    for group in _SEVERAL:
        if group in config and isinstance(config[group], DictConfig) and TARGET in config[group]:
            raise DynalignError(
                f"A file that was chosen for {group} does not begin with the line '# @package {group}.<its name>', "
                f"without which several of {group} cannot stand side by side."
            )


def _is_dry(config: DictConfig) -> bool:
    dry = config.get("dry_run", False)
    if not isinstance(dry, bool):
        raise DynalignError(f"dry_run={dry} must be true or false.")
    return dry


def _check_launcher(config: DictConfig) -> None:
    """Refuse a launcher whose package is not installed, or that has no such settings."""
    settings = OmegaConf.select(config, "hydra.launcher")
    if settings is not None and "engine" in settings:
        try:
            plain = OmegaConf.to_container(settings, resolve=True)
        except OmegaConfBaseException:  # it refers to what only a sweep that runs has; the launcher will look again
            return
        assert isinstance(plain, dict)
        engine_of(str(plain.pop("engine")), {str(key): value for key, value in plain.items() if key != TARGET})


def _trust(config: Any) -> None:
    """Trust every class that a config of the user's names."""
    if isinstance(config, DictConfig):
        for key in config:
            node = config._get_node(key)
            if key == TARGET and isinstance(node._value(), str):  # type: ignore[union-attr]
                trust(str(node._value()))  # type: ignore[union-attr]
            elif isinstance(node, DictConfig) and not (
                node._is_missing() or node._is_none() or node._is_interpolation()
            ):
                _trust(node)


def _is_setting(key: str, config: DictConfig) -> bool:
    """Whether a key is an argument, not in the config, of the target of the node that it would stand in."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else None
    if not isinstance(node, DictConfig) or TARGET not in node:
        return False
    known = settings_of(str(node[TARGET]))  # read, since what it imports takes seconds
    if known is not None:
        return name in known
    try:
        return name in inspect.signature(locate(str(node[TARGET]))).parameters
    except (ImportError, TypeError, ValueError):
        return False


def _parse(words: Sequence[str]) -> list[Override]:
    return [_parse_one(word) for word in words]


def _parse_one(word: str) -> Override:
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    try:
        return parser.parse_overrides([word])[0]
    except HydraException as error:
        said = str(error).splitlines()[0]
        said = "" if said.startswith("LexerNoViableAlt") else f": {said}"  # which repeats the word, and says no more
        raise DynalignError(
            f"Could not read {word}{said}; quote a value with spaces, brackets, commas or other signs twice, as in "
            "'store=\"my, store\"'."
        ) from error


def _switched_off(words: list[str]) -> list[str]:
    """Return what was typed with ``group=null`` as Hydra has it, for groups that may be switched off."""
    result = []
    for word in words:
        group, equals, value = word.partition("=")
        if equals and value.lower() in ("null", "none", "") and group in _OPTIONAL and value != "none":
            instead = _OPTIONAL[group]
            if instead is not None:
                result.append(f"{group}={instead}")
            elif group == "callbacks":
                result.append("~callbacks")
            continue
        result.append(word)
    return result


def _missing(error: MissingConfigException) -> str:
    whole = str(error.missing_cfg_file)
    group, _, choice = whole.rpartition("/")
    if whole in _PLUGINS:
        return _PLUGINS[whole]
    offered = list(error.options or GlobalHydra.instance().config_loader().get_group_options(group))
    if not group:
        return f"There is no config {choice}; {suggestion(choice, offered)}"
    everything = f" There is {', '.join(offered)}." if nearest(choice, offered) else ""
    return f"{group}={choice} is unknown; {suggestion(choice, offered)}{everything}"


def _values(override: Override) -> list[Any]:
    if not override.is_sweep_override():
        return [override.value()]
    return [each.unquoted() if hasattr(each, "unquoted") else each for each in override.sweep_iterator()]


def _words(override: Override) -> list[str]:
    """Return an override as those of single jobs, one for each value of its sweep."""
    if override.is_sweep_override() and override.is_discrete_sweep():
        return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
    assert override.input_line is not None
    return [override.input_line]


def _first(override: Override) -> str:
    """Return an override as that of a single job: the first of its values, or where its interval begins."""
    if override.is_interval_sweep():
        return f"{override.get_key_element()}={override.value().start}"  # type: ignore[union-attr]
    return _words(override)[0]


def _combinations(choices: Sequence[Override]) -> list[list[str]] | None:
    """Return every combination of choices, or None where those are too many."""
    lists = [_words(each) for each in choices]
    return [list(words) for words in itertools.product(*lists)] if math.prod(map(len, lists)) <= _MOST else None


def _each_once(choices: Sequence[Override]) -> list[list[str]]:
    """Return combinations in which each choice stands at least once."""
    lists = [_words(each) for each in choices]
    first = [words[0] for words in lists]
    return [[*first[:place], word, *first[place + 1 :]] for place, words in enumerate(lists) for word in words]


def _params(config: DictConfig) -> list[Override]:
    params = OmegaConf.select(config, "hydra.sweeper.params") or {}
    return _parse([f"{key}={value}" for key, value in params.items()])


def _keys(config: DictConfig, path: str) -> Iterator[str]:
    for key in config:
        name = join(path, key)
        yield name
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not (node._is_missing() or node._is_none() or node._is_interpolation()):
            yield from _keys(node, name)
