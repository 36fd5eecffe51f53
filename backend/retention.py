"""Retention: what has had its time is removed, once a day, as the city's policy says (`[retention]`, DOMAIN §8).

Begin at `RULES`, then `run`. A run is claimed, goes in small batches with a pause between (dispatching comes first), goes on
where a crash left it, and ends with one event saying how many of what were removed. The log itself stays: it holds
nothing personal. Photos go row marked, files removed, row removed; files that no row names are swept.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, Final, NamedTuple

import structlog
from msgspec import Struct
from sqlalchemy import CursorResult, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log
from backend.access.actor import SYSTEM
from backend.clock import Clock
from backend.ids import new_id
from backend.intake.photo_store import PhotoStore, StoredFile
from backend.office import Office
from backend.policy.sections import Retention
from backend.policy.span import Span
from backend.stopping import Stopping

HOUR: Final = 3
"""From this hour of the night on, when a city's desks are quietest."""
BATCH: Final = 500
PAUSE_S: Final = 0.05
LOOK_EVERY_S: Final = 60.0
LEASE: Final = timedelta(minutes=30)
UNNAMED_FOR: Final = timedelta(days=1)
"""A file that no row names may be one whose row is just being written; after this long it is not."""
THINNED_AGAIN: Final = timedelta(days=2)

_log = structlog.get_logger("retention")

_OF_A_CLOSED_CASE: Final = """EXISTS (
    SELECT 1 FROM case_sightings l JOIN cases c ON c.city_id = l.city_id AND c.id = l.case_id
    WHERE l.city_id = t.city_id AND l.sighting_id = t.{key} AND l.left_at IS NULL AND c.closed_at < :before)"""
_IN_A_CLOSED_CASE: Final = """EXISTS (
    SELECT 1 FROM cases c WHERE c.city_id = t.city_id AND c.id = t.case_id AND c.closed_at < :before)"""


_OF_A_PERSON_OF_THE_PAST: Final = """EXISTS (
    SELECT 1 FROM persons p WHERE p.city_id = t.city_id AND p.id = t.{key} AND NOT EXISTS (
        SELECT 1 FROM persons g WHERE g.city_id = p.city_id AND g.root_id = p.root_id AND (
            g.created_at >= :before
            OR EXISTS (
                SELECT 1 FROM case_people l JOIN cases c ON c.city_id = l.city_id AND c.id = l.case_id
                WHERE l.city_id = g.city_id AND l.person_id = g.id AND (c.closed_at IS NULL OR c.closed_at >= :before))
            OR EXISTS (
                SELECT 1 FROM stays y WHERE y.city_id = g.city_id AND y.person_id = g.id
                AND (y.left_at IS NULL OR y.left_at >= :before))
            OR EXISTS (
                SELECT 1 FROM returnees h WHERE h.city_id = g.city_id AND h.person_id = g.id
                AND (h.ended_at IS NULL OR h.ended_at >= :before)))))"""
"""Nothing has been done for the person, under any of their records, for so long."""
_OF_A_STAY: Final = "EXISTS (SELECT 1 FROM stays s WHERE s.city_id = t.city_id AND s.id = t.stay_id"
_WITHOUT_CLOCKS: Final = "NOT EXISTS (SELECT 1 FROM stay_clocks c WHERE c.city_id = t.city_id AND c.stay_id = t.id)"
_OF_A_RETURNEE: Final = "EXISTS (SELECT 1 FROM returnees s WHERE s.city_id = t.city_id AND s.id = t.returnee_id"
_WITHOUT_VISITS: Final = "NOT EXISTS (SELECT 1 FROM home_visits v WHERE v.city_id = t.city_id AND v.returnee_id = t.id)"
_GONE: Final = "NOT EXISTS (SELECT 1 FROM persons p WHERE p.city_id = t.city_id AND p.id = t.person_id)"
_OF_NOBODY_NOW: Final = f"(t.person_id IS NULL OR {_GONE} OR {_OF_A_PERSON_OF_THE_PAST.format(key='person_id')})"
"""About no record of the register, or about one of the past, or one that is gone."""
_NAMED_NOWHERE: Final = """NOT EXISTS (SELECT 1 FROM photos f WHERE f.city_id = t.city_id AND f.person_id = t.id)
    AND NOT EXISTS (SELECT 1 FROM case_people l WHERE l.city_id = t.city_id AND l.person_id = t.id)
    AND NOT EXISTS (SELECT 1 FROM stays y WHERE y.city_id = t.city_id AND y.person_id = t.id)
    AND NOT EXISTS (SELECT 1 FROM returnees h WHERE h.city_id = t.city_id AND h.person_id = t.id)
    AND NOT EXISTS (
        SELECT 1 FROM person_suggestions s WHERE s.city_id = t.city_id AND (s.person_id = t.id OR s.other_id = t.id))"""


