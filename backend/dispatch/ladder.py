"""The ladder of a notice: live feed, push, SMS, and in the end the dispatcher, who is told that a team was not reached.

`begin` makes a notice of what a verb put into the outbox; `climb` takes it to its next rung. Both are one transaction of the
worker's, write rows and speak to nobody outside (I13): senders take the messages from the outbox. Before each rung it is
asked anew, under the case's lock, whether the notice is still wanted (I4, I5) and the team on duty (I12).
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import metrics
from backend.dispatch import find
from backend.dispatch.change import Change, Command, record
from backend.dispatch.move import touched
from backend.live.notices import Told
from backend.notify import devices, notices, outbox
from backend.notify.notices import Notice, Rung
from backend.notify.push import TOLD, USUAL_TTL_S, words_of
from backend.notify.senders import Message, Way
from backend.office import Office
from backend.policy import Notify

CLIMBS: Final = frozenset({"offer.made", "case.assigned"})
"""What a team has to answer: beyond the push it goes on to SMS, and to a person."""
TEXTED: Final = frozenset({"campaign.called_in"})
"""Goes on to SMS, whoever is off duty having put the phone away; that nobody came is seen by their not coming."""
ASSIGNMENT_TTL_S: Final = 600
LIVE_FEED: Final = "socket"


class Ways(Struct, frozen=True, kw_only=True):
    """How this process can tell anybody. senders: the ways that are set up. live: to the live feeds of all processes.

    machine_now: by which sessions end.
    """

    senders: Collection[Way]
    live: Callable[[Told], None]
    machine_now: Callable[[], datetime]


async def begin(office: Office, message_id: UUID, ways: Ways, command: Command) -> bool:
    """What waits in the outbox becomes a notice, or is dropped when nobody wants it any more. False: another has it."""
    told: Told | None = None
    async with office.begin() as tx:
        message = await outbox.take(tx, office, message_id)
        if message is None:
            return False
        notice = _of(message, command.now)
        if notice is None or not await _may_begin(tx, office, message, notice):
            reason = "no longer wanted" if notice is not None else "nobody is meant"
            await outbox.end(tx, office, message, "dropped", now=command.now, reason=reason)
            return True
        await notices.keep(tx, office, notice)
        await outbox.end(tx, office, message, "sent", now=command.now)
        told = Told(team_id=notice.team_id, notice_id=notice.id, told=notice.told) if notice.team_id else None
        if (first := _next(office.city.policy.notify, notice, ways)) is not None and first[1] <= command.now:
            await _go_to(tx, office, notice, first[0], ways, command)
        else:
            await notices.change(tx, office, notice, climbs_at=first and first[1])
    metrics.NOTICES.labels(LIVE_FEED).inc()
    if told is not None:
        ways.live(told)
    return True


async def climb(office: Office, notice_id: UUID, ways: Ways, command: Command) -> bool:
    """The next rung of a notice that is due, or its end. False when there was nothing to do, or another has it."""
    async with office.begin() as tx:
        seen = await notices.find(tx, office, notice_id)
        if seen is None:
            return False
        # The case first, as every verb does: under its lock nobody answers, takes back or closes meanwhile.
        if seen.case_id is not None and await find.lock_case_unless_busy(tx, office, seen.case_id) is None:
            return False
        notice = await notices.lock(tx, office, notice_id)
        if notice is None or notice.climbs_at is None or notice.climbs_at > command.now:
            return False
        if (because := await _over(tx, office, notice)) is not None:
            await _end(tx, office, notice, because, command.now)
            return True
        following = _next(office.city.policy.notify, notice, ways)
        assert following is not None
        await _go_to(tx, office, notice, following[0], ways, command)
        return True


def _of(message: Message, now: datetime) -> Notice | None:
    """The notice that a message of the outbox stands for; None where `to` names nobody."""
    what, _, rest = message.to.partition(":")
    if what not in ("team", "role", "ground", "off_duty", "facility") or not rest:
        return None
    return Notice(
        id=message.id,
        to=message.to,
        kind=message.message["kind"],
        team_id=UUID(rest) if what == "team" else None,
        case_id=message.case_id,
        offer_id=message.offer_id,
        told={"case_id": message.case_id and str(message.case_id), **message.message},
        rung="socket",
        began_at=now,
    )


async def _may_begin(tx: AsyncConnection, office: Office, message: Message, notice: Notice) -> bool:
    """Wanted, and, for a team, on duty."""
    if message.id not in await outbox.still_wanted(tx, office, [message]):
        return False
    return notice.team_id is None or await _is_on_duty(tx, office, notice.team_id)


async def _over(tx: AsyncConnection, office: Office, notice: Notice) -> str | None:
    """Why nothing more is to be done, if so."""
    if notice.id not in await notices.running(tx, office, [notice.id]):
        return "not_wanted"
    if notice.team_id is not None and not await _is_on_duty(tx, office, notice.team_id):
        return "off_duty"
    return None


async def _is_on_duty(tx: AsyncConnection, office: Office, team_id: UUID) -> bool:
    return bool((await tx.execute(select(devices.on_duty(office, team_id)))).scalar())


def _next(rules: Notify, notice: Notice, ways: Ways) -> tuple[Rung, datetime] | None:
    """The rung after the one it is on, and when; None at the top of its ladder."""
    rungs: list[tuple[Rung, float]] = [("socket", 0.0), ("push", rules.push_after.seconds)]
    if notice.kind in CLIMBS and notice.team_id is not None:
        rungs += [("sms", rules.sms_after.seconds)] if "sms" in ways.senders else []
        rungs += [("not_reached", rules.not_reached_after.seconds)]
    if notice.kind in TEXTED and "sms" in ways.senders:
        rungs += [("sms", rules.sms_after.seconds)]
    names = [name for name, _ in rungs]
    following = rungs[names.index(notice.rung) + 1 :] if notice.rung in names else rungs[-1:]
    if not following:
        return None
    name, after_s = following[0]
    return name, notice.began_at + timedelta(seconds=after_s)


async def _go_to(tx: AsyncConnection, office: Office, notice: Notice, rung: Rung, ways: Ways, command: Command) -> None:
    """Does what the rung is, and plans the next one. Telling the dispatcher is the last thing, since it writes the event."""
    there = msgspec.structs.replace(notice, rung=rung)
    following = _next(office.city.policy.notify, there, ways)
    await notices.change(tx, office, notice, rung=rung, climbs_at=following and following[1])
    metrics.NOTICES.labels(rung).inc()
    if rung == "push":
        await _push(tx, office, notice, ways, command.now)
    elif rung == "sms":
        await _text(tx, office, notice, ways, command.now)
    elif rung == "not_reached":
        await _end(tx, office, notice, "not_reached", command.now)
        await _tell_dispatcher(tx, office, notice, command)


async def _end(tx: AsyncConnection, office: Office, notice: Notice, because: str, now: datetime) -> None:
    await notices.change(tx, office, notice, climbs_at=None, ended_at=now, ended_because=because)


async def _push(tx: AsyncConnection, office: Office, notice: Notice, ways: Ways, now: datetime) -> None:
    """A message for each device that can be sent to."""
    said = _said(notice, now)
    for row in await tx.execute(devices.of(office, notice.to, ways.machine_now())):
        if row.kind in ways.senders:
            await outbox.enqueue(tx, office, row.kind, str(row.id), said, now=now, case_id=notice.case_id)


async def _text(tx: AsyncConnection, office: Office, notice: Notice, ways: Ways, now: datetime) -> None:
    """A sentence for each duty phone of the team."""
    zh, en = words_of(notice.kind)
    number = notice.told.get("number")
    about = ("专项行动", "campaign") if notice.kind in TEXTED else ("案卷", "case")
    text = f"【救助圈】{about[0]} {number}：{zh}Rescue Circle, {about[1]} {number}: {en}"
    accounts = list((await tx.execute(devices.numbers_of(office, notice.to, ways.machine_now()))).scalars())
    for account_id in accounts:
        if (phone := await devices.number_of(tx, office, account_id)) is not None:
            said = {"notice_id": notice.id, "account_id": account_id, "text": text}
            await outbox.enqueue(tx, office, "sms", phone, said, now=now, case_id=notice.case_id)


def _said(notice: Notice, now: datetime) -> dict[str, Any]:
    """What a device's message has: of what is told only that which a phone gets."""
    told = {name: notice.told[name] for name in TOLD if notice.told.get(name) is not None}
    is_urgent = (
        notice.kind in CLIMBS | TEXTED or notice.kind.startswith("team.distress") or bool(notice.told.get("alarm"))
    )
    return {"notice_id": notice.id, **told, "ttl_s": _ttl_s(notice, now), "is_urgent": is_urgent}


def _ttl_s(notice: Notice, now: datetime) -> int:
    """An offer is of no use once its lease is over."""
    if (until := notice.told.get("expires_at")) is not None:
        return max(0, int((datetime.fromisoformat(until) - now).total_seconds()))
    return ASSIGNMENT_TTL_S if notice.kind in CLIMBS else USUAL_TTL_S


async def _tell_dispatcher(tx: AsyncConnection, office: Office, notice: Notice, command: Command) -> None:
    assert notice.case_id is not None
    assert notice.team_id is not None
    case = await find.get_case(tx, office, notice.case_id)
    facts = {"alarm": "not_reached", "team_id": notice.team_id, "notice": notice.kind, "offer_id": notice.offer_id}
    change = Change(kind="case.not_reached", rows=[(case, touched(case))], facts=facts, teams=[notice.team_id])
    await record(tx, office, command, change)
