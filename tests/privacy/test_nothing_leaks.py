"""Markers are planted wherever somebody may write something, the main ways are walked on real processes, errors too, and
everything that leaves is searched for them: logs at debug level, metrics, refusals, webhooks, sockets, public pages, Redis,
a dump of the whole database, and every file of the data folder.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import redis.asyncio as redis_asyncio

from backend.notify import outbox
from ops.local import commands, postgres
from tests.api.builders import IN_XIGANG, IN_ZHONGSHAN, XIGANG, ZHONGSHAN, Api, Person, a_handling, a_photo, a_report
from tests.ops.processes import environment, exit_code, serving, start

NUMBER, SMS_NUMBER = "13987654321", "13912344321"
# What stands in a field of its own, each so that one knows from where it leaked.
MARKS = {
    name: f"ZZ{name}暗记"
    for name in (
        "description", "address", "name", "recording", "looks", "arrival", "handling", "crew", "supplies", "note", "back",
        "asked", "answer", "withdrawn", "assigned", "joined", "split", "refusal", "sms", "password", "query", "path",
        "header", "unknown", "wrong", "ground", "medical",
    )
}  # fmt: skip
EXIF = "PHONE-OF-SOMEBODY"


@dataclass
class Heard:
    """Everything that left, by where it was found."""

    pages: dict[str, bytes] = field(default_factory=dict)

    def hear(self, where: str, what: bytes | str) -> None:
        content = what.encode() if isinstance(what, str) else what
        self.pages[where] = self.pages.get(where, b"") + b"\n" + content

    def leaks(self, *, but: tuple[str, ...] = ()) -> list[str]:
        """Where which marker was found, in whatever way it may be written."""
        marks = {**MARKS, "number": NUMBER, "sms number": SMS_NUMBER, "exif": EXIF}
        return [
            f"{name} in {where}"
            for where, page in self.pages.items()
            for name, mark in marks.items()
            if name not in but and any(form in page for form in _forms(mark))
        ]


def _forms(mark: str) -> Iterator[bytes]:
    """As it is, as JSON escapes it, as pg_dump writes bytes, as an address has it."""
    yield mark.encode()
    yield json.dumps(mark)[1:-1].encode()
    yield mark.encode().hex().encode()
    latin = mark.removesuffix("暗记")
    if latin != mark:
        yield latin.encode()
        yield latin.encode().hex().encode()


@asynccontextmanager
async def partner_system(heard: Heard) -> AsyncIterator[str]:
    """Somebody who takes webhooks; its address."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        heard.hear("webhooks", head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rescue"


