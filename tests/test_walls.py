"""Imports go one way: a lower room never imports a higher one, and metrics stand alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "dynalign"
FLOORS = {
    "errors": 0,
    "overhearing": 0,
    "redaction": 1,
    "soundness": 1,
    "identity": 1,
    "tasks": 1,
    "models": 1,
    "perturbations": 1,
    "attractors": 1,
    "statistics": 1,
    "processes": 1,
    "measurements": 2,
    "engines": 2,
    "metrics": 2,
    "inference": 2,
    "networks": 2,
    "data": 3,
    "dynamics": 3,
    "representations": 3,
    "store": 4,
    "inventory": 5,
    "tables": 5,
    "results": 6,
    "training": 6,
    "loggers": 6,
    "testcases": 6,
    "studies": 7,
    "report": 8,
    "comparison": 9,
    "cli": 10,
    "__main__": 11,
}
OUTSIDE = {
    "hydra": "cli",
    "omegaconf": "cli",
    "wandb": "loggers",
    "wandb_workspaces": "loggers",
    "pytorch_lightning": "training",
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def room(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_walls(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        assert imports(path) <= {"importlib", "typing"}
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "dynalign" and len(parts) > 1 and parts[1] != here:
            assert FLOORS[parts[1]] < FLOORS[here], f"{here} imports {name}"
        if parts[0] in OUTSIDE:
            assert FLOORS[here] >= FLOORS[OUTSIDE[parts[0]]], f"{here} imports {name}"


def test_one_file_knows_wandb() -> None:
    knows = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(name.split(".")[0] == "wandb" for name in imports(path))
    }
    assert knows == {"loggers/wandb.py"}


def test_metrics_import_numpy_scipy_and_torch_only() -> None:
    """Others are imported where they are used, and so are missed only by who uses them."""
    outside = set()
    for path in SOURCE.glob("metrics/*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                outside |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                outside.add(node.module.split(".")[0])
    assert outside - sys.stdlib_module_names == {"dynalign", "numpy", "scipy", "torch"}


def test_metrics_need_no_hydra_lightning_or_wandb() -> None:
    program = (
        "import sys, dynalign.metrics\n"
        "print([m for m in ('hydra', 'omegaconf', 'pytorch_lightning', 'wandb', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
