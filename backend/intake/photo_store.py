"""Where photos are kept: sealed files under names that say nothing. Begin at `PhotoStore`.

A file is there whole and on the disk before a row names it, so a crash leaves a row with its file, or a file that nobody
names and `backend.retention` sweeps; never a row without its file.
"""

import errno
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol, runtime_checkable

from backend.errors import NotFound, Unavailable
from backend.sealing import Ring

SUFFIX: Final = ".sealed"
PLAIN_SUFFIX: Final = ".jpg"
"""Files of the version before, which lay open and were named by their hash; `rescue privacy rotate` seals them."""
DRAFT: Final = ".new-"
_KEY: Final = re.compile(r"[0-9a-f]{64}")


class StoredFile(NamedTuple):
    """A file of the store. key: None for a draft that a crash left. written_at: by the machine's clock."""

    key: str | None
    path: Path
    written_at: datetime


@runtime_checkable  # the web framework asks whether what it hands to a route is one
class PhotoStore(Protocol):
    """Where photos are kept. Another store (S3, OSS) only has to keep this promise. All of it may take a while: threads."""

    def put(self, data: bytes) -> str:
        """Keep `data` durably and sealed; its key. Raises Unavailable, and then nothing is kept."""
        ...

    def read(self, key: str) -> bytes:
        """What was put. Raises NotFound, Unsealable."""
        ...

    def delete(self, key: str) -> bool:
        """Remove it; whether it was there."""
        ...

    def files(self) -> Iterator[StoredFile]:
        """Everything that lies in the store."""
        ...

    def reseal(self, key: str) -> bool:
        """Seal it with the newest key; False when it was, or is gone."""
        ...


class FolderStore:
    """Photos as sealed files under one folder, two levels deep. A photo is there whole or not at all, after a crash too."""

    def __init__(self, root: Path, ring: Ring) -> None:
        self.root, self.ring = root, ring

    def put(self, data: bytes) -> str:
        key = secrets.token_hex(32)
        self._write(key, data)
        return key

    def read(self, key: str) -> bytes:
        try:
            return self.ring.open_bytes(self._path(key).read_bytes(), _about(key))
        except FileNotFoundError:
            pass
        try:
            return self._path(key, PLAIN_SUFFIX).read_bytes()
        except FileNotFoundError as error:
            raise _gone() from error

    def delete(self, key: str) -> bool:
        found = [path for path in (self._path(key), self._path(key, PLAIN_SUFFIX)) if path.exists()]
        for path in found:
            path.unlink(missing_ok=True)
        return bool(found)

    def files(self) -> Iterator[StoredFile]:
        for path in self.root.glob("*/*/*"):
            key = path.stem if _KEY.fullmatch(path.stem) and path.suffix in (SUFFIX, PLAIN_SUFFIX) else None
            try:
                written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:  # removed since the folder was read
                continue
            yield StoredFile(key, path, written_at)

    def reseal(self, key: str) -> bool:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                if file.read(len(self.ring.mark)) == self.ring.mark:
                    return False
            self._write(key, self.read(key))
        except FileNotFoundError:
            return False
        return True

    def _write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, self.ring.seal_bytes(data, _about(key)))
            for folder in (path.parent, path.parent.parent, self.root):
                _flush(folder)  # a name that is not on the disk is not there after a power cut
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _no_room(error) from error

    def _path(self, key: str, suffix: str = SUFFIX) -> Path:
        """Where the photo lies. A key that is none is somebody trying their luck: NotFound."""
        if not _KEY.fullmatch(key):
            raise _gone()
        return self.root / key[:2] / key[2:4] / f"{key}{suffix}"


def _about(key: str) -> str:
    return f"photo:{key}"


def _write_whole(path: Path, data: bytes) -> None:
    """Temporary file, flushed to disk, renamed: no half photo after a power cut or on a full disk."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=DRAFT)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _gone() -> NotFound:
    return NotFound("没有这张照片，可能已按规定删除。", "No such photo; it may have been removed as the rules ask.")


def _no_room(error: OSError) -> Unavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        zh, en = (
            "存储空间已满，照片未保存，请通知管理员；文字线索不受影响。",
            "The disk is full and the photo was not kept: tell the administrator. Reports in words are not affected.",
        )
        return Unavailable(zh, en, code="photo_store_full")
    zh, en = "照片暂时无法保存，请稍后重发。", "The photo cannot be kept right now: send it again later."
    return Unavailable(zh, en, code="photo_store_down")
