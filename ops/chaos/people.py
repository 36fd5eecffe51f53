"""The clients: reporters, officers, dispatchers, checkers, screens. Each acts until told to stop, then finishes its step.

They follow the rules as people do; what a rule forbids is a refusal, and the checker sees to it that it had no effect.
"""

import asyncio
import contextlib
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

import websockets
from PIL import Image

from backend.ids import new_id
from ops.chaos.caller import Caller
from ops.chaos.diary import Diary
from ops.chaos.installation import Installation

WEST, SOUTH, EAST, NORTH = 121.55, 38.88, 121.66, 38.95
SPOTS: Final = 40
"""Some reports are about the same people: this many places are reported again and again."""
SILENT_S: Final = 16.0
"""Three pulses missed: the line is dead."""
Going = Callable[[], bool]


class Client:
    """What all of them have: a place to call from, chance, and whether it is time to stop."""

    def __init__(self, place: Installation, diary: Diary, chance: Random, going: Going) -> None:
        self.place, self.diary, self.chance, self.going = place, diary, chance, going

    def caller(self, role: str | None = None, *, team: str | None = None) -> Caller:
        """Somebody with this role, the officer of a team, or anybody."""
        account = self.place.accounts.of_team(team) if team else self.place.accounts.of(role) if role else None
        login = (account.login, account.password) if account else None
        return Caller(self.place.apis, self.diary, self.chance, login)

    async def pause(self, about_s: float) -> None:
        """A moment, more or less."""
        await asyncio.sleep(about_s * (0.5 + self.chance.random()))

    def now(self) -> str:
        """The office's time."""
        return self.place.clock.now().isoformat()


class Reporter(Client):
    """Sends one report after the other: the public, the hotline, a partner system; sometimes a photo."""

    async def run(self, channel: str, every_s: float) -> None:
        """channel: web, hotline or partner."""
        async with self.caller("operator" if channel == "hotline" else None) as caller:
            if channel == "partner":
                caller.bear(str(self.place.accounts.partner_key))
            while self.going():
                id_ = new_id()
                told = await caller.send("report", "/api/reports", id_, self._report(id_, channel))
                if told.ok and self.chance.random() < 0.08:
                    await self._add_photo(caller, told.body["receipt"], id_)
                await self.pause(every_s)

    def _report(self, id_: UUID, channel: str) -> dict[str, Any]:
        spot = Random(self.chance.randrange(SPOTS)) if self.chance.random() < 0.25 else self.chance
        place = {"lon": spot.uniform(WEST, EAST), "lat": spot.uniform(SOUTH, NORTH), "accuracy_m": 15}
        looks = {
            "sex": spot.choice(("male", "female")),
            "age_band": "adult",
            "posture": spot.choice(("lying", "sitting")),
        }
        report = {"id": str(id_), "channel": channel, "place": place, "looks": looks, "people_count": 1}
        if self.chance.random() < 0.3:
            report |= {"contact": {"phone": f"139{self.chance.randrange(10**8):08}", "call_back": True}}
        if self.chance.random() < 0.5:
            report |= {"description": "路边有人需要帮助，衣着单薄"}
        return report

    async def _add_photo(self, caller: Caller, receipt: str, sighting_id: UUID) -> None:
        picture = io.BytesIO()
        colour = tuple(self.chance.randrange(256) for _ in range(3))
        Image.new("RGB", (64, 48), colour).save(picture, "JPEG")
        files = {"photo": ("photo.jpg", picture.getvalue(), "image/jpeg")}
        told = await caller.send("photo", f"/api/reports/{receipt}/photos", new_id(), {}, files=files)
        if told.ok:
            self.diary.photos[UUID(told.body["id"])] = (sighting_id, told.id)


