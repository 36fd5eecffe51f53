"""查找 Searching the register: by name or document, exactly and by blind index alone, or by what somebody looks like.

What is told of people lies sealed, so a description is compared after the newest records that fit otherwise are opened. Every search
is a look: the log has by what was asked, why, and whose descriptions were shown, never what was asked for. Begin at `find_people`.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import ColumnElement, and_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from backend import db, log, personal
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.errors import Invalid
from backend.intake.looks import AgeBand, Sex
from backend.intake.photo_rows import IS_THERE
from backend.office import Office
from backend.referral.people import register_rows as rows
from backend.referral.people.person import MARK_NAMES, PART_NAMES, BodyMark, MarkKind, Person
from backend.referral.people.person_file import PAGE, PersonShown, shown, visible_roots

SearchReason = Literal["at_the_door", "family_asks", "police_ask", "same_person", "to_help", "other"]
REASON_NAMES: Final[dict[SearchReason, tuple[str, str]]] = {
    "at_the_door": ("本人来站求助", "they ask for help here"),
    "family_asks": ("亲属寻人", "their family looks for them"),
    "police_ask": ("公安协查", "the police ask"),
    "same_person": ("核对是否同一人", "whether two records are one person"),
    "to_help": ("办理救助", "to help them"),
    "other": ("其他", "otherwise"),
}
OPENED: Final = 2_000
"""So many of the newest records that fit otherwise are opened to compare what is told of them."""
EXCERPT: Final = 80

_Word = Annotated[str, Meta(max_length=100)]


class PeopleWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom somebody looks for. words: of the description, the marks, the accent; each counts. since, until: days of registration.
    reason: needed with a name or a number."""

    name: Annotated[str, Meta(max_length=60)] = ""
    id_number: Annotated[str, Meta(max_length=40)] = ""
    words: _Word = ""
    sex: Sex | None = None
    age_band: AgeBand | None = None
    mark: MarkKind | None = None
    region: Annotated[str, Meta(pattern=r"^\d{6,12}$")] | None = None
    since: date | None = None
    until: date | None = None
    is_identified: bool | None = None
    reason: SearchReason | None = None

    def asked_by(self) -> list[str]:
        """Which of it was said."""
        said = {name: getattr(self, name) for name in self.__struct_fields__ if name != "reason"}
        return [name for name, value in said.items() if value is not None and str(value).strip()]


class PersonFound(PersonShown, frozen=True, kw_only=True):
    """Somebody found. description: its beginning; photos: how many there are; suggested: how many other records may be the same."""

    description: str
    marks: list[BodyMark]
    photos: int
    suggested: int


async def find_people(office: Office, wanted: PeopleWanted, *, by: Actor, now: datetime) -> list[PersonFound]:
    """The people that fit, the likeliest and then the newest first. A look. Raises Invalid `nothing_asked`, `no_reason`, NotAllowed."""
    roles = office.city.policy.roles
    demand(roles, by, "person:read")
    by_name = bool(wanted.name.strip() or wanted.id_number.strip())
    if by_name:
        demand(roles, by, "identity:read")
    _demand_sense(wanted, by_name)
    async with office.begin() as tx:
        people = await _fitting(tx, office, by, wanted)
        found = await _found(tx, office, people)
        told = {
            "found": len(found),
            "by": wanted.asked_by(),
            "reason": wanted.reason,
            "people": [one.id for one in found],
        }
        regions = office.city.lineage(by.regions)
        entry = log.Entry(kind="look.person_searched", actor=by, occurred_at=now, regions=regions, data=told)
        await log.append(tx, office.city_id, [entry], now=now)
    return found


def _demand_sense(wanted: PeopleWanted, by_name: bool) -> None:
    if not wanted.asked_by():
        zh, en = (
            "请至少填写一项：姓名、证件、体貌、性别、年龄、地区或时间。",
            "Say something: a name, a document, looks, sex, age, where or when.",
        )
        raise Invalid(zh, en, field="name", code="nothing_asked")
    if by_name and wanted.reason is None:
        zh, en = "按姓名或证件查找须选择理由。", "Say why you look for somebody by name or document."
        raise Invalid(zh, en, field="reason", code="no_reason")


