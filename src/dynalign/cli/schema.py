"""Check a config against the signatures of its targets: unknown and ill-typed keys fail before anything runs."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Mapping
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from dynalign.errors import DynalignError


def check_config(config: DictConfig, files: Mapping[str, str]) -> None:
    """Check every node of ``config`` that has a ``_target_``.

    Parameters
    ----------
    files : mapping of config path to the file it came from, such as ``{"model": "conf/model/rnn.yaml"}``

    Raises
    ------
    DynalignError
        Naming the key, the file, and the nearest valid spelling or the type that is right.
    """
    for path, node in _targets(config, ""):
        file = files.get(path, "the command line")
        _check_node(path, OmegaConf.to_container(node, resolve=True), file)


def config_files(choices: Mapping[str, Any], config: DictConfig) -> dict[str, str]:
    """Return the file that every part of a config came from, by config path, as ``check_config`` takes it.

    A group from which several were chosen holds a part for each, of the same name as its file.
    """
    files = {group: f"conf/{group}/{choice}.yaml" for group, choice in choices.items()}
    for group in map(str, config):
        node = config[group]
        if isinstance(node, DictConfig) and "_target_" not in node:
            files |= {f"{group}.{name}": f"conf/{group}/{name}.yaml" for name in map(str, node)}
    return files


def _targets(node: Any, path: str) -> list[tuple[str, DictConfig]]:
    if not isinstance(node, DictConfig):
        return []
    if "_target_" in node:
        return [(path, node)]
    found = []
    for key in node:
        if not OmegaConf.is_missing(node, key):
            found += _targets(node[key], join(path, key))
    return found


def _check_node(path: str, node: Any, file: str) -> None:
    try:
        target = get_object(node["_target_"])
    except Exception as error:
        raise DynalignError(f"{path}._target_={node['_target_']} in {file} cannot be imported: {error}.") from error
    signature = inspect.signature(target)
    parameters = {
        name: parameter
        for name, parameter in signature.parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    hints = _hints(target)
    for key, value in node.items():
        if key.startswith("_"):
            continue
        if key not in parameters:
            raise DynalignError(
                f"{path}.{key} is no setting of {target.__name__} ({file}); {suggestion(key, parameters)}"
            )
        _check_type(f"{path}.{key}", value, hints.get(key, Any), file)


def join(path: str, key: object) -> str:
    """Return the config path of ``key`` below ``path``."""
    return f"{path}.{key}" if path else str(key)


def suggestion(word: str, known: typing.Iterable[str]) -> str:
    """Return the end of a sentence about a misspelt word: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(sorted(names))}."


def _hints(target: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError):
        return {}  # a foreign callback whose annotations cannot be read; its constructor has the last word


def _check_type(name: str, value: Any, hint: Any, file: str) -> None:
    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        return  # an argument that no config can hold, such as a tensor
    try:
        adapter.validate_python(value, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        raise DynalignError(f"{name}={value!r} in {file} has the wrong type: {first['msg']}.") from error
