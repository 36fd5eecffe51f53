"""What the tracks of the teams say of a sweep: looks, and who is in which cell now. Begin at `read_tracks`, then `look`.

Stored positions are read from where the sweeps had come to, with so much of the time before that a stay is seen whole; what came
late is read again from its own time on (`presence.late_from`). Reading the same twice changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.campaign import looked, presence, sweep_rows
from backend.campaign.looked import Crew, Timing, after_looks, rest
from backend.campaign.presence import STILL_GAP_S, Fix, Stay, Stops
from backend.campaign.sweep_records import Look, SweepCell
from backend.campaign.sweep_rows import Book
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.office import Office
from backend.policy.plans import Campaigns

LONGER: Final = timedelta(minutes=5)
"""So much longer than a lease the track before is read again: whoever stays for hours is seen to."""


class Track(Struct, frozen=True, kw_only=True):
    """A team's fixes since `since`, all of them. until, late_from, swept_until: what `presence` said when they were read."""

    team_id: UUID
    mode: str
    on_duty: bool
    since: datetime
    fixes: list[Fix]
    until: datetime
    late_from: datetime | None
    swept_until: datetime | None


_NEWS: Final = text("""
    SELECT p.team_id, t.mode, p.state = 'on_duty' AS on_duty, p.fix_at, p.late_from, p.swept_until
    FROM presence p JOIN teams t ON t.city_id = p.city_id AND t.id = p.team_id
    WHERE p.city_id = :city AND p.fix_at IS NOT NULL AND (
        p.late_from IS NOT NULL OR p.swept_until IS NULL OR p.fix_at > p.swept_until OR p.team_id = ANY (CAST(:also AS uuid[])))
    ORDER BY p.team_id
""")
_FIXES: Final = text("""
    SELECT s.team_id, f.at, f.lon, f.lat, f.accuracy_m, f.speed_m_s
    FROM unnest(CAST(:teams AS uuid[]), CAST(:since AS timestamptz[])) AS s(team_id, since)
    CROSS JOIN LATERAL (
        SELECT coalesce(max(b.at), s.since) AS at FROM fixes b
        WHERE b.city_id = :city AND b.team_id = s.team_id AND b.at <= s.since AND b.at >= :first
    ) AS begins
    JOIN fixes f ON f.city_id = :city AND f.team_id = s.team_id AND f.at >= begins.at AND f.at >= :first
    ORDER BY s.team_id, f.at
""")
_SWEPT: Final = text("""
    UPDATE presence p SET swept_until = n.until, late_from = NULL
    FROM unnest(CAST(:teams AS uuid[]), CAST(:until AS timestamptz[]), CAST(:seen AS timestamptz[]), CAST(:late AS timestamptz[]))
        AS n(team_id, until, seen, late)
    WHERE p.city_id = :city AND p.team_id = n.team_id
      AND p.swept_until IS NOT DISTINCT FROM n.seen AND p.late_from IS NOT DISTINCT FROM n.late
""")
_READ_AGAIN: Final = text("""
    UPDATE presence SET late_from = LEAST(late_from, CAST(:since AS timestamptz)) WHERE city_id = :city AND fix_at >= :since
""")


async def read_tracks(
    tx: AsyncConnection, office: Office, *, first: datetime, before: timedelta, also: Iterable[UUID] = ()
) -> list[Track]:
    """The tracks of all teams of whom there is news, and of those in `also`: nothing from before `first`, and `before` of what was
    read already."""
    news = (await tx.execute(_NEWS, {"city": office.city_id, "also": list(also)})).all()
    since = {row.team_id: _from(row, first, before) for row in news}
    given = {"city": office.city_id, "teams": list(since), "since": list(since.values()), "first": first}
    ways: dict[UUID, list[Fix]] = {team_id: [] for team_id in since}
    for team_id, at, lon, lat, accuracy_m, speed_m_s in await tx.execute(_FIXES, given):
        ways[team_id].append(Fix(at=at, place=LonLat(lon, lat), accuracy_m=accuracy_m, speed_m_s=speed_m_s))
    return [_track(row, ways[row.team_id], since[row.team_id]) for row in news]


def _from(row: Any, first: datetime, before: timedelta) -> datetime:
    known = [moment for moment in (row.swept_until, row.late_from) if moment is not None]
    return max(first, (min(known) if row.swept_until is not None else first) - before)


def _track(row: Any, fixes: list[Fix], since: datetime) -> Track:
    return Track(
        team_id=row.team_id,
        mode=row.mode,
        on_duty=row.on_duty,
        since=min([since, *(fix.at for fix in fixes[:1])]),
        fixes=fixes,
        until=row.fix_at,
        late_from=row.late_from,
        swept_until=row.swept_until,
    )


async def have_read(office: Office, tracks: Sequence[Track]) -> None:
    """From here on only what is new is read, of those to whose tracks nothing came late meanwhile."""
    if tracks:
        given = {
            "city": office.city_id,
            "teams": [track.team_id for track in tracks],
            "until": [track.until for track in tracks],
            "seen": [track.swept_until for track in tracks],
            "late": [track.late_from for track in tracks],
        }
        async with office.db.begin() as tx:
            await tx.execute(_SWEPT, given)


async def read_again(tx: AsyncConnection, office: Office, since: datetime) -> None:
    """Cells have been laid out: what the tracks say since then is looked at anew."""
    await tx.execute(_READ_AGAIN, {"city": office.city_id, "since": since})


class There(Struct, frozen=True, kw_only=True):
    """A team is in a cell now, since."""

    team_id: UUID
    cell: str
    since: datetime


