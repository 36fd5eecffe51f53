"""The clients of a load, light enough that what is measured is the server: HTTP and live feeds over bare connections."""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

import msgspec

PING, PONG, TEXT, CLOSE = 9, 10, 1, 8


class Line:
    """One HTTP connection that is kept open. source: the address it comes from, one of 127.0.0.0/8."""

    def __init__(self, port: int, *, token: str | None = None, source: str | None = None) -> None:
        self._port, self._source = port, source
        self._who = f"Authorization: Bearer {token}\r\n" if token else ""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError or asyncio.IncompleteReadError when the line breaks."""
        if self._reader is None or self._writer is None:
            address = (self._source, 0) if self._source else None
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=address)
        content = b"" if body is None else msgspec.json.encode(body)
        who = f"Authorization: Bearer {token}\r\n" if token else self._who
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{who}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self._writer.write(head.encode() + content)
        told = await self._reader.readuntil(b"\r\n\r\n")
        length = next((line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        return int(told[9:12]), await self._reader.readexactly(int(length.partition(b":")[2]))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()


def events_in(payload: bytes) -> list[dict[str, Any]]:
    """The events of a text of the feed: one, several together, or none."""
    if not payload.startswith(b'{"type":"event'):
        return []
    said: dict[str, Any] = msgspec.json.decode(payload)
    return said.get("events", [said])  # type: ignore[no-any-return]


class Screen(asyncio.Protocol):
    """A live feed that is read to the end; who looks at it is told every text."""

    def __init__(self, path: str, hear: Callable[[bytes], None] | None) -> None:
        self._path, self._hear = path, hear
        self._rest = b""
        self._open = False
        self._transport: asyncio.Transport | None = None
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self._open:
            _, found, rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            self._open, self._rest = True, rest
        self._frames()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        """Gone, as a laptop that is shut."""
        if self._transport is not None:
            self._transport.abort()

    def _frames(self) -> None:
        data, at = self._rest, 0
        while len(data) - at >= 2:
            length, start = data[at + 1] & 127, at + 2
            if length >= 126:
                size = 2 if length == 126 else 8
                if len(data) < start + size:
                    break
                length, start = int.from_bytes(data[start : start + size]), start + size
            if len(data) < start + length:
                break
            self._frame(data[at] & 15, data[start : start + length])
            at = start + length
        self._rest = data[at:]

    def _frame(self, kind: int, payload: bytes) -> None:
        if kind == TEXT and self._hear is not None:
            self._hear(payload)
        elif kind == PING and self._transport is not None:
            mask = os.urandom(4)
            masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
            self._transport.write(struct.pack("BB", 128 | PONG, 128 | len(payload)) + mask + masked)
        elif kind == CLOSE:
            self.close()
