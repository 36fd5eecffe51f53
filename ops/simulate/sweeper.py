"""What a crew does about a campaign when it has no case: its tour, stop after stop, a look around at each, and sometimes somebody is there.

The tour is read afresh after any news of it, so that a re-planning, a case or the end of the campaign need no special care; what has
been looked at is for the server to say, by the crew's own track.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from backend.geo.place import LonLat
from ops.simulate.chance import Chance
from ops.simulate.person import Event
from ops.simulate.phone import Phone, Reply

NEWS: Final = frozenset(
    {
        "campaign.opened",
        "campaign.upgraded",
        "campaign.downgraded",
        "campaign.closed",
        "sweep.planned",
        "sweep.laid_out",
    }
)
LOOK_MINUTES: Final = (2.0, 5.0)
"""How long a crew looks around at a stop."""
NOTHING_TO_DO: Final = timedelta(minutes=6)
FOUND: Final = 0.12
"""How often somebody is there, per look; made up, as the rest of the street is (docs/measurements.md)."""
TO_BE_DONE: Final = frozenset({"due", "leased"})


class Sweeper:
    """One crew's tour."""

    def __init__(self, name: str, chance: Chance, phone: Phone, faults: list[str]) -> None:
        self.campaign: dict[str, Any] = {}
        self.stop: dict[str, Any] = {}
        self._name, self._chance, self._phone, self.faults = name, chance, phone, faults
        self._news = True
        self._again_at: datetime | None = None
        self._looked: set[tuple[str, datetime]] = set()

    def hear(self, event: Event) -> bool:
        """Whether it is news for a crew that has nothing else to do."""
        if event["kind"] in NEWS:
            self._news = True
        return self._news

    @property
    def place(self) -> LonLat:
        """Where the stop is."""
        return LonLat(self.stop["lon"], self.stop["lat"])

    async def next_stop(self, now: datetime) -> bool:
        """Read the tour, when there is reason to; whether there is somewhere to go."""
        waits = self._again_at is not None and now < self._again_at
        if not self._news and (not self.campaign or waits):
            return False
        self._news = False
        reply = await self._phone.get("/api/officer/sweep")
        if not reply.ok:
            self._trouble("sweep", reply)
            return self._rest(now)
        self.campaign = reply.body["campaign"] or {}
        stops = (reply.body["tour"] or {}).get("stops", [])
        waiting = [stop for stop in stops if stop["state"] in TO_BE_DONE and not self._was_here(stop["cell"], now)]
        if not self.campaign or not waiting:
            return self._rest(now)
        self.stop, self._again_at = waiting[0], None
        return True

    def _rest(self, now: datetime) -> bool:
        self.stop, self._again_at = {}, now + NOTHING_TO_DO
        return False

    def _was_here(self, cell: str, now: datetime) -> bool:
        """Just now: the server may not have counted the look yet."""
        self._looked = {(one, at) for one, at in self._looked if now - at < NOTHING_TO_DO}
        return any(one == cell for one, _ in self._looked)

    def looks_for(self, now: datetime) -> timedelta:
        """How long the look around takes."""
        return timedelta(minutes=self._chance.of("look", self._name, now.isoformat()).uniform(*LOOK_MINUTES))

    def done(self, now: datetime) -> None:
        """The look is over: on to the next."""
        self._looked.add((self.stop["cell"], now))
        self._news = True

    async def find(self, place: LonLat, now: datetime) -> bool:
        """Whether somebody was there; the loop begins with one tap, and the campaign is remembered."""
        chance = self._chance.of("found", self._name, self.stop["cell"], now.isoformat())
        if chance.random() >= FOUND:
            return False
        id_ = self._chance.id(now, "found-case", self._name, self.stop["cell"])
        body = {
            "case_id": str(id_),
            "place": {"lon": round(place.lon, 6), "lat": round(place.lat, 6), "accuracy_m": 10.0},
            "looks": {
                "sex": chance.choice(["male", "male", "female"]),
                "age_band": chance.choice(["adult", "adult", "old"]),
            },
            "people_count": 1,
            "description": "巡查时发现，夜宿街头",
            "campaign_id": self.campaign["id"],
            "cell": self.stop["cell"],
        }
        command = self._chance.id(now, "found", self._name, self.stop["cell"])
        reply = await self._phone.command("/api/officer/found", command, **body)
        if not reply.ok:
            self._trouble("found", reply)
        return reply.ok

    def _trouble(self, what: str, reply: Reply) -> None:
        self.faults.append(f"{self._name} {what}: {reply.status} {reply.body}")
