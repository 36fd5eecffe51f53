"""How a client speaks to an installation that may be dying: the same thing again, anywhere, until there is an answer."""

import asyncio
import time
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx

from backend.ids import new_id
from ops.chaos.diary import Diary, Told

NO_ANSWER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What says that nothing is known to have been done: the same is sent again under the same id."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
PATIENCE_S: Final = 180.0


class GaveUp(Exception):
    """No definite answer within the client's patience: a fault of the installation."""


class Caller:
    """One client: its session, and the addresses it may try. A tenth of what was answered is sent again and compared."""

    def __init__(self, apis: list[str], diary: Diary, chance: Random, login: tuple[str, str] | None = None) -> None:
        self._apis, self._diary, self._chance, self._login = apis, diary, chance, login
        self._http = httpx.AsyncClient(timeout=10.0, trust_env=False)
        self._at: int = chance.randrange(len(apis))
        self.me: dict[str, Any] = {}

    async def __aenter__(self) -> "Caller":
        if self._login is not None:
            login, password = self._login
            body = {"login": login, "password": password, "device": "chaos"}
            status, told, *_ = await self._until_answered("POST", "/api/sessions", json=body)
            if status != httpx.codes.CREATED:
                raise GaveUp(f"{login} cannot sign in: {status} {told}")
            self.bear(told["token"])
            self.me = told["me"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    def bear(self, token: str) -> None:
        """Go on as whoever has this token or key."""
        self._http.headers["authorization"] = f"Bearer {token}"

    @property
    def address(self) -> str:
        """The process that is asked next."""
        return self._apis[self._at % len(self._apis)]

    def elsewhere(self) -> None:
        """Ask another process from now on."""
        self._at += 1

    async def get(self, path: str, **params: Any) -> Any:
        """Look at something; None when it may not be seen or is not there."""
        self._diary.reads += 1
        status, body, *_ = await self._until_answered("GET", path, params=params)
        return body if status == httpx.codes.OK else None

    async def ticket(self) -> str:
        """A ticket for the feed of the process that is asked next. Raises GaveUp."""
        _, body, *_ = await self._until_answered("POST", "/api/feed/tickets", json={})
        return str(body["ticket"])

    async def command(self, kind: str, path: str, **body: Any) -> Told:
        """Do something, once, under an id of our own."""
        id_ = new_id()
        return await self.send(kind, path, id_, {"command_id": str(id_), **body})

    async def send(self, kind: str, path: str, id_: UUID, body: dict[str, Any], **rest: Any) -> Told:
        """Send until there is a definite answer, and tell the diary. Raises GaveUp."""
        what = rest or {"json": body}
        status, told, tries, took_s = await self._until_answered("POST", path, **what)
        answer = Told(kind=kind, id=id_, status=status, body=told, tries=tries, took_s=took_s)
        self._diary.tell(answer)
        if answer.ok and self._chance.random() < 0.1 and not rest:
            await self._again(path, body, answer)
        return answer

    async def _again(self, path: str, body: dict[str, Any], first: Told) -> None:
        """The same thing once more, perhaps to another process: the answer has to be the first one (I8)."""
        self.elsewhere()
        self._diary.repeats += 1
        status, told, *_ = await self._until_answered("POST", path, json=body)
        same = {k: v for k, v in first.body.items() if k != "repeated"} == {
            k: v for k, v in (told if isinstance(told, dict) else {}).items() if k != "repeated"
        }
        if not (200 <= status < 300 and same):
            self._diary.contradictions.append(
                f"{first.kind} {first.id} sent again: {status} {told}, first {first.body}"
            )

    async def _until_answered(self, method: str, path: str, **what: Any) -> tuple[int, Any, int, float]:
        began = time.monotonic()
        tries, pause_s = 0, FIRST_PAUSE_S
        while time.monotonic() - began < PATIENCE_S:
            tries += 1
            try:
                answer = await self._http.request(method, self.address + path, **what)
                if answer.status_code not in NO_ANSWER:
                    body = answer.json() if "json" in answer.headers.get("content-type", "") else None
                    return answer.status_code, body, tries, time.monotonic() - began
                if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
                    self._diary.contradictions.append(f"{method} {path.split('/')[2]}: 500 {answer.text[:300]}")
            except (httpx.HTTPError, ValueError):
                pass
            self.elsewhere()
            await asyncio.sleep(pause_s * (0.5 + self._chance.random()))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._diary.unanswered.append(f"{method} {path}")
        raise GaveUp(f"{method} {path}")
