"""The file `roads.graph`: a header and raw arrays, laid out so that it is used where it lies, memory-mapped and shared by all processes.

    0  8 bytes   "RCROADS\\0"
    8  uint32    format version
    12 uint32    length of the header in bytes
    16 uint32    CRC-32 of the header
    20 uint32    zero
    24 header    JSON: {"arrays": {name: [dtype, shape, offset, crc32]}, "size": bytes of the file, ...facts}
    then the arrays, each at a multiple of 64 bytes, little-endian, in the order of their names

The same arrays and facts always give the same bytes: no time, no host, no path is written.
"""

import mmap
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from backend.errors import Invalid

MAGIC = b"RCROADS\0"
VERSION = 1
_PREFIX = struct.Struct("<8sIIII")
_ALIGN = 64

type Arrays = dict[str, np.ndarray[Any, Any]]


class _Header(msgspec.Struct):
    arrays: dict[str, tuple[str, list[int], int, int]]
    size: int
    facts: dict[str, Any]


def write(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]], facts: Mapping[str, Any]) -> None:
    """Write the file in one step: readers see the old one or the new one, never a half."""
    ordered = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    header = _plan(ordered, facts)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as out:
        out.write(_PREFIX.pack(MAGIC, VERSION, len(header), zlib.crc32(header), 0))
        out.write(header)
        for array in ordered.values():
            out.write(b"\0" * (-out.tell() % _ALIGN))
            out.write(array.data if array.size else b"")
    temporary.replace(path)


def read(path: Path, *, verify: bool = False) -> tuple[Arrays, dict[str, Any]]:
    """Map the file: read-only arrays and the facts.

    Raises `Invalid` when it is missing, of another format or version, cut short, or (with `verify`, which reads all of it) damaged.
    """
    try:
        with path.open("rb") as source:
            mapped = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as missing:
        raise _bad(path, "missing", "不存在", "does not exist") from missing
    except ValueError as empty:
        raise _bad(path, "truncated", "是空文件", "is empty") from empty
    header = _header(path, mapped)
    arrays: Arrays = {}
    for name, (dtype, shape, offset, checksum) in header.arrays.items():
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(mapped, np.dtype(dtype), count, offset) if count else np.empty(0, np.dtype(dtype))
        if verify and zlib.crc32(array.data if count else b"") != checksum:
            raise _bad(path, "damaged", f"已损坏（{name}）", f"is damaged ({name})")
        array = array.reshape(shape)
        array.flags.writeable = False
        arrays[name] = array
    return arrays, header.facts


def _plan(arrays: Arrays, facts: Mapping[str, Any]) -> bytes:
    """The header; offsets depend on its own length, which depends on the offsets' digits: repeat until it stands."""
    length = 0
    while True:
        offset, entries = _PREFIX.size + length, {}
        for name, array in arrays.items():
            offset += -offset % _ALIGN
            entries[name] = (array.dtype.str, list(array.shape), offset, zlib.crc32(array.data if array.size else b""))
            offset += array.nbytes
        header = msgspec.json.encode(_Header(entries, offset, dict(facts)), order="deterministic")
        if len(header) == length:
            return header
        header += b" " * max(0, length - len(header))
        if len(header) == length:
            return header
        length = len(header)


def _header(path: Path, mapped: mmap.mmap) -> _Header:
    if len(mapped) < _PREFIX.size:
        raise _bad(path, "truncated", "不完整", "is cut short")
    magic, version, length, checksum, _ = _PREFIX.unpack_from(mapped)
    if magic != MAGIC:
        raise _bad(path, "foreign", "不是路网文件", "is not a road graph")
    if version != VERSION:
        raise _bad(
            path,
            "version",
            f"版本为 {version}，需要 {VERSION}，请重新导入城市",
            f"has version {version}, not {VERSION}",
        )
    raw = mapped[_PREFIX.size : _PREFIX.size + length]
    if len(raw) < length:
        raise _bad(path, "truncated", "不完整", "is cut short")
    if zlib.crc32(raw) != checksum:
        raise _bad(path, "damaged", "已损坏", "is damaged (header)")
    header = msgspec.json.decode(raw, type=_Header)
    if len(mapped) < header.size:
        raise _bad(path, "truncated", "不完整", f"is cut short: {len(mapped)} of {header.size} bytes")
    return header


def _bad(path: Path, what: str, zh: str, en: str) -> Invalid:
    return Invalid(
        f"路网文件 {path.name} {zh}。",
        f"The road graph {path} {en}.",
        code=f"roads_{what}",
        hint="rescue city import",
    )
