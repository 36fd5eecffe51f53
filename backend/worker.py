"""The worker: what happens without anybody asking. Any number may run; what is due is claimed, not owned.

`turn` does everything that is due at a moment, each thing in its own transaction; `run` takes turns for ever, woken by
the log or by the clock. A thing that fails is written down and tried again later; the others go on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import in_force, metrics
from backend.access.actor import SYSTEM
from backend.campaign import keeping as campaigns
from backend.campaign import observing, warnings
from backend.campaign.sweeping import Sweeping
from backend.clock import Clock, SystemClock
from backend.dispatch import distress, escalation, ladder, offers, revisits, searching
from backend.dispatch.change import Command
from backend.dispatch.circle_watch import Watch, sound_alarm
from backend.dispatch.clocks import ClockKind
from backend.dispatch.ladder import Ways
from backend.live.notices import Told
from backend.notify import notices, outbox
from backend.office import Office
from backend.referral import waiting
from backend.referral.home import home_clocks
from backend.referral.incidents import unanswered
from backend.referral.station import stay_clocks
from backend.referral.station.deadlines import StayClockKind
from backend.stopping import Stopping

REST_AFTER_FAULT = timedelta(seconds=20)
CIRCLE_EVERY = timedelta(minutes=1)
OUTSIDE_EVERY = timedelta(minutes=1)
A_WHILE_S = 2.0
"""So long a turn stays with things of one kind, real seconds."""

_log = structlog.get_logger("worker")


class Ear(Protocol):
    """Waits for news of the log; `backend.live.nudge.Listener` is one."""

    async def wait(self, timeout_s: float = 0.5) -> bool:
        """Returns at news or after the time."""


class Worker:
    """One process's worker: its office, its clock, and its view of the teams."""

    def __init__(
        self, office: Office, clock: Clock, stopping: Stopping | None = None, *, ways: Ways | None = None
    ) -> None:
        """stopping: once on, the thing in hand is finished and nothing more is begun. ways: how notices go out; none."""
        self.office, self.clock = office, clock
        self.ways = ways or Ways(senders=(), live=_to_nobody, machine_now=SystemClock().now)
        self.stopping = stopping or Stopping()
        self.watch = Watch(office)
        self.sweeping = Sweeping(office, clock)
        self._resting: dict[object, datetime] = {}
        self._circle_at: datetime | None = None
        self._outside_at: datetime | None = None

    async def run(self, ear: Ear) -> None:
        """Take turns until stopping. Cancelled, what is in hand is rolled back and another worker's."""
        try:
            while not self.stopping.is_on:
                metrics.WORKER_HEARTBEAT.set_to_current_time()
                done = await self._take_turn()
                if not done:
                    await ear.wait()
        finally:
            await self.sweeping.aclose()

    async def _take_turn(self) -> int:
        try:
            with metrics.TURN_S.time():
                done = await self.turn()
            metrics.WORKER_TURN.set_to_current_time()
        except Exception:  # noqa: BLE001 - the database may be away: it comes back, and this must be there then
            _log.exception("turn")
            return 0
        return done

    async def turn(self) -> int:
        """Everything that is due now. Returns how many things were done."""
        await in_force.follow_if_usable(self.office)
        done = 0
        done += await self._each(escalation.due_offers, self._lapse)
        done += await self._each(escalation.due_clocks, self._fire)
        done += await self._each(distress.due_calls, self._distress)
        done += await self._each(unanswered.due, self._incident)
        done += await self._each(stay_clocks.due_clocks, self._deadline)
        done += await self._each(home_clocks.due_visits, self._home_visit)
        done += await self._each(home_clocks.due_ends, self._home_end)
        done += await self._each(warnings.due, self._run_out)
        done += await self._each(campaigns.due, self._follow)
        done += await self._each(campaigns.due_proposals, self._go_up)
        done += await self._each(campaigns.due_arrivals, self._note_arrival)
        done += await self._each(waiting.due, self._referral)
        done += await self._each(revisits.due_revisits, self._revisit)
        done += await self._search()
        done += await self._each(outbox.due_notices, self._begin_notice)
        done += await self._each(notices.due, self._climb)
        done += await self._look_outside(self.clock.now())
        await self._sweep()
        await self._look_at_the_circle(self.clock.now())
        return done

    async def _each[T](
        self,
        look: Callable[[AsyncConnection, Office, datetime], Awaitable[list[T]]],
        do: Callable[[T, Command], Awaitable[object]],
    ) -> int:
        async with self.office.db.connect() as tx:
            due = await look(tx, self.office, self.clock.now())
        return await self._try_all(due, do)

    async def _try_all[T](self, due: list[T], do: Callable[[T, Command], Awaitable[object]]) -> int:
        """One after the other, for a while: of many that wait the rest comes next turn, after the timers."""
        done = 0
        until_s = asyncio.get_running_loop().time() + A_WHILE_S
        for one in due:
            done += await self._try(one, do)
            if asyncio.get_running_loop().time() > until_s:
                return max(done, 1)
        return done

    async def _try[T](self, one: T, do: Callable[[T, Command], Awaitable[object]]) -> int:
        now = self.clock.now()  # not the turn's: a lease begins when the offer is made, however long others took before
        if self.stopping.is_on or self._resting.get(one, now) > now:
            return 0
        self._resting.pop(one, None)
        try:
            return 1 if await do(one, _command(do.__name__.strip("_"), now)) else 0
        except Exception:  # noqa: BLE001 - one thing's fault must not stop the others
            _log.exception("due", what=do.__name__.strip("_"))
            metrics.FAULTS.labels(do.__name__.strip("_")).inc()
            self._resting[one] = now + REST_AFTER_FAULT
            return 0

    async def _lapse(self, offer_id: UUID, command: Command) -> bool:
        return await offers.lapse_offer(self.office, offer_id, command)

    async def _fire(self, which: tuple[UUID, ClockKind], command: Command) -> bool:
        return await escalation.fire_clock(self.office, *which, command)

    async def _deadline(self, which: tuple[UUID, StayClockKind], command: Command) -> bool:
        return await stay_clocks.fire_clock(self.office, *which, command)

    async def _home_visit(self, visit_id: UUID, command: Command) -> bool:
        return await home_clocks.fire_visit(self.office, visit_id, command)

    async def _home_end(self, returnee_id: UUID, command: Command) -> bool:
        return await home_clocks.end_entry(self.office, returnee_id, command)

    async def _distress(self, distress_id: UUID, command: Command) -> bool:
        return await distress.escalate(self.office, distress_id, command)

    async def _incident(self, incident_id: UUID, command: Command) -> bool:
        return await unanswered.fire(self.office, incident_id, command)

    async def _referral(self, referral_id: UUID, command: Command) -> bool:
        return await waiting.fire(self.office, referral_id, command)

    async def _revisit(self, revisit_id: UUID, command: Command) -> bool:
        return await revisits.open_revisit(self.office, revisit_id, command) is not None

    async def _begin_notice(self, message_id: UUID, command: Command) -> bool:
        return await ladder.begin(self.office, message_id, self.ways, command)

    async def _climb(self, notice_id: UUID, command: Command) -> bool:
        return await ladder.climb(self.office, notice_id, self.ways, command)

    async def _run_out(self, warning_id: UUID, command: Command) -> bool:
        return await warnings.run_out(self.office, warning_id, by=command.by, now=command.now)

    async def _follow(self, subject: UUID, command: Command) -> bool:
        return await campaigns.follow(self.office, subject, command)

    async def _go_up(self, campaign_id: UUID, command: Command) -> bool:
        return await campaigns.go_up(self.office, campaign_id, command)

    async def _note_arrival(self, call_id: UUID, command: Command) -> bool:
        return await campaigns.note_arrival(self.office, call_id, command)

    async def _search(self) -> int:
        """One by one, or together when many wait and the policy wants it."""
        now = self.clock.now()
        search = self.office.city.policy.search
        async with self.office.db.connect() as tx:
            waiting = [c for c in await searching.waiting(tx, self.office, now) if self._resting.get(c, now) <= now]
        done = 0
        together = search.method == "batch" or (search.method == "auto" and len(waiting) >= search.batch_when_waiting)
        if together and waiting:
            done += await self._search_together(waiting, now)
        return done + await self._try_all(waiting, self._search_one)

    async def _search_together(self, waiting: list[UUID], now: datetime) -> int:
        try:
            return await searching.search_batch(self.office, self.watch.roster, waiting, _command("batch", now))
        except Exception:  # noqa: BLE001 - the case at fault is found one by one, and the others go on
            _log.exception("batch")
            metrics.FAULTS.labels("batch").inc()
            return 0

    async def _search_one(self, case_id: UUID, command: Command) -> bool:
        began = asyncio.get_running_loop().time()
        outcome = await searching.search_case(self.office, self.watch.roster, case_id, command)
        metrics.DECISION_S.observe(asyncio.get_running_loop().time() - began)
        return outcome in ("offer", "alarm")

    async def _look_outside(self, now: datetime) -> int:
        """Measured cold or heat opens a campaign, or keeps it open."""
        if self._outside_at is not None and now < self._outside_at + OUTSIDE_EVERY:
            return 0
        self._outside_at = now
        try:
            return await observing.follow(self.office, _command("observed", now))
        except Exception:  # noqa: BLE001 - measurements stay: they are looked at again in a minute
            _log.exception("observed")
            metrics.FAULTS.labels("observed").inc()
            return 0

    async def _sweep(self) -> None:
        try:
            await self.sweeping.turn()
        except Exception:  # noqa: BLE001 - cases go on without it, and it is looked at again in a moment
            _log.exception("sweep")
            metrics.FAULTS.labels("sweep").inc()

    async def _look_at_the_circle(self, now: datetime) -> None:
        if self._circle_at is not None and now < self._circle_at + CIRCLE_EVERY:
            return
        self._circle_at = now
        try:
            async with self.office.db.connect() as tx:
                picture = await self.watch.picture(tx, now)
            if picture is not None:
                metrics.CIRCLE_SHARE.set(picture.share)
                await sound_alarm(self.office, picture, _command("circle", now))
        except Exception:  # noqa: BLE001 - the picture is for looking at: the loop goes on without it
            _log.exception("circle")


def _to_nobody(_: Told) -> None:
    """There is no live feed: who is told is told otherwise."""


def _command(name: str, now: datetime) -> Command:
    return Command(name=name, by=SYSTEM, now=now, at=now)
