"""Servers on this machine that speak as push services do: each answers what it is told to, and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request. headers: by lower-case name."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """One answer; body as JSON. after_s: only after so long."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0

    def wire(self) -> bytes:
        body = b"" if self.body is None else json.dumps(self.body).encode()
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/json", **self.headers}
        lines = [f"HTTP/1.1 {self.status} X", "Connection: close", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Service:
    """Answers `says`, or what `answer` makes of the request."""

    def __init__(self, says: Says, answer: Callable[[Asked], Says] | None = None) -> None:
        self.says, self.answer = says, answer
        self.asked: list[Asked] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = first.split(" ")
            asked = Asked(method, path, headers, body)
            self.asked.append(asked)
            says = self.answer(asked) if self.answer is not None else self.says
            await asyncio.sleep(says.after_s)
            writer.write(says.wire())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked has gone
        finally:
            writer.close()


@asynccontextmanager
async def a_service(says: Says | None = None, answer: Callable[[Asked], Says] | None = None) -> AsyncIterator[Service]:
    """A service on a free port of this machine."""
    service = Service(says or Says(), answer)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
