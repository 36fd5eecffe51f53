"""The sweep 巡查 as it is done: one look at everything that runs. Begin at `turn`.

Tracks become looks and leases, cells fall due again, tours end when their team is gone, and what nobody serves is marked. What takes
long, laying out and planning, is only claimed here (`Job`) and done elsewhere (laying_out, replanning): dispatching never waits.
All of it follows from rows, so that another worker goes on where this one stopped.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.actor import SYSTEM
from backend.campaign import campaigns, looked, rows, sweep_rows, tracked
from backend.campaign.looked import Timing
from backend.campaign.records import Campaign
from backend.campaign.sweep_records import Sweep, SweepCell, Tour, Why
from backend.campaign.sweep_rows import Book
from backend.campaign.tracked import There, Track
from backend.ids import new_id
from backend.office import Office
from backend.patrol import roster
from backend.patrol.records import TeamNow

PAUSE: Final = timedelta(minutes=2)
"""Tours are not planned anew more often than this: a crew that has just been told where to go goes there."""
CLAIMED_FOR: Final = timedelta(minutes=1)
"""Whoever lays out or plans and is not heard of for so long does not any more."""
LATE_FOR: Final = timedelta(days=3)
"""So long after a campaign's end tracks of its time are still counted; phones keep them no longer (patrol.positions.OLDEST)."""
MANY_UNSERVED: Final = 0.05
LONG_UNSERVED: Final = timedelta(minutes=10)
"""Cells that fell due wait for the next tour to be planned until there are this many, or one has waited this long."""
STRAYED_AFTER: Final = timedelta(minutes=15)
"""So much later than twice the way to the next stop, and the team is doing something else."""


class Job(Struct, frozen=True, kw_only=True):
    """Something long that is to be done for a campaign, claimed by whoever asked."""

    what: Literal["lay_out", "plan"]
    campaign_id: UUID
    claim: UUID
    why: Why


class Crews(Struct, frozen=True, kw_only=True):
    """The teams on duty, and those of them that have a case; cases always come first. teams: by id, None busy."""

    teams: dict[UUID, TeamNow]
    with_case: frozenset[UUID]

    def can_sweep(self, team_id: UUID) -> bool:
        """On duty and without a case. An offer alone changes nothing: it may lapse."""
        return team_id in self.teams and team_id not in self.with_case


async def turn(office: Office, now: datetime, claimed_for: timedelta = CLAIMED_FOR) -> list[Job]:
    """One look at every sweep. Returns what is to be laid out or planned, claimed for so long; [] when another worker is looking."""
    async with office.db.begin() as tx:
        if not await sweep_rows.try_to_hold(tx, office):
            return []
        books = [await sweep_rows.open_book(tx, office, one) for one in await _going(tx, office, now)]
        crews = await crews_now(tx, office, now)
        tracks = await _tracks(tx, office, books)
        jobs = [
            job
            for book in books
            if (job := await _look(tx, office, book, books, crews, tracks, now, claimed_for)) is not None
        ]
        seqs = [await sweep_rows.record(tx, office, book, by=SYSTEM, now=now) for book in books]
    await tracked.have_read(office, tracks)
    if any(seqs):
        office.nudge()
    return jobs


async def is_anything_going(office: Office, now: datetime) -> bool:
    """Whether a campaign runs, the sweep of one is not over, or a track of its time came late. A look at small indexes."""
    going = text("""
        SELECT EXISTS (SELECT FROM campaigns WHERE city_id = :city AND state = 'running')
            OR EXISTS (SELECT FROM sweeps WHERE city_id = :city AND ended_at IS NULL)
            OR (EXISTS (SELECT FROM presence WHERE city_id = :city AND late_from IS NOT NULL)
                AND EXISTS (SELECT FROM sweeps WHERE city_id = :city AND ended_at > :late))""")
    async with office.db.connect() as tx:
        return bool((await tx.execute(going, {"city": office.city_id, "late": now - LATE_FOR})).scalar_one())


