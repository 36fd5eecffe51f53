"""What a person at a desk decides: accept, refuse, assign over the machine, take back, widen, join and split."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch import find
from backend.dispatch.change import Answer, Change, Command, earlier_answer, record
from backend.dispatch.lifecycle import ASSIGNED_STAGES
from backend.dispatch.move import Rows, ended, move, touched
from backend.dispatch.offers import held_out, withdraw_live_offer
from backend.dispatch.records import Case, Link
from backend.dispatch.referred import withdrawn_with
from backend.dispatch.timekeeping import step
from backend.dispatch.words import words
from backend.errors import Conflict, Invalid
from backend.ids import new_id
from backend.office import Office
from backend.patrol import duty


async def accept_case(office: Office, case_id: UUID, command: Command) -> Answer:
    """受理: the case is ours; the search for a team begins at once."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:accept", case.as_object())
        clocks = await find.clocks_of(tx, office, case.id)
        rows = move(case, "accept", clocks, at=command.at, policy=office.city.policy, search_round=case.search_round)
        return await record(tx, office, command, Change(kind="case.accepted", rows=rows, facts={"rule": None}))


async def refuse_case(office: Office, case_id: UUID, reason: str, note: str | None, command: Command) -> Answer:
    """不予受理, with a reason from the policy's list; every reporter reads it under their receipt."""
    reasons = {r.code: r for r in office.city.policy.intake.refuse_reasons}
    if reason not in reasons:
        listed = "、".join(f"{r.code}（{r.zh}）" for r in reasons.values())
        raise Invalid(f"请选择不予受理的原因：{listed}。", f"Choose a reason: {', '.join(reasons)}.", field="reason")
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:refuse", case.as_object())
        clocks = await find.clocks_of(tx, office, case.id)
        rows = move(case, "refuse", clocks, at=command.at, policy=office.city.policy, outcome=f"refused:{reason}")
        return await record(
            tx, office, command, Change(kind="case.refused", rows=rows, facts={"reason": reason}, words=words(note))
        )


async def assign_team(office: Office, case_id: UUID, team_id: UUID, reason: str, command: Command) -> Answer:
    """The dispatcher overrules the machine: this team goes, without asking. Takes the case from another team if need be.

    Raises Conflict when the team is off duty, or holds another offer or case.
    """
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:assign", case.as_object())
        case, changes = await withdraw_live_offer(tx, office, case, command, "assigned_by_dispatcher")
        if changes:
            # Written first: the team that is assigned may be the very one that held the offer.
            await record(tx, office, msgspec.structs.replace(command, id=None), *changes)
        await _demand_free(tx, office, team_id)
        # A round of its own: the team may have declined, or had the case before, in the round that ends here.
        round_ = case.search_round + 1
        anew = msgspec.structs.replace(case, search_round=round_)
        offer = held_out(
            anew, team_id, office=office, now=command.now, eta_s=None, basis="dispatcher", decision_id=None
        )
        taken = ended(offer, "accepted", at=command.now, reason="assigned_by_dispatcher")
        clocks = await find.clocks_of(tx, office, case.id)
        action = "reassign" if case.stage in ASSIGNED_STAGES else "dispatch"
        policy = office.city.policy
        rows = move(case, action, clocks, at=command.now, policy=policy, team_id=team_id, search_round=round_)
        rows += await _abandoned_visit(tx, office, case, command)
        before = case.team_id
        change = Change(
            kind="case.assigned",
            rows=[*rows, (None, taken)],
            facts={"taken_from": before},
            teams=[team_id],
            words=words(reason),
        )
        return await record(tx, office, command, change)


async def _demand_free(tx: AsyncConnection, office: Office, team_id: UUID) -> None:
    await duty.get_presence(tx, office, team_id)
    if not await duty.lock_if_free(tx, office, team_id):
        raise Conflict(
            "该队不在岗，或手上已有派遣或案卷。",
            "That team is off duty, or already has an offer or a case.",
            code="team_not_free",
        )


