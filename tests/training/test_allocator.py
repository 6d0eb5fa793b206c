"""Freed memory is kept, where the C library can be told so."""

from __future__ import annotations

import platform

import torch

from dynalign.training.allocator import keep_freed_memory


def test_glibc_can_be_told_and_tensors_are_as_ever() -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
    large = torch.arange(2**23)  # beyond what is kept without being told
    assert int(large[-1]) == 2**23 - 1