@asynccontextmanager
async def installation(database_url: str, redis_url: str, folder: Path, heard: Heard) -> AsyncIterator[Api]:
    """A server and a worker, both at debug level; what they logged is heard at the end."""
    more = {"RESCUE_LOG_LEVEL": "debug", "RESCUE_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    given = environment(database_url, redis_url, folder, **more)
    async with serving(given, folder) as (server, api):
        worker = start("worker", given, folder / "worker.log")
        try:
            yield api
        finally:
            for process in (server, worker):
                process.terminate()
            for process in (server, worker):
                await exit_code(process)
    for name in ("serve", "worker"):
        heard.hear(f"log of {name}", (folder / f"{name}.log").read_bytes())


async def _report(who: Person, place: tuple[float, float], **more: Any) -> dict[str, Any]:
    contact = {"phone": NUMBER, "name": MARKS["name"], "call_back": True}
    looks = {"colours": ["red", MARKS["looks"]], "belongings": [MARKS["looks"]]}
    words = {"description": MARKS["description"], "address": MARKS["address"], "recording_ref": MARKS["recording"]}
    return await who.did("/api/reports", a_report(place, contact=contact, looks=looks, **words) | more)


async def _handled(people: dict[str, Person], case: str) -> None:
    """A team goes there, writes what it found, and the desk has its say."""
    officer, checker = people["officer"], people["checker"]
    await officer.did(f"{case}/arrive", {"reason": MARKS["arrival"]})
    person = {"sex": "male", "age_band": "adult", "capacity": "capable", "consent": "refused"}
    record = {
        "note": MARKS["handling"], "supplies": [MARKS["supplies"]], "police_told_by": MARKS["crew"],
        "medical_note": MARKS["medical"], "people": [{**person, "consent_ground": MARKS["ground"]}],
    }  # fmt: skip
    now = officer.api.clock.now().isoformat()
    await officer.did(f"{case}/handle", a_handling(now, **record))
    await checker.did(f"{case}/send-back", {"reason": MARKS["back"]})


async def _walk(api: Api, people: dict[str, Person], heard: Heard) -> dict[str, Any]:
    """The main ways with words in every place that takes words."""
    dispatcher, leader, officer = people["dispatcher"], people["leader"], people["officer"]
    team = officer.me.team_id
    receipt = await _report(people["partner"], IN_ZHONGSHAN, channel="partner")
    photo = {"photo": ("a.jpg", a_photo((900, 700), gps=True), "image/jpeg")}
    await api.http.post(f"/api/reports/{receipt['receipt']}/photos", files=photo)
    case = f"/api/cases/{receipt['case_id']}"
    for _ in range(2):
        await dispatcher.did(f"{case}/assign", {"team_id": str(team), "reason": MARKS["assigned"]})
        await dispatcher.did(f"{case}/withdraw", {"reason": MARKS["withdrawn"]})
    await dispatcher.did(f"{case}/assign", {"team_id": str(team), "reason": MARKS["assigned"]})
    await _handled(people, case)
    asked = await dispatcher.did(f"{case}/ask", {"action": "void", "reason": MARKS["asked"]})
    await leader.post(f"/api/approvals/{asked['approval_id']}/refuse", {"answer": MARKS["answer"]})
    other = await _report(people["operator"], (IN_ZHONGSHAN[0] + 0.01, IN_ZHONGSHAN[1]), channel="hotline")
    await dispatcher.did(f"/api/cases/{other['case_id']}/join", {"into": receipt["case_id"], "reason": MARKS["joined"]})
    split = {"sighting_ids": [other["sighting_id"]], "reason": MARKS["split"]}
    await dispatcher.did(f"{case}/split", split)
    waiting = await _report(api.public, (121.70, 38.95))
    await dispatcher.post(f"/api/cases/{waiting['case_id']}/refuse", {"reason": "prank", "note": MARKS["refusal"]})
    calls = (await people["operator"].post("/api/calls/search", {"phone": NUMBER})).json()
    assert len(calls) >= 2
    await people["operator"].saw(f"{case}/contacts")
    file = await people["checker"].saw(case)
    assert MARKS["description"] in str(file), "who needs it reads it"
    assert (await people["checker"].get(f"{case}/photos/{file['photos'][0]['id']}")).content[:2] == b"\xff\xd8"
    async with api.office.begin() as tx:
        now = api.clock.now()
        await outbox.enqueue(tx, api.office, "sms", SMS_NUMBER, {"text": MARKS["sms"]}, now=now)
    for page in (f"/api/reports/{receipt['receipt']}", "/schema/openapi.json", "/health", "/api/facilities"):
        heard.hear(f"public {page}", (await api.public.get(page)).content)
    similar = await api.public.post("/api/reports/similar", {"report": a_report()})
    heard.hear("public similar", similar.content)
    return receipt


BAD = (
    {"channel": MARKS["wrong"]},
    {"people_count": MARKS["wrong"]},
    {"place": {"lon": MARKS["wrong"], "lat": 1}},
    {"place": MARKS["wrong"]},
    {"occurred_at": MARKS["wrong"]},
    {"id": MARKS["wrong"]},
    {"looks": {"sex": MARKS["wrong"]}},
    {"dangers": [MARKS["wrong"]]},
    {"contact": {"phone": NUMBER, MARKS["unknown"]: 1}},
    {MARKS["unknown"]: NUMBER},
    {"place": {"lon": 0, "lat": 0}},
    {"contact": {"phone": NUMBER * 9}},
)


async def _err(api: Api, people: dict[str, Person], case_id: str, heard: Heard) -> None:
    """Everything that can be asked wrongly, with words in it."""
    answers: list[httpx.Response] = []
    contact = {"phone": NUMBER, "name": MARKS["name"]}
    for more in BAD:
        body = a_report(contact=contact, description=MARKS["description"]) | more
        answers += [await api.public.post("/api/reports", body)]
    officer, dispatcher = people["officer"], people["dispatcher"]
    case = f"/api/cases/{case_id}"
    wrong, words = {"occurred_at": MARKS["wrong"]}, {"reason": MARKS["wrong"] * 60}
    for who, path, body in (
        (officer, f"{case}/handle", {"handling": {"outcome": MARKS["wrong"]}}),
        (
            officer,
            f"{case}/handle",
            a_handling("2016-09-19T06:00:00+08:00", outcome="to_police", note=MARKS["handling"]),
        ),
        (dispatcher, f"{case}/withdraw", words),
        (dispatcher, f"{case}/ask", {"action": MARKS["wrong"], "reason": MARKS["asked"]}),
        (dispatcher, f"{case}/ask", {"action": "extend", "by": MARKS["wrong"], "reason": MARKS["asked"]}),
        (dispatcher, f"{case}/refuse", {"reason": MARKS["wrong"]}),
        (dispatcher, f"{case}/refuse", {"reason": "prank", "note": MARKS["refusal"], **wrong}),
        (people["operator"], "/api/calls/search", {"phone": NUMBER, MARKS["unknown"]: 1}),
        (people["operator"], "/api/calls/search", {"phone": MARKS["wrong"]}),
        (people["elsewhere"], f"{case}/withdraw", {"reason": MARKS["withdrawn"]}),
    ):
        answers.append(await who.post(path, body))
    for login, password in (("dispatcher", MARKS["password"]), (NUMBER, MARKS["password"])):
        body = {"login": login, "password": password, "device": "测试"}
        answers.append(await api.http.post("/api/sessions", json=body))
    answers += [
        await api.http.post("/api/reports", content=f'{{"description": "{MARKS["wrong"]}'.encode()),
        await api.http.post("/api/reports", content=MARKS["wrong"].encode(), headers={"Content-Type": "text/plain"}),
        await api.http.get(f"/api/{MARKS['path']}", params={"q": MARKS["query"]}),
        await api.http.get(f"/api/reports/{MARKS['path']}"),
        await dispatcher.get("/api/cases", cursor=MARKS["query"]),
        await api.http.get("/api/cases", headers={"Authorization": "Bearer ZZheader"}),
        await api.http.post(
            "/api/reports/2222-2222-2222/photos", files={"photo": (MARKS["name"], MARKS["wrong"].encode())}
        ),
    ]
    for answer in answers:
        assert answer.status_code >= 400, (answer.request.url, answer.text)
        assert answer.status_code < 500, (answer.request.url, answer.text)
        heard.hear(f"refusal of {answer.request.url.path[:12]} {answer.status_code}", answer.content)


async def _without_database(api: Api, database_url: str, people: dict[str, Person], heard: Heard) -> None:
    """Reports while the database refuses everybody."""
    admin = await asyncpg.connect(database_url.replace(f"/{_name(database_url)}?", "/postgres?"))
    try:
        await admin.execute(f"ALTER DATABASE {_name(database_url)} ALLOW_CONNECTIONS false")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
        await admin.execute(end, _name(database_url))
        contact = {"phone": NUMBER, "name": MARKS["name"]}
        for who, channel in ((api.public, "web"), (people["operator"], "hotline")):
            body = a_report(description=MARKS["description"], contact=contact, channel=channel)
            answer = await who.post("/api/reports", body)
            assert answer.status_code >= 500, answer.text
            heard.hear("refusal without database", answer.content)
        await asyncio.sleep(0.5)
    finally:
        await admin.execute(f"ALTER DATABASE {_name(database_url)} ALLOW_CONNECTIONS true")
        await admin.close()


def _name(database_url: str) -> str:
    return database_url.partition("?")[0].rpartition("/")[2]


async def _people(api: Api, webhook_url: str) -> dict[str, Person]:
    near, far = await api.teams(IN_ZHONGSHAN, IN_XIGANG)
    return {
        "partner": await api.partner(webhook_url=webhook_url),
        "officer": await api.person("officer", team_id=near, regions=(ZHONGSHAN,)),
        "other officer": await api.person("officer", team_id=far, regions=(XIGANG,)),
        "operator": await api.person("operator"),
        "dispatcher": await api.person("dispatcher", login="dispatcher"),
        "elsewhere": await api.person("dispatcher", regions=(XIGANG,)),
        "checker": await api.person("checker"),
        "leader": await api.person("shift_leader"),
        "station": await api.person("station_staff"),
    }


async def _redis(redis: redis_asyncio.Redis) -> bytes:
    found = b""
    async for key in redis.scan_iter():
        found += key + b" " + (await redis.dump(key) or b"") + b"\n"
    return found


async def test_no_marker_leaves(database_url: str, redis: redis_asyncio.Redis, redis_url: str, tmp_path: Path) -> None:
    heard, to_those_who_see = Heard(), Heard()
    listening = redis.pubsub()
    await listening.psubscribe("*")
    async with partner_system(heard) as webhook_url, installation(database_url, redis_url, tmp_path, heard) as api:
        people = await _people(api, webhook_url)
        async with (
            people["other officer"].feed() as far, people["elsewhere"].feed() as west, people["station"].feed() as station,
            people["dispatcher"].feed() as desk, people["officer"].feed() as crew,
        ):  # fmt: skip
            receipt = await _walk(api, people, heard)
            await _err(api, people, receipt["case_id"], heard)
            head = (await people["dispatcher"].saw("/api/board"))["seq"]
            for name, feed in (("far", far), ("west", west), ("station", station)):
                await feed.until_seq(head)
                heard.hear(f"socket of {name}", str(feed.messages))
            for name, feed in (("desk", desk), ("crew", crew)):
                await feed.until_seq(head)
                to_those_who_see.hear(f"socket of {name}", str(feed.messages))
        for _ in range(600):
            if b"case.sent_back" in heard.pages.get("webhooks", b""):
                break
            await asyncio.sleep(0.05)
        heard.hear("redis", await _redis(redis))
        await _without_database(api, database_url, people, heard)
        heard.hear("metrics", (await api.http.get("/metrics")).content)
    while message := await listening.get_message(timeout=0.5):
        heard.hear("redis channels", str(message["data"]))
    await listening.aclose()  # type: ignore[no-untyped-call]
    dumped = commands.run((str(postgres.binary("pg_dump")), database_url), within_s=120)
    assert dumped.returncode == 0, dumped.stdout
    heard.hear("dump of the database", dumped.stdout)
    kept = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    photos = [path for path in kept if path.suffix == ".sealed"]
    assert len(photos) == 2
    for path in kept:
        heard.hear(f"file {path.suffix}", path.read_bytes())
        heard.hear("names of files", str(path))
    assert all(not path.read_bytes().startswith(b"\xff\xd8") and b"JFIF" not in path.read_bytes() for path in photos)
    assert heard.leaks() == []
    # Who sees a case is told where it is, as the reporter put it; nothing else of what anybody wrote.
    assert to_those_who_see.leaks(but=("address",)) == []
    for where in ("log of serve", "log of worker", "redis channels", "webhooks", "metrics"):
        assert len(heard.pages[where]) > 100, f"{where} was not heard at all"
    assert receipt["sighting_id"].encode() in heard.pages["webhooks"]


def test_a_leak_would_be_found() -> None:
    heard = Heard()
    for where, page in (
        ("plain", f"x{MARKS['name']}x"),
        ("json", json.dumps({"x": MARKS["note"]})),
        ("bytes of a dump", "\\x00" + MARKS["sms"].encode().hex()),
        ("number", f"tel-{NUMBER}"),
    ):
        heard.hear(where, page)
    assert heard.leaks() == ["name in plain", "note in json", "sms in bytes of a dump", "number in number"]


@pytest.fixture(autouse=True)
def cheap_passwords() -> None:
    """The processes are real: so are their passwords."""
