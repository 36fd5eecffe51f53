"""What was measured outside: temperature, humidity and wind, as a station or a desk reports them, and what it feels like.

Begin at `keep`. One station's measurement of one moment is one, however often it is sent. What follows from it for campaigns is
`backend.campaign.observing`'s; reports are judged by it (`backend.intake.weather`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks, log
from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.errors import Invalid
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.intake.felt import BY_WORDS, By, felt
from backend.office import Office

FRESH: Final = timedelta(minutes=90)
"""So long a measurement says what the weather is: stations that report by the hour may be late once."""
AHEAD: Final = timedelta(minutes=2)
OLDEST: Final = timedelta(days=2)


class Measured(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measurement. humidity: relative, per cent; wind_mps: the mean at ten metres, m/s; place: WGS-84. station: its name; whoever sends it
    when left out."""

    at: datetime
    temperature_c: Annotated[float, Meta(ge=-60, le=60)]
    humidity: Annotated[float, Meta(ge=0, le=100)] | None = None
    wind_mps: Annotated[float, Meta(ge=0, le=90)] | None = None
    station: Annotated[str, Meta(min_length=1, max_length=80)] | None = None
    place: LonLat | None = None


class Measurement(Struct, frozen=True, kw_only=True):
    """A measurement as it is kept. felt_c: what it feels like, °C, by the measure that felt_by names."""

    id: UUID
    at: datetime
    station: str
    temperature_c: float
    humidity: float | None
    wind_mps: float | None
    felt_c: float
    felt_by: By
    felt_by_zh: str = ""
    felt_by_en: str = ""
    lon: float | None = None
    lat: float | None = None


async def keep(office: Office, measured: Measured, *, by: Actor, now: datetime) -> Measurement:
    """Keep a measurement; the same station's of the same moment is answered as the first time. Raises Invalid for an impossible time."""
    demand(office.city.policy.roles, by, "weather:observe", Object(regions=office.city.whole))
    _check(measured, office, now)
    one = felt(measured.temperature_c, measured.humidity, measured.wind_mps)
    row: dict[str, Any] = {
        "id": new_id(),
        "at": measured.at,
        "station": measured.station or by.name or by.id,
        "temperature_c": measured.temperature_c,
        "humidity": measured.humidity,
        "wind_mps": measured.wind_mps,
        "felt_c": one.c,
        "felt_by": one.by,
        "lon": measured.place.lon if measured.place else None,
        "lat": measured.place.lat if measured.place else None,
    }
    async with office.begin() as tx:
        await locks.hold(tx, f"observed:{office.city_id}:{row['station']}")
        if (known := await _same(tx, office, row["station"], measured.at)) is not None:
            return known
        sent = {"received_at": now, "received_from": by.id}
        await tx.execute(insert(db.observations).values(city_id=office.city_id, **row, **sent))
        told = {"rows": {"observations": [row]}}
        entry = log.Entry(
            kind="weather.observed", actor=by, occurred_at=measured.at, data=told, regions=office.city.whole
        )
        await log.append(tx, office.city_id, [entry], now=now)
    return _shown(row)


def _check(measured: Measured, office: Office, now: datetime) -> None:
    if measured.at.tzinfo is None:
        raise Invalid("观测时间须带时区。", "The time of a measurement needs a zone.", field="at")
    if not now - OLDEST <= measured.at <= now + AHEAD:
        raise Invalid(
            "观测时间须在最近两天之内，不能在将来。",
            "A measurement is of the last two days, not of the future.",
            field="at",
        )
    if measured.place is not None and not office.city.area.contains(measured.place):
        raise Invalid("观测地点不在本市范围内。", "The place of the measurement is not in the city.", field="place")


async def lately(tx: AsyncConnection, office: Office, since: datetime, until: datetime) -> list[Measurement]:
    """What was measured from `since` to `until`, newest first."""
    o = db.observations.c
    mine = (o.city_id == office.city_id) & (o.at >= since) & (o.at <= until)
    query = select(db.observations).where(mine).order_by(o.at.desc(), o.id.desc()).limit(5_000)
    return [_shown(row) for row in (await tx.execute(query)).mappings()]


def newest(measured: Sequence[Measurement]) -> list[Measurement]:
    """The newest of each station, of a list with the newest first."""
    found: dict[str, Measurement] = {}
    for one in measured:
        found.setdefault(one.station, one)
    return list(found.values())


async def felt_now(tx: AsyncConnection, office: Office, now: datetime) -> Measurement | None:
    """What it feels like now by the stations' newest fresh measurements: where several differ, the most extreme."""
    fresh = newest(await lately(tx, office, now - FRESH, now + AHEAD))
    return max(fresh, key=lambda one: abs(one.felt_c - COMFORTABLE_C), default=None)


COMFORTABLE_C: Final = 18.0
"""Farther from this is more extreme."""


async def _same(tx: AsyncConnection, office: Office, station: str, at: datetime) -> Measurement | None:
    o = db.observations.c
    query = select(db.observations).where(o.city_id == office.city_id, o.station == station, o.at == at)
    row = (await tx.execute(query)).mappings().first()
    return _shown(row) if row else None


def _shown(row: Any) -> Measurement:
    zh, en = BY_WORDS[row["felt_by"]]
    kept = {name: row[name] for name in Measurement.__struct_fields__ if name not in ("felt_by_zh", "felt_by_en")}
    return Measurement(**kept, felt_by_zh=zh, felt_by_en=en)