async def withdraw_team(office: Office, case_id: UUID, reason: str, command: Command) -> Answer:
    """Take the case back: from the team that has it (which is free again), or from the one it is held out to."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:withdraw", case.as_object())
        if case.stage == "accepted":
            because = "withdrawn_by_dispatcher"
            case, changes = await withdraw_live_offer(tx, office, case, command, because, words(reason))
            if not changes:
                raise Conflict(
                    "该案卷目前没有派给任何队伍。", "The case is with no team now.", code="nothing_to_withdraw"
                )
            return await record(tx, office, command, *changes)
        clocks = await find.clocks_of(tx, office, case.id)
        # The round goes on, so that the machine does not hold it out to the same team again.
        policy, round_ = office.city.policy, case.search_round
        rows = move(case, "withdraw", clocks, at=command.now, policy=policy, search_round=round_)
        rows += await _abandoned_visit(tx, office, case, command)
        change = Change(kind="case.withdrawn", rows=rows, facts={"taken_from": case.team_id}, words=words(reason))
        return await record(tx, office, command, change)


async def _abandoned_visit(tx: AsyncConnection, office: Office, case: Case, command: Command) -> Rows:
    visit = await find.open_handling(tx, office, case.id)
    if visit is None:
        return []
    return [(visit, msgspec.structs.replace(visit, verdict="abandoned", verified_at=command.now))]


async def widen_search(office: Office, case_id: UUID, command: Command) -> Answer:
    """Look farther now: the next phase of the search begins without waiting, and teams asked before may be asked again."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "offer:make", case.as_object())
        if case.stage != "accepted":
            raise Conflict(
                "只有待派遣的案卷可以扩大搜索。", "Only a case waiting for a team can be widened.", code="wrong_stage"
            )
        last = len(office.city.policy.search.phases) - 1
        case, changes = await withdraw_live_offer(tx, office, case, command, "widened_by_dispatcher")
        phase = min(case.search_phase + 1, last)
        after = touched(case, search_phase=phase, search_round=case.search_round + 1, search_at=command.now)
        change = Change(kind="search.widened", rows=[(case, after)], facts={"phase": phase})
        return await record(tx, office, command, *changes, change)


async def join_cases(office: Office, case_id: UUID, into: UUID, reason: str, command: Command) -> Answer:
    """并案: the case goes on as part of another; its sightings move there and every reporter gets that answer.

    Reversible by `unjoin_case`. The danger of the joined case never gets lost: the higher priority stays.
    """
    if case_id == into:
        raise Invalid("不能把案卷并入它自己。", "A case cannot be joined into itself.", field="into")
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        # A filing holds several cases as well, in the order of its reports.
        await find.lock_intake(tx, office)
        held = await find.lock_cases(tx, office, [case_id, into])
        if len(held) != 2:
            await find.get_case(tx, office, case_id)
            await find.get_case(tx, office, into)
        case, other = held[case_id], held[into]
        for one in (case, other):
            command.demand(office, "case:join", one.as_object())
        if other.closed_at is not None:
            raise Conflict(
                "目标案卷已结束，不能并入。",
                "The other case is closed; nothing can be joined into it.",
                code="wrong_stage",
            )
        case, changes = await withdraw_live_offer(tx, office, case, command, "joined")
        clocks = await find.clocks_of(tx, office, case.id)
        rows = move(case, "join", clocks, at=command.now, policy=office.city.policy, joined_into=into)
        rows += await _abandoned_visit(tx, office, case, command)
        links = await find.links_of(tx, office, case.id)
        rows += [(link, msgspec.structs.replace(link, left_at=command.now)) for link in links]
        rows += await _arrivals(tx, office, links, into, command, moved_from=case.id)
        rows += await _suggested(tx, office, case_id, into, "joined")
        changes += await withdrawn_with(tx, office, case, "case_joined", command.now)
        joined = Change(kind="case.joined", rows=rows, facts={"into": into}, words=words(reason))
        grown = Change(
            kind="case.grew",
            rows=[(other, _with_sightings(other, case, len(links)))],
            facts={"from": case.id, "sightings": [link.sighting_id for link in links]},
        )
        return await record(tx, office, command, *changes, joined, grown)


def _with_sightings(case: Case, joined: Case, count: int) -> Case:
    order = ("normal", "high", "critical")
    return touched(
        case,
        sighting_count=case.sighting_count + count,
        priority=max(case.priority, joined.priority, key=order.index),
        dangers=sorted({*case.dangers, *joined.dangers}),
        call_first=list(dict.fromkeys([*case.call_first, *joined.call_first])),
        skills=sorted({*case.skills, *joined.skills}),
        last_seen_at=max(case.last_seen_at, joined.last_seen_at),
        people_count=max(case.people_count, joined.people_count),
    )


async def _arrivals(
    tx: AsyncConnection,
    office: Office,
    links: Sequence[Link],
    into: UUID,
    command: Command,
    *,
    moved_from: UUID | None = None,
) -> Rows:
    """The links as they stand in the other case; a sighting that was there before comes back to its old row.

    moved_from: the case they come from by joining. Without it they go home, and what an earlier join said stands.
    """
    there = {link.sighting_id: link for link in await find.all_links_of(tx, office, into)}
    rows: Rows = []
    for link in links:
        fresh = Link(
            case_id=into,
            sighting_id=link.sighting_id,
            joined_at=command.now,
            joined_by=command.by.id,
            score=link.score,
            reasons=link.reasons,
            moved_from=moved_from or (there[link.sighting_id].moved_from if link.sighting_id in there else None),
        )
        rows.append((there.get(link.sighting_id), fresh))
    return rows


async def _suggested(tx: AsyncConnection, office: Office, one: UUID, other: UUID, state: str) -> Rows:
    """The suggestion that the two are the same, settled or open again."""
    told = await find.suggestions_of(tx, office, one)
    return [(s, msgspec.structs.replace(s, state=state)) for s in told if other in (s.case_id, s.other_case_id)]


