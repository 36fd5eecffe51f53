"""The weather that holds in a city now: set by a desk, what it feels like measured by stations too, read by everybody.

Roads take longer in it (policy `[weather.speed]`), and being outside may be a danger by itself (`backend.intake.triage`).
"""

import time
from datetime import datetime

import msgspec
from sqlalchemy import exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.errors import Invalid
from backend.ids import new_id
from backend.intake.observed import felt_now
from backend.intake.triage import WeatherNow
from backend.office import Office

SEEN_FOR_S = 15.0
"""So long a process goes on with the weather it last read: it changes by the hour, reports come by the second."""


EXPOSING = ("cold_wave", "low_temperature", "snow", "icy_roads", "heat", "rainstorm", "typhoon")
"""While a warning of these holds, being outside is a danger, whatever the desk has set."""


async def current(tx: AsyncConnection, office: Office, now: datetime) -> WeatherNow:
    """What was set last, a clear day when nothing ever was; warned too while a warning holds.

    What it feels like is what was said or measured last, measurements as long as they are fresh.
    """
    w = db.weather.c
    query = (
        select(w.state, w.feels_c, w.warned, w.set_at)
        .where(w.city_id == office.city_id)
        .order_by(w.set_at.desc(), w.id.desc())
    )
    row = (await tx.execute(query.limit(1))).first()
    said = WeatherNow(state=row.state, feels_c=row.feels_c, warned=row.warned) if row else WeatherNow()
    measured = await felt_now(tx, office, now)
    if measured is not None and (row is None or row.feels_c is None or row.set_at < measured.at):
        said = msgspec.structs.replace(said, feels_c=measured.felt_c)
    return said if said.warned else msgspec.structs.replace(said, warned=await _warned(tx, office))


async def _warned(tx: AsyncConnection, office: Office) -> bool:
    w = db.warnings.c
    live = (w.city_id == office.city_id) & (w.state == "live") & w.hazard.in_(EXPOSING)
    return bool((await tx.execute(select(exists().where(live)))).scalar_one())


async def set_weather(office: Office, wanted: WeatherNow, *, by: Actor, now: datetime) -> WeatherNow:
    """Say what the weather is. Raises Invalid for a state that the policy does not name."""
    demand(office.city.policy.roles, by, "weather:write", Object(regions=office.city.whole))
    states = office.city.policy.weather.speed
    if wanted.state not in states:
        raise Invalid(
            f"天气状态只能是：{'、'.join(states)}。", f"The state is one of {', '.join(states)}.", field="state"
        )
    async with office.begin() as tx:
        row = {"id": new_id(), "state": wanted.state, "feels_c": wanted.feels_c, "warned": wanted.warned}
        await tx.execute(insert(db.weather).values(city_id=office.city_id, set_at=now, set_by=by.id, **row))
        entry = log.Entry(kind="weather.set", actor=by, occurred_at=now, data=row, regions=office.city.whole)
        await log.append(tx, office.city_id, [entry], now=now)
    return wanted


class Outlook:
    """The current weather, read again at most every SEEN_FOR_S seconds."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._seen, self._until_s = WeatherNow(), 0.0

    async def at(self, now: datetime) -> WeatherNow:
        """As it was read last, at the latest some seconds ago."""
        if time.monotonic() >= self._until_s:
            async with self._office.db.connect() as tx:
                self._seen = await current(tx, self._office, now)
            self._until_s = time.monotonic() + SEEN_FOR_S
        return self._seen
