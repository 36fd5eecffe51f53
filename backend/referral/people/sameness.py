"""两份登记是否同一人 Records that may be one person: found by likeness, decided by somebody, and taken back as if it had not been.

Begin at `merge_people`. Merging writes nothing but who leads to whom: what was told of either stays where it was, so that
`unmerge_person` restores both, in whatever order things were merged. What is done for the person meanwhile stays with the
record it was done on.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, personal
from backend.dispatch.change import Command
from backend.dispatch.records import Case
from backend.errors import Conflict
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.referral.facilities.kept import live_referral
from backend.referral.home import relapse
from backend.referral.people import likeness
from backend.referral.people import register_rows as rows
from backend.referral.people.likeness import Known, Likeness
from backend.referral.people.person import Person, Sameness, object_of, roots
from backend.referral.people.register_rows import Done, Rows
from backend.referral.station import stay_clocks

COMPARED: Final = 2_000
"""So many of the newest records of the fitting sex are compared with, besides all that a name or a document finds."""
SHOWN: Final = 10


async def look_for(
    tx: AsyncConnection, office: Office, group: Sequence[Person], command: Command, *, at_case: Case | None = None
) -> Rows:
    """The suggestions that are new or have another score now: (before, after). What somebody has decided stays decided.

    group: all records of one person as they are now; at_case: the case that the newest of them is being linked to.
    """
    mine = {one.id for one in group}
    others = await _candidates(tx, office, group)
    known = await _known(tx, office, [*group, *others])
    if at_case is not None:
        known = _at(known, group[-1], at_case, await _linked_to(tx, office, at_case.id))
    found: dict[UUID, tuple[Person, Likeness]] = {}
    for one in group:
        compared = [known[other.id] for other in others if other.root_id not in mine]
        for match in likeness.rank(known[one.id], compared, office.city.policy.intake.suggest_at)[:SHOWN]:
            if match.person_id not in found or found[match.person_id][1].score < match.score:
                found[match.person_id] = (one, match)
    held = {(s.person_id, s.other_id): s for s in await rows.suggestions_of(tx, office, list(mine))}
    changes = [_suggestion(held, one, match, command) for one, match in found.values()]
    return [change for change in changes if change is not None]


def _suggestion(
    held: dict[tuple[UUID, UUID], Sameness], one: Person, match: Likeness, command: Command
) -> tuple[Sameness | None, Sameness] | None:
    pair = (min(one.id, match.person_id), max(one.id, match.person_id))
    reasons = [{"code": reason.code, "weight": reason.weight} for reason in match.reasons]
    before = held.get(pair)
    if before is None:
        fresh = Sameness(
            id=new_id(), person_id=pair[0], other_id=pair[1], score=match.score, reasons=reasons, found_at=command.now
        )
        return None, fresh
    if before.state != "open" or before.score == match.score:
        return None
    return before, msgspec.structs.replace(before, score=match.score, reasons=reasons)


async def merge_people(office: Office, person_id: UUID, into: UUID, command: Command) -> Done:
    """同一人: somebody has decided that both records are one person; `into` is the one that stands.

    Raises Conflict `same_record`, `merged_already` (its `into` says where it leads), `seen_together`.
    """
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        one, ours = await rows.held(tx, office, person_id, command)
        other, theirs = await rows.held(tx, office, into, command)
        _demand_both_stand(one, other)
        leads = msgspec.structs.replace(one, merged_into=other.id, merged_at=command.at, merged_by=command.by.id)
        changed: Rows = _rooted(
            [leads if member.id == one.id else member for member in (*ours, *theirs)], [*ours, *theirs]
        )
        await _demand_one_house(tx, office, ours, theirs)
        decided = await _decided(tx, office, ours, theirs, "merged", command)
        decided += await stay_clocks.reckoned_for(tx, office, [*ours, *theirs], command)
        done = Done(seq=0, person_id=other.id, number=other.number)
        what = object_of([*ours, *theirs])
        done = await rows.tell(tx, office, command, "person.merged", [*changed, *decided], what, done)
        await relapse.notice(tx, office, [*ours, *theirs], command)
        return done


async def unmerge_person(office: Office, person_id: UUID, command: Command) -> Done:
    """不是同一人: the record stands for itself again, with whatever had been merged into it. Raises Conflict `not_merged`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        one, group = await rows.held(tx, office, person_id, command)
        if one.merged_into is None:
            zh, en = "这份登记没有合并到别的登记。", "That record is not merged into another."
            raise Conflict(zh, en, code="not_merged")
        alone = msgspec.structs.replace(one, merged_into=None, merged_at=None, merged_by=None)
        changed: Rows = _rooted([alone if member.id == one.id else member for member in group], group)
        mine = {after.id for _, after in changed}
        ours = [member for member in group if member.id in mine]
        theirs = [member for member in group if member.id not in mine]
        decided = await _decided(tx, office, ours, theirs, "open", command)
        for apart in (ours, theirs):
            decided += await stay_clocks.reckoned_for(tx, office, apart, command)
        done = Done(seq=0, person_id=one.id, number=one.number)
        return await rows.tell(tx, office, command, "person.unmerged", [*changed, *decided], object_of(group), done)