async def unjoin_case(office: Office, case_id: UUID, command: Command) -> Answer:
    """Undo a join: the case lives again with the sightings it had, and a team is looked for.

    Raises Conflict `joined_on` while its sightings have gone on with the other case into a third: that is undone first.
    """
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        await find.lock_intake(tx, office)
        seen = await find.get_case(tx, office, case_id)
        command.demand(office, "case:split", seen.as_object())
        if seen.joined_into is None:
            raise Conflict("该案卷没有并入其他案卷。", "The case is not joined into another.", code="wrong_stage")
        held = await find.lock_cases(tx, office, [case_id, seen.joined_into])
        case, other = held[case_id], held[seen.joined_into]
        for one in (case, other):
            command.demand(office, "case:split", one.as_object())
        clocks = await find.clocks_of(tx, office, case.id)
        back = [link for link in await find.links_of(tx, office, other.id) if link.moved_from == case.id]
        if case.sighting_count and not back:
            raise Conflict(
                "本案线索已随目标案卷转入另一案卷，请先撤销那一次并案。",
                "Its sightings have gone on to a third case: undo that join first.",
                code="joined_on",
            )
        rows = move(
            case,
            "unjoin",
            clocks,
            at=command.now,
            policy=office.city.policy,
            joined_into=None,
            sighting_count=len(back),
        )
        rows += [(link, msgspec.structs.replace(link, left_at=command.now)) for link in back]
        rows += await _arrivals(tx, office, back, case.id, command)
        rows += await _suggested(tx, office, case.id, other.id, "open")
        shrunk = touched(other, sighting_count=other.sighting_count - len(back))
        return await record(
            tx,
            office,
            command,
            Change(kind="case.unjoined", rows=rows, facts={"from": other.id}),
            Change(kind="case.shrank", rows=[(other, shrunk)], facts={"to": case.id}),
        )


async def split_case(
    office: Office, case_id: UUID, sighting_ids: Sequence[UUID], reason: str, command: Command
) -> Answer:
    """拆案: these sightings are about somebody else and become a case of their own. Reversible by `join_cases`."""
    async with office.begin() as tx:
        if (earlier := await earlier_answer(tx, office, command)) is not None:
            return earlier
        await find.lock_intake(tx, office)
        case = await find.lock_case(tx, office, case_id)
        command.demand(office, "case:split", case.as_object())
        links = await find.links_of(tx, office, case.id)
        leaving = [link for link in links if link.sighting_id in set(sighting_ids)]
        if not leaving or len(leaving) != len(set(sighting_ids)) or len(leaving) == len(links):
            raise Invalid(
                "请选择本案卷的部分线索（不能全部）。",
                "Choose some of the sightings of this case, not all of them.",
                field="sighting_ids",
            )
        fresh = await _own_case(tx, office, case, leaving, command)
        rows: Rows = [(None, fresh), *step({}, "open", case_id=fresh.id, policy=office.city.policy, at=command.now)]
        rows += [(None, _moved(link, fresh, command)) for link in leaving]
        gone: Rows = [(case, touched(case, sighting_count=case.sighting_count - len(leaving)))]
        gone += [(link, msgspec.structs.replace(link, left_at=command.now)) for link in leaving]
        opened = Change(kind="case.opened", rows=rows, facts={"split_from": case.id}, words=words(reason))
        shrunk = Change(kind="case.shrank", rows=gone, facts={"to": fresh.id}, words=words(reason))
        accepted = move(
            fresh,
            "accept",
            {row.kind: row for _, row in rows if row.__class__.__name__ == "ClockRow"},  # type: ignore[union-attr, misc]
            at=command.now,
            policy=office.city.policy,
            search_round=1,
        )
        return await record(
            tx, office, command, opened, Change(kind="case.accepted", rows=accepted, facts={"rule": "split"}), shrunk
        )


async def _own_case(tx: AsyncConnection, office: Office, case: Case, leaving: Sequence[Link], command: Command) -> Case:
    first = await find.get_sighting(tx, office, leaving[0].sighting_id)
    return Case(
        id=new_id(),
        number=await find.next_number(tx, office, office.city.local_day(command.now)),
        stage="discovered",
        version=1,
        priority=case.priority,
        dangers=case.dangers,
        call_first=case.call_first,
        skills=case.skills,
        lon=first.lon,
        lat=first.lat,
        in_area=first.in_area,
        regions=first.regions,
        address=first.address,
        people_count=first.people_count,
        looks=first.looks,
        channel=first.channel,
        opened_at=command.now,
        stage_since=command.now,
        last_seen_at=first.occurred_at,
        sighting_count=len(leaving),
    )


def _moved(link: Link, case: Case, command: Command) -> Link:
    return Link(
        case_id=case.id,
        sighting_id=link.sighting_id,
        joined_at=command.now,
        joined_by=command.by.id,
        moved_from=link.case_id,
    )
