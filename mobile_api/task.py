"""What a team's phone shows now, read in one go: the offer or the case, what was reported of it, why this team, and what the
crew has with it. Begin at `task_of`. Reads only; the phone goes on with it when the network is gone.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.access.actor import Actor
from backend.campaign import coverage, points
from backend.campaign.coverage import Sentence, SweepHint
from backend.dispatch import board, distress, field, find, matching, offers
from backend.dispatch.case_file import readable_sightings
from backend.dispatch.distress import DistressNow
from backend.dispatch.matching import Candidate
from backend.dispatch.protection.season import season_of
from backend.dispatch.records import Case, CaseChannel, ClockRow, Offer
from backend.notify import notices
from backend.notify.receipts import Told, code_for
from backend.office import Office
from backend.patrol import duty
from backend.patrol.duty import Presence
from backend.policy import Danger, Season
from backend.referral import on_the_way
from backend.referral.facilities import facility as facilities
from backend.referral.on_the_way import CrewReferral

WHERE_HELP_IS: Final = ("station", "rescue_point")
"""The kinds of facility whose address is left with somebody who stays; and temporary points while a campaign has them open."""
NOT_SOUGHT: Final = {
    "dispatcher": ("由派遣员指派", "assigned by the dispatcher"),
    "found": ("本队现场发现", "found by your own team"),
}
"""Why a team has a case that nobody looked for a team for."""


class Reported(Struct, frozen=True, kw_only=True):
    """A sighting as a crew reads it: not who reported it. photos: ids, to be asked for under the case."""

    id: UUID
    description: str | None
    people_count: int
    looks: dict[str, Any]
    dangers: list[Danger]
    occurred_at: datetime
    channel: CaseChannel
    photos: list[UUID]


class Visit(Struct, frozen=True):
    """The team is on the spot since."""

    arrived_at: datetime


class Station(Struct, frozen=True, kw_only=True):
    """Where help is; never a hidden place. WGS-84 degrees."""

    name: str
    address: str | None
    phone: str | None
    lon: float
    lat: float


class DeclineReason(Struct, frozen=True):
    """A reason for which an offer may be declined."""

    code: str
    zh: str
    en: str


class Kit(Struct, frozen=True, kw_only=True):
    """What the crew needs without network: supplies of the season (codes), where help is, why one may decline."""

    season: Season
    supplies: list[str]
    stations: list[Station]
    decline_reasons: list[DeclineReason]


class NoticeNow(Struct, frozen=True):
    """What the team is being told and nobody has acknowledged: the phone that shows the task says so with the code."""

    id: UUID
    code: str


class Task(Struct, frozen=True, kw_only=True):
    """Everything a team's phone needs now: its presence, the offer held out to it with its case, or the case it has.

    why: the reasons for this team. visit: None until it arrived. notice: to be acknowledged (POST /api/notices/{id}/received).
    sweep: the team is on a tour (GET /api/officer/sweep). referrals: of the case, newest first. now: the office's time.
    """

    presence: Presence
    offer: Offer | None
    case: Case | None
    clocks: list[ClockRow]
    why: list[Sentence]
    sightings: list[Reported]
    visit: Visit | None
    referrals: list[CrewReferral]
    kit: Kit
    distress: DistressNow | None
    notice: NoticeNow | None
    sweep: SweepHint | None
    now: datetime
    seq: int


async def task_of(tx: AsyncConnection, office: Office, team_id: UUID, *, by: Actor, now: datetime, seq: int) -> Task:
    """The team's task as `by` may see it. seq: the number of the log that the answer is at least as new as."""
    presence = await duty.get_presence(tx, office, team_id)
    offer = await offers.live_offer_of_team(tx, office, team_id)
    case_id = offer.case_id if offer else await field.current_case_id(tx, office, team_id)
    case = await find.find_case(tx, office, case_id) if case_id else None
    made = await find.offers_of(tx, office, case.id) if case else []
    visit = await find.open_handling(tx, office, case.id) if case and case.stage == "handling" else None
    return Task(
        presence=presence,
        offer=offer,
        case=case,
        clocks=list((await find.clocks_of(tx, office, case.id)).values()) if case else [],
        why=await _why(tx, office, [one for one in made if one.team_id == team_id]),
        sightings=await _reported(tx, office, by, case, made) if case else [],
        visit=Visit(visit.arrived_at) if visit else None,
        referrals=await on_the_way.of_crew(tx, office, by, case) if case else [],
        kit=await _kit(tx, office, by, now),
        distress=await distress.current(tx, office, team_id),
        notice=await _notice(tx, office, by, team_id),
        sweep=await coverage.hint(tx, office, team_id),
        now=now,
        seq=seq,
    )


async def _notice(tx: AsyncConnection, office: Office, by: Actor, team_id: UUID) -> NoticeNow | None:
    notice = await notices.newest_of_team(tx, office, team_id)
    if notice is None or by.session_id is None:
        return None
    return NoticeNow(notice.id, code_for(office.ring, notice.id, Told("session", by.session_id)))


async def _why(tx: AsyncConnection, office: Office, mine: list[Offer]) -> list[Sentence]:
    """Of the newest offer to this team; another's are not told."""
    if not mine:
        return []
    offer = mine[-1]
    if offer.decision_id is None:
        return [Sentence(*NOT_SOUGHT[offer.eta_basis])] if offer.eta_basis in NOT_SOUGHT else []
    found = await board.find_candidates(tx, office, offer.decision_id)
    candidates = msgspec.convert(found, list[Candidate])
    chosen = next((one for one in candidates if one.team_id == offer.team_id), None)
    return [Sentence(*said) for said in matching.why(candidates, chosen, office.city.policy)] if chosen else []


async def _reported(tx: AsyncConnection, office: Office, by: Actor, case: Case, made: list[Offer]) -> list[Reported]:
    sightings = await readable_sightings(tx, office, by, case, made)
    photos = await board.photos_of(tx, office, [one.id for one in sightings])
    names = [name for name in Reported.__struct_fields__ if name != "photos"]
    return [
        Reported(
            photos=[UUID(photo["id"]) for photo in photos if photo["sighting_id"] == str(one.id)],
            **{name: getattr(one, name) for name in names},
        )
        for one in sightings
    ]


async def _kit(tx: AsyncConnection, office: Office, by: Actor, now: datetime) -> Kit:
    policy = office.city.policy
    season = season_of(now, policy)
    known = await facilities.list_facilities(tx, office, by)
    opened = await points.open_now(tx, office)
    there = [one for one in known if one.kind in WHERE_HELP_IS or one.id in opened]
    return Kit(
        season=season,
        supplies=list(policy.protection.supplies.get(season, ())),
        stations=[_station(one) for one in there if not one.hidden],
        decline_reasons=[DeclineReason(code, *words) for code, words in offers.DECLINE_REASONS.items()],
    )


def _station(one: facilities.Facility) -> Station:
    return Station(**{name: getattr(one, name) for name in Station.__struct_fields__})
