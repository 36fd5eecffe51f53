"""A crew that asks before it takes somebody along: the nearest house that will have them, then the next.

Begin at `Asking`. Used by the officer of a demonstration; what a person would do with the phone goes through the same routes.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from backend.dispatch.protection import PersonMet
from ops.simulate.chance import EPOCH, Chance
from ops.simulate.phone import Phone, Reply
from ops.simulate.street import Visit

ASKED_AT_MOST: Final = 3
KINDS: Final = {"station": ("station", "rescue_point", "welfare_home"), "hospital": ("hospital",)}
NOT_THEIRS_ANY_MORE: Final = frozenset({"not_accepted", "no_such_referral", "outcome_does_not_fit"})
"""The house said no at the door, or let the place go: the record goes without the referral."""
SAME_NEED: Final = frozenset({"disabled", "hardly_mobile", "mental_illness", "dementia", "pregnant"})
THINGS: Final = ("编织袋一个，内有衣物", "背包一个", "现金若干，当面点清", "水杯、雨伞", "无随身物品")


class Asking:
    """One crew's referral, as far as it has come. to: the house that was asked; since: when the first one was."""

    def __init__(self, name: str, chance: Chance, phone: Phone, faults: list[str]) -> None:
        self._name, self._chance, self._phone, self._faults = name, chance, phone, faults
        self.to: dict[str, Any] = {}
        self.since = EPOCH
        self._case_id, self._id = "", ""
        self._people: list[dict[str, Any]] = []
        self._kinds: tuple[str, ...] = ()
        self._tried: set[str] = set()

    def begin(self, case_id: str, visit: Visit, now: datetime) -> None:
        """For the people of this visit."""
        self.forget()
        self._case_id, self.since, self._tried = case_id, now, set()
        self._people = [_someone(one) for one in visit.people]
        self._kinds = KINDS[visit.taken_to or "station"]

    def forget(self) -> None:
        """No house is asked, or not any more."""
        self._id, self.to = "", {}

    async def ask(self, now: datetime) -> bool:
        """The nearest that will take them and has not said no. False when there is none, or enough were asked."""
        self.forget()
        if len(self._tried) >= ASKED_AT_MOST:
            return False
        told = msgspec.json.encode(self._people).decode()
        reply = await self._phone.get("/api/facilities/fitting", case_id=self._case_id, people=told)
        fitting = [one["facility"] for one in reply.body["facilities"] if one["fits"]] if reply.ok else []
        for house in fitting:
            if house["kind"] in self._kinds and house["id"] not in self._tried:
                self._tried.add(house["id"])
                return await self._offer(house, now)
        return False

    async def _offer(self, house: dict[str, Any], now: datetime) -> bool:
        wish = {
            "case_id": self._case_id,
            "to_kind": "hospital" if house["kind"] == "hospital" else "facility",
            "to_facility": house["id"],
            "people": [{"index": n, **one} for n, one in enumerate(self._people)],
            "consent": "given",
        }
        id_ = self._chance.id(now, "refer", self._name, self._case_id, house["id"])
        reply = await self._phone.command("/api/referrals/", id_, wish=wish)
        if not reply.ok:
            self._trouble("refer", reply)
            return False
        self._id, self.to = reply.body["referral_id"], house
        return True

    async def look(self) -> str:
        """How it stands; `gone` when nothing is known of it any more."""
        reply = await self._phone.get("/api/officer/task")
        told = reply.body["referrals"] if reply.ok else []
        return next((one["state"] for one in told if one["id"] == self._id), "gone")

    async def arrived(self, now: datetime) -> None:
        """They stand at the door."""
        if self._id:
            id_ = self._chance.id(now, "referral-arrived", self._name, self._id)
            reply = await self._phone.command(f"/api/referrals/{self._id}/arrived", id_)
            if not reply.ok:
                self._trouble("arrived", reply)

    def named_in(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record by which they are handed over to the house that expects them."""
        paper = record.get("hand_over")
        if not self._id or paper is None:
            return record
        chance = self._chance.of("belongings", self._name, self._id)
        goes_along = {"belongings": [{"what": chance.choice(THINGS)}], "condition": "神志清楚，能自行行走"}
        return {**record, "hand_over": {**paper, **goes_along, "referral_id": self._id}}

    def _trouble(self, what: str, reply: Reply) -> None:
        if reply.status not in (404, 409):
            self._faults.append(f"{self._name} {what}: {reply.status} {reply.body}")


def _someone(person: PersonMet) -> dict[str, Any]:
    needs = [one for one in person.vulnerable if one in SAME_NEED]
    if person.acutely_ill:
        needs.append("acutely_ill")  # type: ignore[arg-type]
    return {"sex": person.sex, "age_band": person.age_band, "needs": needs}
