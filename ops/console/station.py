"""The station desk: arrivals, deadlines, the search for who somebody is, departures."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from backend.access.actor import Actor
from backend.errors import Invalid
from backend.office import Office
from backend.referral.people.person import Identity, IdentitySource
from backend.referral.people.register import NewPerson
from backend.referral.people.register_rows import Done
from backend.referral.station import desk as station
from backend.referral.station import searching_kin, stays
from backend.referral.station.desk import StationDesk, StayFile
from backend.referral.station.notice import SearchNotice
from backend.referral.station.stay import ArrivalNote, Came, Leaving
from backend.referral.station.stays import NewStay
from backend.web import CommandBody, Empty, command
from backend.wording import NOT_BLANK


class TakeIn(CommandBody, frozen=True, kw_only=True):
    """求助登记. Somebody of the register (`person_id`) or new (`person`). facility_id: one's own where it is left out."""

    came: Came = "walk_in"
    facility_id: UUID | None = None
    person_id: UUID | None = None
    person: NewPerson | None = None
    case_id: UUID | None = None
    referral_id: UUID | None = None
    consent: bool = False
    arrival: ArrivalNote = ArrivalNote()


class IdentifyHere(CommandBody, frozen=True, kw_only=True):
    """Who somebody is, and how it became known."""

    identity: Identity
    source: IdentitySource


class Publish(CommandBody, frozen=True, kw_only=True):
    """The notice as it is published."""

    notice: SearchNotice


class Renew(CommandBody, frozen=True, kw_only=True):
    """With other words, where there are any."""

    notice: SearchNotice | None = None


class DnaAnswer(CommandBody, frozen=True, kw_only=True):
    """Whether somebody was found by it."""

    matched: bool


class Prolong(CommandBody, frozen=True, kw_only=True):
    """Until when, and why."""

    until: datetime
    reason: Annotated[str, Meta(min_length=1, max_length=300, pattern=NOT_BLANK)]


class Leave(CommandBody, frozen=True, kw_only=True):
    """How somebody leaves."""

    leaving: Leaving


@get("/api/station", summary="本站 The station desk", tags=["在站 Stays"])
async def station_desk(
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    now: NamedDependency[datetime],
    facility_id: FromQuery[UUID | None] = None,
) -> StationDesk:
    """在站人员、到期时限（先到期在前）、空余床位、近三十天离站。不含姓名。

    Who is there, what is due (the first due first), free places, who left within thirty days. Without names.
    """
    async with office.db.connect() as tx:
        return await station.desk_of(tx, office, facility_id, by=by, now=now)


class Stays(Controller):
    """在站."""

    path = "/api/stays"
    tags = ("在站 Stays",)

    @post("/", summary="求助登记、入站 Take somebody in")
    async def take_in(
        self,
        data: JSONBody[TakeIn],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """已在站的不能重复入站，满员不收，一家人不分开；时限随即开始。

        Nobody twice, no house fuller than it is, families together; the deadlines begin.
        """
        facility_id = data.facility_id or by.facility_id
        if facility_id is None:
            raise Invalid("请指定机构。", "Say which station.", field="facility_id")
        same = ("came", "person_id", "person", "case_id", "referral_id", "consent", "arrival")
        new = NewStay(facility_id=facility_id, **{name: getattr(data, name) for name in same})
        return await stays.take_in(office, new, command("stay.take_in", facility_id, data, by, now))

    @get("/{stay_id:uuid}", summary="一条在站记录 One stay")
    async def one(
        self,
        stay_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> StayFile:
        """每次查看都记入日志。 Every look is written to the log."""
        return await station.open_stay(office, stay_id, by=by, now=now)

    @post("/{stay_id:uuid}/identify", summary="查明身份 Identify", status_code=200)
    async def identify(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[IdentifyHere],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """寻亲各项时限随即终止。 The deadlines of the unknown end."""
        wanted = command("stay.identify", stay_id, data, by, now)
        return await stays.identify(office, stay_id, data.identity, data.source, wanted)

    @get("/{stay_id:uuid}/search-notice", summary="寻亲公告草稿 A search notice, drafted")
    async def draft(
        self, stay_id: FromPath[UUID], by: NamedDependency[Actor], office: NamedDependency[Office]
    ) -> SearchNotice:
        """不含不得公开的内容；由人审读后发布。 Without what must not be public; a person reads it over and publishes it."""
        async with office.db.connect() as tx:
            return await searching_kin.draft_notice(tx, office, stay_id, by=by)

    @post("/{stay_id:uuid}/search-notice", summary="发布寻亲公告 Publish a search notice", status_code=200)
    async def publish(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[Publish],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """含证件号、手机号、健康或涉案内容的会被拒绝。 Refused with numbers of documents or phones, health, or suspicions in it."""
        wanted = command("stay.publish", stay_id, data, by, now)
        return await searching_kin.publish_notice(office, stay_id, data.notice, wanted)

    @post("/{stay_id:uuid}/renew", summary="更新寻亲信息 Renew the notice", status_code=200)
    async def renew(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[Renew],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """满一个月更新。 After a month."""
        wanted = command("stay.renew", stay_id, data, by, now)
        return await searching_kin.renew_notice(office, stay_id, data.notice, wanted)

    @post("/{stay_id:uuid}/dna-request", summary="提请采集 DNA Ask the police for DNA", status_code=200)
    async def ask(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """公安答复的时限随即开始。 The time for their answer begins."""
        return await searching_kin.ask_for_dna(office, stay_id, command("stay.dna_request", stay_id, data, by, now))

    @post("/{stay_id:uuid}/dna-answer", summary="公安答复 The police's answer", status_code=200)
    async def answered(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[DnaAnswer],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """比中与否；比中的另行查明身份。 Whether somebody was found; who, by identifying them."""
        wanted = command("stay.dna_answer", stay_id, data, by, now)
        return await searching_kin.note_dna_answer(office, stay_id, data.matched, wanted)

    @post("/{stay_id:uuid}/settle", summary="申请落户安置 Apply for settlement", status_code=200)
    async def settle(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """三个月仍未查明身份的。 Where nobody could be found within three months."""
        wanted = command("stay.settle", stay_id, data, by, now)
        return await searching_kin.apply_for_settlement(office, stay_id, wanted)

    @post("/{stay_id:uuid}/prolong", summary="延长在站 Prolong the stay", status_code=200)
    async def prolong(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[Prolong],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """一般不超过十天，确需延长的写明理由。 Ten days as a rule; where it has to be longer, why."""
        wanted = command("stay.prolong", stay_id, data, by, now)
        return await searching_kin.prolong(office, stay_id, data.until, data.reason, wanted)

    @post("/{stay_id:uuid}/leave", summary="离站 Leave", status_code=200)
    async def leave(
        self,
        stay_id: FromPath[UUID],
        data: JSONBody[Leave],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """护送返乡须两人以上并登记车票，妇女儿童有同性别人员；未成年人、精神或认知障碍者不得自行离站；死亡、走失立即上报。

        Escorted home by two at least, with tickets, a woman or a minor by the fitting sex; nobody who cannot decide leaves alone;
        death and running away go up at once.
        """
        return await stays.let_leave(office, stay_id, data.leaving, command("stay.leave", stay_id, data, by, now))
