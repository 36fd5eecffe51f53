"""Facilities: read by everybody as far as they are open, written by administrators."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from backend.access.actor import Actor
from backend.errors import Invalid
from backend.geo.place import Crs, locate
from backend.office import Office
from backend.referral.facilities import facility as facilities
from backend.referral.facilities import near
from backend.referral.facilities.facility import Facility, FacilityChange, FacilityKind, NewFacility
from backend.referral.facilities.near import Fitting, Wanted
from backend.referral.facilities.takes import Someone
from ops.console.teams import once

People = Annotated[list[Someone], Meta(min_length=1, max_length=20)]


class FacilityToMake(NewFacility, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new facility. command_id: made by the client; sent twice, one is made."""

    command_id: UUID | None = None


class FacilityToChange(FacilityChange, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be different. command_id: made by the client; sent twice, it is changed once."""

    command_id: UUID | None = None


def people_in(text: str | None) -> list[Someone]:
    """Whom a query is about. Raises Invalid (field `people`)."""
    try:
        return msgspec.json.decode(text, type=People) if text else []
    except msgspec.MsgspecError as fault:
        raise Invalid(
            f"people 应为人员的 JSON 数组：{fault}。", f"people is a JSON array of persons: {fault}.", field="people"
        ) from None


class Facilities(Controller):
    """救助机构."""

    path = "/api/facilities"
    tags = ("救助机构 Facilities",)

    @get("/", summary="救助机构 Facilities")
    async def known(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Facility]:
        """庇护场所只对本辖区有权查看的人员公开。 Shelter places are never public: only for their own region's staff."""
        async with office.db.connect() as tx:
            return await facilities.list_facilities(tx, office, by)

    @get("/fitting", summary="能接收的最近机构 The nearest that will take them")
    async def fitting(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        case_id: FromQuery[UUID | None] = None,
        lon: Annotated[float | None, QueryParameter(ge=-180, le=180)] = None,
        lat: Annotated[float | None, QueryParameter(ge=-90, le=90)] = None,
        people: Annotated[str | None, QueryParameter(max_length=4000)] = None,
        kind: FromQuery[FacilityKind | None] = None,
    ) -> Fitting:
        """按道路时间排序：接收这些人、到达时开放、有床位的在前；其余附原因。people：现场所见人员的 JSON 数组，不填按线索。

        By road time: those that take these people, are open on arrival and have a place come first, the others with why not.
        From a case, or from `lon`, `lat` (WGS-84). people: whom the crew met, a JSON array such as
        `[{"sex": "male", "age_band": "old", "needs": ["injured"]}]`; without it, what was reported.
        """
        place = locate(lon, lat, Crs.WGS84, office.city.area).place if lon is not None and lat is not None else None
        wanted = Wanted(case_id=case_id, place=place, people=people_in(people), kind=kind)
        return await near.fitting(office, wanted, by=by, now=now)

    @post("/", summary="新建机构 Add a facility")
    async def add(
        self,
        data: JSONBody[FacilityToMake],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Facility:
        """不公开的场所，日志和实时通道都不含其位置。 Of a hidden place neither log nor feed says where it is."""
        new = NewFacility(**{name: getattr(data, name) for name in NewFacility.__struct_fields__})
        command = once("facility.add", None, data, data.command_id, by, now)
        return await facilities.add_facility(office, new, by=by, now=now, command=command)

    @post("/{facility_id:uuid}", summary="修改机构 Change a facility", status_code=200)
    async def change(
        self,
        facility_id: FromPath[UUID],
        data: JSONBody[FacilityToChange],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Facility:
        """只写要改的项。 Only what differs."""
        command = once("facility.change", facility_id, data, data.command_id, by, now)
        return await facilities.change_facility(office, facility_id, data, by=by, now=now, command=command)
