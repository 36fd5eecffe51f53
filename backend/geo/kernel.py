"""How the hot loops are compiled: ahead of use, once per machine, without the interpreter's lock."""

from collections.abc import Callable
from typing import cast

import numba


def kernel[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile with numba; the machine code is cached beside the source (or in the user's cache when that is read-only).

    The interpreter's lock is released while it runs. Several processes may start at once: numba writes its cache files by
    renaming, so the worst that happens is that two of them compile the same function.
    """
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))
