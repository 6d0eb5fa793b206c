"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests come first: the last of them would keep one process busy while the others have done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small problems are fastest on one thread, and tests run side by side."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_traces_in_the_environment() -> Iterator[None]:
    """A logger that gives up its server says so to the processes that it starts; not to other tests."""
    before = dict(os.environ)
    yield
    for name in [name for name in os.environ if name.startswith(("WANDB_", "DYNALIGN_"))]:
        if name not in before:
            del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})
