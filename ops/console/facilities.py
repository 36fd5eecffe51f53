"""Facilities: read by everybody as far as they are open, written by administrators."""

from datetime import datetime
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from backend.access.actor import Actor
from backend.office import Office
from backend.referral import facilities
from backend.referral.facilities import Facility, FacilityChange, NewFacility
from ops.console.teams import once


class FacilityToMake(NewFacility, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new facility. command_id: made by the client; sent twice, one is made."""

    command_id: UUID | None = None


class FacilityToChange(FacilityChange, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is to be different. command_id: made by the client; sent twice, it is changed once."""

    command_id: UUID | None = None


class Facilities(Controller):
    """救助机构."""

    path = "/api/facilities"
    tags = ("救助机构 Facilities",)

    @get("/", summary="救助机构 Facilities")
    async def known(self, by: NamedDependency[Actor], office: NamedDependency[Office]) -> list[Facility]:
        """庇护场所只对本辖区有权查看的人员公开。 Shelter places are never public: only for their own region's staff."""
        async with office.db.connect() as tx:
            return await facilities.list_facilities(tx, office, by)

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
