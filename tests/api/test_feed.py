"""The live feed over a real websocket: nobody is told what they could not read, and nobody who has left is told anything."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
import websockets

from tests.api.builders import (
    CITY,
    IN_XIGANG,
    IN_ZHONGSHAN,
    XIGANG,
    ZHONGSHAN,
    Api,
    Person,
    a_handling,
    a_report,
    problem_of,
)

DISTRICTS = (ZHONGSHAN, XIGANG)


async def _everything_happens(api: Api, officers: list[Person], desk: Person) -> int:
    """Cases in two districts, offers, a declined one, an assignment, a visit, duty, accounts. The last number."""
    receipts = [await api.public.did("/api/reports", a_report(place)) for place in (IN_ZHONGSHAN, IN_XIGANG)]
    await api.work()
    for officer in officers:
        task = await officer.saw("/api/officer/task")
        await officer.did(f"/api/offers/{task['offer']['id']}/accept")
    case = f"/api/cases/{receipts[0]['case_id']}"
    await officers[0].did(f"{case}/arrive", {"reason": "到达"})
    await officers[0].did(f"{case}/handle", a_handling(api.clock.now().isoformat()))
    await officers[0].did("/api/officer/duty", {"state": "resting"})
    await desk.did(f"/api/cases/{receipts[1]['case_id']}/withdraw", {"reason": "另有安排"})
    await desk.did(f"/api/cases/{receipts[1]['case_id']}/ask", {"reason": "等家属", "action": "suspend"})
    await desk.saw(f"/api/cases/{receipts[0]['case_id']}/contacts")
    await api.person("checker", regions=(XIGANG,))
    return int((await desk.did(f"/api/cases/{receipts[1]['case_id']}/widen"))["seq"])


async def _read_over_http(who: Person) -> list[dict[str, Any]]:
    """All that GET /api/events gives; nothing for those who may not ask."""
    answer = await who.get("/api/events", limit=1000)
    if answer.status_code == 403:
        return []
    events: list[dict[str, Any]] = answer.json()["events"]
    return events


@pytest.mark.invariant("I10")
async def test_what_a_socket_delivers_is_what_the_same_person_reads_over_http(api: Api) -> None:
    teams = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    officers = [
        await api.person("officer", team_id=team, regions=(r,)) for team, r in zip(teams, DISTRICTS, strict=True)
    ]
    desk = await api.person("shift_leader")
    others = (
        "grid_worker",
        "operator",
        "dispatcher",
        "checker",
        "supervisor",
        "station_staff",
        "civil_affairs",
        "admin",
    )
    watchers = [*officers, *[await api.person(role, regions=(r,)) for role in others for r in (CITY, ZHONGSHAN)]]
    watchers = [who for who in watchers if (await who.post("/api/feed/tickets")).is_success]
    assert {role for who in watchers for role in who.me.roles} >= {"officer", "dispatcher", "grid_worker"}
    async with asyncio.TaskGroup() as group:
        ready = [asyncio.Event() for _ in watchers]
        done = asyncio.Event()
        heard = [group.create_task(_listen(who, mark, done)) for who, mark in zip(watchers, ready, strict=True)]
        for mark in ready:
            await mark.wait()
        seq = await _everything_happens(api, officers, desk)
        while api.parts.hub.seq < seq:  # noqa: ASYNC110 - the hub has nobody to tell
            await asyncio.sleep(0.01)
        api.parts.hub.pulse_every_s = 0.1
        done.set()
    told_at_all = 0
    for who, task in zip(watchers, heard, strict=True):
        live, again = task.result()
        over_http = await _read_over_http(who)
        assert live == over_http, who.me.roles
        assert again == over_http, who.me.roles
        told_at_all += len(live)
    assert told_at_all > 100


async def _listen(who: Person, ready: asyncio.Event, done: asyncio.Event) -> tuple[list[Any], list[Any]]:
    """What one hears live from the beginning, and what one is told who comes afterwards and asks for all."""
    async with who.feed(since=0) as feed:
        await feed.until("events")
        ready.set()
        while not done.is_set() or await _more(feed):
            await _more(feed)
    async with who.feed(since=0) as late:
        await late.until("events")
    return feed.events(), late.events()


async def _more(feed: Any) -> bool:
    """Whether something more was said within a moment."""
    try:
        feed.messages.append(json.loads(await asyncio.wait_for(feed.line.recv(), 0.3)))
    except TimeoutError:
        return False
    return feed.messages[-1]["type"] in ("event", "events")


async def _closed(line: websockets.ClientConnection) -> int | None:
    """The code that the server closes with, whatever it says before."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(10):
            async for _ in line:
                pass
    return line.close_code


