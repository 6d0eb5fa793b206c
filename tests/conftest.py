"""Fixtures shared by all tests."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small problems are fastest on one thread, and tests run side by side."""
    torch.set_num_threads(1)
