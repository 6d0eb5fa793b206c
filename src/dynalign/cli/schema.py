"""Check a config against the signatures of its targets, and complete it: what was not said has its default."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from dynalign.errors import DynalignError, first_line, suggestion
from dynalign.identity import locate, target_of

TARGET = "_target_"
_UNKNOWN = object()


def completed(config: DictConfig, files: Mapping[str, str]) -> dict[str, Any]:
    """Return a config as plain data, resolved, checked and complete.

    Every node that has a ``_target_`` gets the values of its signature's types, the defaults of what it leaves out,
    and its target's one true name; what is left to the task is named: configs that mean the same are the same.

    Parameters
    ----------
    files : mapping of config path to the file it came from, such as ``{"model": "model/rnn.yaml"}``

    Raises
    ------
    DynalignError
        Naming the key, the file, and the nearest valid spelling or the type that is right.
    """
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    whole = {str(key): _completed(value, str(key), files) for key, value in plain.items()}
    _name_rules(whole)
    return whole


def _name_rules(whole: Mapping[str, Any]) -> None:
    """Put the task's target, its last rule, in place of rules that were left to it."""
    task = whole.get("task")
    rules = getattr(locate(task[TARGET]), "rules", ()) if isinstance(task, dict) and TARGET in task else ()
    for part, key in (("curriculum", "train"), ("representation", "rule")):
        node = whole.get(part)
        if rules and isinstance(node, dict) and node.get(key, key) is None:
            node[key] = [rules[-1]] if key == "train" else rules[-1]


def config_files(choices: Mapping[str, Any], config: DictConfig) -> dict[str, str]:
    """Return the file that every part of a config came from, by config path, as ``completed`` takes it.

    A group from which several were chosen holds a part for each, of the same name as its file.
    """
    files = {group: f"{group}/{choice}.yaml" for group, choice in choices.items()}
    for group in map(str, config):
        node = config[group]
        if isinstance(node, DictConfig) and TARGET not in node:
            files |= {f"{group}.{name}": f"{group}/{name}.yaml" for name in map(str, node)}
    return files


def check_value(name: str, value: Any, hint: Any, file: str) -> Any:
    """Return a value as the type of ``hint``.

    Raises
    ------
    DynalignError
        If it is none.
    """
    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        return value  # an argument that no config can hold, such as a tensor
    try:
        checked = adapter.dump_python(adapter.validate_python(value, strict=False))
    except ValidationError as error:
        first = error.errors()[0]
        shown = "null" if value is None else repr(value)
        raise DynalignError(f"{name}={shown} in {file} has the wrong type: {first['msg']}.") from error
    if _number_from_bool(value, checked):
        raise DynalignError(f"{name}={str(value).lower()} in {file} has the wrong type: it must be a number.")
    return _plain(checked, value)


def join(path: str, key: object) -> str:
    """Return the config path of ``key`` below ``path``."""
    return f"{path}.{key}" if path else str(key)


def _completed(node: Any, path: str, files: Mapping[str, str]) -> Any:
    if not isinstance(node, dict):
        return node
    if TARGET not in node:
        return {str(key): _completed(value, join(path, key), files) for key, value in node.items()}
    file = files.get(path, "the command line")
    try:
        target = locate(str(node[TARGET]))
    except Exception as error:
        raise DynalignError(
            f"{path}.{TARGET}={node[TARGET]} in {file} cannot be imported: {first_line(error)}."
        ) from error
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    hints = _hints(target)
    whole: dict[str, Any] = {TARGET: target_of(target) if inspect.isclass(target) else str(node[TARGET])}
    for key, value in node.items():
        name = str(key)
        if name == TARGET:
            continue
        if name.startswith("_"):
            whole[name] = value
            continue
        if name not in parameters:
            raise DynalignError(
                f"{path}.{name} is no setting of {target.__name__} ({file}); {suggestion(name, parameters)}"
            )
        whole[name] = (
            _completed(value, join(path, name), files)
            if isinstance(value, dict) and TARGET in value
            else check_value(f"{path}.{name}", value, hints.get(name, Any), file)
        )
    for name, parameter in parameters.items():
        default = _default(target, parameter)
        if name not in whole and default is not _UNKNOWN:
            whole[name] = default
    return whole


def _hints(target: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError):
        return {}  # a foreign callback whose annotations cannot be read; its constructor has the last word


def _default(target: Any, parameter: inspect.Parameter) -> Any:
    """Return the default of a parameter as plain data, or ``_UNKNOWN`` if it has none that a config can hold."""
    value = parameter.default
    if dataclasses.is_dataclass(target):
        field = next((each for each in dataclasses.fields(target) if each.name == parameter.name), None)
        if field is not None and field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
    return _UNKNOWN if value is parameter.empty else _plain(value, _UNKNOWN)


def _plain(value: Any, otherwise: Any) -> Any:
    """Return numbers, text, lists and mappings as plain data, and ``otherwise`` for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, otherwise) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item, otherwise) for item in value]
    return otherwise


def _number_from_bool(before: Any, after: Any) -> bool:
    """Whether a truth value was taken for a number, at any depth."""
    if isinstance(before, bool):
        return not isinstance(after, bool) and isinstance(after, int | float)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return any(_number_from_bool(before[key], after.get(key)) for key in before)
    if isinstance(before, list) and isinstance(after, list | tuple):
        return any(_number_from_bool(one, other) for one, other in zip(before, after, strict=False))
    return False
