"""What is printed, wherever it goes."""

from __future__ import annotations

import io
import sys

import pytest
from rich.table import Table

from dynalign.cli import terminal


def test_letters_that_a_terminal_lacks_cost_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    console = terminal._standard.__wrapped__()
    console.print("angle / (π/2)", Table("a", "b"))
    sys.stdout.flush()
    assert written.getvalue().startswith(b"angle / (?/2)")
