"""I15: one heavy client is limited before it slows the others, over all processes, and by each alone without Redis.

Causes are proven, not times: who is refused, who is answered, and how much of one sender is worked on at once.
"""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis.asyncio as redis_asyncio
import websockets

from backend.access.actor import Actor
from backend.city import City
from backend.clock import ManualClock
from backend.gate import BY_ROUTE, NEVER_LIMITED
from backend.limits.buckets import Buckets, Want
from backend.limits.limiter import Limiter, Sender, by_address
from backend.limits.shared import Shared
from backend.policy.sections import BySender
from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, Api, Person, a_report, problem_of, settings_of
from tests.api.server import serving

Two = tuple[Api, Api]
Serve = Callable[..., Any]


def with_limits(city: City, **limits: Any) -> City:
    """The city with other limits; requests_per_minute and at_once are for every kind of sender."""
    policy = city.policy
    for name in ("requests_per_minute", "at_once"):
        if name in limits:
            kinds = dict.fromkeys(BySender.__struct_fields__, limits[name])
            limits[name] = msgspec.structs.replace(getattr(policy.limits, name), **kinds)
    changed = msgspec.structs.replace(policy.limits, **limits)
    return dataclasses.replace(city, policy=msgspec.structs.replace(policy, limits=changed))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine, Redis is waited for, since here it is not away; and all of a minute may come at once."""
    monkeypatch.setattr("backend.limits.shared.PATIENCE", 1000)
    monkeypatch.setattr("backend.gate.BURST_S", 60.0)


@pytest.fixture
def two(database_url: str, redis: redis_asyncio.Redis, redis_url: str, tmp_path: Path, clock: ManualClock) -> Serve:
    """Two servers over one database and one Redis, or another address in its place."""

    @asynccontextmanager
    async def serve(city: City, redis_at: str = redis_url) -> AsyncIterator[Two]:
        async with AsyncExitStack() as stack:
            settings = settings_of(database_url, redis_at, tmp_path, clock)
            yield (
                await stack.enter_async_context(serving(settings, city)),
                await stack.enter_async_context(serving(settings, city)),
            )

    return serve


def at(api: Api, who: Person) -> Person:
    """The same person, speaking to another process."""
    return Person(api, who.headers, who.me)


async def statuses(*asked: Any) -> Counter[int]:
    """How many were answered how; asked all at once."""
    return Counter(answer.status_code for answer in await asyncio.gather(*asked))


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
async def test_a_limit_is_one_limit_however_many_processes_are_asked(two: Serve, dalian: City) -> None:
    async with two(dalian) as (one, other):
        answers = [await (one, other)[n % 2].public.post("/api/reports", a_report()) for n in range(8)]
        assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 3
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
async def test_at_once_or_one_after_the_other_is_the_same(two: Serve, dalian: City) -> None:
    async with two(dalian) as (one, other):
        found = await statuses(*(api.public.post("/api/reports", a_report()) for api in (one, other) * 10))
        assert found == {201: 5, 429: 15}


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
@pytest.mark.parametrize("in_parallel", [True, False], ids=["in parallel", "in sequence"])
async def test_a_flood_is_refused_and_everybody_else_is_answered(two: Serve, dalian: City, in_parallel: bool) -> None:
    async with two(with_limits(dalian, requests_per_minute=40)) as (one, other):
        heavy, *others = [await one.person("dispatcher", login=f"d{n}") for n in range(4)]
        await asyncio.gather(*(at(api, heavy).get("/api/sessions/me") for api in (one, other)))

        async def flood() -> Counter[int]:
            asked = [at(api, heavy).get("/api/cases") for api in (one, other) * 40]
            return await statuses(*asked) if in_parallel else sum([await statuses(one) for one in asked], Counter())

        async def work(who: Person) -> Counter[int]:
            return sum([await statuses(at(api, who).get("/api/cases")) for api in (one, other) * 8], Counter())

        flooded, *worked = await asyncio.gather(flood(), *(work(who) for who in others))
        assert worked == [{200: 16}] * 3
        assert set(flooded) == {200, 429}
        assert 30 <= flooded[200] <= 45, "what is allowed in a minute, not that much of each process"


@pytest.mark.invariant("I15")
@pytest.mark.invariant("I13")
async def test_without_redis_each_process_holds_the_limit_alone(two: Serve, dalian: City, tmp_path: Path) -> None:
    async with two(dalian, f"unix://{tmp_path}/no-such.sock") as (one, other):
        for api in (one, other):
            answers = [await api.public.post("/api/reports", a_report()) for _ in range(7)]
            assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2


@pytest.mark.invariant("I13")
async def test_a_redis_that_never_answers_is_not_waited_for(two: Serve, dalian: City) -> None:
    silent = await asyncio.start_server(_never_answers, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent, two(dalian, f"redis://127.0.0.1:{port}") as (one, _):
        answers = [await one.public.post("/api/reports", a_report()) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2


async def _never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_while_a_question_hangs_nobody_else_is_made_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, asked = asyncio.Event(), 0

    async def hang(_: Shared, wants: Any) -> None:
        nonlocal asked
        asked += len(wants)
        await hanging.wait()

    monkeypatch.setattr(Shared, "_asked", hang)
    ours = Shared("redis://nowhere", "")
    assert await ours.ask(Want("a", 5)) is None
    assert [await ours.ask(Want("b", 5)) for _ in range(50)] == [None] * 50
    assert asked == 1, "who comes later does not even ask"
    await ours.aclose()


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
async def test_one_sender_is_worked_on_a_few_at_a_time_and_others_pass(
    two: Serve, dalian: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or two hundred slow requests would hold every connection to the database."""
    going_on, most, go = 0, 0, asyncio.Event()

    async def slow(*_: object) -> dict[str, str]:
        nonlocal going_on, most
        going_on += 1
        most = max(most, going_on)
        await go.wait()
        going_on -= 1
        return {}

    monkeypatch.setattr("backend.dispatch.board.list_cases", slow)
    async with two(with_limits(dalian, at_once=3)) as (one, _):
        heavy, other = await one.person("dispatcher", login="aa"), await one.person("dispatcher", login="bb")
        await heavy.get("/api/sessions/me")
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=one.http.base_url, trust_env=False, timeout=30, limits=limits) as many:
            asked = [asyncio.create_task(many.get("/api/cases", headers=heavy.headers)) for _ in range(200)]
            refused, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            while len(waiting) > 67:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                refused |= done
            assert {problem_of(task.result())["code"] for task in refused} == {"too_many_at_once"}
            assert (await other.get("/api/sessions/me")).status_code == 200
            assert most == 3
            go.set()
            await asyncio.wait(waiting)
        assert most == 3
        assert len(one.parts.limiter.turns) == 0, "who has nothing under way is not kept"


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
async def test_tokens_made_up_count_as_their_address(two: Serve, dalian: City) -> None:
    async with two(with_limits(dalian, requests_per_minute=20)) as (one, _):
        operator = await one.person("operator")
        await operator.get("/api/sessions/me")
        made_up = [
            (await one.http.get("/api/cases", headers={"Authorization": f"Bearer {n:064}"})).status_code
            for n in range(30)
        ]
        assert made_up == [401] * 19 + [429] * 11
        assert (await operator.get("/api/sessions/me")).status_code == 200
        assert (await one.public.get("/api/sessions/me")).status_code == 200
        assert (await one.http.get("/health")).status_code == 200


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
async def test_a_token_that_was_taken_away_does_not_use_up_its_owners_share(two: Serve, dalian: City) -> None:
    async with two(with_limits(dalian, requests_per_minute=20)) as (one, _):
        lost = await one.person("dispatcher", login="zhang")
        again = await one.sign_in("zhang")
        await again.get("/api/sessions/me")
        assert (await again.send("DELETE", f"/api/sessions/{lost.me.session_id}")).status_code == 204
        found = [(await lost.get("/api/sessions/me")).status_code for _ in range(25)]
        assert set(found) == {401, 429}
        assert (await again.get("/api/sessions/me")).status_code == 200


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
async def test_a_phone_that_sends_positions_without_end_is_stopped_and_other_teams_are_not(
    two: Serve, dalian: City, clock: ManualClock
) -> None:
    async with two(with_limits(dalian, positions_per_minute=600)) as (one, other):
        first, second = await one.teams(IN_ZHONGSHAN, IN_XIGANG)
        heavy, light = [await one.person("officer", team_id=team_id) for team_id in (first, second)]

        def fixes(count: int, second_: int) -> dict[str, Any]:
            lon, lat = IN_ZHONGSHAN
            moments = [clock.now() - timedelta(seconds=second_, milliseconds=n) for n in range(count)]
            return {"fixes": [{"at": moment.isoformat(), "lon": lon, "lat": lat} for moment in moments]}

        sent = [await at((one, other)[n % 2], heavy).post("/api/officer/positions", fixes(100, n)) for n in range(8)]
        assert [answer.status_code for answer in sent] == [200] * 6 + [429] * 2
        assert (await light.post("/api/officer/positions", fixes(10, 0))).status_code == 200


