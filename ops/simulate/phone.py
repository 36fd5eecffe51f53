"""What a simulated person acts with: the public HTTP API and nothing else.

A `Line` says how the server is reached: over the network, or in process through ASGI. The client's code is the same.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import httpx
from msgspec import Struct

Line = Callable[[str | None], httpx.AsyncClient]
"""A client for somebody with this address of their own (None: whatever the machine has)."""

DEVICE: Final = "simulation"
"""How a simulated phone names itself: a session of another name is a person's."""
TRIES: Final = 6
FIRST_WAIT_S: Final = 0.2


class Reply(Struct, frozen=True):
    """What the server said. status 0: it could not be reached."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The problem's code, empty when there is none."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""


class SignInFailed(Exception):
    """The account cannot sign in: nothing can be simulated with it."""


def over_network(base_url: str) -> Line:
    """A server somewhere. On this machine every reporter has a loopback address of their own, as in life."""
    local = httpx.URL(base_url).host in ("127.0.0.1", "localhost")

    def connect(address: str | None) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(
            local_address=address if local else None, verify=base_url.startswith("https")
        )
        return httpx.AsyncClient(base_url=base_url, transport=transport, timeout=10.0, trust_env=False)

    return connect


def in_process(app: Any) -> Line:
    """An application in this process, which must be running."""

    def connect(address: str | None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app, client=(address or "127.0.0.1", 50_000))
        return httpx.AsyncClient(base_url="http://rescue", transport=transport, timeout=60.0, trust_env=False)

    return connect


class Phone:
    """One person's connection. What fails for a moment is sent again with the same id, so it counts once (I8)."""

    def __init__(self, line: Line, address: str | None = None) -> None:
        self._client = line(address)

    async def sign_in(self, login: str, password: str) -> dict[str, Any]:
        """Sign in and keep the token; returns who one is. Raises SignInFailed."""
        reply = await self.post("/api/sessions/", {"login": login, "password": password, "device": DEVICE})
        if not reply.ok:
            raise SignInFailed(f"{login}: {reply.status} {reply.body}")
        self._client.headers["authorization"] = f"Bearer {reply.body['token']}"
        me: dict[str, Any] = reply.body["me"]
        return me

    async def get(self, path: str, **parameters: Any) -> Reply:
        """Ask for something."""
        return await self._send("GET", path, params=parameters)

    async def post(self, path: str, body: dict[str, Any]) -> Reply:
        """Send something."""
        return await self._send("POST", path, json=body)

    async def command(self, path: str, id_: UUID, **body: Any) -> Reply:
        """Send a command under an id of one's own."""
        return await self.post(path, {"command_id": str(id_), **body})

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def _send(self, method: str, path: str, **what: Any) -> Reply:
        wait_s = FIRST_WAIT_S
        reply = Reply(0, None)
        for _ in range(TRIES):
            try:
                answer = await self._client.request(method, path, **what)
            except httpx.TransportError:
                pass
            else:
                reply = Reply(answer.status_code, answer.json() if answer.content else None)
                if answer.status_code not in (429, 502, 503, 504) or reply.code == "no_roads":
                    return reply
                wait_s = max(wait_s, float(answer.headers.get("retry-after", 0)))
            await asyncio.sleep(wait_s)
            wait_s *= 2
        return reply
