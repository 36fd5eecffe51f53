"""The report of a campaign from the stored log: whoever may read the campaign reads it. Begin at `read`, for a file `check`."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import Actor
from backend.access.permissions import demand
from backend.campaign import campaigns
from backend.campaign.records import Campaign
from backend.campaign.report import Read, compared, report
from backend.campaign.report_shapes import CampaignReport
from backend.dispatch.past import last_until
from backend.errors import Conflict, Invalid, NotFound
from backend.office import Office

BEFORE: Final = timedelta(days=3)
"""So long before a campaign its log is read: warnings that came then, and who had come on duty."""
AFTER: Final = timedelta(days=7)
"""So long after its end what comes late still counts: records of phones that had no network, handlings of its cases."""
OWN: Final = ("campaign", "sweep")
SHARED: Final = ("warning", "stock")
KINDS: Final = ("case.opened", "case.arrived", "case.handled", "team.on_duty", "team.resting", "team.off_duty")


class Names(Struct, frozen=True):
    """What teams and facilities are called today; the log has their ids."""

    teams: Mapping[UUID, str]
    facilities: Mapping[UUID, str]


async def read(tx: AsyncConnection, office: Office, by: Actor, campaign_id: UUID, *, seq: int | None = None) -> Read:
    """The report, beside it the numbers of the last campaign of the same season. seq: as it was when the log had come so far.

    Raises NotFound, NotAllowed, and Conflict `never_opened` for what never ran, `not_in_log` for a number before it began.
    """
    demand(office.city.policy.roles, by, "campaign:read")
    one = await campaigns.get(tx, office, campaign_id)
    demand(office.city.policy.roles, by, "campaign:read", one.as_object(office.city))
    if one.opened_at is None:
        raise Conflict(
            "这次专项行动没有启动过，没有报告。", "This campaign never ran: there is no report.", code="never_opened"
        )
    made = await _read(tx, office, one, seq)
    before = await _last_before(tx, office, one)
    if before is None:
        return made
    other = (await _read(tx, office, before, seq)).report
    beside = {"numbers": compared(made.report.numbers, other.numbers), "compared_with": other.number}
    return msgspec.structs.replace(made, report=msgspec.structs.replace(made.report, **beside))


async def _read(tx: AsyncConnection, office: Office, one: Campaign, seq: int | None) -> Read:
    last, hash_ = await log.head(tx, office.city_id) if seq is None else await _at(tx, office, seq)
    if one.closed_at is not None:
        settled = await last_until(tx, office, one.closed_at + AFTER)
        last, hash_ = (last, hash_) if last <= settled else await _at(tx, office, settled)
    first = await last_until(tx, office, one.proposed_at - BEFORE)
    events = await _events(tx, office, one.id, first, last)
    if not any(event.kind.startswith("campaign.") for event in events):
        zh, en = "日志到那时还没有这次专项行动的记录。", "The log did not know of this campaign by then."
        raise Conflict(zh, en, code="not_in_log")
    return await asyncio.to_thread(report, events, one.id, hash_)


async def _at(tx: AsyncConnection, office: Office, seq: int) -> tuple[int, bytes]:
    e = db.events.c
    found = (await tx.execute(select(e.hash).where(e.city_id == office.city_id, e.seq == seq))).scalar()
    if found is None:
        raise NotFound("日志中没有这个序号。", "The log has no such number.")
    return seq, found


async def _events(tx: AsyncConnection, office: Office, campaign_id: UUID, first: int, last: int) -> list[log.Event]:
    """Those that may concern the campaign, and the very last, whose number and time the report bears."""
    e = db.events.c
    topic = func.split_part(e.kind, ".", 1)
    mine = topic.in_(OWN) & (e.data["campaign_id"].astext == str(campaign_id))
    columns = [e[name] for name in log.Event.__struct_fields__]
    query = (
        select(*columns)
        .where(e.city_id == office.city_id, e.seq > first, e.seq <= last)
        .where(or_(mine, topic.in_(SHARED), e.kind.in_(KINDS), e.seq == last))
        .order_by(e.seq)
    )
    return [log.Event(**row._mapping) for row in await tx.execute(query)]


async def _last_before(tx: AsyncConnection, office: Office, one: Campaign) -> Campaign | None:
    """The campaign of the same season that was opened last before it."""
    c = db.campaigns.c
    query = select(c.id).where(c.city_id == office.city_id, c.season == one.season, c.opened_at < one.opened_at)
    found = (await tx.execute(query.order_by(c.opened_at.desc(), c.id.desc()).limit(1))).scalar()
    return None if found is None else await campaigns.get(tx, office, found)


async def names(tx: AsyncConnection, office: Office) -> Names:
    """Of all teams and of the facilities that are no secret."""
    t, f = db.teams.c, db.facilities.c
    teams = await tx.execute(select(t.id, t.code, t.name).where(t.city_id == office.city_id))
    places = await tx.execute(select(f.id, f.name).where(f.city_id == office.city_id, f.hidden.is_(False)))
    return Names({row.id: f"{row.code} {row.name}" for row in teams}, {row.id: row.name for row in places})


# --- what a document says of itself, and whether it is so --------------------------------------------------------------


class Marks(Struct, frozen=True, kw_only=True):
    """What a printed report says it was made from."""

    city: str
    campaign_id: UUID
    seq: int
    hash: str
    digest: str

    def words(self) -> tuple[str, ...]:
        """As they stand in the document's properties."""
        return (
            f"city:{self.city}",
            f"campaign:{self.campaign_id}",
            f"log-seq:{self.seq}",
            f"log-hash:{self.hash}",
            f"report-sha256:{self.digest}",
        )


_MARKS: Final = re.compile(
    rb"city:(\w+), campaign:([0-9a-f-]{36}), log-seq:(\d+), log-hash:([0-9a-f]{64}), report-sha256:([0-9a-f]{64})"
)


def marks_of(office: Office, made: CampaignReport) -> Marks:
    """What is printed on a report."""
    return Marks(city=office.city_id, campaign_id=made.campaign_id, seq=made.seq, hash=made.hash, digest=digest(made))


def digest(made: CampaignReport) -> str:
    """SHA-256 (hex) of all that the report says."""
    return hashlib.sha256(msgspec.json.encode(made, order="sorted")).hexdigest()


def marks_in(document: bytes) -> Marks:
    """What a document says of itself. Raises Invalid for one that says nothing."""
    found = _MARKS.search(document)
    if found is None:
        raise Invalid(
            "这不是本系统生成的专项行动报告，或标记已损坏。",
            "This is no report of a campaign made here, or its marks are broken.",
            code="no_marks",
        )
    city, campaign_id, seq, hash_, sha = (part.decode() for part in found.groups())
    return Marks(city=city, campaign_id=UUID(campaign_id), seq=int(seq), hash=hash_, digest=sha)


async def hash_at(tx: AsyncConnection, office: Office, seq: int) -> str | None:
    """The log's hash at a number; None where it has none."""
    e = db.events.c
    found: bytes | None = (await tx.execute(select(e.hash).where(e.city_id == office.city_id, e.seq == seq))).scalar()
    return None if found is None else found.hex()
