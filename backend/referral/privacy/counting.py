"""受助人员统计 The people helped, month by month, for one who asks. Begin at `statistics_for`.

What is counted and what of it is told is in `statistics`. People are told apart by a pseudonym: an HMAC, under the key of the ring,
of the record that all of theirs lead to, and of the year, so that one year's cannot be held against another's. It is made for one
answer, kept nowhere and given to nobody. Only whole months that have ended and whole districts: two answers never differ by a
day or a street, from which a person could be reckoned.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import batched
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import Object, allowed, demand
from backend.errors import Invalid
from backend.geo.regions import Level
from backend.office import Office
from backend.referral.people import register_rows as rows
from backend.referral.people.person import Person
from backend.referral.privacy.statistics import LEAST, Act, PeopleStatistics, Traits, What, counted
from backend.referral.station.deadlines import How

ACTION: Final = "stats:read"
MONTH: Final = r"^20\d\d-(0[1-9]|1[0-2])$"
_MONTH: Final = re.compile(MONTH, re.ASCII)
LONGEST_MONTHS: Final = 24
A_YEAR: Final = 12
AT_ONCE: Final = 500
"""Records opened between two looks at what else there is to do."""


async def statistics_for(
    tx: AsyncConnection, office: Office, by: Actor, *, since: str | None, until: str | None, now: datetime
) -> PeopleStatistics:
    """The districts that are the asker's as a whole. Raises NotAllowed, Invalid `month_not_over`, `span_too_long`."""
    roles = office.city.policy.roles
    demand(roles, by, ACTION)
    mine = [one for one in districts(office) if allowed(roles, by, ACTION, Object(regions=office.city.lineage([one])))]
    return await statistics_of(tx, office, mine, since=since, until=until, now=now)


async def statistics_of(
    tx: AsyncConnection, office: Office, of: Sequence[str], *, since: str | None, until: str | None, now: datetime
) -> PeopleStatistics:
    """The numbers of these districts. since, until: months as `2016-09`, the last twelve unless said."""
    months = months_asked(since, until, now.astimezone(office.city.zone).date())
    found = await _Acts(office, months).read(tx)
    traits = await _traits(tx, office, found.pseudonyms)
    names = {
        code: office.city.regions.get(code).name if code in office.city.regions else office.city.name_zh for code in of
    }
    told = counted(found.acts, traits, months, of)
    return PeopleStatistics(since=months[0], until=months[-1], least=LEAST, names=names, rows=told)


def districts(office: Office) -> list[str]:
    """The districts of the city, and the city for what lies in none of them."""
    return [*(one.code for one in office.city.regions if one.level == Level.DISTRICT), office.city_id]


def months_asked(since: str | None, until: str | None, today: date) -> list[str]:
    """Every month from the first to the last. Raises Invalid where one is not over, they are reversed, or too many."""
    over = today.year * A_YEAR + today.month - 2
    last = _number(until) if until is not None else over
    first = _number(since) if since is not None else last - A_YEAR + 1
    if last > over or first > last:
        zh, en = (
            "只统计已结束的月份，且起月不晚于止月。",
            "Only months that are over are counted, the first not after the last.",
        )
        raise Invalid(zh, en, field="until", code="month_not_over")
    if last - first >= LONGEST_MONTHS:
        zh, en = f"一次最多统计 {LONGEST_MONTHS} 个月。", f"At most {LONGEST_MONTHS} months at once."
        raise Invalid(zh, en, field="since", code="span_too_long")
    return [f"{one // A_YEAR:04d}-{one % A_YEAR + 1:02d}" for one in range(first, last + 1)]


def _number(month: str) -> int:
    if not _MONTH.fullmatch(month):
        zh, en = "月份应写作 2016-09 的形式。", "A month is written like 2016-09."
        raise Invalid(zh, en, field="since", code="bad_month")
    year, _, number = month.partition("-")
    return int(year) * A_YEAR + int(number) - 1


