"""A partner's system that hears of changes: well, slow, broken or gone, as chance has it."""

import asyncio
import json
from collections.abc import Callable

from ops.chaos.diary import Diary

MOODS = ("well", "slow", "error", "hangs_up")


class Partner:
    """A tiny HTTP server. `mood` says how it answers; what it took in is counted by delivery."""

    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self.mood = "well"
        self.address = ""
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Partner":
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length"))
            body = json.loads(await reader.readexactly(length))
            await self._react(str(body["id"]), writer.write)
            await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _react(self, delivery: str, write: Callable[[bytes], None]) -> None:
        mood = self.mood
        if mood == "hangs_up":
            return
        if mood == "slow":
            await asyncio.sleep(15.0)  # longer than the sender waits
        status = b"503 Service Unavailable" if mood == "error" else b"200 OK"
        if mood == "well":
            self._diary.received[delivery] += 1
        write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
