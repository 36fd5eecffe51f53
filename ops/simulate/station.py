"""The staff of the houses: they answer who is referred to them, take people in, find out who they are, and let them go.

Begin at `Staff`; one per house that has somebody to sign in. The city's station takes its time to answer, so that a person who watches
can be faster; whoever signs in there has the desk to themselves. Made up, as the street is (docs/measurements.md).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from ops.demo_accounts import STATION, DemoAccount
from ops.simulate.chance import pick
from ops.simulate.desk import Desk
from ops.simulate.officer import World
from ops.simulate.person import Event
from ops.simulate.phone import Line, Reply

ANSWER_MINUTES: Final = (1.5, 5.0)
SLOW_ANSWER_MINUTES: Final = (6.0, 10.0)
REFUSED: Final = 0.08
REFUSALS: Final = ("今夜床位紧张，请送其他机构", "值班人员不足，暂不能接收")
TAKE_IN_MINUTES: Final = (4.0, 12.0)
IDENTIFY_HOURS: Final = (0.5, 4.0)
NOTICE_HOURS: Final = (6.0, 16.0)
LEAVE_HOURS: Final = (4.0, 36.0)
WALKS_IN_HOURS: Final = (0.7, 3.0)
AGAIN: Final = timedelta(minutes=5)
"""While a person has the desk: whether they still have it is looked at so often."""
KEEPS_PEOPLE: Final = frozenset({"station", "rescue_point", "welfare_home", "shelter"})
BECOMES_KNOWN: Final = 0.7
LEAVES: Final = {"home": 40.0, "escorted_home": 25.0, "left_by_self": 35.0}
"""How whoever is known leaves, in percent; whoever is not known stays, or leaves by themselves where they may."""
FAMILY: Final = ("王", "李", "张", "刘", "陈", "赵", "孙", "于")
GIVEN: Final = ("建国", "玉兰", "志强", "桂英", "海波", "淑珍", "立新", "春梅")
FROM: Final = ("210211", "210213", "210203", "220100", "230100", "370200", "410100")
STROKES: Final = [[[120, 280], [220, 120], [320, 300], [420, 130]], [[500, 160], [640, 280], [760, 140], [880, 260]]]


class Staff(Desk):
    """One house's desk. What has to be done stands on the list under the referral or the stay."""

    def __init__(self, world: World, account: DemoAccount, line: Line) -> None:
        super().__init__(f"staff of {account.facility}", world, account, line)
        self.is_slow = account.login == STATION
        self.house: dict[str, Any] = {}
        self.deeds = {
            "answer": self._answer,
            "take_in": self._take_in,
            "walk_in": self._walk_in,
            "identify": self._identify,
            "notice": self._notice,
            "leave": self._leave,
        }

    async def look_around(self, now: datetime) -> None:
        """What waited while nobody was there: who is asked for, who stands in the hall, who is here."""
        desk = (await self.phone.get("/api/station")).body
        known = {one["id"]: one for one in (await self.phone.get("/api/facilities/")).body}
        self.house = known.get(desk["facility_id"], {"id": desk["facility_id"], "kind": "shelter"})
        for one in desk["expected"]:
            deed = {"offered": "answer", "handed_over": "take_in"}.get(one["referral"]["state"])
            if deed:
                self.note(deed, one["referral"]["id"], now + timedelta(minutes=2))
        for stay in desk["present"]:
            self._plan(stay["id"], is_known=stay["person"]["is_identified"], now=now)
        if self.house["kind"] == "station":
            self.note("walk_in", "door", now + self._hours(WALKS_IN_HOURS, "walks-in", now.isoformat()))

    def hear(self, event: Event, now: datetime) -> None:
        for row in event["data"].get("rows", {}).get("referrals", ()):
            if self.house.get("id") not in event["data"].get("facilities", ()):
                continue
            if event["kind"] == "referral.offered" and row.get("to_facility") == self.house["id"]:
                span = SLOW_ANSWER_MINUTES if self.is_slow else ANSWER_MINUTES
                self.note("answer", row["id"], now + self._minutes(span, "answers", row["id"]))
            elif event["kind"] == "referral.handed_over" and self.house["kind"] in KEEPS_PEOPLE:
                self.note("take_in", row["id"], now + self._minutes(TAKE_IN_MINUTES, "takes-in", row["id"]))

    # --- what is done -------------------------------------------------------------------------------------------------

    async def _answer(self, referral_id: str, now: datetime) -> None:
        if await self._left_to_a_person("answer", referral_id, now):
            return
        chance = self.world.chance.of("says", self.name, referral_id)
        path = f"/api/referrals/{referral_id}"
        if chance.random() < REFUSED:
            await self._say(f"{path}/refuse", now, reason=chance.choice(REFUSALS))
        else:
            await self._say(f"{path}/accept", now)

    async def _take_in(self, referral_id: str, now: datetime) -> None:
        """Everybody of it who is not here yet, registered from what the crew has told."""
        if await self._left_to_a_person("take_in", referral_id, now):
            return
        reply = await self.phone.get(f"/api/referrals/{referral_id}")
        if not reply.ok or reply.body["referral"]["to_facility"] != self.house["id"]:
            return
        one = reply.body["referral"]
        for n, person in enumerate(reply.body["people"]):
            chance = self.world.chance.of("comes-in", referral_id, n)
            new = {"person_id": person["person_id"]} if person["person_id"] else {"person": _stranger(chance, person)}
            arrival = {"condition": "体温正常，衣着单薄", "wishes": ["food", "shelter"], "belongings": "随交接单"}
            said = {"came": "team", "case_id": one["case_id"], "referral_id": referral_id, "consent": True}
            done = await self._say("/api/stays/", now, str(n), **said, **new, arrival=arrival)
            if done.ok:
                self._plan(done.body["stay_id"], is_known=False, now=now)

    async def _walk_in(self, _door: str, now: datetime) -> None:
        """Somebody asks at the door; the next one comes some hours later."""
        self.note("walk_in", "door", now + self._hours(WALKS_IN_HOURS, "walks-in", now.isoformat()))
        if await self._is_a_persons():
            return
        chance = self.world.chance.of("walked-in", self.name, now.isoformat())
        person = _stranger(chance, {"sex": chance.choice(("male", "male", "female")), "age_band": "adult"})
        arrival = {"condition": "精神尚可", "wishes": ["shelter", "return_home"], "signature": {"strokes": STROKES}}
        done = await self._say("/api/stays/", now, came="walk_in", person=person, arrival=arrival)
        if done.ok:
            self._plan(done.body["stay_id"], is_known=False, now=now)

    def _plan(self, stay_id: str, *, is_known: bool, now: datetime) -> None:
        chance = self.world.chance.of("stays", stay_id)
        becomes_known = is_known or chance.random() < BECOMES_KNOWN
        if not is_known and becomes_known:
            self.note("identify", stay_id, now + self._hours(IDENTIFY_HOURS, "identify", stay_id))
        elif not is_known:
            self.note("notice", stay_id, now + self._hours(NOTICE_HOURS, "notice", stay_id))
        if becomes_known:
            later = timedelta(hours=IDENTIFY_HOURS[1])
            self.note("leave", stay_id, now + later + self._hours(LEAVE_HOURS, "leave", stay_id))

    async def _identify(self, stay_id: str, now: datetime) -> None:
        if await self._left_to_a_person("identify", stay_id, now):
            return
        chance = self.world.chance.of("is", stay_id)
        name = chance.choice(FAMILY) + chance.choice(GIVEN)
        identity = {"name": name, "home": "（演示）某村", "kin": f"亲属{name[0]}某", "kin_phone": "0411-00000000"}
        source = chance.choice(("own_word", "police", "family"))
        await self._say(f"/api/stays/{stay_id}/identify", now, identity=identity, source=source)

    async def _notice(self, stay_id: str, now: datetime) -> None:
        """寻亲公告, as it is drafted: what must not be public is not in the draft."""
        if await self._left_to_a_person("notice", stay_id, now):
            return
        draft = await self.phone.get(f"/api/stays/{stay_id}/search-notice")
        if draft.ok:
            await self._say(f"/api/stays/{stay_id}/search-notice", now, notice=draft.body)

    async def _leave(self, stay_id: str, now: datetime) -> None:
        if await self._left_to_a_person("leave", stay_id, now):
            return
        how = pick(self.world.chance.of("leaves", stay_id), LEAVES)
        reply = await self._say(
            f"/api/stays/{stay_id}/leave", now, how, may_fail=True, leaving=self._leaving(how, stay_id)
        )
        if not reply.ok and reply.code != "left_already":  # nobody may be let go alone who cannot decide
            await self._say(
                f"/api/stays/{stay_id}/leave", now, "home", may_fail=True, leaving=self._leaving("home", stay_id)
            )

    def _leaving(self, how: str, stay_id: str) -> dict[str, Any]:
        chance = self.world.chance.of("goes", stay_id)
        region = chance.choice(FROM)
        home = {"region": region, "address": "（演示）某村", "contact": "亲属某", "phone": "0411-00000000"}
        said: Mapping[str, dict[str, Any]] = {
            "home": {"receiver": "亲属某", "relation_checked": True, "home": home},
            "escorted_home": {
                "to": "户籍地救助站",
                "receiver": "当地工作人员",
                "escorts": [{"name": "护送员甲", "sex": "male"}, {"name": "护送员乙", "sex": "female"}],
                "tickets": "K（演示）次，硬座三张",
                "home": home,
            },
            "left_by_self": {"signature": {"strokes": STROKES}},
        }
        return {"how": how, **said[how]}

    # --- with whom ----------------------------------------------------------------------------------------------------

    async def _left_to_a_person(self, deed: str, about: str, now: datetime) -> bool:
        """Whether somebody has signed in here, and then when to look again."""
        if not await self._is_a_persons():
            return False
        self.note(deed, about, now + AGAIN)
        return True

    async def _say(self, path: str, now: datetime, which: str = "", *, may_fail: bool = False, **body: Any) -> Reply:
        id_ = self.world.chance.id(now, self.name, path, which, now.isoformat())
        reply = await self.phone.command(path, id_, **body)
        if not reply.ok and reply.status not in (404, 409) and not may_fail:
            self.faults.append(f"{self.name} {path}: {reply.status} {reply.body}")
        return reply

    def _minutes(self, span: tuple[float, float], *names: str) -> timedelta:
        return timedelta(minutes=self.world.chance.of(*names).uniform(*span))

    def _hours(self, span: tuple[float, float], *names: str) -> timedelta:
        return timedelta(hours=self.world.chance.of(*names).uniform(*span))


def _stranger(chance: Random, seen: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody as they are met: what is seen, no name."""
    said = chance.choice(("短发，方言口音", "戴旧帽，说话不多", "背旧包，自称外出找活", "步态缓慢，能说出家乡"))
    told = {"description": said, "height_cm": chance.randint(152, 180)}
    return {"sex": seen["sex"], "age_band": seen["age_band"], "told": told}
