"""An officer's call for help: one key, whatever else goes on, with or without a position."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct

from backend.access.actor import Actor
from backend.dispatch import distress
from backend.dispatch.distress import Spot
from backend.errors import Invalid
from backend.geo.place import locate
from backend.intake.report import GivenPlace
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.web import CommandBody, command
from mobile_api.officer import my_team


class Distress(CommandBody, frozen=True, kw_only=True):
    """Where the crew is, if the phone knows."""

    place: GivenPlace | None = None


class Raised(Struct, frozen=True):
    """The call that it is."""

    id: UUID


@post("/api/officer/distress", summary="求助 Call for help", tags=["队伍 Officer"])
async def call_for_help(
    data: JSONBody[Distress],
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    now: NamedDependency[datetime],
    phone: NamedDependency[PhoneClock],
) -> Raised:
    """指挥中心立即告警，无人答复则逐级上报。不因不在岗、没有定位或手机时钟不准而拒绝；答复前再按是同一次求助。

    An alarm in the control room at once, and up the chain while nobody answers. Never refused for being off duty, for want of a
    position or for a wrong clock; pressed again before somebody answered it is the same call.
    """
    team_id = my_team(by)
    at = _moment(data.occurred_at, phone, now)
    wanted = command("officer.distress", team_id, msgspec.structs.replace(data, occurred_at=None), by, now, phone)
    spot = _spot(office, data.place, at)
    answer = await distress.raise_call(office, team_id, spot, msgspec.structs.replace(wanted, at=at))
    assert answer.distress_id is not None
    return Raised(answer.distress_id)


def _moment(said: datetime | None, phone: PhoneClock, now: datetime) -> datetime:
    """When, as far as it makes sense: no rule about times stands between a crew and help."""
    if said is None or said.tzinfo is None:
        return now
    try:
        return min(phone.right(said), now)
    except Invalid:
        return now


def _spot(office: Office, given: GivenPlace | None, at: datetime) -> Spot | None:
    """The position, unless it is none: then the team's last one has to do."""
    if given is None:
        return None
    try:
        found = locate(given.lon, given.lat, given.crs, office.city.area)
    except Invalid:
        return None
    return Spot(found.place, at, given.accuracy_m)
