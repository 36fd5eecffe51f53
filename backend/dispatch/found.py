"""A patrol finds somebody by itself: sighting, case, acceptance, dispatch and arrival are one step, since it stands there.

Begin at `found_someone`. The steps are those of any case, by the same rules, so that the log, the clocks and the figures know
no difference but the channel. It joins nothing by itself: who stands before the officer is not to be taken for somebody
else, so what may be the same is only suggested.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.access.permissions import Object
from backend.dispatch import field, find
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.field import Arrival
from backend.dispatch.move import case_of, clocks_in, ended, move
from backend.dispatch.nearby import near_cases
from backend.dispatch.offers import held_out, live_offer_of_team, over
from backend.dispatch.opening import first_case, opened, write_sightings
from backend.dispatch.records import Case, HandlingRow
from backend.errors import Conflict
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.intake import duplicates
from backend.intake.report import Prepared
from backend.office import Office
from backend.patrol import duty

FOUND = "found_someone"
"""Why an offer ended: the team stands with somebody whom it found."""


async def found_someone(
    office: Office,
    report: Prepared,
    case_id: UUID,
    team_id: UUID,
    command: Command,
    *,
    campaign_id: UUID | None = None,
) -> Answer:
    """发现受助人员: a case under the id that the phone chose, in the hands of the officer's own team, on the spot.

    An offer held out to the team is withdrawn and goes to the next one. Raises Conflict `off_duty`, `case_open` while the team
    has a case (I1), and `id_reused` when the id stands for another case. campaign_id: the campaign whose sweep led there.
    """
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        command.demand(office, "case:handle", Object(regions=report.sighting.regions, teams=[team_id]))
        await find.lock_intake(tx, office)
        await _demand_fresh(tx, office, case_id)
        await duty.hold(tx, office, team_id)
        await _take_back_offer(tx, office, team_id, command)
        await _demand_free(tx, office, team_id)
        number = await find.next_number(tx, office, office.city.local_day(command.now))
        case = msgspec.structs.replace(first_case(report, case_id, number, command.at), campaign_id=campaign_id)
        (near,) = await near_cases(tx, office, [report])
        matches = duplicates.rank(report.for_duplicates(), near, office.city.policy)
        await write_sightings(tx, office, [report])
        return await record(tx, office, command, *_all_at_once(office, case, report, matches, team_id, command))


async def _demand_fresh(tx: AsyncConnection, office: Office, case_id: UUID) -> None:
    if await find.find_case(tx, office, case_id) is not None:
        raise Conflict(
            "这个编号已用于另一个案卷。", "This id already stands for another case.", code="id_reused", id=case_id
        )


async def _take_back_offer(tx: AsyncConnection, office: Office, team_id: UUID, command: Command) -> None:
    """What is held out to the team goes to the next; the search for that case goes on at once.

    The team is held, so that nothing new is offered to it; the offer is looked at again with its case locked.
    """
    seen = await live_offer_of_team(tx, office, team_id)
    if seen is None:
        return
    case = await find.lock_case(tx, office, seen.case_id)
    offer = await find.get_offer(tx, office, seen.id)
    if offer.state == "offered":
        now = msgspec.structs.replace(command, id=None, at=command.now)
        await record(tx, office, now, over(case, offer, "withdrawn", command.now, FOUND))


async def _demand_free(tx: AsyncConnection, office: Office, team_id: UUID) -> None:
    if (await duty.get_presence(tx, office, team_id)).state != "on_duty":
        raise Conflict("请先上岗，再记录发现。", "Go on duty first.", code="off_duty")
    if (case_id := await field.current_case_id(tx, office, team_id)) is not None:
        raise Conflict(
            "本队手上已有案卷，请先办结或交回，再记录新发现。",
            "Your team has a case: finish it or hand it back first.",
            code="case_open",
            case_id=case_id,
        )


def _all_at_once(
    office: Office,
    case: Case,
    report: Prepared,
    matches: Sequence[duplicates.Match],
    team_id: UUID,
    command: Command,
) -> list[Change]:
    """Opened, accepted, dispatched and arrived, each an event of its own at the same moment."""
    policy, by_rule = office.city.policy, {"rule": "found", "team_id": team_id}
    begun = opened(case, report, matches, policy, teams=[team_id])
    clocks, steps = clocks_in(begun.rows), []
    for action, more in (("accept", {"search_round": 1}), ("dispatch", {"team_id": team_id}), ("arrive", {})):
        rows = move(case, action, clocks, at=case.opened_at, policy=policy, **more)
        case, clocks = case_of(rows), clocks_in(rows, clocks)
        steps.append(rows)
    accepted, taken, arrived = steps
    offer = held_out(case, team_id, office=office, now=command.now, eta_s=0.0, basis="found", decision_id=None)
    answered = ended(offer, "accepted", at=command.now, reason=FOUND)
    visit = _visit(case, report, team_id, command)
    there = {"off_by_m": 0.0, "team_id": team_id}
    return [
        begun,
        Change(kind="case.accepted", rows=accepted, facts=by_rule, teams=[team_id]),
        Change(kind="case.dispatched", rows=[*taken, (None, answered)], facts=by_rule),
        Change(kind="case.arrived", rows=[*arrived, (None, visit)], facts=there),
    ]


def _visit(case: Case, report: Prepared, team_id: UUID, command: Command) -> HandlingRow:
    arrival = Arrival(place=LonLat(case.lon, case.lat), accuracy_m=report.sighting.accuracy_m)
    return HandlingRow(
        id=new_id(),
        case_id=case.id,
        team_id=team_id,
        by=command.by.id,
        arrived_at=case.opened_at,
        arrived_place=msgspec.to_builtins(arrival),
    )