class Officer(Client):
    """One team's phone: on duty, offers, the way there, what was done, and where the car is."""

    async def run(self, team: str, every_s: float) -> None:
        """team: its code."""
        async with self.caller(team=team) as caller:
            while self.going():
                task = await caller.get("/api/officer/task")
                if task is not None:
                    await self._step(caller, task)
                if self.chance.random() < 0.5:
                    await self._report_place(caller, task)
                await self.pause(every_s)

    async def _step(self, caller: Caller, task: dict[str, Any]) -> None:
        offer, case = task["offer"], task["case"]
        if task["presence"]["state"] == "off_duty":
            await caller.send("duty", "/api/officer/duty", new_id(), {"state": "on_duty"})
        elif offer is not None:
            await self._answer(caller, offer)
        elif case is not None and case["stage"] == "dispatched":
            await self._go(caller, case)
        elif case is not None and case["stage"] == "handling":
            await self._handle(caller, case)
        elif self.chance.random() < 0.01:
            await caller.send("duty", "/api/officer/duty", new_id(), {"state": "off_duty"})

    async def _answer(self, caller: Caller, offer: dict[str, Any]) -> None:
        wish = self.chance.random()
        path = f"/api/offers/{offer['id']}"
        if wish < 0.85:
            # Told when it happened, as a phone does that found no network for a while.
            happened = {"occurred_at": self.now()} if self.chance.random() < 0.2 else {}
            await caller.command("offer.accept", f"{path}/accept", **happened)
        elif wish < 0.93:
            await caller.command("offer.decline", f"{path}/decline", reason="vehicle_trouble")
        else:
            await self.pause(2.0)  # looked away; perhaps the lease runs out

    async def _go(self, caller: Caller, case: dict[str, Any]) -> None:
        path = f"/api/cases/{case['id']}"
        if self.chance.random() < 0.5:
            await caller.command("case.set_out", f"{path}/set-out")
        await self.pause(0.2)
        await caller.command("case.arrive", f"{path}/arrive", lon=case["lon"], lat=case["lat"], accuracy_m=12.0)

    async def _handle(self, caller: Caller, case: dict[str, Any]) -> None:
        people = [{"sex": "male", "age_band": "adult", "capacity": "capable", "consent": "refused"}]
        met = {
            "outcome": "informed_and_guided",
            "people": people,
            "info_left": True,
            "persuasion": "已劝导，暂不愿进站",
        }
        nobody = {"outcome": "not_found", "note": "周边二百米内已查找，未发现。"}
        path = f"/api/cases/{case['id']}/handle"
        for record in (met, nobody) if self.chance.random() < 0.5 else (nobody,):
            handling = {**record, "handled_at": self.now(), "crew_size": 2, "crew_has_man": True, "photos": 1}
            if (await caller.command("case.handle", path, handling=handling)).ok:
                return

    async def _report_place(self, caller: Caller, task: dict[str, Any] | None) -> None:
        now = datetime.fromisoformat(self.now())
        moments = [now - timedelta(seconds=5 * n) for n in range(self.chance.randint(1, 4))]
        fixes = [
            {"at": at.isoformat(), "lon": self.chance.uniform(WEST, EAST), "lat": self.chance.uniform(SOUTH, NORTH)}
            for at in moments
        ]
        on_duty = task is not None and task["presence"]["state"] != "off_duty"
        told = await caller.send("positions", "/api/officer/positions", new_id(), {"fixes": fixes})
        if told.ok and on_duty and not told.body["refused"]:
            self.diary.fixes[caller.me["team_id"]].update(moments)


