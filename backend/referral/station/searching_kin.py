"""甄别寻亲 What a station does to find out who somebody is: the search notice, DNA, settlement; and a stay made longer.

Each is one fact of the stay; the deadlines follow from the facts (backend.referral.station.deadlines). Whoever is at a hospital meanwhile is
looked for on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.dispatch.change import Command
from backend.errors import Conflict, Invalid, NotFound
from backend.office import Office
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person
from backend.referral.people.person_photos import photos_of
from backend.referral.people.register_rows import Done
from backend.referral.station import notice as notices
from backend.referral.station import stays
from backend.referral.station.deadlines import STILL_SEARCHED
from backend.referral.station.notice import Found, SearchNotice
from backend.referral.station.stay import Stay

LONGEST = timedelta(days=366)
"""Nobody's stay is prolonged for longer at once."""


class HouseShown(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice may or must not say of the station."""

    name: str
    address: str | None
    phone: str | None
    hidden: bool


async def draft_notice(tx: AsyncConnection, office: Office, stay_id: UUID, *, by: Actor) -> SearchNotice:
    """寻亲公告草稿: ready to be read over, without what must not be public. Raises NotAllowed, NotFound."""
    roles = office.city.policy.roles
    demand(roles, by, "stay:write")
    stay = await rows.get_stay(tx, office, stay_id)
    demand(roles, by, "stay:write", stay.as_object())
    person = await rows.get_person(tx, office, stay.person_id)
    photos = [photo.id for photo in await photos_of(tx, office, [person.id])]
    return notices.draft(person, await _found(tx, office, stay, person), office.city.zone, photos)


async def publish_notice(office: Office, stay_id: UUID, notice: SearchNotice, command: Command) -> Done:
    """发布寻亲公告: kept as it was published. Said again it is published anew, which renews nothing.

    Raises Invalid `not_for_the_public`, Conflict `identified`, `left_already`, NotAllowed, NotFound.
    """
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        stay, group = await _unknown(tx, office, stay_id, command)
        await _demand_public(tx, office, stay, notice, group)
        kept = msgspec.to_builtins(notice)
        after = msgspec.structs.replace(stay, notice_at=stay.notice_at or command.at, notice=kept)
        return await stays.tell_of_stay(tx, office, command, "stay.notice_published", stay, after, group)


async def renew_notice(office: Office, stay_id: UUID, notice: SearchNotice | None, command: Command) -> Done:
    """更新寻亲信息, with other words where there are any. Raises Conflict `no_notice` and as `publish_notice`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        stay, group = await _unknown(tx, office, stay_id, command)
        if stay.notice_at is None:
            raise Conflict("尚未发布寻亲公告。", "No search notice has been published.", code="no_notice")
        kept = stay.notice
        if notice is not None:
            await _demand_public(tx, office, stay, notice, group)
            kept = msgspec.to_builtins(notice)
        after = msgspec.structs.replace(stay, renewed_at=command.at, notice=kept)
        return await stays.tell_of_stay(tx, office, command, "stay.notice_renewed", stay, after, group)


async def ask_for_dna(office: Office, stay_id: UUID, command: Command) -> Done:
    """提请公安采集 DNA. Raises Conflict `asked_already`, `identified`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        stay, group = await _unknown(tx, office, stay_id, command)
        if stay.dna_requested_at is not None:
            raise Conflict("已提请公安采集 DNA。", "The police have been asked already.", code="asked_already")
        after = msgspec.structs.replace(stay, dna_requested_at=command.at)
        return await stays.tell_of_stay(tx, office, command, "stay.dna_requested", stay, after, group)


async def note_dna_answer(office: Office, stay_id: UUID, matched: bool, command: Command) -> Done:
    """公安答复: whether somebody was found by it; who, is told by identifying them. Raises Conflict `not_asked`, `answered_already`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        stay, group = await stays.held(tx, office, stay_id, command)
        if stay.dna_requested_at is None:
            raise Conflict("尚未提请公安采集 DNA。", "The police have not been asked.", code="not_asked")
        if stay.dna_answered_at is not None:
            raise Conflict("公安已答复。", "The police have answered already.", code="answered_already")
        after = msgspec.structs.replace(stay, dna_answered_at=command.at, dna_matched=matched)
        facts = {"matched": matched}
        return await stays.tell_of_stay(tx, office, command, "stay.dna_answered", stay, after, group, facts=facts)


async def apply_for_settlement(office: Office, stay_id: UUID, command: Command) -> Done:
    """申请落户安置: when nobody could be found. Raises Conflict `applied_already`, `identified`, `no_notice`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        stay, group = await _unknown(tx, office, stay_id, command)
        if stay.settlement_at is not None:
            raise Conflict("已申请落户安置。", "Settlement has been applied for already.", code="applied_already")
        if stay.notice_at is None:
            zh, en = "尚未发布寻亲公告，不能申请落户安置。", "Publish a search notice before applying for settlement."
            raise Conflict(zh, en, code="no_notice")
        after = msgspec.structs.replace(stay, settlement_at=command.at)
        return await stays.tell_of_stay(tx, office, command, "stay.settlement_applied", stay, after, group)


async def prolong(office: Office, stay_id: UUID, until: datetime, reason: str, command: Command) -> Done:
    """延长在站: until when, and why (which lies sealed with the arrival). Raises Invalid `until`, Conflict `left_already`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        stay, group = await stays.held(tx, office, stay_id, command)
        stays.demand_present(stay)
        if not command.now < until <= command.now + LONGEST or (stay.prolonged_to and until <= stay.prolonged_to):
            zh, en = (
                "延长的截止时间须晚于现在和原期限，且不超过一年。",
                "Later than now and than before, and within a year.",
            )
            raise Invalid(zh, en, field="until")
        because = (*stay.arrival.prolonged_because, reason.strip())
        arrival = msgspec.structs.replace(stay.arrival, prolonged_because=because)
        after = msgspec.structs.replace(stay, prolonged_to=until, arrival=arrival)
        return await stays.tell_of_stay(
            tx, office, command, "stay.prolonged", stay, after, group, facts={"until": until}
        )


async def _unknown(tx: AsyncConnection, office: Office, stay_id: UUID, command: Command) -> tuple[Stay, list[Person]]:
    """A stay of somebody whose name nobody knows, there or at a hospital. Raises Conflict."""
    stay, group = await stays.held(tx, office, stay_id, command)
    if any(one.is_identified for one in group):
        raise Conflict("身份已查明，无需寻亲。", "It is known who they are.", code="identified")
    if stay.how not in STILL_SEARCHED or stay.continued_at is not None:
        stays.demand_present(stay)
    return stay, group


async def _demand_public(
    tx: AsyncConnection, office: Office, stay: Stay, notice: SearchNotice, group: Sequence[Person]
) -> None:
    house = await _house(tx, office, stay)
    private = [part for part in (house.address, house.name) if part] if house.hidden else []
    notices.check(notice, private=private)
    known = {photo.id for photo in await photos_of(tx, office, [one.id for one in group])}
    if not set(notice.photos) <= known:
        raise NotFound("公告中的照片不是本人的。", "A photo of the notice is not one of the person.")
    if notice.photos and any(one.told.suspicions for one in group):
        zh, en = "疑似受害者的公告不得附照片。", "No photos of somebody who may be a victim."
        raise Invalid(zh, en, field="notice.photos", code="not_for_the_public")


async def _found(tx: AsyncConnection, office: Office, stay: Stay, person: Person) -> Found:
    """Where they were met, as far as it may be said: the district of the case, or of the station."""
    links = await rows.links_of(tx, office, [person.id])
    regions, at = stay.regions, stay.arrived_at
    if links:
        c = db.cases.c
        query = select(c.regions, c.opened_at).where(c.city_id == office.city_id, c.id == links[0].case_id)
        row = (await tx.execute(query)).one()
        regions, at = row.regions, row.opened_at
    house = await _house(tx, office, stay)
    shown = (house.name, house.phone) if not house.hidden else (None, None)
    return Found(at=at, district=_district(office, regions), station=shown[0], phone=shown[1])


def _district(office: Office, codes: Sequence[str]) -> str:
    names = {region.code: region.name for region in office.city.regions}
    city = names.get(office.city_id, office.city.name_zh)
    district = next((names[code] for code in codes if code in names and code != office.city_id), "")
    return f"{city}{district}" if district != city else city


async def _house(tx: AsyncConnection, office: Office, stay: Stay) -> HouseShown:
    f = db.facilities.c
    columns = [f[name] for name in HouseShown.__struct_fields__]
    row = (await tx.execute(select(*columns).where(f.city_id == office.city_id, f.id == stay.facility_id))).one()
    return HouseShown(**row._mapping)