async def keep_apart(office: Office, person_id: UUID, other_id: UUID, command: Command) -> Done:
    """Somebody has decided that they are two people: it is not suggested again. Merging them later is still possible."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        one, ours = await rows.held(tx, office, person_id, command)
        other, theirs = await rows.held(tx, office, other_id, command)
        if one.root_id == other.root_id:
            zh, en = "两份登记已合并，请先撤销合并。", "They are merged: take that back first."
            raise Conflict(zh, en, code="merged_already", into=one.root_id)
        decided = await _decided(tx, office, ours, theirs, "different", command)
        if not decided and not await _are_told_apart(tx, office, one, other):
            decided = [(None, _decision(one, other, command))]
        done = Done(seq=0, person_id=one.id, number=one.number)
        return await rows.tell(tx, office, command, "person.kept_apart", decided, object_of([*ours, *theirs]), done)


def _demand_both_stand(one: Person, other: Person) -> None:
    if one.id == other.id:
        raise Conflict("这是同一份登记。", "That is the same record.", code="same_record")
    for merged in (one, other):
        if merged.merged_into is not None:
            zh = f"登记 {merged.number} 已并入另一份登记，请在那一份上操作。"
            en = f"Record {merged.number} is merged already: use the one it leads to."
            raise Conflict(zh, en, code="merged_already", into=merged.root_id)


async def _demand_one_house(
    tx: AsyncConnection, office: Office, ours: Sequence[Person], theirs: Sequence[Person]
) -> None:
    """Nobody is in two houses at once, nor in one and on the way to another. Raises Conflict `both_present`."""
    if all([await _is_held(tx, office, group) for group in (ours, theirs)]):
        zh = "两份登记都有人在站或正在转介，不会是同一人；请先核实。"
        en = "Both are at a station or on the way to one now, so they are two: look again."
        raise Conflict(zh, en, code="both_present")


async def _is_held(tx: AsyncConnection, office: Office, group: Sequence[Person]) -> bool:
    ids = [one.id for one in group]
    if any(stay.state == "present" for stay in await rows.stays_of(tx, office, ids)):
        return True
    return await live_referral(tx, office, ids) is not None


def _rooted(after: Sequence[Person], before: Sequence[Person]) -> Rows:
    """The records of which anything is another, where each leads to reckoned anew."""
    leads = roots({one.id: one.merged_into for one in after})
    settled = [msgspec.structs.replace(one, root_id=leads[one.id]) for one in after]
    was = {one.id: one for one in before}
    return [(was[one.id], one) for one in settled if was[one.id] != one]


async def _decided(
    tx: AsyncConnection, office: Office, ours: Sequence[Person], theirs: Sequence[Person], state: str, command: Command
) -> Rows:
    """What was suggested between the two, decided now; "open" takes a decision back."""
    mine, others = {one.id for one in ours}, {one.id for one in theirs}
    changes: Rows = []
    for one in await rows.suggestions_of(tx, office, list(mine)):
        if {one.person_id, one.other_id} & others and one.state != state:
            by, at = (None, None) if state == "open" else (command.by.id, command.at)
            changes.append((one, msgspec.structs.replace(one, state=state, decided_by=by, decided_at=at)))
    return changes


async def _are_told_apart(tx: AsyncConnection, office: Office, one: Person, other: Person) -> bool:
    """Whether somebody has decided of this very pair already."""
    return any({one.id, other.id} == {s.person_id, s.other_id} for s in await rows.suggestions_of(tx, office, [one.id]))


def _decision(one: Person, other: Person, command: Command) -> Sameness:
    return Sameness(
        id=new_id(),
        person_id=min(one.id, other.id),
        other_id=max(one.id, other.id),
        score=0.0,
        reasons=[],
        found_at=command.now,
        state="different",
        decided_by=command.by.id,
        decided_at=command.at,
    )


async def _candidates(tx: AsyncConnection, office: Office, group: Sequence[Person]) -> list[Person]:
    """Whom to compare with: the newest records that might fit, and whoever has one of the names or documents."""
    p = db.persons.c
    standing = {one.root_id for one in group}
    sexes = {one.sex for one in group} - {"unknown"}
    fits = or_(p.sex == "unknown", p.sex.in_(sexes)) if sexes else p.sex.is_not(None)
    newest = rows.select_rows(Person, office, p.root_id.not_in(standing), fits).order_by(p.created_at.desc(), p.id)
    found = await rows.fetch(tx, office, Person, newest.limit(COMPARED))
    named = rows.select_rows(Person, office, p.root_id.not_in(standing), _named_alike(office, group))
    return list({one.id: one for one in (*found, *await rows.fetch(tx, office, Person, named))}.values())


def _named_alike(office: Office, group: Sequence[Person]) -> object:
    names = [i for one in group if one.identity.name for i in personal.name_indexes(office.ring, one.identity.name)]
    numbers = [
        i
        for one in group
        if one.identity.id_number
        for i in personal.id_number_indexes(office.ring, one.identity.id_number)
    ]
    p = db.persons.c
    return or_(p.name_index.in_(names), p.id_number_index.in_(numbers))


async def _known(tx: AsyncConnection, office: Office, people: Sequence[Person]) -> dict[UUID, Known]:
    """Each record with where it was met and whom it was seen side by side with."""
    ids = [one.id for one in people]
    links, c = db.case_people, db.cases
    query = (
        select(links.c.person_id, links.c.case_id, c.c.lon, c.c.lat)
        .join(c, (c.c.city_id == links.c.city_id) & (c.c.id == links.c.case_id))
        .where(links.c.city_id == office.city_id, links.c.person_id.in_(ids), links.c.unlinked_at.is_(None))
    )
    met: dict[UUID, list[LonLat]] = {}
    of_case: dict[UUID, set[UUID]] = {}
    for row in await tx.execute(query):
        met.setdefault(row.person_id, []).append(LonLat(row.lon, row.lat))
        of_case.setdefault(row.case_id, set()).add(row.person_id)
    together: dict[UUID, set[UUID]] = {}
    for members in of_case.values():
        for one in members:
            together.setdefault(one, set()).update(members - {one})
    return {
        one.id: Known(
            person=one,
            met=tuple(met.get(one.id, ())),
            together=frozenset(together.get(one.id, ())),
            listed=one.listed_at is not None,
        )
        for one in people
    }


async def _linked_to(tx: AsyncConnection, office: Office, case_id: UUID) -> set[UUID]:
    return {link.person_id for link in await rows.people_of(tx, office, case_id)}


def _at(known: dict[UUID, Known], newest: Person, case: Case, there: set[UUID]) -> dict[UUID, Known]:
    """The newest record as it will be once it is linked to the case."""
    mine = known[newest.id]
    spot = (*mine.met, LonLat(case.lon, case.lat))
    joined = msgspec.structs.replace(mine, met=spot, together=mine.together | frozenset(there - {newest.id}))
    return {**known, newest.id: joined}