class Rule(NamedTuple):
    """One thing that is removed. keep: how long. due: the condition on a row `t`, with `:before`. emptied: the columns set
    to NULL; the whole row goes where there are none. by_machine: measured on the machine's clock, not the office's."""

    name: str
    table: str
    keep: Callable[[Retention], Span]
    due: str
    emptied: tuple[str, ...] = ()
    by_machine: bool = False


_WRITTEN: Final = _OF_A_CLOSED_CASE.format(key="id")
_CALLED: Final = _OF_A_CLOSED_CASE.format(key="sighting_id")

RULES: Final = (
    Rule("positions", "fixes", lambda r: r.positions, "t.at < :before"),
    Rule(
        "positions_thinned", "fixes", lambda r: r.positions_thinned,
        """t.at < :before AND t.at >= :since AND EXISTS (
            SELECT 1 FROM fixes e WHERE e.city_id = t.city_id AND e.team_id = t.team_id
            AND e.at >= date_trunc('minute', t.at) AND e.at < t.at)""",
    ),
    Rule(
        "recordings", "sighting_contacts", lambda r: r.recordings,
        """t.recording_ref_sealed IS NOT NULL AND EXISTS (
            SELECT 1 FROM sightings s WHERE s.city_id = t.city_id AND s.id = t.sighting_id AND s.received_at < :before)""",
        ("recording_ref_sealed",),
    ),
    Rule(
        "reporter_contacts", "sighting_contacts", lambda r: r.reporter_contact,
        f"(t.phone_sealed IS NOT NULL OR t.name_sealed IS NOT NULL) AND {_CALLED}",
        ("phone_sealed", "name_sealed", "phone_index"),
    ),
    Rule(
        "descriptions", "sightings", lambda r: r.persons,
        f"(t.description_sealed IS NOT NULL OR t.address_sealed IS NOT NULL) AND {_WRITTEN}",
        ("description_sealed", "address_sealed"),
    ),
    Rule(
        "case_addresses", "cases", lambda r: r.persons,
        "t.address_sealed IS NOT NULL AND t.closed_at < :before", ("address_sealed",),
    ),
    Rule(
        "handling_records", "handlings", lambda r: r.persons,
        f"(t.record_sealed IS NOT NULL OR t.verdict_note_sealed IS NOT NULL) AND {_IN_A_CLOSED_CASE}",
        ("record_sealed", "verdict_note_sealed"),
    ),
    Rule(
        "approval_reasons", "approvals", lambda r: r.persons,
        f"(t.reason_sealed IS NOT NULL OR t.answer_sealed IS NOT NULL) AND {_IN_A_CLOSED_CASE}",
        ("reason_sealed", "answer_sealed"),
    ),
    Rule(
        "shift_notes", "shift_notes", lambda r: r.persons,
        "t.text_sealed IS NOT NULL AND t.written_at < :before", ("text_sealed",),
    ),
    Rule(
        "policy_reasons", "policies", lambda r: r.persons,
        "t.reason_sealed IS NOT NULL AND t.written_at < :before", ("reason_sealed",),
    ),
    Rule(
        "distress_notes", "distress_calls", lambda r: r.persons,
        "t.note_sealed IS NOT NULL AND t.raised_at < :before", ("note_sealed",),
    ),
    Rule(
        "campaign_notes", "campaigns", lambda r: r.persons,
        "(t.note_sealed IS NOT NULL OR t.answer_sealed IS NOT NULL) AND t.closed_at < :before", ("note_sealed", "answer_sealed"),
    ),
    Rule(
        "stock_notes", "stock_moves", lambda r: r.persons,
        "t.note_sealed IS NOT NULL AND t.at < :before", ("note_sealed",),
    ),
    Rule(
        "referrals", "referrals", lambda r: r.persons,
        """t.ended_at < :before AND (t.to_words_sealed IS NOT NULL OR t.reason_sealed IS NOT NULL
            OR t.receiver_sealed IS NOT NULL OR t.hand_over_sealed IS NOT NULL)""",
        ("to_words_sealed", "reason_sealed", "receiver_sealed", "hand_over_sealed"),
    ),
    Rule(
        "referred_people", "referral_people", lambda r: r.persons,
        """t.told_sealed IS NOT NULL AND EXISTS (
            SELECT 1 FROM referrals f WHERE f.city_id = t.city_id AND f.id = t.referral_id AND f.ended_at < :before)""",
        ("told_sealed",),
    ),
    Rule(
        "incidents", "incidents", lambda r: r.persons,
        "t.told_sealed IS NOT NULL AND t.ended_at < :before", ("told_sealed",),
    ),
    Rule(
        "look_reasons", "sweep_looks", lambda r: r.persons,
        "t.reason_sealed IS NOT NULL AND t.ended_at < :before", ("reason_sealed",),
    ),
    Rule(
        "pass_reasons", "sweep_passes", lambda r: r.persons,
        "t.reason_sealed IS NOT NULL AND t.said_at < :before", ("reason_sealed",),
    ),
    Rule(
        "person_suggestions", "person_suggestions", lambda r: r.persons,
        f"({_OF_A_PERSON_OF_THE_PAST.format(key='person_id')} OR {_OF_A_PERSON_OF_THE_PAST.format(key='other_id')})",
    ),
    Rule(
        "stay_clocks", "stay_clocks", lambda r: r.persons,
        f"{_OF_A_STAY} AND {_OF_A_PERSON_OF_THE_PAST.format(key='person_id').replace('t.', 's.')})",
    ),
    Rule(
        "stays", "stays", lambda r: r.persons,
        f"{_OF_A_PERSON_OF_THE_PAST.format(key='person_id')} AND {_WITHOUT_CLOCKS}",
    ),
    Rule(
        "home_visits", "home_visits", lambda r: r.persons,
        f"{_OF_A_RETURNEE} AND {_OF_A_PERSON_OF_THE_PAST.format(key='person_id').replace('t.', 's.')})",
    ),
    Rule(
        "returnees", "returnees", lambda r: r.persons,
        f"{_OF_A_PERSON_OF_THE_PAST.format(key='person_id')} AND {_WITHOUT_VISITS}",
    ),
    Rule(
        "documents", "documents", lambda r: r.persons,
        f"t.content_sealed IS NOT NULL AND t.issued_at < :before AND {_OF_NOBODY_NOW}",
        ("content_sealed", "pdf_sealed"),
    ),
    Rule("case_people", "case_people", lambda r: r.persons, _OF_A_PERSON_OF_THE_PAST.format(key="person_id")),
    Rule(
        "persons", "persons", lambda r: r.persons,
        f"{_OF_A_PERSON_OF_THE_PAST.format(key='id')} AND {_NAMED_NOWHERE}",
    ),
    Rule("reasons", "event_words", lambda r: r.persons, _IN_A_CLOSED_CASE),
    Rule("parked_calls", "parked_calls", lambda r: r.parked_calls, "t.parked_at < :before"),
    Rule("decisions", "decisions", lambda r: r.decisions, "t.made_at < :before"),
    Rule("messages", "outbox", lambda r: r.messages, "t.state <> 'waiting' AND t.ended_at < :before", by_machine=True),
    Rule(
        "notice_receipts", "notice_receipts", lambda r: r.messages,
        """EXISTS (SELECT 1 FROM notices n WHERE n.city_id = t.city_id AND n.id = t.notice_id
            AND n.climbs_at IS NULL AND n.began_at < :before)""",
    ),
    Rule(
        "notices", "notices", lambda r: r.messages,
        """t.climbs_at IS NULL AND t.began_at < :before AND NOT EXISTS (
            SELECT 1 FROM notice_receipts r WHERE r.city_id = t.city_id AND r.notice_id = t.id)""",
    ),
    Rule(
        "devices", "devices", lambda _: Span(1, "d"),
        """t.gone_at < :before OR EXISTS (
            SELECT 1 FROM sessions s WHERE s.city_id = t.city_id AND s.id = t.session_id
            AND least(s.expires_at, coalesce(s.revoked_at, s.expires_at)) < :before)""",
        by_machine=True,
    ),
    Rule("commands", "commands", lambda r: r.commands, "t.created_at < :before"),
    Rule(
        "sessions", "sessions", lambda r: r.sessions,
        "least(t.expires_at, coalesce(t.revoked_at, t.expires_at)) < :before", by_machine=True,
    ),
    Rule("tickets", "tickets", lambda _: Span(1, "d"), "t.expires_at < :before", by_machine=True),
)  # fmt: skip


