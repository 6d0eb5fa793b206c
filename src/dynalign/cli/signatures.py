"""The settings of a class of this package, read from its source: to import it takes seconds."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import dynalign

_WITHOUT_SETTINGS = ("ABC", "abc.ABC", "Protocol", "object")
_ROOT = Path(dynalign.__file__).resolve().parent


def settings_of(target: str) -> set[str] | None:
    """Return the names of the arguments of ``dynalign.module.Class``, or None where reading does not tell."""
    module, _, name = target.rpartition(".")
    found = _class(module, name)
    if found is None:
        return None
    module, node = found
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            arguments = each.args
            return {argument.arg for argument in [*arguments.args[1:], *arguments.kwonlyargs]}
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign) and _is_dataclass(node)]
    names = {
        each.target.id
        for each in fields
        if isinstance(each.target, ast.Name) and "ClassVar" not in ast.dump(each.annotation)
    }
    for base in node.bases:
        if ast.unparse(base) in _WITHOUT_SETTINGS:
            continue
        inherited = settings_of(f"{module}.{base.id}") if isinstance(base, ast.Name) else None
        if inherited is None:
            return None
        names |= inherited
    return names


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.dump(each) for each in node.decorator_list)


def _class(module: str, name: str, depth: int = 0) -> tuple[str, ast.ClassDef] | None:
    """Return the class that a module calls by a name, and the module that has it."""
    tree = _parsed(module)
    for node in tree.body if tree is not None and depth < 4 else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            for each in node.names:
                if name == (each.asname or each.name):
                    return _class(node.module, each.name, depth + 1)
    return None


@cache
def _parsed(module: str) -> ast.Module | None:
    package, *parts = module.split(".")
    if package != dynalign.__name__:
        return None
    for path in (_ROOT.joinpath(*parts, "__init__.py"), _ROOT.joinpath(*parts).with_suffix(".py")):
        if path.is_file():
            return ast.parse(path.read_text(encoding="utf-8"))
    return None
