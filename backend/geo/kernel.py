"""How the hot loops are compiled: once per machine and version of this code, without the interpreter's lock.

numba's own cache looks only at the file of the function that is called, not at those it calls: after an update it would run a mixture of old
and new. Therefore the cache lies in a folder named after the content of all files here that are compiled, and of `modes` with its constants.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import numba

_HERE: Final = Path(__file__).parent


def _cache_folder() -> Path:
    """Beside the code, or where NUMBA_CACHE_DIR says, or in the user's cache when the code is read-only."""
    sources = [file.read_bytes() for file in sorted(_HERE.glob("*.py"))]
    content = (_HERE / "modes.py").read_bytes() + b"".join(source for source in sources if b"@kernel" in source)
    base = _HERE / "__pycache__" if os.access(_HERE, os.W_OK) else Path.home() / ".cache" / "rescue-circle"
    stated = os.environ.get("NUMBA_CACHE_DIR")
    return Path(stated or base) / f"kernels-{hashlib.sha256(content).hexdigest()[:12]}"


vars(numba.config)["CACHE_DIR"] = str(_cache_folder())


def kernel[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile with numba, keep the machine code on disk, let other Python threads run meanwhile.

    Several processes may start at once: numba writes its cache by renaming, so the worst is that two compile the same function.
    """
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))
