"""The board: what a screen shows of the loop now, and the lists behind it. Reads only.

`snapshot` is what a live feed starts from: exactly what the one who asks may see, in one transaction.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ARRAY, ColumnElement, Select, Text, and_, cast, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import allowed
from backend.access.visible import visible as rows_visible
from backend.dispatch import find
from backend.dispatch.lifecycle import Stage
from backend.dispatch.records import (
    ApprovalAction,
    ApprovalState,
    Case,
    CaseChannel,
    ClockRow,
    DistressCall,
    Offer,
    Referral,
    ReferralFrom,
    ReferralState,
    ReferralTo,
)
from backend.live.visibility import SNAPSHOT, may_follow
from backend.office import Office
from backend.patrol.duty import DutyState
from backend.policy import Priority

Mode = Literal["car", "ebike", "foot"]


class CaseFilter(Struct, frozen=True, kw_only=True):
    """What a list is narrowed to. before: (opened_at, id) of the last one seen, for the next page."""

    stages: list[Stage] = []
    region: str | None = None
    channel: CaseChannel | None = None
    priority: Priority | None = None
    before: tuple[datetime, UUID] | None = None
    limit: int = 50


class TeamShown(Struct, frozen=True, kw_only=True):
    """A team on the board. Where it is, in WGS-84 degrees, is None before its first fix and off duty."""

    id: UUID
    code: str
    name: str
    organisation: str
    mode: Mode
    skills: list[str]
    size: int
    women: bool
    regions: list[str]
    active: bool
    state: DutyState
    state_since: datetime
    shift_ends_at: datetime | None
    lon: float | None
    lat: float | None
    fix_at: datetime | None
    heading_deg: float | None


class ApprovalShown(Struct, frozen=True, kw_only=True):
    """A request that waits for its answer. Why it was asked, whoever may decide reads from the list of requests."""

    id: UUID
    case_id: UUID
    action: ApprovalAction
    state: ApprovalState
    wanted: dict[str, Any]
    asked_by: str
    asked_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None


class DistressShown(Struct, frozen=True, kw_only=True):
    """A crew that calls for help, until it is over. What was answered reads the crew alone."""

    id: UUID
    team_id: UUID
    raised_at: datetime
    received_at: datetime
    case_id: UUID | None
    lon: float | None
    lat: float | None
    accuracy_m: float | None
    place_at: datetime | None
    presses: int
    level: int
    answered_by: str | None
    answered_at: datetime | None
    over_at: datetime | None


class ReferralOnBoard(Struct, frozen=True, kw_only=True):
    """A referral that waits for somebody, as its events tell it: without names, words and what was signed."""

    id: UUID
    number: int
    case_id: UUID | None
    from_kind: ReferralFrom
    from_team: UUID | None
    from_facility: UUID | None
    to_kind: ReferralTo
    to_facility: UUID | None
    place_kind: str | None
    people_count: int
    state: ReferralState
    regions: list[str]
    offered_at: datetime
    answer_due_at: datetime
    eta_s: float | None
    level: int
    alarm: str | None
    answered_at: datetime | None
    reserved_until: datetime | None
    arrived_at: datetime | None
    handed_over_at: datetime | None
    ended_at: datetime | None
    because: str | None


class Board(Struct, frozen=True, kw_only=True):
    """What `snapshot` shows."""

    cases: list[Case]
    offers: list[Offer]
    clocks: list[ClockRow]
    teams: list[TeamShown]
    approvals: list[ApprovalShown]
    distress_calls: list[DistressShown]
    referrals: list[ReferralOnBoard]


class Decision(Struct, frozen=True, kw_only=True):
    """Why this team. candidates: with exact seconds and reasons, as they were when it was decided."""

    id: UUID
    case_id: UUID
    made_at: datetime
    made_by: str
    method: str
    basis: str
    round: int
    phase: int
    chosen_team: UUID | None
    candidates: list[dict[str, Any]]
    reason: dict[str, Any]
    policy_hash: str


class Photo(Struct, frozen=True, kw_only=True):
    """A photo that may be asked for. Sizes in pixels."""

    id: UUID
    sighting_id: UUID
    width_px: int
    height_px: int
    taken_in_at: datetime


def visible(office: Office, by: Actor, action: str = "case:read") -> ColumnElement[bool]:
    """The cases that the actor may see, as a condition on `cases`."""
    return rows_visible(office.city.policy.roles, by, action, db.cases, team=_of_team, own=_reported_by(by.id))


def _of_team(team_id: UUID) -> ColumnElement[bool]:
    c, o = db.cases.c, db.offers.c
    held_out = select(literal(1)).where(
        o.city_id == c.city_id, o.case_id == c.id, o.team_id == team_id, o.state == "offered"
    )
    return or_(c.team_id == team_id, c.handled_by_team == team_id, held_out.exists())


def _reported_by(reporter: str) -> ColumnElement[bool]:
    c, links, s = db.cases.c, db.case_sightings.c, db.sightings.c
    mine = select(literal(1)).where(
        links.city_id == c.city_id,
        links.case_id == c.id,
        links.left_at.is_(None),
        s.city_id == links.city_id,
        s.id == links.sighting_id,
        s.reporter == reporter,
    )
    return mine.exists()


async def list_cases(tx: AsyncConnection, office: Office, by: Actor, wanted: CaseFilter) -> list[Case]:
    """Cases that the actor may see, newest first, one page."""
    c = db.cases.c
    conditions: list[ColumnElement[bool]] = [visible(office, by)]
    if wanted.stages:
        conditions.append(c.stage.in_(wanted.stages))
    if wanted.region:
        conditions.append(c.regions.bool_op("@>")(cast([wanted.region], ARRAY(Text))))
    if wanted.channel:
        conditions.append(c.channel == wanted.channel)
    if wanted.priority:
        conditions.append(c.priority == wanted.priority)
    if wanted.before:
        conditions.append(tuple_(c.opened_at, c.id) < wanted.before)
    query = find.rows_of(Case, office, *conditions).order_by(c.opened_at.desc(), c.id.desc()).limit(wanted.limit)
    return await find.fetch(tx, office, Case, query)


async def find_visible_case(tx: AsyncConnection, office: Office, by: Actor, case_id: UUID) -> Case | None:
    """The case if it exists and the actor may see it."""
    found = await find.fetch(
        tx, office, Case, find.rows_of(Case, office, db.cases.c.id == case_id, visible(office, by))
    )
    return found[0] if found else None


async def snapshot(tx: AsyncConnection, office: Office, by: Actor, now: datetime) -> dict[str, Any]:
    """Open cases (and those closed within the last day), their live offers and running clocks, and the teams."""
    recent = or_(db.cases.c.closed_at.is_(None), db.cases.c.closed_at > now - timedelta(days=1))
    shown = and_(db.cases.c.city_id == office.city_id, visible(office, by), recent)
    ids = select(db.cases.c.id).where(shown)
    cases = await find.fetch(tx, office, Case, find.rows_of(Case, office, visible(office, by), recent))
    # Only for those who will also be told how the offer ends (I10).
    told = ids.where(visible(office, by, "offer:read"))
    live = find.rows_of(Offer, office, db.offers.c.state == "offered", db.offers.c.case_id.in_(told))
    running = find.rows_of(ClockRow, office, db.clocks.c.ended_at.is_(None), db.clocks.c.case_id.in_(ids))
    return {
        "cases": [msgspec.to_builtins(case) for case in cases],
        "offers": [msgspec.to_builtins(offer) for offer in await find.fetch(tx, office, Offer, live)],
        "clocks": [msgspec.to_builtins(clock) for clock in await find.fetch(tx, office, ClockRow, running)],
        "teams": await teams_of(tx, office, by),
        "approvals": await _waiting_approvals(tx, office, ids),
        "distress_calls": await _distress_calls(tx, office, by),
        "referrals": await _referrals(tx, office, by),
    }


async def _referrals(tx: AsyncConnection, office: Office, by: Actor) -> list[dict[str, Any]]:
    """The referrals that are not over, as far as the actor may know of them."""
    r = db.referrals.c
    open_ = find.rows_of(Referral, office, r.ended_at.is_(None)).order_by(r.offered_at, r.id)
    found = await find.fetch(tx, office, Referral, open_)
    return [referral_shown(msgspec.to_builtins(one)) for one in found if may_see_referral(office, by, one)]


def may_see_referral(office: Office, by: Actor, referral: Referral) -> bool:
    """Whether the actor is told of the referral: either side's people, and the desks of both sides' regions."""
    return allowed(office.city.policy.roles, by, SNAPSHOT["referrals"], referral.as_object())


def referral_shown(referral: Mapping[str, Any]) -> dict[str, Any]:
    """A referral without what only those read who open it."""
    return {name: referral[name] for name in ReferralOnBoard.__struct_fields__}


async def _distress_calls(tx: AsyncConnection, office: Office, by: Actor) -> list[dict[str, Any]]:
    """The calls for help that are not over, of the teams that the actor may see."""
    d = db.distress_calls.c
    open_ = find.rows_of(DistressCall, office, d.over_at.is_(None)).order_by(d.raised_at, d.id)
    calls = await find.fetch(tx, office, DistressCall, open_)
    return [distress_shown(msgspec.to_builtins(call)) for call in calls if may_see_call(office, by, call)]


def may_see_call(office: Office, by: Actor, call: DistressCall) -> bool:
    """Whether the actor is told of the call: as of its team, and where the team stands as well."""
    return allowed(office.city.policy.roles, by, SNAPSHOT["distress_calls"], call.as_object())


def distress_shown(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call without what only its crew reads."""
    return {name: call[name] for name in DistressShown.__struct_fields__}


