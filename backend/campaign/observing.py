"""Measured weather that opens a campaign without a warning: felt cold at night, felt heat by day (policy `[campaign.observed]`).

Begin at `judge`, which is pure; the worker calls `follow` every minute. So that a campaign does not open and close
with every gust: once it is open, what is within `MARGIN_C` of the point keeps it open, at whatever hour, and it ends by itself
`HOLDS` after the last such measurement. One that jumps as no weather does is kept, and opens nothing.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.campaign.campaigns import Seen, open_observed
from backend.campaign.records import OPEN_STATES
from backend.dispatch.change import Command
from backend.intake.observed import FRESH, Measurement, lately, newest
from backend.office import Office
from backend.policy import Hazard
from backend.policy.plans import Observed

HOLDS: Final = timedelta(hours=3)
MARGIN_C: Final = 2.0
JUMP_C: Final = 15.0
JUMP_WITHIN: Final = timedelta(hours=1)
COLD: Final[Hazard] = "low_temperature"
HEAT: Final[Hazard] = "heat"


def judge(
    measured: Sequence[Measurement], policy: Observed, running: frozenset[Hazard], zone: tzinfo, now: datetime
) -> list[Seen]:
    """What was measured that opens a campaign, or keeps one open. measured: newest first; running: the hazards of the campaigns that
    measurements have opened. Of several stations the most extreme counts."""
    if policy.colour == "none":
        return []
    fresh = [one for one in newest(_plausible(measured)) if now - one.at <= FRESH]
    cold = [one for one in fresh if _is_cold(one, policy, zone, on=COLD in running)]
    hot = [one for one in fresh if _is_hot(one, policy, zone, on=HEAT in running)]
    found = []
    if cold:
        found.append(_seen(COLD, min(cold, key=lambda one: (one.felt_c, -one.at.timestamp()))))
    if hot:
        found.append(_seen(HEAT, max(hot, key=lambda one: (one.felt_c, one.at.timestamp()))))
    return found


def _is_cold(one: Measurement, policy: Observed, zone: tzinfo, *, on: bool) -> bool:
    if on:
        return one.felt_c <= policy.cold_at_c + MARGIN_C
    return one.felt_c <= policy.cold_at_c and _within(policy.between, one.at.astimezone(zone).time())


def _is_hot(one: Measurement, policy: Observed, zone: tzinfo, *, on: bool) -> bool:
    if on:
        return one.felt_c >= policy.heat_at_c - MARGIN_C
    return one.felt_c >= policy.heat_at_c and _within(policy.heat_between, one.at.astimezone(zone).time())


def _plausible(measured: Sequence[Measurement]) -> list[Measurement]:
    """Without those whose temperature is far from the same station's shortly before."""
    jumped = set()
    for station in {one.station for one in measured}:
        own = [one for one in measured if one.station == station]
        for after, before in pairwise(own):
            if after.at - before.at <= JUMP_WITHIN and abs(after.temperature_c - before.temperature_c) > JUMP_C:
                jumped.add(after.id)
    return [one for one in measured if one.id not in jumped]


def _seen(hazard: Hazard, one: Measurement) -> Seen:
    values = {
        "at": one.at.isoformat(),
        "station": one.station,
        "temperature_c": one.temperature_c,
        "humidity_percent": one.humidity,
        "wind_mps": one.wind_mps,
        "felt_by": one.felt_by,
    }
    formula: Literal["wind_chill", "heat_index"] = "heat_index" if hazard == HEAT else "wind_chill"
    return Seen(hazard=hazard, felt_c=one.felt_c, formula=formula, measured=values, ends_at=one.at + HOLDS)


def _within(hours: str, moment: time) -> bool:
    """Whether a time of day lies in "HH:MM-HH:MM", also over midnight."""
    begins, ends = (60 * int(part[:2]) + int(part[3:]) for part in hours.split("-"))
    minute = 60 * moment.hour + moment.minute
    return begins <= minute < ends if begins < ends else minute >= begins or minute < ends


async def follow(office: Office, command: Command) -> int:
    """Open what is to be opened, prolong what is to go on; how many campaigns that changed. Asked again it changes nothing."""
    async with office.db.connect() as tx:
        found = await due(tx, office, command.now)
    done = [await open_observed(office, seen, command) for seen in found]
    return sum(one is not None for one in done)


async def due(tx: AsyncConnection, office: Office, now: datetime) -> list[Seen]:
    """What was measured lately that opens a campaign or keeps it open for longer than it is to be."""
    measured = await lately(tx, office, now - FRESH - JUMP_WITHIN, now)
    if not measured:
        return []
    until = await _open_until(tx, office)
    found = judge(measured, office.city.policy.campaign.observed, frozenset(until), office.city.zone, now)
    return [seen for seen in found if seen.hazard not in until or until[seen.hazard] < seen.ends_at]


async def _open_until(tx: AsyncConnection, office: Office) -> dict[Hazard, datetime]:
    """The open campaigns that measurements opened, and when what was measured is over."""
    c = db.campaigns.c
    mine = (c.city_id == office.city_id) & (c.cause == "observed") & c.state.in_(OPEN_STATES)
    rows = await tx.execute(select(c.hazard, c.basis).where(mine))
    return {row.hazard: datetime.fromisoformat(row.basis["ends_at"]) for row in rows}
