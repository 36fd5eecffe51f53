"""Who was on duty at a past moment, from the log, and who went where between two moments, from the tracks. Reads only."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from msgspec import Struct, convert
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.errors import Invalid
from backend.office import Office
from backend.patrol.duty import DutyState

KINDS: Final = ["team.on_duty", "team.off_duty", "team.resting"]
LOOKED_BACK: Final = (2_000, 20_000, 200_000)
"""So many events back a team's last word is looked for; whoever was silent longer is as their next word says they had been."""
POINTS_AT_MOST: Final = 200_000


class Duty(Struct, frozen=True):
    """A team's state at a moment, and since when."""

    state: DutyState
    since: datetime
    shift_ends_at: datetime | None


class Point(Struct, frozen=True, array_like=True):
    """Where a team was: seconds after the beginning of what was asked for, WGS-84 degrees, heading if known."""

    s: float
    lon: float
    lat: float
    heading_deg: float | None


class Track(Struct, frozen=True):
    """A team's way, thinned, while it was on duty."""

    team_id: UUID
    points: list[Point]


_LAST = text("""
    SELECT DISTINCT ON (data ->> 'team_id') CAST(data ->> 'team_id' AS uuid) AS team_id,
           data ->> 'state' AS state, occurred_at AS since, data ->> 'shift_ends_at' AS shift_ends_at
    FROM events
    WHERE city_id = :city AND seq > :after AND seq <= :until AND kind = ANY (:kinds) AND data ->> 'team_id' = ANY (:teams)
    ORDER BY data ->> 'team_id', seq DESC
""")
_NEXT = text("""
    SELECT DISTINCT ON (data ->> 'team_id') CAST(data ->> 'team_id' AS uuid) AS team_id, data ->> 'before' AS state
    FROM events
    WHERE city_id = :city AND seq > :after AND kind = ANY (:kinds) AND data ->> 'team_id' = ANY (:teams)
    ORDER BY data ->> 'team_id', seq
""")


async def duty_at(
    tx: AsyncConnection, office: Office, teams: Sequence[UUID], *, at: datetime, seq: int
) -> dict[UUID, Duty]:
    """The state of each team when the log had reached `seq`, at the moment `at`.

    A team that has not changed since is as its row says; the others are looked for in the log, a bounded way back.
    """
    p = db.presence.c
    query = select(p.team_id, p.state, p.state_since, p.shift_ends_at)
    rows = (await tx.execute(query.where(p.city_id == office.city_id, p.team_id.in_(teams)))).all()
    found = {row.team_id: Duty(row.state, row.state_since, row.shift_ends_at) for row in rows if row.state_since <= at}
    missing = [team for team in teams if team not in found]
    for back in LOOKED_BACK:
        if not missing:
            return found
        given = {"city": office.city_id, "after": seq - back, "until": seq, "kinds": KINDS, "teams": _texts(missing)}
        found |= {row.team_id: _duty(row) for row in await tx.execute(_LAST, given)}
        missing = [team for team in missing if team not in found]
    given = {"city": office.city_id, "after": seq, "kinds": KINDS, "teams": _texts(missing)}
    before = {row.team_id: row.state for row in await tx.execute(_NEXT, given)}
    return found | {team: Duty(before.get(team, "off_duty"), at, None) for team in missing}


def _duty(row: Any) -> Duty:
    ends = row.shift_ends_at
    return Duty(cast("DutyState", row.state), row.since, convert(ends, datetime) if ends else None)


def _texts(teams: Sequence[UUID]) -> list[str]:
    return [str(team) for team in teams]


_CHANGES = text("""
    SELECT CAST(data ->> 'team_id' AS uuid) AS team_id, data ->> 'state' AS state, occurred_at
    FROM events
    WHERE city_id = :city AND seq > :after AND seq <= :until AND kind = ANY (:kinds) AND data ->> 'team_id' = ANY (:teams)
    ORDER BY seq
""")
_WAYS = text("""
    SELECT DISTINCT ON (team_id, slot) team_id, at, lon, lat, heading_deg,
           floor(extract(epoch FROM at - CAST(:start AS timestamptz)) / :step_s) AS slot
    FROM fixes
    WHERE city_id = :city AND team_id = ANY (CAST(:teams AS uuid[])) AND at >= :start AND at < :end
    ORDER BY team_id, slot, at
""")


async def tracks(
    tx: AsyncConnection,
    office: Office,
    teams: Sequence[UUID],
    *,
    start: datetime,
    end: datetime,
    seqs: tuple[int, int],
    step_s: float,
) -> list[Track]:
    """The ways of the teams from `start` to `end`, one point in `step_s` at most, on duty only.

    seqs: what the log had reached at start and end. Raises Invalid when that would be too much for one answer.
    """
    slots = (end - start).total_seconds() / step_s
    if len(teams) * slots > POINTS_AT_MOST:
        least = int(len(teams) * (end - start).total_seconds() / POINTS_AT_MOST) + 1
        raise Invalid(
            f"数据过多，请把步长放大到 {least} 秒以上，或缩短时间。",
            f"That is too much at once: take steps of {least} s or more, or a shorter time.",
            field="step_s",
            hint=str(least),
        )
    off = await _off_duty(tx, office, teams, start=start, seqs=seqs)
    given = {"city": office.city_id, "teams": list(teams), "start": start, "end": end, "step_s": step_s}
    ways: dict[UUID, list[Point]] = {}
    for row in await tx.execute(_WAYS, given):
        if not any(since <= row.at < until for since, until in off.get(row.team_id, ())):
            seconds = round((row.at - start).total_seconds(), 1)
            ways.setdefault(row.team_id, []).append(Point(seconds, row.lon, row.lat, row.heading_deg))
    return [Track(team, points) for team, points in ways.items()]


_EVER: Final = timedelta(days=36_500)


async def _off_duty(
    tx: AsyncConnection, office: Office, teams: Sequence[UUID], *, start: datetime, seqs: tuple[int, int]
) -> dict[UUID, list[tuple[datetime, datetime]]]:
    """When each team was off duty, as spans; nobody's whereabouts are told of these."""
    state = {id_: duty.state for id_, duty in (await duty_at(tx, office, teams, at=start, seq=seqs[0])).items()}
    off_since = {id_: start - _EVER for id_ in teams if state[id_] == "off_duty"}
    spans: dict[UUID, list[tuple[datetime, datetime]]] = {}
    given = {"city": office.city_id, "after": seqs[0], "until": seqs[1], "kinds": KINDS, "teams": _texts(teams)}
    for row in await tx.execute(_CHANGES, given):
        if row.state == "off_duty":
            off_since.setdefault(row.team_id, row.occurred_at)
        elif row.team_id in off_since:
            spans.setdefault(row.team_id, []).append((off_since.pop(row.team_id), row.occurred_at))
    for id_, since in off_since.items():
        spans.setdefault(id_, []).append((since, start + _EVER))
    return spans