async def _going(tx: AsyncConnection, office: Office, now: datetime) -> list[Campaign]:
    """Campaigns that run, and those that ended while phones may still send tracks of their time."""
    c = db.campaigns.c
    ended = (c.state == "closed") & c.opened_at.is_not(None) & (c.closed_at > now - LATE_FOR)
    query = rows.select_rows(Campaign, office, (c.state == "running") | ended).order_by(c.opened_at, c.id)
    return await rows.fetch(tx, office, Campaign, query)


async def crews_now(tx: AsyncConnection, office: Office, now: datetime) -> Crews:
    """Who is on duty, and who of them has a case."""
    c = db.cases.c
    busy = select(c.team_id).where(c.city_id == office.city_id, c.stage.in_(("dispatched", "handling")))
    with_case = frozenset((await tx.execute(busy)).scalars())
    return Crews(teams={team.id: team for team in await roster.on_duty(tx, office, now)}, with_case=with_case)


async def _tracks(tx: AsyncConnection, office: Office, books: Sequence[Book]) -> list[Track]:
    if not books:
        return []
    first = min(book.campaign.opened_at for book in books if book.campaign.opened_at is not None)
    before = timedelta(seconds=office.city.policy.campaign.lease.seconds) + tracked.LONGER
    holders = {cell.team_id for book in books for cell in book.cells.values() if cell.team_id is not None}
    return await tracked.read_tracks(tx, office, first=first, before=before, also=holders)


def timing_of(office: Office, campaign: Campaign) -> Timing:
    """How often its cells are to be looked at, by the plan that it goes by."""
    policy = office.city.policy
    return Timing(
        every=timedelta(seconds=campaign.plan.sweep_every_s),
        yellow_at=policy.clocks.yellow_at,
        due_below=policy.campaign.due_below,
    )


def laid_for(campaign: Campaign) -> str:
    """What the cells of a campaign follow from: its ground, and what its plan says of cells. Another digest: they are laid out anew."""
    plan = campaign.plan
    told = (sorted(campaign.regions), campaign.drawn, plan.hazard, plan.cover, plan.cells, plan.sweep_every_s)
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


async def _look(
    tx: AsyncConnection,
    office: Office,
    book: Book,
    books: Sequence[Book],
    crews: Crews,
    tracks: Sequence[Track],
    now: datetime,
    claimed_for: timedelta,
) -> Job | None:
    """One campaign: looks, leases, what is due, tours. Returns what is to be done next for it."""
    sweep = await sweep_rows.sweep_of(tx, office, book.campaign.id)
    timing = timing_of(office, book.campaign)
    there = await tracked.look(tx, office, book, tracks, timing, now) if book.cells else []
    if book.campaign.closed_at is not None:
        if sweep.ended_at is None:
            _end(book, timing, now)
            await sweep_rows.put_sweep(tx, office, replace(sweep, ended_at=now, claim=None, claim_until=None))
        return None
    lasts = timedelta(seconds=office.city.policy.campaign.lease.seconds)
    lease(book, [one for one in there if not _is_taken(one, book, books)], crews, tracks, timing, now, lasts)
    fall_due(book, timing, now)
    end_tours(book, crews, timing, now)
    return await _next_job(tx, office, book, sweep, crews, now, claimed_for)


def _is_taken(one: There, book: Book, books: Iterable[Book]) -> bool:
    """Whether another team holds the cell for another campaign over the same ground."""
    held = (other.cells.get(one.cell) for other in books if other is not book)
    return any(cell is not None and cell.team_id not in (None, one.team_id) for cell in held)


