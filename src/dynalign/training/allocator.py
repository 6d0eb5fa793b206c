"""Keep freed memory for the next step, rather than giving it back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys

# Of <malloc.h>, with the largest values that glibc takes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_SETTINGS = ((_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**28), (_MMAP_THRESHOLD, 2**25))


@functools.cache
def keep_freed_memory() -> bool:
    """Tell the C library of this process to keep freed memory; return whether it could be told.

    The states of a scan are tensors of tens of megabytes, which every training step frees and asks for again. By
    default glibc returns such blocks to the system and gets them back page by page, which takes a Mamba nearly as long
    as computing does (``benchmarks/allocator.py``). Other C libraries are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        results = [mallopt(name, value) for name, value in _SETTINGS]  # all of them, whatever one says
        return all(result == 1 for result in results)
    return False
