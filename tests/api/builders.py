"""People, teams and reports with defaults, and one object that speaks to the server as any of them."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import websockets
from cryptography.hazmat.primitives.asymmetric import ec
from litestar import Litestar
from PIL import Image

from backend.access import accounts, keys
from backend.access.accounts import NewAccount
from backend.access.actor import SYSTEM, Actor
from backend.access.keys import NewKey
from backend.app import Parts
from backend.clock import ManualClock, SystemClock
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.notify.offered import public_key
from backend.office import Office
from backend.patrol import duty
from backend.patrol.teams import list_teams, new_team, put_teams
from backend.settings import Settings
from backend.worker import Worker
from tests.keys import RING

CITY, ZHONGSHAN, XIGANG = "210200", "210202", "210203"
# Two places in two districts, on the roads of the shipped graph.
IN_ZHONGSHAN, IN_XIGANG = (121.6450, 38.9150), (121.6100, 38.9050)
PASSWORD = "correct horse 电池"
SECRET = "a secret of this test run, long enough"
WEB_PUSH_KEY = ec.generate_private_key(ec.SECP256R1())
_real = SystemClock()


def settings_of(database_url: str, redis_url: str, data_folder: Path, clock: ManualClock, **other: Any) -> Settings:
    """Settings as a test wants them; `other` replaces single ones."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "secret_key": SECRET,
        "ring": RING,
        "city_folder": Path("cities/dalian"),
        "data_folder": data_folder,
        "host": "127.0.0.1",
        "port": 8000,
        "log_level": "info",
        "allowed_origins": ("https://console.example.cn",),
        "webhook_networks": (),
        "clock": clock,
        "web_push_key": WEB_PUSH_KEY,
    }
    return Settings(**{**values, **other})


@dataclass(frozen=True)
class Person:
    """Somebody who speaks to the server: who they are there, and the header that says so."""

    api: "Api"
    headers: dict[str, str]
    me: Actor

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """GET as this person."""
        return await self.api.http.get(path, params=params or None, headers=self.headers)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """POST a JSON body (an empty object when there is none) as this person."""
        return await self.api.http.post(path, json={} if body is None else body, headers=self.headers, **more)

    async def phone(self, path: str, body: Any, shows: datetime) -> httpx.Response:
        """POST from a phone whose clock shows this at the moment of sending."""
        headers = {**self.headers, "Rescue-Sent-At": shows.isoformat()}
        return await self.api.http.post(path, json=body, headers=headers)

    async def upload(self, path: str, picture: bytes | None = None, **fields: str) -> httpx.Response:
        """POST a form with a photo and what is said of it."""
        files = {"photo": ("a.jpg", a_photo() if picture is None else picture, "image/jpeg")}
        return await self.api.http.post(path, files=files, data=fields, headers=self.headers)

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Any method; without a body when there is none."""
        return await self.api.http.request(method, path, json=body, headers=self.headers)

    async def did(self, path: str, body: Any = None) -> dict[str, Any]:
        """POST what has to succeed; the answer."""
        answer = await self.post(path, body)
        assert answer.is_success, (path, answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    async def saw(self, path: str, **params: Any) -> Any:
        """GET what has to succeed; the answer."""
        answer = await self.get(path, **params)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    async def ticket(self) -> str:
        """A fresh ticket for the live feed."""
        return str((await self.did("/api/feed/tickets"))["ticket"])

    @asynccontextmanager
    async def feed(self, *, since: int | None = None, origin: str | None = None) -> "AsyncIterator[Socket]":
        """The live feed of this person over a real websocket."""
        address = f"ws://127.0.0.1:{self.api.port}/api/feed?ticket={await self.ticket()}"
        address += "" if since is None else f"&since={since}"
        async with websockets.connect(address, origin=origin, proxy=None) as line:  # type: ignore[arg-type]
            yield Socket(line)


@dataclass
class Socket:
    """A live feed and what it has told so far."""

    line: websockets.ClientConnection
    messages: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of a type; those before it are kept in `messages`."""
        while True:
            message: dict[str, Any] = json.loads(await self.line.recv())
            self.messages.append(message)
            if message["type"] == kind:
                return message

    async def next_event(self) -> dict[str, Any]:
        """The first event of the next message that tells of any."""
        while True:
            message: dict[str, Any] = json.loads(await self.line.recv())
            self.messages.append(message)
            if found := message.get("events", [message] if message["type"] == "event" else []):
                event: dict[str, Any] = found[0]
                return event

    async def until_seq(self, seq: int) -> None:
        """Reads on until everything up to this number has been told."""
        while max((m["seq"] for m in self.messages if m["type"] in ("events", "event", "pulse")), default=-1) < seq:
            self.messages.append(json.loads(await self.line.recv()))

    def events(self) -> list[dict[str, Any]]:
        """All events told, live or replayed, in the order they came."""
        told: list[dict[str, Any]] = []
        for message in self.messages:
            if message["type"] == "event":
                told.append({k: v for k, v in message.items() if k != "type"})
            elif message["type"] == "events":
                told += [{k: v for k, v in event.items() if k != "type"} for event in message["events"]]
        return told