def lease(
    book: Book,
    there: Iterable[There],
    crews: Crews,
    tracks: Iterable[Track],
    timing: Timing,
    now: datetime,
    lasts: timedelta,
) -> None:
    """Cells change hands: given up by who left, fell silent, went off duty or was there long enough, then taken by who is there."""
    wanted = {one.team_id: one for one in there if now < one.since + lasts and one.team_id in crews.teams}
    heard = {track.team_id: track for track in tracks}
    for cell in [cell for cell in book.cells.values() if cell.state == "leased"]:
        assert cell.team_id is not None
        assert cell.leased_until is not None
        track, still = heard.get(cell.team_id), wanted.get(cell.team_id)
        has_left = track is not None and (still is None or still.cell != cell.cell)
        is_silent = track is not None and tracked.is_silent(track.until, now)
        if has_left or is_silent or cell.leased_until <= now or cell.team_id not in crews.teams:
            book.put("left", looked.rest(cell, timing, now))
    holding = {cell.team_id for cell in book.cells.values() if cell.state == "leased"}
    for one in sorted(wanted.values(), key=lambda one: (one.since, str(one.team_id))):
        cell = book.cells[one.cell]
        if one.team_id not in holding and cell.state in ("due", "covered"):
            book.put("leased", replace(cell, state="leased", team_id=one.team_id, leased_until=one.since + lasts))
    for what in ("looked", "left", "leased"):
        if what in book.steps:
            mark(book, what, timing, now)


def fall_due(book: Book, timing: Timing, now: datetime) -> None:
    """Covered cells of whose time most is used wait to be looked at again."""
    for cell in [cell for cell in book.cells.values() if cell.state == "covered"]:
        if (after := looked.rest(cell, timing, now)).state != cell.state:
            book.put("due", after)
    mark(book, "due", timing, now)


def end_tours(book: Book, crews: Crews, timing: Timing, now: datetime) -> None:
    """A tour ends with its last stop, or when its team is gone; its stops are then nobody's."""
    for tour in book.current():
        if not looked.stops_left(tour, book.cells):
            book.put("ended", _over(tour, "done", "done", now))
        elif tour.team_id in crews.with_case:
            book.put("ended", _over(tour, "replaced", "case", now))
        elif tour.team_id not in crews.teams:
            book.put("ended", _over(tour, "replaced", "team_out", now))
    mark(book, "ended", timing, now)


def _over(tour: Tour, state: Literal["replaced", "done"], why: Why, now: datetime) -> Tour:
    return replace(tour, state=state, ended_at=now, ended_because=why)


def mark(book: Book, what: str, timing: Timing, now: datetime) -> None:
    """Say of each cell that waits whether it stands in somebody's tour: nothing is left out in silence."""
    served = looked.served(book.current(), book.cells)
    for cell in list(book.cells.values()):
        is_left_out = looked.waits(cell, timing, now) and cell.cell not in served
        if is_left_out != (cell.unserved_since is not None):
            book.put(what, replace(cell, unserved_since=now if is_left_out else None))


def _end(book: Book, timing: Timing, now: datetime) -> None:
    """The campaign is over: nobody is sent anywhere any more. What was done stays as it is."""
    for cell in [cell for cell in book.cells.values() if cell.state == "leased"]:
        book.put("left", looked.rest(cell, timing, now))
    for tour in book.current():
        book.put("ended", _over(tour, "replaced", "over", now))


async def _next_job(
    tx: AsyncConnection, office: Office, book: Book, sweep: Sweep, crews: Crews, now: datetime, claimed_for: timedelta
) -> Job | None:
    """What is to be done next, claimed for whoever asks; None when there is nothing, or somebody is at it."""
    considered = [team_id for team_id in sweep.considered if crews.can_sweep(team_id)]
    job: Job | None = None
    if sweep.claim_until is None or sweep.claim_until <= now:
        why = await _why(tx, office, book, sweep, crews, considered, now)
        if why is not None:
            what: Literal["lay_out", "plan"] = "lay_out" if sweep.laid_for != laid_for(book.campaign) else "plan"
            job = Job(what=what, campaign_id=book.campaign.id, claim=new_id(), why=why)
    after = replace(sweep, considered=considered)
    if job is not None:
        after = replace(after, claim=job.claim, claim_until=now + claimed_for)
    if after != sweep:
        await sweep_rows.put_sweep(tx, office, after)
    return job


