"""求助 A crew in danger calls for help, and somebody answers. Begin at `raise_call`.

It is never refused for want of something: off duty, without a position, late or with a wrong clock it is an alarm all the
same. Who may see the team is told at once; when nobody answers within the policy's `[escalation] distress` it goes to the
shift leader and then to the supervisor (`escalate`, a timer like any other).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks
from backend.access.permissions import Object
from backend.dispatch import field, find
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.records import DistressCall
from backend.dispatch.words import readable
from backend.errors import Conflict, NotFound
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.patrol import duty
from backend.patrol.teams import get_team

AT_ONCE: Final = ("dispatcher", "shift_leader")
CHAIN: Final = (("shift_leader",), ("shift_leader", "supervisor"))
"""Who is told at each level that a call climbs while nobody answers."""
ALARM: Final = "distress"


class Spot(Struct, frozen=True):
    """Where a crew is. at: when it was there; accuracy_m: radius in metres."""

    place: LonLat
    at: datetime
    accuracy_m: float | None = None


class DistressNow(Struct, frozen=True, kw_only=True):
    """The own team's call, until it is over. note: what was answered."""

    id: UUID
    raised_at: datetime
    answered_at: datetime | None
    note: str | None


async def raise_call(office: Office, team_id: UUID, spot: Spot | None, command: Command) -> Answer:
    """The crew calls for help; `distress_id` of the answer names the call. Pressed again before somebody answered it is the
    same call, at the newer place. Without a position it is where the team was seen last on duty."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        command.demand(office, "distress:raise", Object(teams=[team_id]))
        await locks.hold(tx, f"distress:{office.city_id}:{team_id}")
        waiting = await _unanswered(tx, office, team_id)
        spot = spot or await _last_seen(tx, office, team_id)
        call = _again(waiting, spot) if waiting else await _first(tx, office, team_id, spot, command)
        call = msgspec.structs.replace(call, regions=await _regions(tx, office, call))
        told = {"alarm": ALARM, "told": list(AT_ONCE)}
        return await record(tx, office, command, _change("team.distress", waiting, call, told))


async def _first(
    tx: AsyncConnection, office: Office, team_id: UUID, spot: Spot | None, command: Command
) -> DistressCall:
    wait_s = office.city.policy.escalation.distress.seconds
    return DistressCall(
        id=new_id(),
        team_id=team_id,
        raised_by=command.by.id,
        raised_at=command.at,
        received_at=command.now,
        regions=[],
        case_id=await field.current_case_id(tx, office, team_id),
        escalates_at=command.now + timedelta(seconds=wait_s),
        **_where(spot),
    )


def _again(waiting: DistressCall, spot: Spot | None) -> DistressCall:
    newer = spot is not None and (waiting.place_at is None or spot.at >= waiting.place_at)
    return msgspec.structs.replace(waiting, presses=waiting.presses + 1, **(_where(spot) if newer else {}))


def _where(spot: Spot | None) -> dict[str, Any]:
    if spot is None:
        return {}
    return {"lon": spot.place.lon, "lat": spot.place.lat, "accuracy_m": spot.accuracy_m, "place_at": spot.at}


async def _last_seen(tx: AsyncConnection, office: Office, team_id: UUID) -> Spot | None:
    """Where its phone was last; off duty nobody is anywhere (DOMAIN §8)."""
    seen = await duty.get_presence(tx, office, team_id)
    if seen.state == "off_duty" or seen.lon is None or seen.lat is None or seen.fix_at is None:
        return None
    return Spot(LonLat(seen.lon, seen.lat), seen.fix_at)


async def _regions(tx: AsyncConnection, office: Office, call: DistressCall) -> list[str]:
    """Whoever answers for the team, and whoever answers for the ground it stands on."""
    team = await get_team(tx, office, call.team_id)
    there = office.city.regions_of(LonLat(call.lon, call.lat)) if call.lon is not None and call.lat is not None else []
    return list(dict.fromkeys([*office.city.lineage(team.regions), *there]))


async def answer_call(office: Office, distress_id: UUID, note: str | None, command: Command) -> Answer:
    """Somebody at a desk has heard it and says what is done; the crew reads the note. Raises Conflict `answered`."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        call = await _lock(tx, office, distress_id)
        command.demand(office, "distress:answer", call.as_object())
        if call.answered_at is not None:
            raise Conflict("已有人答复。", "Somebody has answered already.", code="answered", by=call.answered_by)
        after = msgspec.structs.replace(
            call, answered_by=command.by.id, answered_at=command.now, escalates_at=None, note=readable(note) or None
        )
        waited_s = (command.now - call.received_at).total_seconds()
        return await record(tx, office, command, _change("team.distress_answered", call, after, {"waited_s": waited_s}))