async def _fitting(tx: AsyncConnection, office: Office, by: Actor, wanted: PeopleWanted) -> list[Person]:
    p = db.persons.c
    query = rows.select_rows(Person, office, p.root_id.in_(visible_roots(office, by)), *_conditions(office, wanted))
    query = query.order_by(p.created_at.desc(), p.id.desc())
    words = _words(wanted.words)
    if not words and wanted.mark is None:
        return await rows.fetch(tx, office, Person, query.limit(PAGE))
    opened = await rows.fetch(tx, office, Person, query.limit(OPENED))
    scored = [(_score(one, words), one) for one in opened if wanted.mark is None or _has(one, wanted.mark)]
    fit = [(score, one) for score, one in scored if score or not words]
    return [one for _, one in sorted(fit, key=lambda pair: -pair[0])[:PAGE]]


def _conditions(office: Office, wanted: PeopleWanted) -> list[ColumnElement[bool]]:
    p = db.persons.c
    found: list[ColumnElement[bool]] = []
    if wanted.name.strip():
        found.append(p.name_index.in_(personal.name_indexes(office.ring, wanted.name)))
    if wanted.id_number.strip():
        found.append(p.id_number_index.in_(personal.id_number_indexes(office.ring, wanted.id_number)))
    plain = ("sex", "age_band", "is_identified")
    found += [p[name] == getattr(wanted, name) for name in plain if getattr(wanted, name) is not None]
    if wanted.region is not None:
        found.append(p.regions.bool_op("@>")(cast([wanted.region], ARRAY(Text))))
    if wanted.since is not None:
        found.append(p.created_at >= _midnight(office, wanted.since))
    if wanted.until is not None:
        found.append(p.created_at < _midnight(office, wanted.until) + timedelta(days=1))
    return found


def _midnight(office: Office, day: date) -> datetime:
    return datetime.combine(day, time(), office.city.zone)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,，、；;。]+", text.strip().lower()) if word]


def _has(one: Person, kind: MarkKind) -> bool:
    return any(mark.kind == kind for mark in one.told.marks)


def _score(one: Person, words: Sequence[str]) -> int:
    """How many of the words are said of somebody."""
    if not words:
        return 0
    marks = [f"{PART_NAMES[mark.where]}{MARK_NAMES[mark.kind]} {mark.words}" for mark in one.told.marks]
    told = " ".join([one.number, one.told.description, one.told.accent, *marks]).lower()
    return sum(word in told for word in words)


async def _found(tx: AsyncConnection, office: Office, people: Sequence[Person]) -> list[PersonFound]:
    ids = [one.id for one in people]
    photos, suggested = await counted(tx, office, ids)
    return [
        PersonFound(
            **_fields(shown(one)),
            description=one.told.description[:EXCERPT],
            marks=list(one.told.marks),
            photos=photos.get(one.id, 0),
            suggested=suggested.get(one.id, 0),
        )
        for one in people
    ]


def _fields(one: PersonShown) -> dict[str, Any]:
    return {name: getattr(one, name) for name in PersonShown.__struct_fields__}


async def counted(tx: AsyncConnection, office: Office, ids: Sequence[UUID]) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """How many photos each record has, and how many suggestions of sameness wait to be decided."""
    ph, s = db.photos.c, db.person_suggestions.c
    query = select(ph.person_id, func.count()).where(ph.city_id == office.city_id, ph.person_id.in_(ids), IS_THERE)
    photos = {row[0]: row[1] for row in await tx.execute(query.group_by(ph.person_id))}
    suggested: dict[UUID, int] = {}
    for column in (s.person_id, s.other_id):
        mine = and_(s.city_id == office.city_id, s.state == "open", column.in_(ids))
        for row in await tx.execute(select(column, func.count()).where(mine).group_by(column)):
            suggested[row[0]] = suggested.get(row[0], 0) + row[1]
    return photos, suggested
