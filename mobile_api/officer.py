"""The officer's task: on duty, the offer held out to the team, and one step after the other until it is handled."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, JSONBody, MultipartBody
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.access.permissions import Object, demand
from backend.campaign import finds
from backend.dispatch import field, found, offers
from backend.dispatch.case_photos import CasePhotoKind, add_case_photo
from backend.dispatch.change import Answer
from backend.dispatch.field import Arrival
from backend.dispatch.looking import note_file_read
from backend.dispatch.protection import Handling
from backend.errors import NotAllowed
from backend.gate import of_positions, of_reports, sender_of
from backend.geo.place import Crs, locate
from backend.intake.looks import Looks
from backend.intake.photo_rows import KeptPhoto
from backend.intake.photo_store import PhotoStore
from backend.intake.report import GivenPlace, Report, prepare
from backend.intake.weather import Outlook
from backend.limits.limiter import Limiter
from backend.live.hub import Hub
from backend.live.positions import Fix as LiveFix
from backend.live.positions import Positions
from backend.office import Office
from backend.patrol import duty, positions
from backend.patrol.duty import DutyState, Presence
from backend.patrol.positions import Fix, TeamFix
from backend.patrol.tracks import Tracks
from backend.phone_clock import PhoneClock
from backend.policy import Danger
from backend.referral.home.by_patrol import from_handling
from backend.referral.incidents.born import by_visit
from backend.web import AnyRequest, CommandBody, Empty, WithReason, command
from mobile_api.reports import LARGEST_PHOTO_BODY_BYTES
from mobile_api.task import Task, task_of


class Duty(CommandBody, frozen=True):
    """What the team is to be, from when the server hears of it: nobody was asked anything before."""

    state: DutyState


class Fixes(Struct, frozen=True, forbid_unknown_fields=True):
    """Positions since the last call, any order; up to 500."""

    fixes: Annotated[list[Fix], Meta(min_length=1, max_length=500)]


class FixesKept(Struct, frozen=True):
    """How many were usable, and why others were not."""

    kept: int
    refused: list[str]


class Arrive(CommandBody, frozen=True):
    """Where the team is. Without a position, or far off, a reason."""

    lon: float | None = None
    lat: float | None = None
    crs: Crs = Crs.WGS84
    accuracy_m: float | None = None
    reason: str | None = None


class Found(CommandBody, frozen=True):
    """Somebody whom the patrol came upon. case_id: chosen by the phone (UUIDv7), so that it can go on without network.

    campaign_id, cell: of the tour that the crew was on, if it was; the server knows by itself what tour that was.
    """

    case_id: UUID
    place: GivenPlace
    people_count: Annotated[int, Meta(ge=1, le=999)] = 1
    looks: Looks = Looks()
    dangers: Annotated[list[Danger], Meta(max_length=20)] = msgspec.field(default_factory=list)
    description: Annotated[str, Meta(max_length=2000)] = ""
    campaign_id: UUID | None = None
    cell: Annotated[str, Meta(pattern=r"^[0-9a-f]{15}$")] | None = None

    def report(self, at: datetime) -> Report:
        """The sighting that it is."""
        said = {name: getattr(self, name) for name in ("place", "people_count", "looks", "dangers", "description")}
        return Report(channel="patrol", occurred_at=at, **said)


class Handle(CommandBody, frozen=True):
    """What was found and done (处置反馈). `handling.handled_at` is when."""

    handling: Handling


class CasePhotoForm(Struct, frozen=True):
    """A form with one file, JPEG, PNG or WebP. id: the phone's own. occurred_at: when it was taken."""

    photo: UploadFile
    id: UUID
    kind: CasePhotoKind
    occurred_at: datetime | None = None


OFF_DUTY = "不在岗，位置未保存。 Off duty: positions are not kept."

HANDLE_EXAMPLE = Example(
    summary="护送进站 Escorted to the station",
    value={
        "handling": {
            "outcome": "escorted_to_station",
            "handled_at": "2016-09-19T14:40:00+08:00",
            "people": [{"sex": "male", "age_band": "adult", "capacity": "capable", "consent": "given"}],
            "crew_size": 2,
            "station_told_at": "2016-09-19T14:35:00+08:00",
            "note": "本人同意进站",
        }
    },
)


