"""Reading the register: the list, and one person with everything about them as far as whoever asks may see it.

A list tells nobody's name. Opening a file is a look, written down (DOMAIN §8). Who somebody is needs `identity:read` besides
`person:read`. Searching is in `backend.referral.people.person_search`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand
from backend.access.visible import visible
from backend.dispatch.looking import AGAIN_AFTER
from backend.intake.looks import AgeBand, Sex
from backend.office import Office
from backend.referral.people import likeness
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Identity, IdentitySource, Person, Sameness, SamenessState, ToldOf, object_of
from backend.referral.people.person_photos import PersonPhoto, photos_of
from backend.referral.people.person_story import Story, story_of

PAGE = 50


class PersonShown(Struct, frozen=True, kw_only=True):
    """Somebody in a list, without what is told of them. merged_into: the record it leads to; None while it stands."""

    id: UUID
    number: str
    sex: Sex
    age_band: AgeBand
    is_identified: bool
    identity_source: IdentitySource | None
    identified_at: datetime | None
    listed_at: datetime | None
    created_at: datetime
    from_case: UUID | None
    regions: list[str]
    merged_into: UUID | None
    root_id: UUID


class PersonPage(Struct, frozen=True):
    """People, newest first; `next` is the cursor of the following page, None at the end. photos, suggested: by record, how many photos
    there are, and how many other records may be the same person."""

    people: list[PersonShown]
    next: str | None
    photos: dict[UUID, int] = {}
    suggested: dict[UUID, int] = {}


class Record(Struct, frozen=True, kw_only=True):
    """One record of a person. identity: None for who may not see it."""

    person: PersonShown
    told: ToldOf
    identity: Identity | None
    photos: list[PersonPhoto]


class CaseOf(Struct, frozen=True, kw_only=True):
    """A case that the person was part of. family: the others of the same family in it."""

    case_id: UUID
    number: int
    opened_at: datetime
    person_id: UUID
    linked_at: datetime
    family: list[UUID]


class LikenessReason(Struct, frozen=True, kw_only=True):
    """Why two records may be one person, or not (weight < 0)."""

    code: str
    zh: str
    en: str
    weight: float


class Suggested(Struct, frozen=True, kw_only=True):
    """Another record that may be the same person, why, and what was decided."""

    id: UUID
    person_id: UUID
    other: PersonShown
    score: float
    reasons: list[LikenessReason]
    state: SamenessState
    decided_by: str | None
    decided_at: datetime | None


class PersonFile(Struct, frozen=True, kw_only=True):
    """Everything about one person: the record that stands first, then those found to be the same. relatives: of the same family in a
    case, as far as whoever asks may know of them."""

    records: list[Record]
    cases: list[CaseOf]
    suggestions: list[Suggested]
    story: Story
    relatives: list[PersonShown]


async def list_people(
    tx: AsyncConnection,
    office: Office,
    by: Actor,
    *,
    case_id: UUID | None = None,
    identified: bool | None = None,
    listed: bool | None = None,
    suggested: bool | None = None,
    before: tuple[datetime, UUID] | None = None,
) -> list[PersonShown]:
    """The records that stand and that the actor may see, newest first, one page."""
    demand(office.city.policy.roles, by, "person:read")
    p = db.persons.c
    wanted: list[ColumnElement[bool]] = [p.root_id.in_(visible_roots(office, by)), p.merged_into.is_(None)]
    if case_id is not None:
        links = db.case_people.c
        there = and_(links.city_id == office.city_id, links.case_id == case_id, links.unlinked_at.is_(None))
        of_case = select(links.person_id).where(there)
        roots = select(p.root_id).where(p.city_id == office.city_id, p.id.in_(of_case))
        wanted.append(p.id.in_(roots))
    if identified is not None:
        wanted.append(p.is_identified.is_(identified))
    if listed is not None:
        wanted.append(p.listed_at.is_not(None) if listed else p.listed_at.is_(None))
    if suggested is not None:
        wanted.append(p.id.in_(_suggested_ids(office)) if suggested else p.id.not_in(_suggested_ids(office)))
    if before is not None:
        wanted.append(tuple_(p.created_at, p.id) < tuple_(literal(before[0]), literal(before[1])))
    query = select(*_SHOWN).where(p.city_id == office.city_id, *wanted).order_by(p.created_at.desc(), p.id.desc())
    return [PersonShown(**row._mapping) for row in await tx.execute(query.limit(PAGE))]


async def open_file(office: Office, person_id: UUID, *, by: Actor, now: datetime) -> PersonFile:
    """Everything about one person; a look, written down once in ten minutes for one who looks. Raises NotAllowed, NotFound."""
    roles = office.city.policy.roles
    demand(roles, by, "person:read")
    async with office.begin() as tx:
        person = await rows.get_person(tx, office, person_id)
        group = await rows.group_of(tx, office, person.root_id)
        what = object_of(group)
        demand(roles, by, "person:read", what)
        file = await _file(tx, office, by, person.root_id, group)
        if not await looked_lately(tx, office, person.root_id, by, now):
            await look(tx, office, "look.person_read", person.root_id, what, by=by, now=now)
    return file


def _suggested_ids(office: Office) -> Any:
    """Records of which somebody has to decide whether another is the same person."""
    s = db.person_suggestions.c
    waiting = (s.city_id == office.city_id, s.state == "open")
    return select(s.person_id).where(*waiting).union(select(s.other_id).where(*waiting))


async def look(
    tx: AsyncConnection, office: Office, kind: str, person_id: UUID, what: Object, *, by: Actor, now: datetime
) -> None:
    """Writes down that somebody looked at a person."""
    entry = log.Entry(
        kind=kind,
        actor=by,
        occurred_at=now,
        regions=list(what.regions),
        teams=[by.team_id] if by.team_id else [],
        data={"person_id": person_id},
    )
    await log.append(tx, office.city_id, [entry], now=now)


async def looked_lately(tx: AsyncConnection, office: Office, person_id: UUID, by: Actor, now: datetime) -> bool:
    """Whether a look of theirs at this person stands in the log already, from the last ten minutes."""
    e = db.events.c
    lately = (e.city_id == office.city_id) & (e.kind == "look.person_read") & (e.occurred_at > now - AGAIN_AFTER)
    mine = select(e.seq).where(lately, e.actor["id"].astext == by.id, e.data["person_id"].astext == str(person_id))
    return (await tx.execute(mine.limit(1))).first() is not None


async def _file(tx: AsyncConnection, office: Office, by: Actor, root: UUID, group: Sequence[Person]) -> PersonFile:
    ids = [one.id for one in group]
    named = allowed(office.city.policy.roles, by, "identity:read", object_of(group))
    photos = await photos_of(tx, office, ids)
    story = await story_of(tx, office, by, group)
    first = sorted(group, key=lambda one: (one.id != root, one.created_at, one.id))
    return PersonFile(
        records=[
            Record(
                person=shown(one),
                told=one.told,
                identity=one.identity if named else None,
                photos=[photo for photo in photos if photo.person_id == one.id],
            )
            for one in first
        ],
        cases=await _cases(tx, office, ids),
        suggestions=await _suggested(tx, office, by, ids),
        story=story,
        relatives=await _relatives(tx, office, by, story.family),
    )


async def _relatives(tx: AsyncConnection, office: Office, by: Actor, ids: Sequence[UUID]) -> list[PersonShown]:
    p = db.persons.c
    mine = (p.city_id == office.city_id, p.id.in_(ids), p.root_id.in_(visible_roots(office, by)))
    return [PersonShown(**row._mapping) for row in await tx.execute(select(*_SHOWN).where(*mine).order_by(p.number))]


async def _cases(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> list[CaseOf]:
    links = await rows.links_of(tx, office, ids)
    c = db.cases.c
    query = select(c.id, c.number, c.opened_at).where(
        c.city_id == office.city_id, c.id.in_({link.case_id for link in links})
    )
    known = {row.id: row for row in await tx.execute(query)}
    found = []
    for link in links:
        others = await rows.people_of(tx, office, link.case_id) if link.family_group else []
        family = [o.person_id for o in others if o.family_group == link.family_group and o.person_id != link.person_id]
        case = known[link.case_id]
        fields = {"number": case.number, "opened_at": case.opened_at, "linked_at": link.linked_at, "family": family}
        found.append(CaseOf(case_id=link.case_id, person_id=link.person_id, **fields))
    return found


async def _suggested(tx: AsyncConnection, office: Office, by: Actor, ids: Sequence[UUID]) -> list[Suggested]:
    """Those of whom the actor may know at all."""
    found = await rows.suggestions_of(tx, office, ids)
    between = [one for one in found if not {one.person_id, one.other_id} <= set(ids)]
    others = {one.person_id if one.person_id not in ids else one.other_id for one in between}
    p = db.persons.c
    query = select(*_SHOWN).where(
        p.city_id == office.city_id, p.id.in_(others), p.root_id.in_(visible_roots(office, by))
    )
    known = {row.id: PersonShown(**row._mapping) for row in await tx.execute(query)}
    return [_as_seen(one, known, ids) for one in between if {one.person_id, one.other_id} & known.keys()]


def _as_seen(one: Sameness, known: dict[UUID, PersonShown], ids: Sequence[UUID]) -> Suggested:
    mine = one.person_id if one.person_id in ids else one.other_id
    return Suggested(
        id=one.id,
        person_id=mine,
        other=known[one.other_than(mine)],
        score=one.score,
        reasons=[
            LikenessReason(code=why.code, zh=why.zh, en=why.en, weight=why.weight)
            for why in likeness.in_words(one.reasons)
        ],
        state=one.state,
        decided_by=one.decided_by,
        decided_at=one.decided_at,
    )


def shown(person: Person) -> PersonShown:
    """The record as a list shows it."""
    return PersonShown(**{name: getattr(person, name) for name in PersonShown.__struct_fields__})


_SHOWN: list[Any] = [db.persons.c[name] for name in PersonShown.__struct_fields__]


def visible_roots(office: Office, by: Actor) -> Any:
    """The roots of the people of whom the actor may see any record."""
    p = db.persons
    seen = visible(office.city.policy.roles, by, "person:read", p, own=p.c.created_by == by.id)
    return select(func.distinct(p.c.root_id)).where(p.c.city_id == office.city_id, seen)
