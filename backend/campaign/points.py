"""Temporary points 临时御寒(防暑)点: the plan wants them, the desk says when they are open and when not, the campaign's end closes them.

Begin at `open_point`. Which points the plan wants: `going`.
"""

from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object
from backend.campaign import going, rows
from backend.campaign.recording import CampaignDone, Change, earlier, record
from backend.campaign.records import Campaign, Point
from backend.dispatch.change import Command
from backend.errors import Conflict, NotFound
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office


async def open_point(office: Office, campaign_id: UUID, facility_id: UUID, command: Command) -> CampaignDone:
    """People can be taken there from now on; also one that the plan did not name. Raises NotFound, Conflict `open`, `not_running`."""
    async with office.begin() as tx:
        if (first := await earlier(tx, office, command)) is not None:
            return first
        one, before = await _held(tx, office, campaign_id, facility_id, command)
        if before is not None and before.state == "open":
            raise Conflict("该点已开放。", "This point is open already.", code="open")
        wanted = before or Point(
            id=new_id(), campaign_id=one.id, facility_id=facility_id, state="wanted", wanted_at=command.now
        )
        after = replace(
            wanted, state="open", opened_at=command.now, opened_by=command.by.id, closed_at=None, closed_by=None
        )
        facts = {"facility_id": facility_id}
        change = Change(kind="campaign.point_opened", campaign=one, rows=[(before, after)], facts=facts)
        return await record(tx, office, command, change)


async def close_point(office: Office, campaign_id: UUID, facility_id: UUID, command: Command) -> CampaignDone:
    """Nobody can be taken there any more, or it will not be opened. Raises NotFound, Conflict `closed`, `not_running`."""
    async with office.begin() as tx:
        if (first := await earlier(tx, office, command)) is not None:
            return first
        one, before = await _held(tx, office, campaign_id, facility_id, command)
        if before is None or before.state == "closed":
            raise Conflict("该点没有开放。", "This point is not open.", code="closed")
        after = going.closed_point(before, command.now, command.by.id)
        facts = {"facility_id": facility_id}
        change = Change(kind="campaign.point_closed", campaign=one, rows=[(before, after)], facts=facts)
        return await record(tx, office, command, change)


async def open_now(tx: AsyncConnection, office: Office) -> set[UUID]:
    """The facilities that are open as temporary points now."""
    p, c = db.campaign_points.c, db.campaigns.c
    joined = db.campaign_points.join(db.campaigns, and_(c.city_id == p.city_id, c.id == p.campaign_id))
    query = select(p.facility_id).select_from(joined).where(p.city_id == office.city_id, p.state == "open")
    return set((await tx.execute(query.where(c.state == "running"))).scalars())


async def _held(
    tx: AsyncConnection, office: Office, campaign_id: UUID, facility_id: UUID, command: Command
) -> tuple[Campaign, Point | None]:
    """The campaign, which runs, and what it has of this point; for who answers for the ground that the point stands on."""
    command.demand(office, "campaign:open")
    await rows.hold(tx, office)
    one = await rows.get(tx, office, campaign_id)
    command.demand(office, "campaign:open", one.as_object(office.city))
    f, p = db.facilities.c, db.campaign_points.c
    known = select(f.kind, f.lon, f.lat).where(f.city_id == office.city_id, f.id == facility_id, ~f.hidden)
    place = (await tx.execute(known)).first()
    if place is None or place.kind != "temporary_point":
        raise NotFound("没有这个临时点。", "There is no such temporary point.")
    command.demand(office, "campaign:open", Object(regions=office.city.regions_of(LonLat(place.lon, place.lat))))
    if one.state != "running":
        raise Conflict("这次专项行动没有在进行。", "This campaign does not run.", code="not_running")
    query = rows.select_rows(Point, office, p.campaign_id == campaign_id, p.facility_id == facility_id)
    found = await rows.fetch(tx, office, Point, query)
    return one, found[0] if found else None