class Removed(Struct, frozen=True, kw_only=True):
    """What a run came to: how many of what; whether it was only counted."""

    day: str
    counts: dict[str, int]
    only_counted: bool = False


async def count(office: Office, *, now: datetime, machine_now: datetime) -> Removed:
    """What would be removed now. Changes nothing."""
    counts: dict[str, int] = {}
    since = await _thinned_until(office, now)
    async with office.db.connect() as tx:
        for rule in RULES:
            query = text(f"SELECT count(*) FROM {rule.table} t WHERE t.city_id = :city AND {rule.due}")  # noqa: S608
            counts[rule.name] = (await tx.execute(query, _given(office, rule, now, machine_now, since))).scalar_one()
        due = _photos_due(office, now)
        counts["photos"] = (await tx.execute(select(func.count()).select_from(due.subquery()))).scalar_one()
    return Removed(day=_day(office, now), counts=counts, only_counted=True)


async def run(
    office: Office, store: PhotoStore | None, *, now: datetime, machine_now: datetime, again: bool = False
) -> Removed | None:
    """One day's removal, unless another does it or it is done. again: a run of its own, whatever was done today.

    now: the office's time; machine_now: the machine's, by which sessions and files are dated.
    """
    day = _day(office, now) + (f"-{new_id().hex[-12:]}" if again else "")
    if not await _claim(office, day, now):
        return None
    since = await _thinned_until(office, now)
    for rule in RULES:
        given = _given(office, rule, now, machine_now, since)
        removed = BATCH
        while removed == BATCH:
            removed = await _batch(office, day, rule, given, now)
            await asyncio.sleep(PAUSE_S)
    if store is not None:
        await _remove_photos(office, store, day, now)
        await _sweep(office, store, day, now, machine_now)
    return await _end(office, day, now)


