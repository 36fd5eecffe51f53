"""Incidents as they are read: a list without words, by month or by what is open; and one with its form, which is a look."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import allowed, demand
from backend.access.visible import visible
from backend.dispatch import find
from backend.dispatch.looking import AGAIN_AFTER
from backend.dispatch.protection import Violation
from backend.dispatch.records import (
    Incident,
    IncidentCause,
    IncidentKind,
    IncidentOwes,
    IncidentRecipient,
    IncidentState,
    RecipientState,
)
from backend.office import Office
from backend.referral.incidents import levels, rows
from backend.referral.incidents.form import FollowUp, IncidentForm, missing

MOST = 500


class RecipientShown(Struct, frozen=True, kw_only=True):
    """One level that was told. is_mine: whoever asks answers for it."""

    id: UUID
    level: int
    role: str
    region: str
    state: RecipientState
    told_at: datetime
    due_at: datetime
    times: int
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    is_mine: bool


class IncidentShown(Struct, frozen=True, kw_only=True):
    """One in a list, without words. owes: what is to be sent next, by due_at."""

    id: UUID
    number: int
    kind: IncidentKind
    cause: IncidentCause
    state: IncidentState
    case_id: UUID | None
    stay_id: UUID | None
    person_id: UUID | None
    regions: list[str]
    happened_at: datetime
    raised_at: datetime
    raised_by: str
    owes: IncidentOwes | None
    due_at: datetime | None
    misses: int
    reported_at: datetime | None
    follow_ups: int
    ended_at: datetime | None
    ended_by: str | None
    recipients: list[RecipientShown]


class Lacking(Struct, frozen=True, kw_only=True):
    """What a whole report has besides. field: of the form."""

    field: str
    zh: str
    en: str


class ReportIssued(Struct, frozen=True, kw_only=True):
    """突发事件报告表 as it was issued last."""

    id: UUID
    number: str
    issued_at: datetime


class IncidentWhole(Struct, frozen=True, kw_only=True):
    """One with its form, what is missing of it, the follow-ups and the conclusion. report: the document that stands.
    may_write, may_conclude, may_issue: whoever asks."""

    incident: IncidentShown
    form: IncidentForm
    missing: list[Lacking]
    follow_ups: list[FollowUp]
    conclusion: str
    withdrawn: str
    may_write: bool
    may_conclude: bool
    may_issue: bool
    report: ReportIssued | None


async def list_incidents(
    tx: AsyncConnection,
    office: Office,
    by: Actor,
    *,
    open_only: bool = False,
    month: date | None = None,
    case_id: UUID | None = None,
) -> list[IncidentShown]:
    """Those that the actor may see, newest first. month: its first day; raised in it, by the city's calendar."""
    demand(office.city.policy.roles, by, "incident:read")
    i = db.incidents.c
    wanted: list[ColumnElement[bool]] = [_visible(office, by)]
    if open_only:
        wanted.append(i.state == "open")
    if case_id is not None:
        wanted.append(i.case_id == case_id)
    if month is not None:
        begins, ends = _month(office, month)
        wanted += [i.raised_at >= begins, i.raised_at < ends]
    query = find.rows_of(Incident, office, *wanted).order_by(i.raised_at.desc(), i.number.desc()).limit(MOST)
    found = await find.fetch(tx, office, Incident, query)
    told = await rows.recipients_of(tx, office, [one.id for one in found])
    return [_shown(office, by, one, [who for who in told if who.incident_id == one.id]) for one in found]


async def one_incident(office: Office, incident_id: UUID, *, by: Actor, now: datetime) -> IncidentWhole:
    """One with everything; the look is written down, once in ten minutes for one person. Raises NotAllowed, NotFound."""
    roles = office.city.policy.roles
    demand(roles, by, "incident:read")
    async with office.db.connect() as tx:
        incident = await rows.find_one(tx, office, incident_id)
        what = incident.as_object()
        demand(roles, by, "incident:read", what)
        recipients = await rows.recipients_of(tx, office, [incident_id])
        report = await _report(tx, office, incident_id)
        noted = await _noted_lately(tx, office, incident_id, by, now)
    if not noted:
        await _note(office, incident, by, now)
    told = rows.told_of(incident)
    lacks = missing(told.form, incident.kind, knows_who=incident.person_id is not None)
    return IncidentWhole(
        incident=_shown(office, by, incident, recipients),
        form=told.form,
        missing=[_lacking(one) for one in lacks],
        follow_ups=list(told.follow_ups),
        conclusion=told.conclusion,
        withdrawn=told.withdrawn,
        may_write=incident.state == "open" and allowed(roles, by, "incident:create", what),
        may_conclude=incident.state == "open" and allowed(roles, by, "incident:conclude", what),
        may_issue=allowed(roles, by, "incident:create", what),
        report=report,
    )


async def _report(tx: AsyncConnection, office: Office, incident_id: UUID) -> ReportIssued | None:
    d = db.documents.c
    mine = (d.city_id == office.city_id, d.incident_id == incident_id, d.replaced_by.is_(None))
    row = (await tx.execute(select(d.id, d.number, d.issued_at).where(*mine))).first()
    return ReportIssued(**row._mapping) if row is not None else None


def _lacking(one: Violation) -> Lacking:
    return Lacking(field=one.field.removeprefix("form."), zh=one.zh, en=one.en)


def _shown(office: Office, by: Actor, one: Incident, told: Sequence[IncidentRecipient]) -> IncidentShown:
    named = set(IncidentShown.__struct_fields__) - {"recipients"}
    recipients = [
        RecipientShown(
            **{name: getattr(who, name) for name in RecipientShown.__struct_fields__ if name != "is_mine"},
            is_mine=levels.answers_for(office, by, who),
        )
        for who in told
    ]
    return IncidentShown(**{name: getattr(one, name) for name in named}, recipients=recipients)


def _month(office: Office, month: date) -> tuple[datetime, datetime]:
    first = month.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    begins, ends = (datetime.combine(day, time(), tzinfo=office.city.zone) for day in (first, after))
    return begins, ends


def _visible(office: Office, by: Actor) -> ColumnElement[bool]:
    i = db.incidents
    return visible(office.city.policy.roles, by, "incident:read", i, own=i.c.raised_by == by.id)


async def _noted_lately(tx: AsyncConnection, office: Office, incident_id: UUID, by: Actor, now: datetime) -> bool:
    e = db.events.c
    mine = (e.city_id == office.city_id, e.kind == "look.incident_read", e.occurred_at > now - AGAIN_AFTER)
    query = select(e.seq).where(*mine, e.actor["id"].astext == by.id)
    return (
        await tx.execute(query.where(e.data["incident_id"].astext == str(incident_id)).limit(1))
    ).first() is not None


async def _note(office: Office, incident: Incident, by: Actor, now: datetime) -> None:
    about = {"incident_id": incident.id} | ({"person_id": incident.person_id} if incident.person_id else {})
    entry = log.Entry(
        kind="look.incident_read",
        actor=by,
        occurred_at=now,
        regions=incident.regions,
        case_id=incident.case_id,
        data=about,
    )
    async with office.begin() as tx:
        await log.append(tx, office.city_id, [entry], now=now)