async def end_call(office: Office, distress_id: UUID, command: Command) -> Answer:
    """The crew is safe: nothing is shown of it any more. Raises Conflict before somebody has answered, and twice."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        call = await _lock(tx, office, distress_id)
        command.demand(office, "distress:answer", call.as_object())
        if call.answered_at is None:
            raise Conflict("请先答复，再结束。", "Answer it before it is over.", code="not_answered")
        if call.over_at is not None:
            raise Conflict("该求助已结束。", "It is over already.", code="over")
        after = msgspec.structs.replace(call, over_by=command.by.id, over_at=command.now)
        return await record(tx, office, command, _change("team.distress_over", call, after, {}))


async def due_calls(tx: AsyncConnection, office: Office, now: datetime, *, limit: int = 50) -> list[UUID]:
    """The calls that nobody has answered in time."""
    d = db.distress_calls.c
    query = select(d.id).where(d.city_id == office.city_id, d.escalates_at <= now)
    return list((await tx.execute(query.order_by(d.escalates_at).limit(limit))).scalars())


async def escalate(office: Office, distress_id: UUID, command: Command) -> bool:
    """Nobody has answered: the next of the chain hears of it. False when somebody has meanwhile (I5)."""
    async with office.begin() as tx:
        call = await _lock(tx, office, distress_id)
        if call.escalates_at is None or call.escalates_at > command.now:
            return False
        level = call.level + 1
        wait = timedelta(seconds=office.city.policy.escalation.distress.seconds)
        again = command.now + wait if level < len(CHAIN) else None
        after = msgspec.structs.replace(call, level=level, escalates_at=again)
        told = {"alarm": ALARM, "told": list(CHAIN[level - 1]), "level": level}
        await record(tx, office, command, _change("team.distress_escalated", call, after, told))
        return True


async def current(tx: AsyncConnection, office: Office, team_id: UUID) -> DistressNow | None:
    """The team's newest call that is not over, if any."""
    d = db.distress_calls.c
    query = find.rows_of(DistressCall, office, d.team_id == team_id, d.over_at.is_(None))
    found = await find.fetch(tx, office, DistressCall, query.order_by(d.raised_at.desc(), d.id.desc()).limit(1))
    return next(
        (DistressNow(id=c.id, raised_at=c.raised_at, answered_at=c.answered_at, note=c.note) for c in found), None
    )


async def _unanswered(tx: AsyncConnection, office: Office, team_id: UUID) -> DistressCall | None:
    d = db.distress_calls.c
    found = await _locked(tx, office, d.team_id == team_id, d.answered_at.is_(None))
    return found[0] if found else None


async def _lock(tx: AsyncConnection, office: Office, distress_id: UUID) -> DistressCall:
    """The call, held until the commit. Raises NotFound."""
    found = await _locked(tx, office, db.distress_calls.c.id == distress_id)
    if not found:
        raise NotFound("没有这次求助，或不在您的管辖范围内。", "There is no such call, or it is outside what is yours.")
    return found[0]


async def _locked(tx: AsyncConnection, office: Office, *which: Any) -> Sequence[DistressCall]:
    return await find.fetch(tx, office, DistressCall, find.rows_of(DistressCall, office, *which).with_for_update())


def _change(kind: str, before: DistressCall | None, after: DistressCall, facts: dict[str, Any]) -> Change:
    return Change(kind=kind, rows=[(before, after)], facts=facts, regions=after.regions, teams=[after.team_id])
