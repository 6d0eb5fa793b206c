"""Run a notebook that is kept as plain text, and write what it says and shows as Markdown.

A notebook is a Python file whose cells begin with ``# %%``, or ``# %% [markdown]`` for text, as editors and jupytext
read them. A line ``# !dynalign ...`` in a cell is typed as in a terminal. What a cell prints, and the value of its
last line, which may be a figure, follow it, so that what a page shows is what the code of today does.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CELL = re.compile(r"^# %%(.*)$", re.MULTILINE)
_WIDE = {"COLUMNS": "100"}
_TYPED = re.compile(r"^# !dynalign (.*)$", re.MULTILINE)


@dataclass
class Page:
    """A notebook that was run: its Markdown, its pictures by name, and itself as Jupyter opens it."""

    markdown: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    jupyter: str = ""


def cells_of(text: str) -> list[tuple[str, str]]:
    """Return the cells of a notebook: "markdown" or "code", and what stands in it."""
    marks = list(_CELL.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    cells = []
    for mark, end in zip(marks, ends, strict=True):
        body = text[mark.end() : end].strip("\n")
        if "[markdown]" in mark[1]:
            cells.append(
                ("markdown", "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines()))
            )
        else:
            cells.append(("code", body))
    return cells


def types(path: Path) -> bool:
    """Whether a notebook types commands."""
    return _TYPED.search(path.read_text(encoding="utf-8")) is not None


def run_notebook(path: Path) -> Page:
    """Run all cells, one after the other, in an empty folder.

    Raises
    ------
    RuntimeError
        Saying in which line of which notebook, if a cell fails.
    """
    cells = cells_of(path.read_text(encoding="utf-8"))
    page = Page("", jupyter=_jupyter(cells))
    names: dict[str, Any] = {"__name__": path.stem}
    parts = []
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        try:
            for kind, body in cells:
                if kind == "markdown":
                    parts.append(body)
                    continue
                parts.append(f"```python\n{_spelt(body)}\n```")
                parts += _shown(page, path.stem, *_run(body, names, path))
        finally:
            os.chdir(here)
    page.markdown = "\n\n".join(parts) + "\n"
    return page


def _run(body: str, names: dict[str, Any], path: Path) -> tuple[str, list[Any]]:
    """Return what a cell prints, and what is to be shown of it."""
    said = io.StringIO()
    values: list[Any] = []
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            for typed in _TYPED.findall(body):
                said.write(_type_in(typed))
            tree = ast.parse(body, filename=str(path))
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, str(path), "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), str(path), "eval"), names)
                values += [] if value is None else [value]
    except Exception as error:
        raise RuntimeError(f"The notebook {path.name} fails: {traceback.format_exc()}") from error
    return said.getvalue(), values


def _spelt(body: str) -> str:
    """Return a cell as Jupyter has it, where what is typed begins with an exclamation mark."""
    return _TYPED.sub(r"!dynalign \1", body)


def _type_in(typed: str) -> str:
    """Return what the command ``dynalign`` says."""
    words = shlex.split(typed)
    with tempfile.TemporaryFile("w+b") as file:
        code = _forked(words, file.fileno()) if sys.platform == "linux" else _started(words, file.fileno())
        file.seek(0)
        said = file.read().decode()
    if code:
        raise RuntimeError(f"dynalign {typed} failed:\n{said}")
    return said.replace(f"{Path.cwd()}{os.sep}", "")


def _started(words: list[str], output: int) -> int:
    command = [sys.executable, "-m", "dynalign", *words]
    return subprocess.run(command, stdout=output, stderr=output, env={**os.environ, **_WIDE}, check=False).returncode


def _forked(words: list[str], output: int) -> int:
    """Run it in a copy of this process, which has loaded the packages; that takes seconds.

    PyTorch refuses gradients in a copy of a process that has followed some: notebooks that type come first.
    """
    for package in ("pytorch_lightning", f"dynalign.cli.{words[0]}"):
        importlib.import_module(package)
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = (os.fdopen(place, "w", buffering=1, closefd=False) for place in (1, 2))
    os.environ.update(_WIDE)
    sys.argv = ["dynalign", *words]
    code = 0
    try:
        runpy.run_module("dynalign", run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)


def _shown(page: Page, stem: str, said: str, values: list[Any]) -> list[str]:
    """Return as Markdown what a cell said and showed."""
    parts = []
    text = "\n".join(line.rstrip() for line in said.strip("\n").splitlines())
    for value in values:
        if hasattr(value, "savefig"):
            name = f"{stem}-{len(page.pictures) + 1}.png"
            file = io.BytesIO()
            value.savefig(file, format="png", dpi=110, facecolor="white")
            page.pictures[name] = file.getvalue()
            parts.append(f"![A figure that the cell above draws]({name}){{ .figure }}")
        elif hasattr(value, "to_html") and hasattr(value, "columns"):
            parts.append(f'<div class="output">{value.to_html(border=0, float_format="{:.4g}".format)}</div>')
        else:
            text = f"{text}\n{value!r}".strip("\n")
    return [*([f"``` {{ .text .output }}\n{text}\n```"] if text else []), *parts]


def _jupyter(cells: list[tuple[str, str]]) -> str:
    """Return the cells as Jupyter stores a notebook, without any output."""
    made = []
    for place, (kind, body) in enumerate(cells):
        source = _spelt(body).splitlines(keepends=True)
        cell = {"cell_type": kind, "id": f"cell-{place}", "metadata": {}, "source": source}
        made.append(cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []})
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": made, "metadata": about, "nbformat": 4, "nbformat_minor": 5}, indent=1)