FOUND_EXAMPLE = Example(
    summary="桥下发现一人 Somebody under a bridge",
    value={
        "case_id": "01574091-2f00-7000-8000-000000000001",
        "place": {"lon": 121.6147, "lat": 38.9140, "crs": "gcj02", "accuracy_m": 12},
        "looks": {"sex": "male", "age_band": "old"},
        "description": "桥下露宿，愿意交谈",
    },
)


def my_team(by: Actor) -> UUID:
    """The team that the officer rides with. Raises NotAllowed for those without one."""
    if by.team_id is None:
        raise NotAllowed("您没有所属的巡查队。", "You belong to no team.", code="no_team")
    return by.team_id


class Officer(Controller):
    """One team's own work."""

    path = "/api/officer"
    tags = ("队伍 Officer",)

    @get("/task", summary="本队当前任务 My team's task now")
    async def task(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        hub: NamedDependency[Hub],
        now: NamedDependency[datetime],
    ) -> Task:
        """有派遣时附案卷，已接案时附时限；附线索、派遣理由和随身资料。查看线索描述会记入日志，十分钟内只记一次。

        With the offer its case, with the case its clocks; what was reported, why this team, and what the crew has with it.
        Reading what was said of people is written to the log, once in ten minutes.
        """
        team_id = my_team(by)
        demand(office.city.policy.roles, by, "offer:read", Object(teams=[team_id]))
        seq = hub.seq  # before reading: what happens meanwhile is told again rather than missed
        async with office.db.connect() as tx:
            task = await task_of(tx, office, team_id, by=by, now=now, seq=seq)
        if task.case and (any(one.description for one in task.sightings) or any(one.reason for one in task.referrals)):
            await note_file_read(office, task.case, by=by, now=now)
        return task

    @post("/duty", summary="上岗/休整/下班 On duty, resting, off duty", status_code=200)
    async def set_duty(
        self,
        data: JSONBody[Duty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Presence:
        """手上有派遣或案卷时不能下班。 Not while the team holds an offer or a case."""
        team_id = my_team(by)
        demand(office.city.policy.roles, by, "team:duty", Object(teams=[team_id]))
        return await duty.set_duty(office, team_id, data.state, by=by, now=now, command_id=data.command_id)

    @post("/positions", summary="上报位置 Positions of my team", status_code=200)
    async def positions(
        self,
        data: JSONBody[Fixes],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        places: NamedDependency[Positions],
        tracks: NamedDependency[Tracks],
        limiter: NamedDependency[Limiter],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> FixesKept:
        """仅在岗时保存；一条有误不影响其余。 Kept on duty only; one bad fix does not cost the others."""
        team_id = my_team(by)
        demand(office.city.policy.roles, by, "position:write", Object(teams=[team_id], owner=by.id))
        await limiter.demand(of_positions(office.city.policy, team_id, len(data.fixes)))
        good, refused = positions.judge(office, team_id, [phone.right_all(fix) for fix in data.fixes], now)
        kept = await tracks.store(team_id, good)
        if kept.duty == "off_duty":
            return FixesKept(0, [*refused, OFF_DUTY])
        if kept.newest is not None:
            places.tell([_live(kept.newest, office.city.lineage(kept.regions))])
        return FixesKept(len(good), refused)

    @post("/found", summary="巡查发现 I found someone")
    async def found(
        self,
        request: AnyRequest,
        data: Annotated[Found, Body(examples=[FOUND_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        outlook: NamedDependency[Outlook],
        limiter: NamedDependency[Limiter],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """立案、受理、派给本队并到场，一步完成；手上未答复的派遣会转给其他队伍。

        A case in the own team's hands, on the spot, in one step. An offer that the team has not answered goes to another;
        with a case of its own already, or off duty, it is refused.
        """
        team_id = my_team(by)
        wanted = command("officer.found", data.case_id, data, by, now, phone)
        demand(office.city.policy.roles, by, "case:handle", Object(teams=[team_id]))
        await limiter.demand(of_reports(office.city.policy, "patrol", sender_of(request, by)))
        report = prepare(data.report(wanted.at), office.city, by, now, weather=await outlook.at(now))
        campaign_id = await finds.campaign_of_find(office, team_id, report, wanted.at, said=data.campaign_id)
        return await found.found_someone(office, report, data.case_id, team_id, wanted, campaign_id=campaign_id)


def _live(fix: TeamFix, regions: list[str]) -> LiveFix:
    return LiveFix(
        team_id=fix.team_id,
        at=fix.at,
        lon=fix.place.lon,
        lat=fix.place.lat,
        accuracy_m=fix.accuracy_m,
        heading_deg=fix.heading_deg,
        speed_m_s=fix.speed_m_s,
        regions=tuple(regions),
    )


class Offers(Controller):
    """Answering an offer."""

    path = "/api/offers"
    tags = ("队伍 Officer",)

    @post("/{offer_id:uuid}/accept", summary="接受派遣 Accept an offer", status_code=200)
    async def accept(
        self,
        offer_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """两人同时接受时，只有一人成功，另一人得到 409。 Of two at once one succeeds, the other reads 409."""
        return await offers.accept_offer(office, offer_id, command("offer.accept", offer_id, data, by, now, phone))

    @post("/{offer_id:uuid}/decline", summary="谢绝派遣 Decline an offer", status_code=200)
    async def decline(
        self,
        offer_id: FromPath[UUID],
        data: JSONBody[WithReason],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """须说明原因；本轮不再询问本队。 With a reason; the team is not asked again in this round."""
        wanted = command("offer.decline", offer_id, data, by, now, phone)
        return await offers.decline_offer(office, offer_id, data.reason, wanted)


class OnTheSpot(Controller):
    """From setting out to the result."""

    path = "/api/cases"
    tags = ("队伍 Officer",)

    @post("/{case_id:uuid}/set-out", summary="出发 Set out", status_code=200)
    async def set_out(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """队伍出发。 The team moves."""
        return await field.set_out(office, case_id, command("case.set_out", case_id, data, by, now, phone))

    @post("/{case_id:uuid}/arrive", summary="到达现场 Arrive", status_code=200)
    async def arrive(
        self,
        case_id: FromPath[UUID],
        data: JSONBody[Arrive],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """与案卷位置核对；相距太远须写明原因。 Checked against the place; far off needs a reason."""
        place = None
        if data.lon is not None and data.lat is not None:
            place = locate(data.lon, data.lat, data.crs, office.city.area).place
        arrival = Arrival(place=place, accuracy_m=data.accuracy_m, reason=data.reason)
        return await field.arrive(office, case_id, arrival, command("case.arrive", case_id, data, by, now, phone))

    @post("/{case_id:uuid}/handle", summary="处置反馈 Record what was done", status_code=200)
    async def handle(
        self,
        case_id: FromPath[UUID],
        data: Annotated[Handle, Body(examples=[HANDLE_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """按保护规定检查，缺什么会逐条说明。 Checked against the rules of protection, each named."""
        wanted = command("case.handle", case_id, data, by, now, phone)
        return await field.handle(office, case_id, phone.right_all(data.handling), wanted, by_visit, from_handling)

    @post(
        "/{case_id:uuid}/photos",
        summary="现场照片与签字 A photo of the case",
        request_max_body_size=LARGEST_PHOTO_BODY_BYTES,
    )
    async def photo(
        self,
        case_id: FromPath[UUID],
        data: MultipartBody[CasePhotoForm],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        photos: NamedDependency[PhotoStore],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> KeptPhoto:
        """表单：photo 文件、id、kind、可选 occurred_at。位置等信息会被删除；同一 id 重发只算一次。结案前本队可补传。

        A form: the file, the phone's id, its kind, when it was taken if not now. Metadata are removed; the same id again is the
        photo that is there. By the team that has the case, or handled it, until it is closed.
        """
        said = CommandBody(occurred_at=data.occurred_at)
        wanted = command("case.photo", case_id, said, by, now, phone)
        content = await data.photo.read()
        return await add_case_photo(office, photos, case_id, data.id, data.kind, content, wanted)