async def _waiting_approvals(tx: AsyncConnection, office: Office, cases: Select[Any]) -> list[dict[str, Any]]:
    """What the events of these cases told of requests that are not answered yet."""
    a = db.approvals.c
    query = select(*(a[name] for name in ApprovalShown.__struct_fields__)).where(
        a.city_id == office.city_id, a.state == "asked", a.case_id.in_(cases)
    )
    return [msgspec.to_builtins(dict(row._mapping)) for row in await tx.execute(query.order_by(a.asked_at, a.id))]


async def teams_of(tx: AsyncConnection, office: Office, by: Actor) -> list[dict[str, Any]]:
    """The teams that the actor may see, with presence and place."""
    t, p = db.teams, db.presence
    columns = [
        t.c[n] for n in ("id", "code", "name", "organisation", "mode", "skills", "size", "women", "regions", "active")
    ]
    seen = [p.c[n] for n in ("state", "state_since", "shift_ends_at", "lon", "lat", "fix_at", "heading_deg")]
    query = select(*columns, *seen).join(p, (p.c.city_id == t.c.city_id) & (p.c.team_id == t.c.id))
    rows = await tx.execute(query.where(t.c.city_id == office.city_id, t.c.active).order_by(t.c.code))
    return [_team_as_shown(row._asdict()) for row in rows if may_see_team(office, by, row.id, row.regions)]


