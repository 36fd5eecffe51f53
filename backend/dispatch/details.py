"""What a reporter adds later to their own report: a driver at the next stop, a passer-by who looked again.

Begin at `add_details`. Dangers are only added and the priority is only raised (DOMAIN §3): what was said first stays said. Whoever
has the receipt may add for `ADDED_WITHIN`; after that, or once the case is closed, it is a report of its own.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, personal
from backend.dispatch import find
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.lifecycle import CLOSED_STAGES
from backend.dispatch.move import touched
from backend.dispatch.records import Case, Link, Offer
from backend.dispatch.words import readable
from backend.errors import Conflict, Invalid, NotFound
from backend.intake.looks import Looks, own_words
from backend.intake.report import Sighting
from backend.intake.triage import Triage, assess, merge_priority
from backend.intake.weather import current as current_weather
from backend.office import Office
from backend.policy import Danger

ADDED_WITHIN: Final = timedelta(hours=24)
LONGEST_DESCRIPTION: Final = 8_000
_NO_LOOKS: Final = msgspec.structs.asdict(Looks())


class Details(Struct, frozen=True, kw_only=True):
    """What is added; what is left out stays as it was. description: further words, after those that are there."""

    people_count: int | None = None
    looks: Looks | None = None
    dangers: list[Danger] = []
    description: str = ""


async def add_details(office: Office, receipt: str, details: Details, command: Command) -> Answer:
    """The sighting and its case with what was added. Raises NotFound, Invalid `nothing_added`, `description_too_long`, Conflict
    `too_late`, `case_closed`."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        await find.lock_intake(tx, office)  # so that the sighting stays in the case it is in
        before = await _sighting(tx, office, receipt)
        link = await _link(tx, office, before.id)
        case = await find.lock_case(tx, office, link.case_id)
        _demand_open(before, case, command)
        after, triage = await _added(tx, office, before, details, command)
        if after == before:
            raise Invalid("没有新的内容。", "Nothing was added.", code="nothing_added")
        await _write(tx, office, after)
        offer = await find.live_offer(tx, office, case.id)
        return await record(tx, office, command, _change(case, link, before, after, triage, offer, command))


async def _sighting(tx: AsyncConnection, office: Office, receipt: str) -> Sighting:
    s = db.sightings.c
    found = (await tx.execute(select(s.id).where(s.city_id == office.city_id, s.receipt == receipt))).scalar()
    if found is None:
        raise NotFound(
            "没有这个回执码，请核对后再试。", "There is no such receipt; please check it.", code="no_receipt"
        )
    return await find.get_sighting(tx, office, found)


async def _link(tx: AsyncConnection, office: Office, sighting_id: UUID) -> Link:
    links = db.case_sightings.c
    query = find.rows_of(Link, office, links.sighting_id == sighting_id, links.left_at.is_(None))
    (link,) = await find.fetch(tx, office, Link, query)
    return link


def _demand_open(sighting: Sighting, case: Case, command: Command) -> None:
    if command.now > sighting.received_at + ADDED_WITHIN:
        raise Conflict(
            "已超过 24 小时，不能再补充；如仍有人需要帮助，请重新上报。",
            "More than 24 hours have passed: if somebody still needs help, please report it anew.",
            code="too_late",
        )
    if case.stage in CLOSED_STAGES:
        raise Conflict(
            "这件事已经办结，不能再补充；如仍有人需要帮助，请重新上报。",
            "It has been dealt with: if somebody still needs help, please report it anew.",
            code="case_closed",
        )


async def _added(
    tx: AsyncConnection, office: Office, before: Sighting, details: Details, command: Command
) -> tuple[Sighting, Triage]:
    """The sighting as it is then, and what its dangers mean: those that were known count on."""
    given, others = own_words(details.looks or Looks())
    looks = _looks_with(before, given)
    text = readable("\n".join(part for part in (details.description, " ".join(others)) if part))
    triage = assess(
        [*before.dangers, *details.dangers],
        office.city.policy,
        local=command.at.astimezone(office.city.zone),
        looks=looks,
        weather=await current_weather(tx, office, command.now),
        text=text,
    )
    new = [danger for danger in (*triage.dangers, *triage.suggested) if danger not in before.dangers]
    after = msgspec.structs.replace(
        before,
        people_count=max(before.people_count, details.people_count or 1),
        looks=msgspec.json.decode(msgspec.json.encode(looks)),  # as it comes back from the database
        dangers=[*before.dangers, *new],
        description=_longer(before.description, text),
    )
    return (msgspec.structs.replace(after, detailed_at=command.now) if after != before else before), triage


def _looks_with(before: Sighting, given: Looks) -> Looks:
    """What was noticed before, and over it what is known better now."""
    told = {name: value for name, value in msgspec.structs.asdict(given).items() if value != _NO_LOOKS[name]}
    return msgspec.structs.replace(msgspec.convert(before.looks, Looks), **told)


def _longer(before: str | None, text: str) -> str | None:
    whole = "\n".join(part for part in (before, text) if part)
    if len(whole) > LONGEST_DESCRIPTION:
        raise Invalid(
            f"描述合计不能超过 {LONGEST_DESCRIPTION} 字。",
            f"A description has {LONGEST_DESCRIPTION} characters at most.",
            code="description_too_long",
            field="description",
        )
    return whole or None


async def _write(tx: AsyncConnection, office: Office, after: Sighting) -> None:
    changed = ("people_count", "looks", "dangers", "description", "detailed_at")
    values = personal.sealed(office.ring, db.sightings, {name: getattr(after, name) for name in changed}, key=after.id)
    mine = (db.sightings.c.city_id == office.city_id) & (db.sightings.c.id == after.id)
    await tx.execute(update(db.sightings).where(mine).values(**values))


def _change(
    case: Case, link: Link, before: Sighting, after: Sighting, triage: Triage, offer: Offer | None, command: Command
) -> Change:
    """Told of the case, since its priority may be another for whoever sees the case and no sighting."""
    raised = merge_priority(case.priority, triage.priority) != case.priority
    # Who was looked for later is looked for at once; with an offer out the search goes on when that ends.
    at_once = {"search_at": command.now} if raised and case.stage == "accepted" and offer is None else {}
    grown = touched(
        case,
        priority=merge_priority(case.priority, triage.priority),
        dangers=sorted({*case.dangers, *after.dangers}),
        call_first=list(dict.fromkeys([*triage.call_first, *case.call_first])),
        skills=sorted({*case.skills, *triage.skills}),
        people_count=max(case.people_count, after.people_count),
        looks=after.looks if link.joined_by == "opened" else case.looks,
        **at_once,
    )
    facts: dict[str, Any] = {**_told(after), "raised": raised, "words_added": after.description != before.description}
    if raised and case.stage == "suspended":
        facts["alarm"] = "raised_while_suspended"  # nobody is looking at it: a person decides whether it goes on
    return Change(kind="case.detailed", rows=[(case, grown)], facts=facts, teams=[offer.team_id] if offer else [])


def _told(kept: Sighting) -> dict[str, Any]:
    """What the log has of the sighting from now on; the proof of the table reads it (backend.dispatch.proof)."""
    kind = "public" if kept.reporter.startswith("receipt:") else kept.reporter.partition(":")[0]
    named = ("channel", "occurred_at", "lon", "lat", "in_area", "people_count", "dangers")
    about = {name: getattr(kept, name) for name in named}
    return {"sighting_id": kept.id, "reporter_kind": kind if kind in ("public", "partner") else "account", **about}