@pytest.mark.invariant("I15")
async def test_one_account_opens_so_many_live_feeds_and_another_still_gets_its_own(two: Serve, dalian: City) -> None:
    async with two(with_limits(dalian, sockets_per_account=2)) as (one, _):
        many, other = await one.person("dispatcher", login="aa"), await one.person("dispatcher", login="bb")
        async with AsyncExitStack() as stack:
            feeds = [await stack.enter_async_context(many.feed()) for _ in range(2)]
            for feed in feeds:
                await feed.until("events")
            async with many.feed() as third:
                with pytest.raises(websockets.ConnectionClosed):
                    await third.until("hello")
                assert third.line.close_code == 4429
            async with other.feed() as theirs:
                await theirs.until("events")
        while one.parts.hub.inboxes():  # noqa: ASYNC110 - both have closed, which the server learns by itself
            await asyncio.sleep(0.01)
        async with many.feed() as again:
            await again.until("events")


@pytest.mark.usefixtures("patient")
@pytest.mark.invariant("I15")
async def test_opening_sockets_without_end_is_answered_with_come_later(two: Serve, dalian: City) -> None:
    async with two(with_limits(dalian, requests_per_minute=5)) as (one, _):
        codes = []
        for _ in range(7):
            async with websockets.connect(f"ws://127.0.0.1:{one.port}/api/feed", proxy=None) as line:
                await line.wait_closed()
                codes.append(line.close_code)
        assert codes == [4401] * 5 + [1013] * 2


