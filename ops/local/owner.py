"""Who started the services of a folder, and whether that process still lives.

A lock on a file, not a process id: the kernel lets go of it however the process ends (also by kill -9), and no later
process can be mistaken for it.
"""

import fcntl
import os
from pathlib import Path


class Ownership:
    """The lock of one folder, held by at most one process of this machine."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "owner.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """True when it is ours now, False when another living process has it."""
        if self._descriptor is not None:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def let_go(self) -> None:
        """Others may take it. Nothing happens when it is not ours."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
