"""The reporters of a day: each sends their report at its time, from a phone of their own or through the hotline's desk."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from ops.demo_accounts import DemoAccount
from ops.simulate.day import DayReport
from ops.simulate.officer import World
from ops.simulate.person import Event
from ops.simulate.phone import Line, Phone, Reply

PUBLIC: Final = frozenset({"web", "app"})


class Filed(Struct, frozen=True):
    """A report that was answered: where it lies in the day, its receipt and its case then."""

    key: str
    receipt: str
    case_id: str
    opened: bool


class Reporters:
    """All of them. `reports` in the order of their times; a day that is sent again is told apart by `day`."""

    def __init__(self, world: World, reports: list[tuple[str, DayReport]], operator: DemoAccount, line: Line) -> None:
        self.name = "reporters"
        self.faults: list[str] = []
        self.filed: list[Filed] = []
        self._world, self._line, self._operator = world, line, operator
        self._reports, self._next = reports, 0
        self._desk = Phone(line)

    @property
    def next_at(self) -> datetime | None:
        return self._reports[self._next][1].at if self._next < len(self._reports) else None

    async def begin(self, now: datetime) -> None:
        """The operator signs in. What lies before `now` is sent at once; what was sent before is answered as before (I8)."""
        await self._desk.sign_in(self._operator.login, self._operator.password)
        await self.act(now)

    async def end(self) -> None:
        await self._desk.close()

    def hear(self, event: Event, now: datetime) -> None:
        """Reporters hear nothing of the log: they have a receipt."""

    async def act(self, now: datetime) -> None:
        while self._next < len(self._reports) and self._reports[self._next][1].at <= now:
            key, report = self._reports[self._next]
            self._next += 1
            reply = await self._send(key, report)
            if not reply.ok:
                self.faults.append(f"report {key}: {reply.status} {reply.body}")
                continue
            receipt = reply.body
            self.filed.append(Filed(key, receipt["receipt"], receipt["case_id"], not receipt["known"]))
            self._world.street.heard(receipt["case_id"], key, report)

    def id_of(self, key: str, report: DayReport) -> UUID:
        """The id under which the report is sent, also when it is sent again."""
        return self._world.chance.id(report.at, "report", key)

    async def _send(self, key: str, report: DayReport) -> Reply:
        body = {**_body(report), "id": str(self.id_of(key, report))}
        if report.channel not in PUBLIC:
            return await self._desk.post("/api/reports", body)
        own = Phone(self._line, _address(self._next))
        try:
            return await own.post("/api/reports", body)
        finally:
            await own.close()


def _body(report: DayReport) -> dict[str, Any]:
    return {
        "channel": report.channel,
        "place": {"lon": report.lon, "lat": report.lat, "accuracy_m": 15.0},
        "occurred_at": report.at.isoformat(),
        "people_count": report.people_count,
        "looks": {
            "sex": report.sex,
            "age_band": report.age_band,
            "posture": report.posture,
            "colours": list(report.colours),
            "belongings": list(report.belongings),
        },
        "dangers": list(report.dangers),
        "address": report.address,
        "description": report.description,
    }


def _address(n: int) -> str:
    """An address of this machine that nobody else uses."""
    return f"127.{20 + n // 62_500 % 200}.{n // 250 % 250}.{n % 250 + 1}"