async def keep_removing(office: Office, store: PhotoStore | None, clock: Clock, stopping: Stopping) -> None:
    """Once a day, from `HOUR` on, until stopping; a run that fails is tried again."""
    while not stopping.is_on:
        now = clock.now()
        if now.astimezone(office.city.zone).hour >= HOUR:
            try:
                await run(office, store, now=now, machine_now=datetime.now(UTC))
            except Exception:  # noqa: BLE001 - the database may be away; it goes on where it was
                _log.exception("retention")
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await stopping.wait()
        except TimeoutError:
            continue


def _day(office: Office, now: datetime) -> str:
    return str(office.city.local_day(now))


def _given(office: Office, rule: Rule, now: datetime, machine_now: datetime, since: datetime) -> dict[str, Any]:
    kept = timedelta(seconds=rule.keep(office.city.policy.retention).seconds)
    given = {"city": office.city_id, "before": (machine_now if rule.by_machine else now) - kept}
    return given | ({"since": since} if ":since" in rule.due else {})


async def _thinned_until(office: Office, now: datetime) -> datetime:
    """From where on tracks may not be thinned yet: what earlier runs did is not read through again."""
    r = db.retention_runs
    last = select(func.max(r.c.claimed_at)).where(r.c.city_id == office.city_id, r.c.ended_at.is_not(None))
    async with office.db.connect() as tx:
        found: datetime | None = (await tx.execute(last)).scalar()
    rules = office.city.policy.retention
    gone, kept = (timedelta(seconds=span.seconds) for span in (rules.positions, rules.positions_thinned))
    return max(now - gone, min(found, now) - kept - THINNED_AGAIN) if found else now - gone