async def _why(
    tx: AsyncConnection,
    office: Office,
    book: Book,
    sweep: Sweep,
    crews: Crews,
    considered: Sequence[UUID],
    now: datetime,
) -> Why | None:
    """Why something is to be laid out or planned; None when all is as it should be."""
    if sweep.laid_for != laid_for(book.campaign):
        return "warning" if sweep.laid_at else "first"
    elsewhere = {tour.team_id for tour in await sweep_rows.current_tours(tx, office)} - {
        tour.team_id for tour in book.current()
    }
    able = [team_id for team_id in crews.teams if crews.can_sweep(team_id) and team_id not in elsewhere]
    unserved = [cell for cell in book.cells.values() if cell.unserved_since is not None]
    left = sum(len(looked.stops_left(tour, book.cells)) for tour in book.current())
    if not able or not (unserved or left):
        return None
    if sweep.planned_at is None:
        return "first"
    if now < sweep.planned_at + PAUSE:
        return None
    if sweep.laid_at is not None and sweep.laid_at > sweep.planned_at:
        return "warning"
    ended = await _ended_since(tx, office, book, sweep.planned_at)
    fresh = [cell for cell in unserved if cell.unserved_since is not None and cell.unserved_since > sweep.planned_at]
    return _for_teams(book, able, considered, ended, unserved, left) or _for_time(book, fresh, now)


def _for_teams(
    book: Book,
    able: Sequence[UUID],
    considered: Sequence[UUID],
    ended: Sequence[Why],
    unserved: Sequence[SweepCell],
    left: int,
) -> Why | None:
    """Because a team is gone, is through, or has come."""
    for why in ("case", "team_out"):
        if unserved and why in ended:
            return why
    idle = [team_id for team_id in able if book.tour_of(team_id) is None]
    if not idle or len(book.current()) >= book.campaign.plan.teams:
        return None
    if "done" in ended and (unserved or left > len(book.current())):
        return "done"
    has_come = any(team_id not in considered for team_id in idle)
    return "team_in" if has_come and (unserved or left > len(book.current())) else None


def _for_time(book: Book, fresh: Sequence[SweepCell], now: datetime) -> Why | None:
    """Because enough has fallen due again since tours were planned, or a team makes no progress."""
    waiting = [cell.unserved_since for cell in fresh if cell.unserved_since is not None]
    if waiting and (len(waiting) >= MANY_UNSERVED * len(book.cells) or now - min(waiting) >= LONG_UNSERVED):
        return "due"
    return "strayed" if any(_has_strayed(book, tour, now) for tour in book.current()) else None


def _has_strayed(book: Book, tour: Tour, now: datetime) -> bool:
    """Whether the team is nowhere in the sweep although it should long have come to its next stop."""
    left = looked.stops_left(tour, book.cells)
    if not left or any(cell.team_id == tour.team_id for cell in book.cells.values()):
        return False
    done = [moment for name in tour.cells if (moment := book.cells[name].looked_at) is not None]
    last = max([tour.planned_at, *done])
    way = timedelta(minutes=tour.minutes[tour.cells.index(left[0])])
    return now > last + 2 * way + STRAYED_AFTER


async def _ended_since(tx: AsyncConnection, office: Office, book: Book, moment: datetime) -> list[Why]:
    """Why tours of the campaign ended since then, those of this turn included."""
    t = db.sweep_tours.c
    mine = (t.city_id == office.city_id, t.campaign_id == book.campaign.id, t.ended_at >= moment)
    before = list((await tx.execute(select(t.ended_because).where(*mine, t.state != "current"))).scalars())
    now = [row.ended_because for _, row in book.steps.get("ended", ()) if isinstance(row, Tour)]
    return [why for why in (*before, *now) if why is not None]


async def running(tx: AsyncConnection, office: Office, campaign_id: UUID) -> Campaign | None:
    """The campaign, if it still runs."""
    return next((one for one in await campaigns.running(tx, office) if one.id == campaign_id), None)