@dataclass
class Api:
    """The running server, and who there is."""

    app: Litestar
    http: httpx.AsyncClient
    port: int

    @property
    def parts(self) -> Parts:
        """What the process runs on."""
        found: Parts = self.app.state["parts"]
        return found

    @property
    def office(self) -> Office:
        return self.parts.office

    @property
    def clock(self) -> ManualClock:
        clock = self.parts.clock
        assert isinstance(clock, ManualClock)
        return clock

    @property
    def public(self) -> Person:
        """Anybody, not signed in."""
        return Person(self, {}, Actor(id="public", name="群众", kind="public", roles=("public",)))

    async def person(
        self,
        *roles: str,
        login: str | None = None,
        regions: tuple[str, ...] = (CITY,),
        team_id: UUID | None = None,
        facility_id: UUID | None = None,
        name: str = "王某",
    ) -> Person:
        """An account with these roles, signed in over HTTP."""
        login = login or f"{'-'.join(roles)}-{new_id().hex[-8:]}"
        new = NewAccount(
            login=login,
            name=name,
            password=PASSWORD,
            roles=list(roles),
            regions=list(regions),
            team_id=team_id,
            facility_id=facility_id,
        )
        await accounts.create(self.office, new, by=SYSTEM, now=self.parts.clock.now())
        return await self.sign_in(login)

    async def sign_in(self, login: str, password: str = PASSWORD) -> Person:
        """Signs in over HTTP."""
        answer = await self.http.post("/api/sessions", json={"login": login, "password": password, "device": "测试"})
        assert answer.status_code == 201, answer.text
        told = answer.json()
        of = {name: UUID(told["me"][name]) if told["me"][name] else None for name in ("team_id", "facility_id")}
        me = {**told["me"], **of}
        actor = Actor(**{**me, "session_id": UUID(me["session_id"])} | {k: tuple(me[k]) for k in ("roles", "regions")})
        return Person(self, {"Authorization": f"Bearer {told['token']}"}, actor)

    async def partner(
        self,
        name: str = "city-12345",
        *,
        regions: tuple[str, ...] = (CITY,),
        webhook_url: str | None = None,
        only: tuple[str, ...] | None = None,
    ) -> Person:
        """A partner system with a key; only: the actions the key is limited to."""
        actions = None if only is None else list(only)
        new = NewKey(partner=name, regions=list(regions), webhook_url=webhook_url, actions=actions)
        made = await keys.create(self.office, new, secret_key=SECRET, by=SYSTEM, now=_real.now())
        me = Actor(id=f"partner:{name}", name=name, kind="partner", roles=("partner",), regions=regions, only=only)
        return Person(self, {"Authorization": f"Bearer {made.plain}"}, me)

    async def teams(self, *places: tuple[float, float], on_duty: bool = True) -> list[UUID]:
        """Car teams based at these places, in the districts they lie in, on duty."""
        already = len(await self._team_ids())
        fresh = [self._team(f"队{already + n}", place) for n, place in enumerate(places)]
        now = self.parts.clock.now()
        async with self.office.db.begin() as tx:
            await put_teams(tx, self.office, fresh, now)
        ids = await self._team_ids()
        made = [ids[team.code] for team in fresh]
        for team_id in made if on_duty else ():
            await duty.set_duty(self.office, team_id, "on_duty", by=SYSTEM, now=now)
        return made

    async def _team_ids(self) -> dict[str, UUID]:
        async with self.office.db.connect() as tx:
            return {team.code: team.id for team in await list_teams(tx, self.office)}

    def _team(self, code: str, place: tuple[float, float]) -> Any:
        region = self.office.city.regions_of(LonLat(*place))[0]
        return new_team(
            code=code,
            name=code,
            organisation="police",
            mode="car",
            skills=["first_aid"],
            size=2,
            women=True,
            regions=[region],
            base_lon=place[0],
            base_lat=place[1],
            mobilisation_s=30,
            shift_pattern="24h",
        )

    async def work(self) -> None:
        """The worker does everything that is due now."""
        worker = Worker(self.office, self.clock)
        while await worker.turn():
            pass