async def _claim(office: Office, day: str, now: datetime) -> bool:
    r = db.retention_runs
    claim = upsert(r).values(city_id=office.city_id, day=day, claimed_at=now, claimed_until=now + LEASE, removed={})
    taken_over = claim.on_conflict_do_update(
        index_elements=[r.c.city_id, r.c.day],
        set_={"claimed_at": now, "claimed_until": now + LEASE},
        where=(r.c.ended_at.is_(None)) & (r.c.claimed_until < now),
    )
    async with office.db.begin() as tx:
        return (await tx.execute(taken_over.returning(r.c.day))).first() is not None


async def _batch(office: Office, day: str, rule: Rule, given: dict[str, Any], now: datetime) -> int:
    """One batch in a transaction of its own, counted in it; rows that somebody holds are left for the next run."""
    emptied = ", ".join(f"{column} = NULL" for column in rule.emptied)
    what = f"UPDATE {rule.table} SET {emptied}" if emptied else f"DELETE FROM {rule.table}"  # noqa: S608 - RULES only
    due = f"SELECT t.ctid FROM {rule.table} t WHERE t.city_id = :city AND {rule.due}"  # noqa: S608 - RULES only
    some = f"{due} LIMIT {BATCH} FOR UPDATE SKIP LOCKED"
    async with office.db.begin() as tx:
        done: CursorResult[Any] = await tx.execute(text(f"{what} WHERE ctid = ANY(ARRAY({some}))"), given)
        await _add(tx, office, day, rule.name, done.rowcount, now)
    return done.rowcount


async def _add(tx: AsyncConnection, office: Office, day: str, name: str, number: int, now: datetime) -> None:
    """To what the run has removed; it says at the same time that the run goes on."""
    more = text("""
        UPDATE retention_runs SET claimed_until = :until,
            removed = removed || jsonb_build_object(CAST(:name AS text), coalesce((removed->>:name)::int, 0) + CAST(:n AS int))
        WHERE city_id = :city AND day = :day""")
    given = {"until": now + LEASE, "name": name, "n": number, "city": office.city_id, "day": day}
    await tx.execute(more, given)


def _photos_due(office: Office, now: datetime) -> Any:
    p = db.photos
    before = now - timedelta(seconds=office.city.policy.retention.photos.seconds)
    over = (
        _OF_A_CLOSED_CASE.format(key="sighting_id"),
        _IN_A_CLOSED_CASE,
        _OF_A_PERSON_OF_THE_PAST.format(key="person_id"),
    )
    of_closed = f"({' OR '.join(over)})".replace("t.", "photos.")
    closed = text(of_closed).bindparams(before=before)
    return select(p.c.id).where(p.c.city_id == office.city_id, or_(p.c.leaving_at.is_not(None), closed))


