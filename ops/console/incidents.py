"""即时上报 Reported up at once: raised, filled in, acknowledged level by level, followed up, concluded."""

import re
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from backend.access.actor import Actor
from backend.dispatch.change import Answer
from backend.dispatch.records import IncidentKind
from backend.errors import Invalid
from backend.geo.place import Crs, locate
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.referral.incidents import reading, reporting
from backend.referral.incidents.born import Raised
from backend.referral.incidents.form import IncidentForm
from backend.referral.incidents.reading import IncidentShown, IncidentWhole
from backend.referral.incidents.reporting import About
from backend.web import CommandBody, Empty, WithReason, command
from backend.wording import NOT_BLANK

Words = Annotated[str, Meta(min_length=1, max_length=2000, pattern=NOT_BLANK)]
A_MONTH = re.compile(r"20\d{2}-(0[1-9]|1[0-2])")
AMonth = Annotated[str | None, QueryParameter(schema_extra={"pattern": f"^{A_MONTH.pattern}$"})]


class RaiseIncident(CommandBody, frozen=True, kw_only=True):
    """What happened; whatever is not known yet may follow. happened_at: now, where it is left out. lon, lat: where, where there is
    neither a case nor a stay."""

    kind: IncidentKind
    happened_at: datetime | None = None
    form: IncidentForm = IncidentForm()
    case_id: UUID | None = None
    stay_id: UUID | None = None
    person_id: UUID | None = None
    lon: float | None = None
    lat: float | None = None
    crs: Crs = Crs.WGS84


class Complete(CommandBody, frozen=True, kw_only=True):
    """The whole report."""

    form: IncidentForm


class FollowUpText(CommandBody, frozen=True, kw_only=True):
    """What has become known since."""

    text: Words


class Conclude(CommandBody, frozen=True, kw_only=True):
    """What it comes to."""

    conclusion: Words


def _first_day(month: str) -> date:
    if A_MONTH.fullmatch(month) is None:
        raise Invalid("月份须写作 2016-11。", "Write a month as 2016-11.", field="month", code="bad_month")
    return date.fromisoformat(f"{month}-01")


class Incidents(Controller):
    """即时上报."""

    path = "/api/incidents"
    tags = ("即时上报 Incidents",)

    @get("/", summary="即时上报事项 Incidents")
    async def known(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        open_only: FromQuery[bool] = False,
        month: AMonth = None,
        case_id: FromQuery[UUID | None] = None,
    ) -> list[IncidentShown]:
        """新的在前，不含文字；month 如 2016-11，按上报时间。 Newest first, without words; month by when it was raised, as 2016-11."""
        first = _first_day(month) if month is not None else None
        async with office.db.connect() as tx:
            return await reading.list_incidents(tx, office, by, open_only=open_only, month=first, case_id=case_id)

    @post("/", summary="即时上报 Report at once")
    async def raise_one(
        self,
        data: JSONBody[RaiseIncident],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """知道多少先报多少，各级立即知悉；缺项限时补齐。 With what is known; every level hears at once, what is missing is owed."""
        wanted = command("incident.raise", None, data, by, now, phone)
        place = None
        if data.lon is not None and data.lat is not None:
            place = locate(data.lon, data.lat, data.crs, office.city.area).place
        new = Raised(kind=data.kind, cause="hand", happened_at=data.happened_at or wanted.at, form=data.form)
        about = About(case_id=data.case_id, stay_id=data.stay_id, person_id=data.person_id, place=place)
        return await reporting.raise_incident(office, new, about, wanted)

    @get("/{incident_id:uuid}", summary="一项上报 One incident")
    async def one(
        self,
        incident_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> IncidentWhole:
        """上报表、缺项、签收、续报；查看记入日志。 The form, what is missing, who acknowledged, follow-ups; a look."""
        return await reading.one_incident(office, incident_id, by=by, now=now)

    @post("/{incident_id:uuid}/complete", summary="填写上报表 Fill in the report", status_code=200)
    async def complete(
        self,
        incident_id: FromPath[UUID],
        data: JSONBody[Complete],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """缺项逐条指出；结论前可更正。 Names what is missing; can be put right until it is over."""
        wanted = command("incident.complete", incident_id, data, by, now, phone)
        return await reporting.complete(office, incident_id, data.form, wanted)

    @post("/{incident_id:uuid}/acknowledge", summary="签收 Acknowledge", status_code=200)
    async def acknowledge(
        self,
        incident_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """由该级角色、在该辖区的人签收。 By somebody of that role who answers for that region."""
        wanted = command("incident.acknowledge", incident_id, data, by, now)
        return await reporting.acknowledge(office, incident_id, wanted)

    @post("/{incident_id:uuid}/follow-ups", summary="续报 Follow up", status_code=200)
    async def follow_up(
        self,
        incident_id: FromPath[UUID],
        data: JSONBody[FollowUpText],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """结论前按时限续报。 Due again and again until it is concluded."""
        wanted = command("incident.follow_up", incident_id, data, by, now, phone)
        return await reporting.follow_up(office, incident_id, data.text, wanted)

    @post("/{incident_id:uuid}/conclude", summary="作出结论 Conclude", status_code=200)
    async def conclude(
        self,
        incident_id: FromPath[UUID],
        data: JSONBody[Conclude],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """上报表已填完、上级已签收。 Once the report is whole and the levels above have acknowledged."""
        wanted = command("incident.conclude", incident_id, data, by, now)
        return await reporting.conclude(office, incident_id, data.conclusion, wanted)

    @post("/{incident_id:uuid}/withdraw", summary="撤销上报 Withdraw", status_code=200)
    async def withdraw(
        self,
        incident_id: FromPath[UUID],
        data: JSONBody[WithReason],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """误报或重复，写明理由；已知悉的各级都会收到。 It was none, with a reason; whoever was told hears that too."""
        wanted = command("incident.withdraw", incident_id, data, by, now)
        return await reporting.withdraw(office, incident_id, data.reason, wanted)
