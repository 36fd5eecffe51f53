"""The figures of a span for one who asks, read from the log: case by case, so that a month takes no more room than a day.

Begin at `figures_of`. What is counted is in `backend.dispatch.figures`. Only what was written down by the end of the span
counts: the figures of a past day stay what they were.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import ARRAY, ColumnElement, Text, and_, cast, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import Actor
from backend.access.permissions import demand, scopes
from backend.dispatch.board import visible
from backend.dispatch.figures import Figure, Span, StepTime, Tally
from backend.dispatch.past import last_until
from backend.dispatch.stories import Story, begun
from backend.errors import Invalid
from backend.office import Office

ACTION: Final = "stats:read"
Bucket = Literal["hour", "day"]
LONGEST: Final[dict[Bucket, timedelta]] = {"hour": timedelta(days=7), "day": timedelta(days=92)}
AT_ONCE: Final = 500
"""Events read between two looks at what else there is to do: some twenty milliseconds."""
# What no figure reads: long, and many.
UNREAD: Final = ("offer.made", "offer.lapsed", "offer.declined", "offer.withdrawn", "search.widened", "look.file_read")


class FiguresOfSpan(Struct, frozen=True, kw_only=True):
    """The figures of `since` to `until`, which is now at the latest. starts: where the buckets of the series begin."""

    since: datetime
    until: datetime
    by: Bucket
    region: str | None
    starts: list[datetime]
    figures: list[Figure]
    steps: list[StepTime]


async def figures_of(
    tx: AsyncConnection,
    office: Office,
    by: Actor,
    *,
    since: datetime,
    until: datetime,
    bucket: Bucket,
    region: str | None,
    now: datetime,
) -> FiguresOfSpan:
    """The figures of cases that the actor may count. Raises NotAllowed, and Invalid for a span that cannot be asked for."""
    demand(office.city.policy.roles, by, ACTION)
    _demand_span(since, until, bucket, now)
    until = min(until, now)
    span = Span(since, until, buckets(since, until, bucket, office.city.zone))
    last = await _before(tx, office, until)
    tally = Tally(span)
    async for story in _stories(tx, _cases(office, by, span, region), office.city_id, last):
        tally.count(story)
    await _patrols(tx, office, by, tally, region, last)
    return FiguresOfSpan(
        since=since,
        until=until,
        by=bucket,
        region=region,
        starts=list(span.starts),
        figures=tally.figures(),
        steps=tally.steps(),
    )


def _demand_span(since: datetime, until: datetime, bucket: Bucket, now: datetime) -> None:
    if since.tzinfo is None or until.tzinfo is None:
        raise Invalid("时间必须带时区。", "A time needs its zone.", field="since", hint="2016-09-19T00:00:00+08:00")
    if until <= since or since >= now:
        raise Invalid(
            "时段应已开始，且结束晚于开始。", "The span must have begun, and end after it begins.", field="until"
        )
    if until - since > LONGEST[bucket]:
        days = LONGEST[bucket].days
        raise Invalid(
            f"按{'小时' if bucket == 'hour' else '天'}统计一次最多 {days} 天。",
            f"By {bucket}, at most {days} days at once.",
            field="until",
            code="span_too_long",
        )


def buckets(since: datetime, until: datetime, by: Bucket, zone: ZoneInfo) -> list[datetime]:
    """Where the buckets begin: at `since`, then at each full hour or midnight of the city's time."""
    local = since.astimezone(zone)
    floor = local.replace(minute=0, second=0, microsecond=0)
    step = timedelta(hours=1) if by == "hour" else timedelta(days=1)
    at = floor if by == "hour" else floor.replace(hour=0)
    starts = [since]
    while (at := at + step) < until:
        if at > since:
            starts.append(at)
    return starts


async def _before(tx: AsyncConnection, office: Office, at: datetime) -> int:
    """The last number written down before a moment: a span ends before its end, as the next begins there."""
    return await last_until(tx, office, at - datetime.resolution)


def _cases(office: Office, by: Actor, span: Span, region: str | None) -> ColumnElement[bool]:
    """The cases that can add to a figure of the span: open in it, or with a deadline in it."""
    c, k = db.cases.c, db.clocks.c
    due = exists().where(k.city_id == c.city_id, k.case_id == c.id, k.due_at >= span.since)
    alive = or_(c.closed_at.is_(None), c.closed_at >= span.since, due)
    within = c.regions.bool_op("@>")(cast([region], ARRAY(Text))) if region else literal(True)
    return and_(c.city_id == office.city_id, c.opened_at < span.until, alive, visible(office, by, ACTION), within)


async def _stories(tx: AsyncConnection, which: ColumnElement[bool], city_id: str, last: int) -> AsyncIterator[Story]:
    """One story after the other, as the log told them up to `last`. A page at a time: a row at a time costs twice as much."""
    e = db.events.c
    ids = select(db.cases.c.id).where(which)
    rows = e.data["rows"]
    told = func.jsonb_build_array(e.data.op("-")("rows"), rows["cases"], rows["clocks"], type_=JSONB)
    query = (
        select(e.case_id, e.kind, e.occurred_at, told)
        .where(e.city_id == city_id, e.case_id.in_(ids), e.seq <= last, e.case_version.is_not(None))
        .where(e.kind.not_in(UNREAD))
        .order_by(e.case_id, e.case_version)
    )
    story: Story | None = None
    async for page in (await tx.stream(query.execution_options(yield_per=AT_ONCE))).partitions():
        for case_id, kind, at, (facts, cases, clocks) in page:
            if story is None or story.case_id != case_id:
                if story is not None:
                    yield story
                story = begun(case_id, at, facts)
            story.hear(kind, at, facts, {"cases": cases or (), "clocks": clocks or ()})
    if story is not None:
        yield story


async def _patrols(tx: AsyncConnection, office: Office, by: Actor, tally: Tally, region: str | None, last: int) -> None:
    """Teams that came on duty in the span, of those the actor may count."""
    e = db.events.c
    first = await _before(tx, office, tally.span.since)
    held = scopes(office.city.policy.roles, by, ACTION)
    mine: list[ColumnElement[bool]] = [literal("all" in held)]
    if "region" in held and by.regions:
        mine.append(e.regions.bool_op("&&")(cast(list(by.regions), ARRAY(Text))))
    within = e.regions.bool_op("@>")(cast([region], ARRAY(Text))) if region else literal(True)
    query = select(e.teams, e.occurred_at).where(
        e.city_id == office.city_id,
        e.seq > first,
        e.seq <= last,
        e.kind == "team.on_duty",
        e.data["before"].astext == "off_duty",
        or_(*mine),
        within,
    )
    for row in await tx.execute(query.order_by(e.seq)):
        tally.count_patrol(row.teams[0], row.occurred_at)