@pytest.mark.invariant("I15")
async def test_who_goes_on_in_spite_of_refusals_is_slowed_down_or_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    go = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await go.wait()

    limiter, stubborn = Limiter(now_s=lambda: 0.0), Sender("public:203.0.113.9", "public")
    monkeypatch.setattr("backend.limits.limiter.asyncio.sleep", sleep)
    quick = [await limiter.slow_down(stubborn) for _ in range(60)]
    assert quick == [True] * 60
    assert pauses == []
    slowed = [asyncio.ensure_future(limiter.slow_down(stubborn)) for _ in range(64)]
    await asyncio.wait(slowed, timeout=0)
    assert await limiter.slow_down(stubborn) is False, "hung up on"
    assert await limiter.slow_down(Sender("public:203.0.113.10", "public")) is True, "nobody else is"
    go.set()
    assert await asyncio.gather(*slowed) == [True] * 64
    assert pauses == [1.0] * 64


async def test_when_too_many_reports_wait_the_next_is_told_when_to_come_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.dispatch.group_filing.Filing._run", _never)
    monkeypatch.setattr(api.parts.filing, "_waiting", asyncio.Queue(maxsize=2))
    waiting = [asyncio.create_task(api.public.post("/api/reports", a_report())) for _ in range(2)]
    while not api.parts.filing._waiting.full():  # noqa: ASYNC110 - they are on their way
        await asyncio.sleep(0.01)
    answer = await api.public.post("/api/reports", a_report())
    said = problem_of(answer)
    assert (said["status"], said["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "3"
    assert "rescue_filing_waiting 2.0" in (await api.public.get("/metrics")).text
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def _never(*_: object) -> None:
    await asyncio.Event().wait()


def test_the_routes_that_have_limits_of_their_own_exist(dalian: City, tmp_path: Path, clock: ManualClock) -> None:
    from backend.app import create_app

    app = create_app(settings_of("postgresql://nowhere/x", "redis://nowhere", tmp_path, clock), city=dalian)
    routes = {(method, route.path_format) for route in app.routes for method in getattr(route, "methods", ())}
    assert set(BY_ROUTE) <= routes
    assert {("GET", path) for path in NEVER_LIMITED} <= routes


def test_a_flood_of_addresses_neither_fills_the_memory_nor_frees_the_heaviest() -> None:
    buckets = Buckets(most_kept=100)
    heavy = Want("heavy", 60)
    while not buckets.take(heavy, 0.0):
        pass
    for n in range(1000):
        assert buckets.take(Want(f"address {n}", 60), 0.0) == 0
    assert len(buckets) <= 101
    assert buckets.take(heavy, 0.5) > 0
    assert buckets.take(heavy, 1.0) == 0, "and one token comes back in a second"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("203.0.113.9", "public:203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "public:2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "public:203.0.113.9"),
        (None, "public:unknown"),
    ],
)
def test_a_home_with_many_addresses_is_one_sender(host: str | None, name: str) -> None:
    assert by_address(host).name == name


async def test_what_an_actor_may_ask_follows_the_person_and_not_the_token(api: Api) -> None:
    limiter = api.parts.limiter
    limiter.know("Bearer a", Actor(id="p", name="", kind="partner"))
    limiter.know("Bearer b", Actor(id="p", name="", kind="partner"))
    assert limiter.sender("Bearer a", "10.0.0.1") == limiter.sender("Bearer b", "10.0.0.2")
    limiter.forget("Bearer a")
    assert limiter.sender("Bearer a", "10.0.0.1").name == "newcomers:10.0.0.1"