class _Acts:
    """What was done for people from the beginning of the first month's year to the end of the last month."""

    def __init__(self, office: Office, months: Sequence[str]) -> None:
        self.acts: list[Act] = []
        self.pseudonyms: dict[UUID, dict[int, bytes]] = {}
        self._office = office
        zone, after = office.city.zone, _number(months[-1]) + 1
        self._since = datetime(int(months[0][:4]), 1, 1, tzinfo=zone)
        self._until = datetime(after // A_YEAR, after % A_YEAR + 1, 1, tzinfo=zone)
        self._districts = frozenset(districts(office)) - {office.city_id}

    async def read(self, tx: AsyncConnection) -> "_Acts":
        """All of them."""
        p, link, case, stay = db.persons.c, db.case_people.c, db.cases.c, db.stays.c
        of, one = db.referrals.c, db.referral_people.c
        async for row in await tx.stream(self._of_people(p.created_at, p.regions)):
            self._add("registered", row)
        met = self._of_people(link.linked_at, case.regions, link.case_id)
        met = met.where(_same(link.person_id, p, link), _same(link.case_id, case, link), link.unlinked_at.is_(None))
        async for row in await tx.stream(met):
            self._add("met", row, str(row.case_id))
        referred = self._of_people(of.handed_over_at, of.regions, of.case_id)
        referred = referred.where(_same(one.person_id, p, one), _same(one.referral_id, of, one))
        async for row in await tx.stream(referred):
            self._add("referred", row, str(row.case_id) if row.case_id else None)
        whole: dict[UUID, str] = {}
        stays = self._of_people(stay.arrived_at, stay.regions, stay.id, stay.case_id, stay.continues)
        async for row in await tx.stream(stays.where(_same(stay.person_id, p, stay))):
            begun = whole.get(row.continues, str(row.case_id or row.continues or row.id))
            whole[row.id] = begun
            self._add("taken_in", row, begun)
        left = self._of_people(stay.left_at, stay.regions, stay.how).where(_same(stay.person_id, p, stay))
        async for row in await tx.stream(left):
            self._add("left", row, how=row.how)
        return self

    def _of_people(self, at: Any, regions: Any, *also: Any) -> Select[Any]:
        p = db.persons.c
        query = select(p.root_id, at.label("at"), regions.label("within"), *also)
        city = and_(p.city_id == self._office.city_id, at >= self._since, at < self._until)
        return query.where(city).order_by(at)

    def _add(self, what: What, row: Any, occasion: str | None = None, how: How | None = None) -> None:
        local = row.at.astimezone(self._office.city.zone)
        district = next((code for code in row.within if code in self._districts), self._office.city_id)
        who = self._who(row.root_id, local.year)
        self.acts.append(Act(what, row.at, f"{local:%Y-%m}", district, who, occasion, how))

    def _who(self, root: UUID, year: int) -> bytes:
        """The pseudonym of somebody in a year."""
        known = self.pseudonyms.setdefault(root, {})
        if year not in known:
            known[year] = self._office.ring.pseudonym(root.bytes, f"statistics.people:{self._office.city_id}:{year}")
        return known[year]


def _same(id_: Any, of: Any, one: Any) -> ColumnElement[bool]:
    return and_(id_ == of.id, one.city_id == of.city_id)


async def _traits(
    tx: AsyncConnection, office: Office, pseudonyms: Mapping[UUID, Mapping[int, bytes]]
) -> dict[bytes, Traits]:
    """What is told of people: sex and age of the record that theirs lead to, vulnerabilities of any."""
    found: dict[bytes, Traits] = {}
    for some in batched(pseudonyms, AT_ONCE):
        query = rows.select_rows(Person, office, db.persons.c.root_id.in_(some))
        records: dict[UUID, list[Person]] = {}
        for record in await rows.fetch(tx, office, Person, query):
            records.setdefault(record.root_id, []).append(record)
        for root, group in records.items():
            first = next(record for record in group if record.id == root)
            grounds = frozenset(ground for record in group for ground in record.told.vulnerable)
            found |= dict.fromkeys(pseudonyms[root].values(), Traits(first.sex, first.age_band, grounds))
    return found
