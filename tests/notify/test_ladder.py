"""The ladder of a notice: live feed, push, SMS, the dispatcher; every rung asks anew, and everything stops at once."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend.access import accounts, sessions
from backend.access.accounts import AccountChange, NewAccount
from backend.access.actor import SYSTEM, Actor
from backend.access.sessions import LIFETIME
from backend.clock import ManualClock
from backend.dispatch import approvals, desk, distress, field, ladder, offers
from backend.dispatch.ladder import Ways
from backend.ids import new_id
from backend.live.notices import Told
from backend.notify import devices, notices, outbox, receipts
from backend.notify.deliver import deliver_due
from backend.notify.devices import NewDevice
from backend.notify.offered import Offered
from backend.notify.senders import Message, Retry, TryLater, Way
from backend.policy import Span
from tests.access.builders import add_session
from tests.dispatch.builders import (
    CONTACT,
    DISPATCHER,
    LEADER,
    SPOT,
    Town,
    east_of,
    officer,
    somebody,
    town,
    town_policy,
)

NUMBER = "13912344321"
OFFERED = Offered(fcm=True, jpush=True)


class Phones:
    """Providers of every way: what arrived by which, and what the live feeds were told."""

    timeout_s, retry = 5.0, Retry(first_s=1, attempts=5)

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.live: list[Told] = []
        self.fails = False

    async def send(self, message: Message, now: datetime) -> None:  # noqa: ARG002 - a provider's promise
        if self.fails:
            raise TryLater("answered 503", after_s=5)
        self.got.append(message)

    def told(self) -> list[tuple[str, str | None]]:
        """(way, kind) of everything, in order."""
        return [(m.way, m.message.get("kind")) for m in self.got]


class Street:
    """A town whose nearest team has an officer with a phone."""

    def __init__(self, made: Town, phones: Phones) -> None:
        self.town, self.phones = made, phones
        ways: list[Way] = ["fcm", "jpush", "sms"]
        made.worker.ways = Ways(senders=frozenset(ways), live=phones.live.append, machine_now=made.clock.now)
        self.senders: dict[Way, Any] = dict.fromkeys(ways, phones)
        self.office = made.office

    async def officer(self, team: UUID, login: str = "wang", *, phone: str | None = NUMBER) -> tuple[Actor, UUID]:
        """Somebody of the team, signed in, with a device; and its id."""
        by = await self.person("officer", login, team_id=team, duty_phone=phone)
        return by, await self.device(by, f"token-{login}")

    async def person(self, role: str, login: str, **more: Any) -> Actor:
        new = NewAccount(
            login=login, name="王", password="correct horse 电池", roles=[role], regions=["210200"], **more
        )
        account = await accounts.create(self.office, new, by=SYSTEM, now=self.town.now)
        return await add_session(self.office, account, expires_at=self.town.now + LIFETIME)

    async def device(self, by: Actor, token: str) -> UUID:
        return await devices.register(
            self.office, NewDevice(kind="fcm", token=token), OFFERED, by=by, now=self.town.now
        )

    async def goes_on(self, seconds: float = 0.0) -> None:
        """Time passes; the worker takes its turns and the outbox is emptied."""
        self.town.clock.advance(seconds=seconds)
        while await self.town.worker.turn():
            pass
        await deliver_due(self.office, self.senders, self.town.now)

    async def notice(self, kind: str = "offer.made") -> Any:
        async with self.office.db.connect() as tx:
            return (await tx.execute(select(tables.notices).where(tables.notices.c.kind == kind))).one()

    async def receipt(self, device: UUID, *, shown: bool = True) -> None:
        notice_id = (await self.notice()).id
        code = receipts.code_for(self.office.ring, notice_id, receipts.Told("device", device))
        await receipts.receive(self.office, notice_id, code, shown=shown, now=self.town.now)

    async def alarms(self) -> list[dict[str, Any]]:
        """Of the nearest team."""
        told = [event.data for event in await self.town.events() if event.kind == "case.not_reached"]
        return [one for one in told if one["team_id"] == str(self.town.teams[0])]


@pytest.fixture
async def street(db: AsyncEngine, clock: ManualClock) -> Street:
    return Street(await town(db, clock, 2), Phones())


async def test_a_notice_that_nobody_acknowledges_climbs_to_a_person(street: Street) -> None:
    team = street.town.teams[0]
    _, device = await street.officer(team)
    case_id = await street.town.offered()
    await street.goes_on()
    [told] = street.phones.live
    assert (told.team_id, told.told["kind"]) == (team, "offer.made")
    [push] = street.phones.got
    assert (push.way, push.to, push.message["kind"]) == ("fcm", str(device), "offer.made")
    assert push.message["ttl_s"] == 90
    assert push.message["is_urgent"] is True
    await street.goes_on(19)
    assert len(street.phones.got) == 1
    await street.goes_on(1)
    assert [m.way for m in street.phones.got] == ["fcm", "sms"]
    text = street.phones.got[1]
    assert text.to == NUMBER
    assert str((await street.town.case(case_id)).number) in text.message["text"]
    assert await street.alarms() == []
    await street.goes_on(20)
    [alarm] = await street.alarms()
    assert (alarm["alarm"], alarm["team_id"], alarm["notice"]) == ("not_reached", str(team), "offer.made")
    told_to = [one["to"] for one in await street.town.notices("case.not_reached")]
    assert told_to == ["role:dispatcher:210203"]
    await street.goes_on(20)
    assert len(await street.alarms()) == 1
    await street.town.is_sound()


async def test_a_phone_that_shows_it_ends_the_ladder_and_one_that_only_has_it_does_not(street: Street) -> None:
    _, device = await street.officer(street.town.teams[0])
    await street.town.offered()
    await street.goes_on()
    await street.receipt(device, shown=False)
    await street.goes_on(20)
    assert [m.way for m in street.phones.got] == ["fcm", "sms"]
    await street.receipt(device)
    await street.goes_on(60)
    assert await street.alarms() == []


async def test_a_push_may_wait_for_the_live_feed(db: AsyncEngine, clock: ManualClock) -> None:
    policy = town_policy(notify={"push_after": Span(5, "s")})
    street = Street(await town(db, clock, 2, policy), Phones())
    by, _ = await street.officer(street.town.teams[0])
    await street.town.offered()
    await street.goes_on()
    assert (len(street.phones.live), street.phones.got) == (1, [])
    assert by.session_id is not None
    notice_id = street.phones.live[0].notice_id
    code = receipts.code_for(street.office.ring, notice_id, receipts.Told("session", by.session_id))
    await receipts.receive(street.office, notice_id, code, shown=True, now=street.town.now)
    await street.goes_on(60)
    assert street.phones.got == []
    async with street.office.db.connect() as tx:
        receipt = (await tx.execute(select(tables.notice_receipts))).one()
    assert (receipt.way, str(receipt.account_id)) == ("socket", by.id)


@pytest.mark.invariant("I4")
@pytest.mark.parametrize("how", ["accepted", "declined", "taken back", "closed", "lapsed"])
@pytest.mark.parametrize("after_s", [0, 25])
async def test_everything_stops_the_moment_it_is_over_between_any_two_rungs(
    street: Street, how: str, after_s: int
) -> None:
    await street.officer(street.town.teams[0])
    case_id = await street.town.offered()
    await street.goes_on()
    await street.goes_on(after_s)
    before = len(street.phones.got)
    await _over(street.town, case_id, how)
    for _ in range(6):
        await street.goes_on(10)
    mine = [m for m in street.phones.got[before:] if m.message.get("kind") == "offer.made" or m.way == "sms"]
    assert mine == []
    assert await street.alarms() == []


async def _over(made: Town, case_id: UUID, how: str) -> None:
    offer = await made.live_offer(case_id)
    assert offer is not None
    match how:
        case "accepted":
            await made.take(case_id)
        case "declined":
            await made.decline(case_id)
        case "taken back":
            await desk.assign_team(made.office, case_id, made.teams[1], "近", made.by(DISPATCHER))
        case "closed":
            asked = await approvals.ask(made.office, case_id, "void", "理由", None, made.by(DISPATCHER))
            assert asked.approval_id is not None
            await approvals.decide(made.office, asked.approval_id, True, None, made.by(LEADER))
        case "lapsed":
            made.clock.set(offer.expires_at)
            await offers.lapse_offer(made.office, offer.id, made.by(SYSTEM))


@pytest.mark.invariant("I4")
async def test_a_push_that_waits_for_its_retry_is_dropped_when_another_team_accepts(street: Street) -> None:
    await street.officer(street.town.teams[0])
    case_id = await street.town.offered()
    street.phones.fails = True
    await street.goes_on()
    await desk.assign_team(street.office, case_id, street.town.teams[1], "近", street.town.by(DISPATCHER))
    street.phones.fails = False
    await street.goes_on(15)
    assert "offer.made" not in [kind for _, kind in street.phones.told()]


@pytest.mark.invariant("I4")
@pytest.mark.parametrize("how", ["set out", "arrived", "taken off"])
async def test_an_assignment_stops_when_the_team_moves_or_has_it_no_more(street: Street, how: str) -> None:
    team = street.town.teams[0]
    await street.officer(team)
    case_id = await street.town.accepted()
    await desk.assign_team(street.office, case_id, team, "近", street.town.by(DISPATCHER))
    await street.goes_on()
    assert ("fcm", "case.assigned") in street.phones.told()
    crew = street.town.by(officer(team))
    if how == "set out":
        await field.set_out(street.office, case_id, crew)
    elif how == "arrived":
        await street.town.arrive(case_id)
    else:
        await desk.withdraw_team(street.office, case_id, "改派", street.town.by(DISPATCHER))
    await street.goes_on(60)
    assert "sms" not in [way for way, _ in street.phones.told()]
    assert await street.alarms() == []


async def test_an_assignment_that_nobody_answers_reaches_a_person(street: Street) -> None:
    team = street.town.teams[0]
    case_id = await street.town.accepted()
    await desk.assign_team(street.office, case_id, team, "近", street.town.by(DISPATCHER))
    await street.goes_on()
    await street.goes_on(40)
    [alarm] = await street.alarms()
    assert alarm["notice"] == "case.assigned"


@pytest.mark.invariant("I12")
@pytest.mark.parametrize("how", ["signed out", "off duty", "deactivated", "another team", "session over"])
async def test_nothing_goes_to_who_may_not_have_it_any_more_though_it_was_enqueued(street: Street, how: str) -> None:
    team = street.town.teams[0]
    by, device = await street.officer(team)
    await street.town.offered()
    street.phones.fails = True
    await street.goes_on()
    street.phones.fails = False
    match how:
        case "signed out":
            await sessions.sign_out(street.office, by, now=street.town.now)
        case "off duty":
            async with street.office.db.begin() as tx:
                await tx.execute(update(tables.presence).values(state="off_duty"))
        case "deactivated":
            change = AccountChange(active=False)
            await accounts.change(street.office, UUID(by.id), change, by=SYSTEM, now=street.town.now)
        case "another team":
            change = AccountChange(team_id=street.town.teams[1])
            await accounts.change(street.office, UUID(by.id), change, by=SYSTEM, now=street.town.now)
        case "session over":
            async with street.office.db.begin() as tx:
                await tx.execute(update(tables.sessions).values(expires_at=street.town.now))
    for _ in range(4):
        await street.goes_on(10)
    assert street.phones.got == []
    async with street.office.db.connect() as tx:
        row = (await tx.execute(select(tables.devices).where(tables.devices.c.id == device))).one()
    dead = how in ("signed out", "deactivated", "session over")
    assert (row.gone_because, row.address_sealed is None) == ("session_ended" if dead else None, dead)


@pytest.mark.invariant("I12")
async def test_a_team_that_went_off_duty_hears_nothing_at_all(street: Street) -> None:
    team = street.town.teams[0]
    await street.officer(team)
    case_id = await street.town.dispatched()
    await street.goes_on()
    before, live = len(street.phones.got), len(street.phones.live)
    await desk.withdraw_team(street.office, case_id, "改派", street.town.by(DISPATCHER))
    async with street.office.db.begin() as tx:
        await tx.execute(update(tables.presence).where(tables.presence.c.team_id == team).values(state="off_duty"))
    await street.goes_on(60)
    assert [m for m in street.phones.got[before:] if m.to != str(team)] == []
    assert [one for one in street.phones.live[live:] if one.team_id == team] == []


async def test_other_notices_are_pushed_and_no_more(street: Street) -> None:
    team = street.town.teams[0]
    await street.officer(team)
    case_id = await street.town.dispatched()
    await desk.withdraw_team(street.office, case_id, "改派", street.town.by(DISPATCHER))
    for _ in range(3):
        await street.goes_on(5)
    kinds = [kind for way, kind in street.phones.told() if way == "fcm"]
    assert "case.taken_off" in kinds
    assert (await street.notice("case.taken_off")).climbs_at is None


async def test_a_role_is_told_on_its_own_devices_where_it_has_any(street: Street) -> None:
    by = await street.person("dispatcher", "li")
    device = await street.device(by, "token-li")
    case_id = await street.town.accepted()
    await desk.assign_team(street.office, case_id, street.town.teams[0], "近", street.town.by(DISPATCHER))
    await street.goes_on()
    await street.goes_on(40)
    await street.goes_on()
    assert [(m.to, m.message["kind"]) for m in street.phones.got] == [(str(device), "case.not_reached")]


@pytest.mark.invariant("I8")
async def test_many_workers_begin_and_climb_once(street: Street) -> None:
    await street.officer(street.town.teams[0])
    await street.town.offered()
    notice = await street.notice()
    street.town.clock.advance(seconds=20)
    ways = street.town.worker.ways
    steps = [ladder.climb(street.office, notice.id, ways, street.town.by(SYSTEM)) for _ in range(8)]
    assert sum(await asyncio.gather(*steps)) == 1
    await street.goes_on()
    assert sorted(m.way for m in street.phones.got) == ["fcm", "sms"], "each once"


@pytest.mark.invariant("I8")
async def test_a_worker_killed_after_the_provider_took_it_sends_the_same_notice_again_and_nothing_else(
    street: Street,
) -> None:
    """At least once, under one id: the phone knows it by that."""
    await street.officer(street.town.teams[0])
    await street.town.offered()
    await street.goes_on()
    [first] = street.phones.got
    async with street.office.db.begin() as tx:  # as it lies there when nobody lived to write down how it went
        mine = tables.outbox.c.id == first.id
        await tx.execute(update(tables.outbox).where(mine).values(state="waiting", ended_at=None))
    await street.goes_on(36)
    first, again = [message for message in street.phones.got if message.way == "fcm"]
    assert (first.id, first.message) == (again.id, again.message)


async def test_what_was_sent_before_the_dispatcher_was_told_may_still_arrive(street: Street) -> None:
    await street.officer(street.town.teams[0])
    await street.town.offered()
    street.phones.fails = True
    for _ in range(4):
        await street.goes_on(10)
    assert len(await street.alarms()) == 1
    street.phones.fails = False
    await street.goes_on(30)
    assert ("fcm", "offer.made") in street.phones.told()


async def test_nothing_that_leaves_has_anything_personal(street: Street) -> None:
    """What is searched for stands in the report, the case and the account."""
    by, _ = await street.officer(street.town.teams[0])
    marks = ("欧阳", "人民路", "王", NUMBER, CONTACT.phone or "", CONTACT.name or "", "wang")
    await street.town.offered(east_of(SPOT, 30), description="老人自称姓欧阳", address="人民路 9 号", contact=CONTACT)
    await street.goes_on()
    await street.goes_on(20)
    for message in street.phones.got:
        said = str(message.message)
        assert [mark for mark in marks if mark and mark in said] == [], message.way
    assert by.name not in str(street.phones.live[0].told)


async def test_what_a_team_is_being_told_is_found_for_its_task_until_it_is_shown(street: Street) -> None:
    team = street.town.teams[0]
    _, device = await street.officer(team)
    await street.town.offered()
    async with street.office.db.connect() as tx:
        found = await notices.newest_of_team(tx, street.office, team)
        assert found is not None
        assert await notices.newest_of_team(tx, street.office, street.town.teams[1]) is None
    await street.receipt(device)
    async with street.office.db.connect() as tx:
        assert await notices.newest_of_team(tx, street.office, team) is None


async def test_a_message_to_nobody_in_particular_is_put_aside(street: Street) -> None:
    async with street.office.begin() as tx:
        await outbox.enqueue(tx, street.office, "push", "device", {"kind": "x"}, now=street.town.now)
    assert await street.town.worker.turn()
    [row] = await street.town.rows(tables.outbox)
    assert (row["state"], row["last_error"]) == ("dropped", "nobody is meant")
    assert not await ladder.begin(street.office, new_id(), street.town.worker.ways, street.town.by(somebody("system")))


@pytest.mark.invariant("I4")
@pytest.mark.parametrize("is_answered", [False, True])
async def test_a_crew_s_call_for_help_is_pushed_to_desks_until_somebody_answers(
    street: Street, is_answered: bool
) -> None:
    team = street.town.teams[0]
    by, own = await street.officer(team)
    li = await street.person("dispatcher", "li")
    device = await street.device(li, "token-li")
    street.phones.fails = True
    call = await distress.raise_call(street.office, team, None, street.town.by(officer(team, by.id)))
    assert call.distress_id is not None
    await street.goes_on()
    if is_answered:
        await distress.answer_call(street.office, call.distress_id, "已派增援", street.town.by(DISPATCHER))
    street.phones.fails = False
    await street.goes_on(15)
    told = [(m.to, m.message["kind"], m.message["is_urgent"]) for m in street.phones.got]
    expected = (str(own), "team.distress_answered", True) if is_answered else (str(device), "team.distress", True)
    assert told == [expected]