def rules_of(policy: Campaigns) -> presence.Rules:
    """What counts as presence, as the city decides."""
    return presence.Rules(dwell_s=policy.dwell.seconds, near_m=policy.near_m, max_speed_mps=policy.max_speed_mps)


def detection_of(policy: Campaigns, mode: str) -> float:
    """The share of those there that one look of a team finds that moves so."""
    return float(getattr(policy.detection, mode))


async def look(
    tx: AsyncConnection, office: Office, book: Book, tracks: Sequence[Track], timing: Timing, now: datetime
) -> list[There]:
    """Count the looks of these tracks into the campaign's cells, in the book. Returns who is in which cell now."""
    rules, lease = rules_of(office.city.policy.campaign), timedelta(seconds=office.city.policy.campaign.lease.seconds)
    stops = Stops(
        {cell.cell: LonLat(cell.lon, cell.lat) for cell in book.cells.values()},
        res=office.city.policy.circle.sweep_res,
        near_m=rules.near_m,
    )
    kept = await _kept(tx, office, book, tracks)
    there: list[There] = []
    changed: set[str] = set()
    for track in tracks:
        fixes, since = _of_the_campaign(book, track)
        stays = _ended(presence.stays(fixes, stops, rules, now=now), book)
        crew = Crew(
            campaign_id=book.campaign.id,
            team_id=track.team_id,
            mode=track.mode,
            detection=detection_of(office.city.policy.campaign, track.mode),
        )
        mine = [one for one in kept.get(track.team_id, ()) if one.ended_at >= since - presence.AWAY]
        settled = looked.settle(mine, stays, crew, rules, since=since, now=now, lease=lease, new_id=new_id)
        for before, after in settled:
            book.put("looked", after, before)
            changed.add(after.cell)
        there += _there(track, fixes, stays, stops)
    await _count(tx, office, book, changed, _who_left(book, tracks, there), timing, now)
    return there


def _who_left(book: Book, tracks: Sequence[Track], there: Sequence[There]) -> set[str]:
    """The cells whose holder's track has gone on elsewhere."""
    heard, still = {track.team_id for track in tracks}, {(one.team_id, one.cell) for one in there}
    held = [cell for cell in book.cells.values() if cell.team_id in heard]
    return {cell.cell for cell in held if (cell.team_id, cell.cell) not in still}


async def _kept(
    tx: AsyncConnection, office: Office, book: Book, tracks: Sequence[Track]
) -> Mapping[UUID, Sequence[Look]]:
    """The looks by track that these tracks may still change."""
    if not tracks:
        return {}
    k = db.sweep_looks.c
    mine = (k.campaign_id == book.campaign.id, k.by == "track", k.team_id.in_([track.team_id for track in tracks]))
    earliest = min(track.since for track in tracks) - presence.AWAY
    found: dict[UUID, list[Look]] = {}
    for one in await sweep_rows.fetch(tx, office, Look, *mine, k.ended_at >= earliest):
        found.setdefault(one.team_id, []).append(one)
    return found


def _of_the_campaign(book: Book, track: Track) -> tuple[list[Fix], datetime]:
    """The fixes of its time, and since when they are all of them."""
    opened, closed = book.campaign.opened_at, book.campaign.closed_at
    assert opened is not None
    fixes = [fix for fix in track.fixes if fix.at >= opened and (closed is None or fix.at <= closed)]
    return fixes, max(track.since, opened)


def _ended(stays: list[Stay], book: Book) -> list[Stay]:
    """With the campaign every stay is over."""
    if book.campaign.closed_at is None:
        return stays
    return [replace(stay, is_open=False) for stay in stays]


def _there(track: Track, fixes: Sequence[Fix], stays: Sequence[Stay], stops: Stops) -> list[There]:
    """The cell that the team is in: the one that it stands in before one whose stop is only near."""
    opened = {stay.cell: stay for stay in stays if stay.is_open and stay.slow_s > 0}
    if not opened or not track.on_duty:
        return []
    last = max((fix for fix in fixes if presence.is_good(fix)), key=lambda fix: fix.at)
    cell = next((cell for cell in stops.at(last.place) if cell in opened), None)
    return [There(team_id=track.team_id, cell=cell, since=opened[cell].began_at)] if cell else []


async def _count(
    tx: AsyncConnection, office: Office, book: Book, changed: set[str], left: set[str], timing: Timing, now: datetime
) -> None:
    """The cells into which looks have changed; left: whose holder is gone."""
    if not changed:
        return
    fresh = {row.id: row for _, row in book.steps.get("looked", ()) if isinstance(row, Look)}
    known = {one.id: one for one in await sweep_rows.looks_of(tx, office, book.campaign.id, sorted(changed))}
    for name in sorted(changed):
        looks = [one for one in (known | fresh).values() if one.cell == name]
        after = counted(book.cells[name], looks, timing, now)
        book.put("looked", rest(after, timing, now) if name in left else after)


def counted(cell: SweepCell, looks: Iterable[Look], timing: Timing, now: datetime) -> SweepCell:
    """The cell with these looks: held still, if somebody is there; one that nobody could reach stands again once somebody was there."""
    after = after_looks(cell, looks, timing)
    is_reached = after.looked_at is not None and after.looked_at != cell.looked_at
    if cell.dropped_because == "unreachable" and is_reached:
        return rest(replace(after, state="due", dropped_because=None), timing, now)
    return after if cell.state == "leased" else rest(after, timing, now)


def is_silent(until: datetime, now: datetime) -> bool:
    """Whether so long nothing came that the team may be anywhere."""
    return now - until > timedelta(seconds=STILL_GAP_S)
