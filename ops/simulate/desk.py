"""The people at the desks: the dispatcher accepts, joins and widens; the checker verifies. Each with an own account."""

import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from ops.demo_accounts import DemoAccount
from ops.simulate.chance import human_s
from ops.simulate.officer import World
from ops.simulate.person import Event
from ops.simulate.phone import DEVICE, Line, Phone, Reply

ACCEPT_MEDIAN_S: Final = 45.0
ACCEPT_LONGEST_S: Final = 240.0
JOIN_AT: Final = 0.85
"""A suggested duplicate that likely is joined without more ado."""
JOIN_SAME_PLACE_AT: Final = 0.7
"""… and this likely, when it is the same place within 8 m and nothing speaks against it."""
SAME_PLACE_M: Final = 8.0
CONTRADICTIONS: Final = frozenset({"sex_differs", "adult_or_child"})
CHECK_MINUTES: Final = (20.0, 60.0)
SEND_BACK: Final = 0.03
ALARM_MINUTES: Final = (1.0, 3.0)


class Desk:
    """Somebody with a list of things to look at, each at its time."""

    def __init__(self, name: str, world: World, account: DemoAccount, line: Line) -> None:
        self.name, self.world = name, world
        self.faults: list[str] = []
        self.phone = Phone(line)
        self._account = account
        self._todo: list[tuple[datetime, str, str]] = []
        self._known: set[tuple[str, str]] = set()
        self.deeds: dict[str, Callable[[str, datetime], Awaitable[None]]] = {}

    @property
    def next_at(self) -> datetime | None:
        return self._todo[0][0] if self._todo else None

    async def begin(self, now: datetime) -> None:
        await self.phone.sign_in(self._account.login, self._account.password)
        await self.look_around(now)

    async def look_around(self, now: datetime) -> None:
        """What waited before one came."""

    async def end(self) -> None:
        await self.phone.close()

    async def act(self, now: datetime) -> None:
        while self._todo and self._todo[0][0] <= now:
            _, case_id, deed = heapq.heappop(self._todo)
            self._known.discard((case_id, deed))
            await self.deeds[deed](case_id, now)

    def note(self, deed: str, case_id: str, at: datetime) -> None:
        """Put something on the list, once."""
        if (case_id, deed) not in self._known:
            self._known.add((case_id, deed))
            heapq.heappush(self._todo, (at, case_id, deed))

    async def _is_a_persons(self) -> bool:
        """Whether somebody has signed in here by a screen of their own; given back by signing out."""
        if self.world.people_every is None:
            return False
        sessions = await self.phone.get("/api/sessions/")
        return sessions.ok and any(one["device"] != DEVICE for one in sessions.body)

    async def waiting(self, stage: str) -> list[dict[str, Any]]:
        """The cases in a stage, all pages."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await self.phone.get("/api/cases/", stage=stage, limit=200, **cursor)).body
            found += page["cases"]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    async def command(self, case_id: str, verb: str, now: datetime, **body: Any) -> Reply:
        """Decide something about a case."""
        id_ = self.world.chance.id(now, self.name, verb, case_id, now.isoformat())
        reply = await self.phone.command(f"/api/cases/{case_id}/{verb}", id_, **body)
        if not reply.ok and reply.status != 409:
            self.faults.append(f"{self.name} {verb}: {reply.status} {reply.body}")
        return reply


class Dispatcher(Desk):
    """Looks at every new case within a minute or two: part of a known one, or accepted. Widens where nobody took it."""

    def __init__(self, world: World, account: DemoAccount, line: Line) -> None:
        super().__init__("dispatcher", world, account, line)
        self.deeds = {"judge": self._judge, "widen": self._widen}

    async def look_around(self, now: datetime) -> None:
        for case in await self.waiting("discovered"):
            self.note("judge", case["id"], now + timedelta(seconds=ACCEPT_MEDIAN_S))

    def hear(self, event: Event, now: datetime) -> None:
        if event["kind"] == "case.opened":
            key = self.world.street.opened_by.get(event["case_id"], event["occurred_at"])
            wait_s = min(ACCEPT_LONGEST_S, human_s(self.world.chance.of("accept", key), ACCEPT_MEDIAN_S))
            self.note("judge", event["case_id"], now + timedelta(seconds=wait_s))
        elif event["kind"] == "search.alarm" and event["data"].get("alarm") == "nobody_took_it":
            wait = self.world.chance.of("alarm", event["case_id"], event["case_version"]).uniform(*ALARM_MINUTES)
            self.note("widen", event["case_id"], now + timedelta(minutes=wait))

    async def _judge(self, case_id: str, now: datetime) -> None:
        reply = await self.phone.get(f"/api/cases/{case_id}")
        if not reply.ok:
            self.faults.append(f"dispatcher case: {reply.status} {reply.body}")
            return
        file = reply.body
        if file["case"]["stage"] not in ("discovered", "accepted", "dispatched"):
            return
        other = await self._same(file)
        if other is not None:
            joined = await self.command(case_id, "join", now, into=other, reason="同一地点、特征相符")
            if joined.ok:
                return
        if file["case"]["stage"] == "discovered":
            await self.command(case_id, "accept", now)

    async def _same(self, file: dict[str, Any]) -> str | None:
        """The open case that this one is about, as the suggestions say; the likeliest first."""
        case = file["case"]
        for suggestion in file["suggestions"]:
            if suggestion["case_id"] != case["id"]:
                continue  # the other way round: that one was opened later, and was looked at as its own
            codes = {reason["code"] for reason in suggestion["reasons"]}
            same_place = any(
                reason["code"] == "same_place" and _metres(reason["en"]) <= SAME_PLACE_M
                for reason in suggestion["reasons"]
            )
            wanted = JOIN_SAME_PLACE_AT if same_place else JOIN_AT
            if suggestion["score"] < wanted or codes & CONTRADICTIONS:
                continue
            other = (await self.phone.get(f"/api/cases/{suggestion['other_case_id']}")).body
            if other["case"]["stage"] in ("discovered", "accepted", "dispatched", "handling"):
                return str(suggestion["other_case_id"])
        return None

    async def _widen(self, case_id: str, now: datetime) -> None:
        await self.command(case_id, "widen", now)


def _metres(text: str) -> float:
    """The number that a reason about distance begins with ("12 m apart")."""
    first = text.split(" ", 1)[0]
    return float(first) if first.replace(".", "", 1).isdigit() else float("inf")


class Checker(Desk):
    """Verifies what was handled after a while; sends a few back."""

    def __init__(self, world: World, account: DemoAccount, line: Line) -> None:
        super().__init__("checker", world, account, line)
        self.deeds = {"check": self._check}

    async def look_around(self, now: datetime) -> None:
        for case in await self.waiting("handled"):
            self.note("check", case["id"], now + timedelta(minutes=CHECK_MINUTES[0]))

    def hear(self, event: Event, now: datetime) -> None:
        if event["kind"] == "case.handled":
            key = self.world.street.opened_by.get(event["case_id"], event["case_id"])
            wait = self.world.chance.of("check", key, event["case_version"]).uniform(*CHECK_MINUTES)
            self.note("check", event["case_id"], now + timedelta(minutes=wait))

    async def _check(self, case_id: str, now: datetime) -> None:
        key = self.world.street.opened_by.get(case_id, case_id)
        if self.world.chance.of("send-back", key, now.isoformat()).random() < SEND_BACK:
            await self.command(case_id, "send-back", now, reason="现场照片与位置不符，请复核。")
        else:
            await self.command(case_id, "verify", now, note="位置、时间、记录相符。")
