"""Commands: sent twice they are done once, of two at once one wins, and nothing outside holds anybody up."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from backend import db
from backend.clock import SystemClock
from backend.ids import new_id
from backend.notify.deliver import keep_delivering
from ops.senders import webhook_sender
from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, Api, Person, a_report, problem_of


async def _an_offer(api: Api) -> tuple[Person, Person, dict[str, Any]]:
    """Two officers of one team, and the offer that it is asked with."""
    (team,) = await api.teams(IN_ZHONGSHAN)
    officers = [await api.person("officer", team_id=team) for _ in range(2)]
    await api.public.did("/api/reports", a_report())
    await api.work()
    return officers[0], officers[1], (await officers[0].saw("/api/officer/task"))["offer"]


async def _count(api: Api, kind: str) -> int:
    async with api.office.db.connect() as tx:
        query = select(func.count()).select_from(db.events).where(db.events.c.kind == kind)
        return int((await tx.execute(query)).scalar_one())


@pytest.mark.invariant("I8")
async def test_the_same_command_twice_has_one_effect_and_one_answer(api: Api) -> None:
    officer, _, offer = await _an_offer(api)
    path, body = f"/api/offers/{offer['id']}/accept", {"command_id": str(new_id())}
    first = await officer.did(path, body)
    api.clock.advance(minutes=10)
    again = [await officer.did(path, body) for _ in range(3)]
    assert again == [first] * 3
    assert await _count(api, "case.dispatched") == 1


@pytest.mark.invariant("I8")
async def test_the_same_command_many_times_at_once_has_one_effect(api: Api) -> None:
    officer, _, offer = await _an_offer(api)
    path, body = f"/api/offers/{offer['id']}/accept", {"command_id": str(new_id())}
    answers = await asyncio.gather(*(officer.did(path, body) for _ in range(6)))
    assert answers == [answers[0]] * 6
    assert await _count(api, "case.dispatched") == 1


async def test_a_command_id_stands_for_one_wish_of_one_person(api: Api) -> None:
    officer, colleague, offer = await _an_offer(api)
    body = {"command_id": str(new_id())}
    await officer.did(f"/api/offers/{offer['id']}/accept", body)
    case = f"/api/cases/{offer['case_id']}"
    for who, path, more in (
        (officer, f"{case}/set-out", {}),
        (officer, f"{case}/arrive", {"reason": "到达"}),
        (colleague, f"/api/offers/{offer['id']}/accept", {}),
    ):
        said = problem_of(await who.post(path, {**body, **more}))
        assert (said["status"], said["code"]) == (409, "command_id_reused")
    for bad in ("1", "", 7):
        assert problem_of(await officer.post(f"{case}/set-out", {"command_id": bad}))["field"] == "command_id"


@pytest.mark.invariant("I1")
async def test_of_two_who_accept_at_once_one_has_the_case(api: Api) -> None:
    officer, colleague, offer = await _an_offer(api)
    path = f"/api/offers/{offer['id']}/accept"
    answers = await asyncio.gather(officer.post(path), colleague.post(path))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    lost = next(answer for answer in answers if answer.status_code == 409)
    assert problem_of(lost)["code"] == "offer_over"


@pytest.mark.invariant("I1")
async def test_an_accept_and_an_assignment_elsewhere_do_not_both_succeed(api: Api) -> None:
    officer, _, offer = await _an_offer(api)
    (far,) = await api.teams(IN_XIGANG)
    dispatcher = await api.person("dispatcher")
    assign = {"team_id": str(far), "reason": "更合适"}
    answers = await asyncio.gather(
        officer.post(f"/api/offers/{offer['id']}/accept"),
        dispatcher.post(f"/api/cases/{offer['case_id']}/assign", assign),
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    async with api.office.db.connect() as tx:
        holders = (await tx.execute(select(db.cases.c.team_id))).scalars().all()
        live = (await tx.execute(select(func.count()).where(db.offers.c.state == "offered"))).scalar_one()
    assert len(holders) == 1
    assert holders[0] in (far, officer.me.team_id)
    assert live == 0


@pytest.mark.invariant("I1")
async def test_of_two_dispatchers_at_once_who_send_one_team_to_two_cases_one_succeeds(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    cases = [(await api.public.did("/api/reports", a_report(place)))["case_id"] for place in (IN_ZHONGSHAN, IN_XIGANG)]
    dispatchers = [await api.person("dispatcher") for _ in cases]
    body = {"team_id": str(team), "reason": "人工指派"}
    answers = await asyncio.gather(
        *(who.post(f"/api/cases/{case}/assign", body) for who, case in zip(dispatchers, cases, strict=True))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    lost = problem_of(next(answer for answer in answers if answer.status_code == 409))
    assert lost["code"] in ("team_not_free", "changed")


@asynccontextmanager
async def _slow_partner() -> AsyncIterator[tuple[int, list[float]]]:
    """A server that takes every request and answers none. Its port, and when it was asked."""
    asked: list[float] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(time.monotonic())
        await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        over.set()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def _outbox_worker(api: Api) -> AsyncIterator[None]:
    """As `rescue worker` runs it, with this machine's own network allowed."""
    settings = msgspec.structs.replace(api.parts.settings, webhook_networks=(ip_network("127.0.0.0/8"),))
    sender = webhook_sender(api.office, settings)
    work = keep_delivering(api.office, {"webhook": sender}, SystemClock(), api.parts.nudge.listener)
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.invariant("I13")
async def test_a_partner_that_does_not_answer_delays_no_action(api: Api) -> None:
    (team,) = await api.teams(IN_ZHONGSHAN)
    officer = await api.person("officer", team_id=team)
    async with _slow_partner() as (port, asked), _outbox_worker(api):
        partner = await api.partner(webhook_url=f"http://127.0.0.1:{port}/")
        receipt = await partner.did("/api/reports", a_report(channel="partner"))
        async with asyncio.timeout(10):
            while not asked:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0.01)
        began = time.monotonic()
        await api.work()
        offer = (await officer.saw("/api/officer/task"))["offer"]
        await officer.did(f"/api/offers/{offer['id']}/accept")
        await officer.did(f"/api/cases/{receipt['case_id']}/set-out")
        await officer.did(f"/api/cases/{receipt['case_id']}/arrive", {"reason": "到达"})
        assert time.monotonic() - began < 5, "the partner is waited for at least ten seconds"
        async with api.office.db.connect() as tx:
            told = (db.outbox.c.state == "sent") & (db.outbox.c.way == "webhook")
            sent = (await tx.execute(select(func.count()).where(told))).scalar_one()
        assert sent == 0