class Desk(Client):
    """A dispatcher, who judges what came in, and now and then decides something odd; or a checker, who closes cases."""

    async def dispatch(self, every_s: float) -> None:
        """Accept, join, refuse; widen alarms; take back; suspend with approval and resume."""
        async with self.caller("dispatcher") as caller, self.caller("shift_leader") as leader:
            while self.going():
                for case in await self._some(caller, "discovered"):
                    await self._judge(caller, case)
                for case in await self._some(caller, "accepted"):
                    await self._wait_no_longer(caller, leader, case)
                for case in await self._some(caller, "suspended"):
                    await leader.command("case.resume", f"/api/cases/{case['id']}/resume", reason="已具备办理条件")
                await self.pause(every_s)

    async def _some(self, caller: Caller, stage: str, most: int = 12) -> list[dict[str, Any]]:
        page = await caller.get("/api/cases", stage=stage, limit=50)
        found: list[dict[str, Any]] = page["cases"] if page else []
        return self.chance.sample(found, min(most, len(found)))

    async def _judge(self, caller: Caller, case: dict[str, Any]) -> None:
        path = f"/api/cases/{case['id']}"
        wish = self.chance.random()
        if wish < 0.05:
            await caller.command("case.refuse", f"{path}/refuse", reason="not_a_person_in_need")
        elif wish < 0.15 and (other := await self._suggested(caller, path)):
            await caller.command("case.join", f"{path}/join", into=other, reason="同一地点、特征相符")
        else:
            await caller.command("case.accept", f"{path}/accept")

    async def _suggested(self, caller: Caller, path: str) -> str | None:
        file = await caller.get(path)
        return next((one["other_case_id"] for one in (file or {}).get("suggestions", ())), None)

    async def _wait_no_longer(self, caller: Caller, leader: Caller, case: dict[str, Any]) -> None:
        path = f"/api/cases/{case['id']}"
        wish = self.chance.random()
        if case["alarm"] and wish < 0.5:
            await caller.command("case.widen", f"{path}/widen")
        elif wish < 0.03:
            asked = await caller.command("approval.ask", f"{path}/ask", action="suspend", reason="等待协调")
            if asked.ok:
                answer = f"/api/approvals/{asked.body['approval_id']}/grant"
                await leader.command("approval.grant", answer, answer="同意")

    async def check(self, every_s: float) -> None:
        """Verify what was handled; send a little back."""
        async with self.caller("checker") as caller:
            while self.going():
                for case in await self._some(caller, "handled", 20):
                    path = f"/api/cases/{case['id']}"
                    if self.chance.random() < 0.04:
                        await caller.command("case.send_back", f"{path}/send-back", reason="照片与位置不符，请复核")
                    else:
                        await caller.command("case.verify", f"{path}/verify", note="相符")
                await self.pause(every_s)


class Screen(Client):
    """A dispatcher's screen: it may miss nothing and see nothing twice, however often its socket breaks."""

    def __init__(self, place: Installation, diary: Diary, chance: Random, going: Going) -> None:
        super().__init__(place, diary, chance, going)
        self._since: int | None = None

    async def run(self, name: str) -> None:
        """Every number it was told, in the order it came; a snapshot as its number below zero."""
        seen = self.diary.screens[name]
        async with self.caller("dispatcher") as caller:
            while self.going():
                with contextlib.suppress(OSError, TimeoutError, websockets.WebSocketException):
                    await self._follow(caller, seen)
                caller.elsewhere()
                await self.pause(0.3)

    async def _follow(self, caller: Caller, seen: list[int]) -> None:
        ticket = await caller.ticket()
        address = caller.address.replace("http", "ws", 1) + f"/api/feed?ticket={ticket}"
        address += f"&since={self._since}" if self._since is not None else ""
        async with websockets.connect(address, max_size=2**26, proxy=None, open_timeout=5) as socket:
            while self.going():
                self._hear(json.loads(await asyncio.wait_for(socket.recv(), SILENT_S)), seen)

    def _hear(self, message: dict[str, Any], seen: list[int]) -> None:
        if message["type"] == "snapshot":
            seen.append(-int(message["seq"]))
        events = {"events": message.get("events", ()), "event": [message]}.get(message["type"], ())
        seen.extend(int(event["seq"]) for event in events)
        if "seq" in message:
            self._since = max(self._since or 0, int(message["seq"]))
