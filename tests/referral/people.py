"""People of a register with defaults, and staff of a station."""

from typing import Any
from uuid import UUID

import msgspec

from backend import db as tables
from backend.access.actor import Actor
from backend.access.once import Once
from backend.geo.place import LonLat
from backend.referral.facilities import facility as facilities
from backend.referral.facilities.facility import NewFacility
from backend.referral.people import register
from backend.referral.people.person import BodyMark, Identity, ToldOf
from backend.referral.people.person_file import PersonFile, open_file
from backend.referral.people.register import MetIn, NewPerson
from backend.referral.people.register_rows import Done
from backend.referral.station import stays
from backend.referral.station.stay import ArrivalNote
from backend.referral.station.stays import NewStay
from tests.dispatch.builders import ANYBODY, SPOT, WEST, Town, somebody

KEEPER = somebody("shift_leader", regions=(WEST,), id_="keeper")
"""May write in the register of the western district."""
A_NUMBER = "11010519491231002X"
"""The example of GB 11643: its check digit fits."""
WANG = Identity(name="王小明", id_number=A_NUMBER)
SCAR = BodyMark(kind="scar", where="left_arm", words="左臂旧伤疤，约五厘米")


def an_old_man(**changes: Any) -> NewPerson:
    """Somebody of whom no name is known."""
    told = ToldOf(
        description="灰白短发，说话含糊，自称来自山里", marks=(SCAR,), height_cm=168, born_from=1945, born_to=1955
    )
    return NewPerson(**{"sex": "male", "age_band": "old", "told": told, **changes})


async def registered(
    town: Town, new: NewPerson | None = None, *, case_id: UUID | None = None, by: Actor = KEEPER, **rest: Any
) -> Done:
    """Somebody met in a case of the western district."""
    case_id = case_id or await town.accepted()
    met = MetIn(case_id=case_id, handling_id=rest.pop("handling_id", None))
    return await register.register_person(town.office, new or an_old_man(), met, town.by(by, "person.register", **rest))


async def person(town: Town, **rest: Any) -> UUID:
    """The id of somebody registered, in a case of their own."""
    found = (await registered(town, an_old_man(**rest))).person_id
    assert found is not None
    return found


async def file(town: Town, person_id: UUID, by: Actor = KEEPER) -> PersonFile:
    return await open_file(town.office, person_id, by=by, now=town.now)


async def register_rows(town: Town) -> dict[UUID, dict[str, Any]]:
    """Everything that the register's records say, opened, but for the time of the last change."""
    return {row["id"]: row for row in await town.rows(tables.persons)}


async def a_house(town: Town, code: str = "S1", *, place: LonLat = SPOT, **changes: Any) -> UUID:
    """A station of the town, day and night, with ten places for anybody."""
    wanted = {"kind": "station", "name": f"{code}救助管理站", "capacity": 10, "phone": "0411-82500000", **changes}
    new = NewFacility(code=code, lon=place.lon, lat=place.lat, **wanted)
    once = Once(id=None, name="test", by=ANYBODY, now=town.now)
    return (await facilities.add_facility(town.office, new, by=ANYBODY, now=town.now, command=once)).id


def staff(house_id: UUID, id_: str = "") -> Actor:
    """Somebody who works at a station."""
    actor = somebody("station_staff", regions=(), id_=id_ or f"staff-of-{house_id}")
    return msgspec.structs.replace(actor, facility_id=house_id)


async def comes_in(town: Town, house_id: UUID, new: NewPerson | None = None, **rest: Any) -> Done:
    """Somebody asks a station for help."""
    said: dict[str, Any] = {"came": "walk_in", "arrival": ArrivalNote(condition="体温正常", wishes=("food", "shelter"))}
    keys = ("came", "arrival", "consent", "person_id", "case_id")
    said |= {name: rest.pop(name) for name in keys if name in rest}
    person = None if "person_id" in said else new or an_old_man()
    by = rest.pop("by", None) or staff(house_id)
    wanted = NewStay(facility_id=house_id, person=person, **said)
    return await stays.take_in(town.office, wanted, town.by(by, "stay.take_in", **rest))