def a_report(place: tuple[float, float] = IN_ZHONGSHAN, **other: Any) -> dict[str, Any]:
    """A report as a passer-by sends it."""
    return {
        "id": str(new_id()),
        "channel": "web",
        "place": {"lon": place[0], "lat": place[1], "accuracy_m": 10},
        "description": "人民路地下通道口有位老人躺着",
        **other,
    }


def a_handling(now: str, **other: Any) -> dict[str, Any]:
    """The record of an ordinary visit: an adult informed and guided."""
    person = {"sex": "male", "age_band": "adult", "capacity": "capable", "consent": "refused"}
    handling = {
        "outcome": "informed_and_guided",
        "handled_at": now,
        "people": [person],
        "info_left": True,
        "persuasion": "已劝导，本人不愿进站",
        "crew_size": 2,
    }
    return {"handling": {**handling, **other}}


def a_team(code: str, region: str = ZHONGSHAN) -> dict[str, Any]:
    """A team as a shift leader writes it."""
    lon, lat = IN_ZHONGSHAN
    crew = {"organisation": "social_work", "mode": "car", "size": 2, "skills": ["first_aid"], "women": True}
    return {"code": code, "name": f"{code}队", **crew, "regions": [region], "base_lon": lon, "base_lat": lat}


def a_facility(code: str, *, hidden: bool = False) -> dict[str, Any]:
    """A place where people can be taken, as an administrator writes it."""
    lon, lat = IN_ZHONGSHAN
    place = {"lon": lon + 0.003, "lat": lat, "address": "昆明街 5 号", "phone": "0411-12345"}
    return {"code": code, "kind": "shelter", "name": "中山庇护点", **place, "capacity": 12, "hidden": hidden}


def a_wish(case_id: str | None) -> dict[str, Any]:
    """Somebody of a case is to go to the police, who have agreed to be asked."""
    return {"case_id": case_id, "to_kind": "police", "to_words": "派出所值班室", "people": [{}], "consent": "given"}


A_PAPER = {"receiver": "民警王某", "signed_by_giver": True, "signed_by_receiver": True}


def a_browser(endpoint: str = "https://push.example.cn/send/1") -> dict[str, Any]:
    """A device as a browser registers it, with keys of its own."""
    keys = {"p256dh": public_key(ec.generate_private_key(ec.SECP256R1())), "auth": "c2l4dGVlbiBieXRlcyEhIQ"}
    return {"kind": "web_push", "subscription": {"endpoint": endpoint, "keys": keys}}


def a_photo(size: tuple[int, int] = (64, 48), *, format_: str = "JPEG", gps: bool = False) -> bytes:
    """A small picture, with the place it was taken at in its EXIF when asked for."""
    out = io.BytesIO()
    exif = Image.Exif()
    if gps:
        exif[0x010F] = "PHONE-OF-SOMEBODY"
        exif.get_ifd(0x8825).update({1: "N", 2: (38.0, 54.0, 51.0), 3: "E", 4: (121.0, 36.0, 52.0)})
    Image.new("RGB", size, (10, 120, 200)).save(out, format_, exif=exif)
    return out.getvalue()


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """The problem document of a refusal, checked for what all of them have."""
    assert answer.status_code >= 400, (answer.status_code, answer.text)
    assert answer.status_code not in (500, 502), answer.text
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+json", answer.text
    said: dict[str, Any] = answer.json()
    assert said["status"] == answer.status_code
    assert said["code"].isascii(), said
    assert said["code"].islower(), said
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said["detail_zh"]), said
    assert any(letter.isascii() and letter.isalpha() for letter in said["detail_en"]), said
    assert said["request_id"], said
    assert said["request_id"] == answer.headers["x-request-id"]
    return said