def _team_as_shown(team: dict[str, Any]) -> dict[str, Any]:
    """Where people are off duty is nobody's business (DOMAIN §8)."""
    if team["state"] == "off_duty":
        team |= {"lon": None, "lat": None, "fix_at": None, "heading_deg": None}
    found: dict[str, Any] = msgspec.to_builtins(team)
    return found


def may_see_team(office: Office, by: Actor, team_id: UUID, regions: Iterable[str]) -> bool:
    """Whether the actor may see where this team, of these regions, is."""
    return may_follow(office.city.policy.roles, by, team_id=team_id, regions=office.city.lineage(regions))


async def count_by_stage(tx: AsyncConnection, office: Office, by: Actor) -> dict[str, int]:
    """How many cases the actor may see in each stage."""
    c = db.cases.c
    query = select(c.stage, func.count()).where(c.city_id == office.city_id, visible(office, by)).group_by(c.stage)
    return {row[0]: row[1] for row in await tx.execute(query)}


async def decisions_of(tx: AsyncConnection, office: Office, case_id: UUID) -> list[dict[str, Any]]:
    """Every decision of a case with its candidates and reasons, oldest first."""
    d = db.decisions
    columns = [c for c in d.c if c.name != "city_id"]
    query = select(*columns).where(d.c.city_id == office.city_id, d.c.case_id == case_id).order_by(d.c.made_at)
    return [msgspec.to_builtins(dict(row._mapping)) for row in await tx.execute(query)]


async def find_candidates(tx: AsyncConnection, office: Office, decision_id: UUID) -> list[Any]:
    """The teams that one decision weighed, best first; [] when the reasons have had their time."""
    d = db.decisions.c
    query = select(d.candidates).where(d.city_id == office.city_id, d.id == decision_id)
    return list((await tx.execute(query)).scalar() or [])


async def photos_of(tx: AsyncConnection, office: Office, sighting_ids: list[UUID]) -> list[dict[str, Any]]:
    """The photos of sightings: id, sighting, size in pixels; the pictures are asked for one by one."""
    p = db.photos.c
    query = select(p.id, p.sighting_id, p.width_px, p.height_px, p.taken_in_at)
    rows = await tx.execute(query.where(p.city_id == office.city_id, p.sighting_id.in_(sighting_ids)))
    return [msgspec.to_builtins(dict(row._mapping)) for row in rows]