@pytest.mark.invariant("I12")
async def test_a_session_that_is_ended_closes_its_sockets(api: Api) -> None:
    admin = await api.person("admin")
    for how in ("signs out", "is revoked", "is deactivated", "gets other rights"):
        who = await api.person("dispatcher")
        async with who.feed() as feed:
            await feed.until("events")
            if how == "signs out":
                assert (await who.send("DELETE", "/api/sessions/current")).status_code == 204
            elif how == "is revoked":
                assert (await admin.send("DELETE", f"/api/sessions/{who.me.session_id}")).status_code == 204
            else:
                change = {"active": False} if how == "is deactivated" else {"roles": ["checker"]}
                assert (await admin.send("PATCH", f"/api/accounts/{who.me.id}", change)).status_code == 200
            assert await _closed(feed.line) == (4410 if how == "gets other rights" else 4401)
        answer = await who.get("/api/cases")
        if how == "gets other rights":
            assert answer.status_code == 200
        else:
            assert problem_of(answer)["code"] == "session_ended"


async def _opened(api: Api, query: str, **headers: Any) -> int | None:
    async with websockets.connect(f"ws://127.0.0.1:{api.port}/api/feed{query}", proxy=None, **headers) as line:
        return await _closed(line)


async def test_a_socket_is_refused_with_a_code_that_the_client_can_read(api: Api) -> None:
    who = await api.person("dispatcher")
    assert await _opened(api, "") == 4401
    assert await _opened(api, "?ticket=nonsense") == 4401
    assert await _opened(api, f"?ticket={await who.ticket()}&since=yesterday") == 4400
    used = await who.ticket()
    async with websockets.connect(f"ws://127.0.0.1:{api.port}/api/feed?ticket={used}", proxy=None) as line:
        assert json.loads(await line.recv())["type"] == "hello"
        assert await _opened(api, f"?ticket={used}") == 4401
        await line.send('{"type": "command"}')
        assert await _closed(line) == 4400


async def test_only_our_own_pages_open_a_socket(api: Api) -> None:
    """CORS does not cover sockets, and a foreign page could otherwise use a ticket it has got hold of."""
    who = await api.person("dispatcher")
    for origin in ("https://evil.example", "null", "https://console.example.cn.evil.example"):
        assert await _opened(api, f"?ticket={await who.ticket()}", origin=origin) == 4403
    for origin in ("https://console.example.cn", f"http://127.0.0.1:{api.port}"):
        async with who.feed(origin=origin) as feed:
            assert (await feed.until("snapshot"))["board"]


async def test_positions_reach_those_who_may_follow_the_team(api: Api) -> None:
    first, second = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    officer = await api.person("officer", team_id=first)
    other = await api.person("officer", team_id=second)
    dispatcher = await api.person("dispatcher", regions=(ZHONGSHAN,))
    async with dispatcher.feed() as seen, other.feed() as unseen:
        await seen.until("events")
        await unseen.until("events")
        fix = {"at": api.clock.now().isoformat(), "lon": 121.646, "lat": 38.9155, "heading_deg": 90}
        await officer.did("/api/officer/positions", {"fixes": [fix]})
        told = await asyncio.wait_for(seen.until("positions"), 5)
        assert [(row[0], row[2]) for row in told["teams"]] == [(str(first), 121.646)]
        assert not await _more(unseen)
        assert not [message for message in unseen.messages if message["type"] == "positions"]