async def _remove_photos(office: Office, store: PhotoStore, day: str, now: datetime) -> None:
    """Marked, so that nobody opens them; then the files; then the row. A crash leaves what the next run finishes."""
    p = db.photos
    while True:
        async with office.db.begin() as tx:
            ids = list((await tx.execute(_photos_due(office, now).limit(BATCH))).scalars())
            mine = (p.c.city_id == office.city_id) & p.c.id.in_(ids)
            marked = update(p).where(mine).values(leaving_at=func.coalesce(p.c.leaving_at, now))
            keys = [
                key for row in await tx.execute(marked.returning(p.c.file, p.c.thumbnail_file)) for key in row if key
            ]
        if not ids:
            return
        await asyncio.to_thread(_delete, store, keys)
        async with office.db.begin() as tx:
            await tx.execute(delete(p).where(mine))
            await _add(tx, office, day, "photos", len(ids), now)
        await asyncio.sleep(PAUSE_S)


def _delete(store: PhotoStore, keys: list[str]) -> None:
    for key in keys:
        store.delete(key)


async def _sweep(office: Office, store: PhotoStore, day: str, now: datetime, machine_now: datetime) -> None:
    """Files that no row names go once they are a day old; rows without their file are counted and told to operators."""
    swept, there = 0, set[str]()
    files = await asyncio.to_thread(lambda: list(store.files()))
    for some in batched(files, BATCH):
        named = await _named(office, [file.key for file in some if file.key])
        there |= {file.key for file in some if file.key}
        old = [f for f in some if f.key not in named and f.written_at < machine_now - UNNAMED_FOR]
        swept += await asyncio.to_thread(_unlink, old)
    missing = await _without_file(office, there)
    if missing:
        _log.error("photos without their file", count=missing)
    async with office.db.begin() as tx:
        await _add(tx, office, day, "files_swept", swept, now)
        await _add(tx, office, day, "photos_without_file", missing, now)


async def _named(office: Office, keys: list[str]) -> set[str]:
    p = db.photos
    async with office.db.connect() as tx:
        rows = await tx.execute(
            select(p.c.file, p.c.thumbnail_file).where(or_(p.c.file.in_(keys), p.c.thumbnail_file.in_(keys)))
        )
        return {key for row in rows for key in row if key}


def _unlink(files: list[StoredFile]) -> int:
    for file in files:
        file.path.unlink(missing_ok=True)
    return len(files)


async def _without_file(office: Office, there: set[str]) -> int:
    """Photos that were there before the store was read, and of which a file is not in it."""
    p = db.photos
    query = select(p.c.file, p.c.thumbnail_file).where(p.c.city_id == office.city_id, p.c.leaving_at.is_(None))
    async with office.db.connect() as tx:
        rows = (await tx.execute(query.where(p.c.file.is_not(None)))).all()
    return sum(not set(_named_by(row)) <= there for row in rows)


def _named_by(row: Any) -> Iterator[str]:
    return (key for key in row if key)


async def _end(office: Office, day: str, now: datetime) -> Removed | None:
    """The run is over: said once in the log, how many of what."""
    r = db.retention_runs
    mine = (r.c.city_id == office.city_id) & (r.c.day == day) & r.c.ended_at.is_(None)
    async with office.begin() as tx:
        row = (await tx.execute(update(r).where(mine).values(ended_at=now).returning(r.c.removed))).first()
        if row is None:
            return None
        told = {"day": day, "removed": row.removed}
        entry = log.Entry(kind="retention.ran", actor=SYSTEM, occurred_at=now, regions=office.city.whole, data=told)
        await log.append(tx, office.city_id, [entry], now=now)
    return Removed(day=day, counts=row.removed)
