"""What the forms are made of, read from the tables under the transaction that issues them. Begin at `of_stay`; of a hand-over: `hand_over_facts`.

Who an account is called stands in its row; a hidden shelter is never named on paper (DOMAIN §4.4).
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.dispatch.change import Command
from backend.errors import Conflict
from backend.intake.photo_rows import IS_THERE, read_photo
from backend.intake.photo_store import PhotoStore
from backend.office import Office
from backend.referral.facilities.facility import Facility, facility_for
from backend.referral.forms.sheet import NOTHING
from backend.referral.forms.stay_forms import OfStay
from backend.referral.people import register_rows
from backend.referral.people.person import NOBODY, Identity, Person
from backend.referral.station.stay import Stay

HIDDEN: Final = "庇护机构（地址保密）"


def house_as_said(house: Facility) -> tuple[str, str]:
    """Its name and telephone on paper; a hidden one has neither."""
    return (HIDDEN, NOTHING) if house.hidden else (house.name, house.phone or NOTHING)


async def of_stay(tx: AsyncConnection, office: Office, stay: Stay, command: Command) -> OfStay:
    """Everything that the forms of a stay say. Raises NotFound where the person is not in the register any more."""
    person = await register_rows.get_person(tx, office, stay.person_id)
    house, phone = house_as_said(await facility_for(tx, office, stay.facility_id))
    names = await names_of(tx, office, [stay.arrived_by, stay.left_by or ""])
    c = db.cases.c
    number = select(c.number).where(c.city_id == office.city_id, c.id == stay.case_id)
    return OfStay(
        stay=stay,
        person=person,
        identity=await identity_of(tx, office, person),
        house=house,
        phone=phone,
        by=command.by.name,
        took_in=names.get(stay.arrived_by, ""),
        let_leave=names.get(stay.left_by or "", ""),
        now=command.now,
        case_number=(await tx.execute(number)).scalar() if stay.case_id else None,
    )


async def identity_of(tx: AsyncConnection, office: Office, person: Person) -> Identity:
    """The own record's first; where it has none, that of another record of the same person."""
    group = await register_rows.group_of(tx, office, person.root_id)
    named = sorted((one for one in group if one.is_identified), key=lambda one: one.id != person.id)
    return named[0].identity if named else NOBODY


async def names_of(tx: AsyncConnection, office: Office, actors: Sequence[str]) -> dict[str, str]:
    """What accounts are called, by the id that the log knows them by; who is no account is not there."""
    ids = [UUID(one) for one in actors if _is_uuid(one)]
    a = db.accounts.c
    found = await tx.execute(select(a.id, a.name).where(a.city_id == office.city_id, a.id.in_(ids)))
    return {str(row.id): row.name for row in found}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def photos(tx: AsyncConnection, office: Office, store: PhotoStore, names: Sequence[str]) -> dict[str, bytes]:
    """The pictures by their names on the sheet. Raises Conflict `photo_gone`."""
    if not names:
        return {}
    p = db.photos.c
    query = select(p.id, p.file).where(p.city_id == office.city_id, p.id.in_([UUID(one) for one in names]), IS_THERE)
    keys = {str(row.id): row.file for row in await tx.execute(query)}
    if set(names) - set(keys):
        raise Conflict("照片或签名已被清除，不能再出具。", "A photo or signature is gone.", code="photo_gone")
    return {name: await asyncio.to_thread(read_photo, store, keys[name]) for name in names}
