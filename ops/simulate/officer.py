"""A patrol officer with a phone: on duty by the roster, asked, under way, on the spot, back on the beat or on a campaign's tour.

A small machine of explicit states; each state's method does what is due and says when it is to be looked at again. Every
step goes through the officer's own account, and after any news the task is read afresh, so that a restart, a withdrawn
offer or a dispatcher's order need no special care.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from backend.city import City
from backend.geo.modes import Mode
from backend.geo.place import LonLat, distance_m
from backend.patrol.records import Team
from ops.demo_accounts import DemoAccount
from ops.load_city import shift_on
from ops.simulate.chance import Chance, human_s, pick
from ops.simulate.leg import Leg, plan
from ops.simulate.person import Event
from ops.simulate.phone import DEVICE, Line, Phone, Reply
from ops.simulate.referring import NOT_THEIRS_ANY_MORE, Asking
from ops.simulate.street import Crew, Street, Visit
from ops.simulate.sweeper import Sweeper

ANSWERS: Final = {"accept": 91.0, "decline": 6.0, "lapse": 3.0}
"""What a team does with an offer, in percent."""
DECLINE_REASONS: Final = {
    "busy_on_the_way": 40.0,
    "vehicle_trouble": 15.0,
    "too_far": 25.0,
    "not_equipped": 10.0,
    "other": 10.0,
}
ANSWER_MEDIAN_S: Final = 20.0
CRITICAL_ANSWER_MEDIAN_S: Final = 12.0
DRIVE_SPREAD: Final = 0.15
"""How much a drive differs from what the roads say: lognormal, its median exactly that."""
BEAT_AFTER_MINUTES: Final = (12.0, 40.0)
BEAT_M: Final = {Mode.CAR: 2_500.0, Mode.EBIKE: 1_500.0, Mode.FOOT: 700.0}
HOME_BEFORE: Final = timedelta(minutes=25)
STANDING_FIX_S, BEAT_FIX_S, DRIVING_FIX_S, LOOKING_FIX_S = 240.0, 60.0, 30.0, 20.0
A_MOMENT: Final = timedelta(seconds=2)
LOOKS_FOR_A_NOTICE: Final = 3

TOUR_NEWS: Final = frozenset({"campaign.opened", "sweep.planned"})
"""Events after which a crew that has nothing to do looks whether it has a tour."""

REFERS: Final = 0.75
"""How often a crew asks before it drives off with somebody, where the simulation refers people at all."""
LOOKS_FOR_YES: Final = timedelta(minutes=1)
WAITS_FOR_YES: Final = timedelta(minutes=20)
"""After so long a crew takes them to the nearest all the same, as it did before anybody could be asked."""

MINE: Final = frozenset(
    {
        "offer.made", "offer.lapsed", "offer.withdrawn", "case.assigned", "case.withdrawn", "case.joined", "case.voided",
        "case.suspended", "case.returned", "referral.accepted", "referral.refused", "referral.not_used",
    }
)  # fmt: skip
"""Events after which a team looks at its task, when it did not cause them itself."""


class State(StrEnum):
    """What an officer is doing."""

    OFF_DUTY = "off_duty"
    FREE = "free"
    ASKED = "asked"
    MOBILISING = "mobilising"
    DRIVING = "driving"
    ON_THE_SPOT = "on_the_spot"
    WAITING_FOR_YES = "waiting_for_yes"
    TAKING_ALONG = "taking_along"
    TO_A_STOP = "to_a_stop"
    LOOKING = "looking"


WITH_PEOPLE: Final = frozenset({State.ON_THE_SPOT, State.WAITING_FOR_YES, State.TAKING_ALONG})
IDLE: Final = frozenset({State.FREE, State.TO_A_STOP, State.LOOKING})
"""Without a case: can be asked."""


class World(Struct, frozen=True):
    """What the simulated people share: chance, the street as it is, the city's roads and calendar, how fast time runs.

    beats: places worth passing; least_fix_s: no phone reports more often than this (simulated seconds). people_every: how often an
    officer looks whether a person has signed in as their team, who then has it to themselves; None: nobody ever does. refers: crews
    ask the houses before they take people there, whose staff is simulated as well.
    """

    chance: Chance
    street: Street
    city: City
    beats: Sequence[LonLat] = ()
    least_fix_s: float = 0.0
    people_every: timedelta | None = None
    refers: bool = False


class Officer:
    """One team's officer."""

    def __init__(self, world: World, team: Team, account: DemoAccount, line: Line) -> None:
        self.name, self.team, self.world = team.code, team, world
        self.state = State.OFF_DUTY
        self.next_at: datetime | None = None
        self.place = LonLat(team.base_lon, team.base_lat)
        self.faults: list[str] = []
        self._account, self._phone = account, Phone(line)
        self.sweeper = Sweeper(team.code, world.chance, self._phone, self.faults)
        self._mode = Mode(team.mode)
        self._me = ""
        self._team_id = ""
        self._news = False
        self._again_at: datetime | None = None
        self._looks_left = 0
        self._leg: Leg | None = None
        self._fix_at: datetime | None = None
        self._shift_ends: datetime | None = None
        self._case: dict[str, Any] = {}
        self._offer: dict[str, Any] = {}
        self._answer = ""
        self._visit: Visit | None = None
        self._facility: dict[str, Any] = {}
        self._facilities: list[dict[str, Any]] = []
        self._until: datetime | None = None
        self._referral = Asking(team.code, world.chance, self._phone, self.faults)
        self.is_taken_over = False
        self._looked_for_people: datetime | None = None
        self._steps: dict[State, Callable[[datetime], Awaitable[None]]] = {
            State.OFF_DUTY: self._off_duty,
            State.FREE: self._free,
            State.ASKED: self._asked,
            State.MOBILISING: self._mobilising,
            State.DRIVING: self._driving,
            State.ON_THE_SPOT: self._on_the_spot,
            State.WAITING_FOR_YES: self._waiting_for_yes,
            State.TAKING_ALONG: self._taking_along,
            State.TO_A_STOP: self._at_the_stop,
            State.LOOKING: self._looked,
        }

    async def begin(self, now: datetime) -> None:
        """Sign in and come on duty; a team that is on duty already goes on with whatever it has, when it acts."""
        me = await self._phone.sign_in(self._account.login, self._account.password)
        self._me, self._team_id = me["id"], me["team_id"]
        self._facilities = (await self._phone.get("/api/facilities")).body
        task = (await self._phone.get("/api/officer/task")).body
        if task["presence"]["state"] == "off_duty":
            await self.act(now)
        else:
            self._news, self.next_at = True, now

    async def end(self) -> None:
        await self._phone.close()

    def hear(self, event: Event, now: datetime) -> None:
        """News of this team that it did not make itself: look at the task."""
        if event["kind"] in MINE and self._team_id in event["teams"] and event["actor"]["id"] != self._me:
            self._news, self._looks_left = True, LOOKS_FOR_A_NOTICE
            self.next_at = now
        if self.sweeper.hear(event) and self.state is State.FREE and event["kind"] in TOUR_NEWS:
            self._until = self.next_at = now

    async def act(self, now: datetime) -> None:
        """Look at the task after news, take the next step if it is due, report the place; nothing while a person has the team."""
        if await self._is_a_persons(now):
            self._news, self.next_at = True, now + (self.world.people_every or A_MOMENT)
            return
        if self._news or (self._again_at is not None and self._again_at <= now):
            self._news, self._again_at = False, None
            await self._look(now)
        if self._until is None or self._until <= now:
            self._until = None
            await self._steps[self.state](now)
        if self.state is not State.OFF_DUTY:
            await self._report_place(now)
        due = [moment for moment in (self._until, self._fix_at, self._again_at) if moment is not None]
        self.next_at = max(min(due), now + timedelta(milliseconds=1)) if due else None

    async def _is_a_persons(self, now: datetime) -> bool:
        """Whether somebody has signed in as this team with a phone of their own; given back by signing out."""
        every, looked = self.world.people_every, self._looked_for_people
        if every is None:
            return False
        if looked is None or now - looked >= every or (self.state is State.ASKED and not self.is_taken_over):
            reply = await self._phone.get("/api/sessions/")
            self._looked_for_people = now
            if reply.ok:
                self.is_taken_over = any(one["device"] != DEVICE for one in reply.body)
        return self.is_taken_over

    async def _look(self, now: datetime) -> None:
        """Read the task and be in the state that it says."""
        reply = await self._phone.get("/api/officer/task")
        if not reply.ok:
            self._trouble("task", reply)
            return
        task = reply.body
        await self._acknowledge(task, now)
        presence, offer, case = task["presence"], task["offer"], task["case"]
        ends = presence["shift_ends_at"]
        self._shift_ends = datetime.fromisoformat(ends) if ends else None
        if self._fix_at is None and presence["lon"] is not None:
            self.place = LonLat(presence["lon"], presence["lat"])
        if presence["state"] == "off_duty":
            self._become(State.OFF_DUTY, now)
        elif offer is not None:
            self._be_asked(offer, case, now)
        elif case is None:
            if self.state not in IDLE | {State.OFF_DUTY} or self._fix_at is None:
                self._be_free(now)
        elif case["stage"] == "dispatched" and (self._case.get("id") != case["id"] or not self._under_way):
            self._take(case, now)
        elif case["stage"] == "handling" and self.state not in WITH_PEOPLE:
            self._case = case
            self._start_visit(datetime.fromisoformat(case["stage_since"]), now)

    async def _acknowledge(self, task: dict[str, Any], now: datetime) -> None:
        """The phone says that it shows what the team is being told; a notice that has not begun yet comes in a moment."""
        if (notice := task["notice"]) is not None:
            said = {"code": notice["code"], "shown": True}
            await self._phone.post(f"/api/notices/{notice['id']}/received", said)
        elif self._looks_left and task["case"] is not None:
            self._looks_left -= 1
            self._again_at = now + A_MOMENT

    @property
    def _under_way(self) -> bool:
        return self.state in (State.MOBILISING, State.DRIVING)

    def _become(self, state: State, until: datetime | None) -> None:
        self.state, self._until = state, until

    # --- on and off duty ----------------------------------------------------------------------------------------------

    async def _off_duty(self, now: datetime) -> None:
        starts, ends = self._shift(now)
        if now < starts:
            self._fix_at = None
            self._become(State.OFF_DUTY, starts)
            return
        reply = await self._phone.post("/api/officer/duty", {"state": "on_duty"})
        if not reply.ok:
            self._trouble("duty", reply)
            self._become(State.OFF_DUTY, now + timedelta(minutes=1))
            return
        self._shift_ends = ends
        self._be_free(now)

    def _shift(self, now: datetime) -> tuple[datetime, datetime]:
        """The shift that runs, or the next one."""
        today = now.astimezone(self.world.city.zone).date()
        days = [today + timedelta(days=n) for n in (-1, 0, 1)]
        shifts = [shift_on(self.team.shift_pattern, day, self.world.city) for day in days]
        return next((starts, ends) for starts, ends in shifts if ends > now)

    def _be_free(self, now: datetime) -> None:
        self.place, self._leg = self._here(now), None
        self._case, self._offer, self._visit = {}, {}, None
        self._fix_at = now
        rest = self.world.chance.of("beat", self.name, now.isoformat()).uniform(*BEAT_AFTER_MINUTES)
        until = now + timedelta(minutes=rest)
        self._become(State.FREE, min(until, self._shift_ends) if self._shift_ends else until)

    async def _free(self, now: datetime) -> None:
        """Off duty when the shift is over, else a walk or drive around the beat, home before the end."""
        if self._shift_ends is not None and now >= self._shift_ends:
            reply = await self._phone.post("/api/officer/duty", {"state": "off_duty"})
            if reply.ok:
                self._become(State.OFF_DUTY, now)
                await self._off_duty(now)
            else:
                await self._look(now)
                if self.state is State.FREE:
                    self._become(State.FREE, now + timedelta(seconds=30))
            return
        if not self._goes_home(now) and await self.sweeper.next_stop(now):
            self._go_to_stop(now)
            return
        self._leg = plan(self.world.city, self._here(now), self._next_beat(now), self._mode, now)
        self._fix_at = now
        chance = self.world.chance.of("beat-rest", self.name, now.isoformat())
        until = self._leg.ends + timedelta(minutes=chance.uniform(*BEAT_AFTER_MINUTES))
        self._become(State.FREE, min(until, self._shift_ends) if self._shift_ends else until)

    def _goes_home(self, now: datetime) -> bool:
        return self._shift_ends is not None and self._shift_ends - now < HOME_BEFORE

    def _next_beat(self, now: datetime) -> LonLat:
        home = LonLat(self.team.base_lon, self.team.base_lat)
        if self._goes_home(now):
            return home
        near = [place for place in self.world.beats if distance_m(home, place) < BEAT_M[self._mode]]
        return self.world.chance.of("beat-place", self.name, now.isoformat()).choice([home, *near])

    # --- a campaign's tour --------------------------------------------------------------------------------------------

    def _go_to_stop(self, now: datetime) -> None:
        self._leg = plan(self.world.city, self._here(now), self.sweeper.place, self._mode, now)
        self._fix_at = now
        self._become(State.TO_A_STOP, self._leg.ends)

    async def _at_the_stop(self, now: datetime) -> None:
        self.place, self._leg, self._fix_at = self.sweeper.place, None, now
        self._become(State.LOOKING, now + self.sweeper.looks_for(now))

    async def _looked(self, now: datetime) -> None:
        """Nobody there: the next stop. Somebody: a case that has been arrived at."""
        self.sweeper.done(now)
        if await self.sweeper.find(self.place, now):
            self._become(State.FREE, now + A_MOMENT)
            await self._look(now)
            return
        self._become(State.FREE, now)
        await self._free(now)

    # --- an offer -----------------------------------------------------------------------------------------------------

    def _be_asked(self, offer: dict[str, Any], case: dict[str, Any], now: datetime) -> None:
        if self._offer.get("id") == offer["id"]:
            return
        self.place, self._leg = self._here(now), None
        self._offer, self._case = offer, case
        chance = self.world.chance.of("answer", self.name, self.world.street.key(case), offer["round"])
        self._answer = pick(chance, ANSWERS)
        median_s = CRITICAL_ANSWER_MEDIAN_S if case["priority"] == "critical" else ANSWER_MEDIAN_S
        self._become(State.ASKED, now + timedelta(seconds=human_s(chance, median_s)))

    async def _asked(self, now: datetime) -> None:
        if self._answer == "lapse":
            # Looked away: the lease runs out, the log says so, and then the task is read again.
            self._become(State.ASKED, datetime.fromisoformat(self._offer["expires_at"]) + timedelta(minutes=1))
            self._answer = "look"
            return
        if self._answer == "look":
            await self._look_for_certain(now)
            return
        id_ = self.world.chance.id(now, self._answer, self._offer["id"])
        path = f"/api/offers/{self._offer['id']}/{self._answer}"
        more = {}
        if self._answer == "decline":
            chance = self.world.chance.of("decline", self.name, self.world.street.key(self._case))
            more = {"reason": pick(chance, DECLINE_REASONS)}
        reply = await self._phone.command(path, id_, **more)
        if reply.ok and self._answer == "accept":
            self._take(self._case, now)
        elif reply.ok or reply.code in ("offer_over", "wrong_stage", "not_found"):
            await self._look_for_certain(now)
        else:
            self._trouble(self._answer, reply)
            await self._look_for_certain(now)

    async def _look_for_certain(self, now: datetime) -> None:
        """The offer is over: read what there is now; nothing new means free."""
        self._offer = {}
        self.state = State.MOBILISING  # neither free nor asked: whatever the task says is news
        self._case = {}
        await self._look(now)
        if self._until is None or self._until <= now:
            self._become(self.state, now + A_MOMENT)

    # --- under way ----------------------------------------------------------------------------------------------------

    def _take(self, case: dict[str, Any], now: datetime) -> None:
        self.place, self._leg = self._here(now), None
        self._case, self._offer = case, {}
        home_m = distance_m(self.place, LonLat(self.team.base_lon, self.team.base_lat))
        wait_s = self.team.mobilisation_s if home_m < 50 else 10.0
        self._become(State.MOBILISING, now + timedelta(seconds=wait_s))

    async def _mobilising(self, now: datetime) -> None:
        if not self._case:
            await self._look(now)
            if self.state is State.MOBILISING and not self._case:
                self._be_free(now)
            return
        reply = await self._case_command("set-out", now)
        if not reply.ok:
            await self._look_for_certain(now)
            return
        self._drive(LonLat(self._case["lon"], self._case["lat"]), now)
        self._become(State.DRIVING, self._leg.ends if self._leg else now)

    def _drive(self, goal: LonLat, now: datetime) -> None:
        chance = self.world.chance.of("drive", self.name, self.world.street.key(self._case))
        slower = human_s(chance, 1.0, DRIVE_SPREAD)
        self._leg = plan(self.world.city, self._here(now), goal, self._mode, now, slower)
        self._fix_at = now

    async def _driving(self, now: datetime) -> None:
        self.place = self._leg.goal if self._leg else self.place
        reply = await self._case_command(
            "arrive", now, lon=round(self.place.lon, 6), lat=round(self.place.lat, 6), accuracy_m=12.0
        )
        if reply.ok:
            self._start_visit(now, now)
        elif reply.code == "too_far":
            # They were seen somewhere else meanwhile: read where, and go there.
            self._case = {}
            self.state = State.FREE
            await self._look(now)
        else:
            await self._look_for_certain(now)

    # --- on the spot --------------------------------------------------------------------------------------------------

    def _start_visit(self, arrived: datetime, now: datetime) -> None:
        self.place, self._leg = self._here(now), None
        self._visit = self.world.street.visit(self._case)
        self._become(State.ON_THE_SPOT, max(now, arrived + timedelta(seconds=self._visit.on_spot_s)))

    async def _on_the_spot(self, now: datetime) -> None:
        assert self._visit is not None
        chance = self.world.chance.of("refers", self.world.street.key(self._case))
        if self.world.refers and self._visit.taken_to and chance.random() < REFERS:
            self._referral.begin(self._case["id"], self._visit, now)
            await self._ask(now)
        else:
            await self._drive_off(now)

    async def _ask(self, now: datetime) -> None:
        """The next house that will take them; where there is none, to the nearest as before."""
        if await self._referral.ask(now):
            self._become(State.WAITING_FOR_YES, now + LOOKS_FOR_YES)
        else:
            await self._drive_off(now)

    async def _waiting_for_yes(self, now: datetime) -> None:
        state = await self._referral.look()
        if state == "accepted":
            await self._drive_off(now, self._referral.to)
        elif state == "offered" and now - self._referral.since < WAITS_FOR_YES:
            self._become(State.WAITING_FOR_YES, now + LOOKS_FOR_YES)
        elif state == "offered":
            await self._drive_off(now)
        else:
            await self._ask(now)

    async def _drive_off(self, now: datetime, to: dict[str, Any] | None = None) -> None:
        """With whoever goes along, where they are expected or to the nearest; else the record at once."""
        assert self._visit is not None
        facility = to or (self._nearest_facility(self._visit.taken_to) if self._visit.taken_to else None)
        if to is None:
            self._referral.forget()
        if facility is None:
            await self._hand_in(now)
            return
        self._facility = facility
        self._drive(LonLat(facility["lon"], facility["lat"]), now)
        self._become(State.TAKING_ALONG, (self._leg.ends if self._leg else now) + timedelta(minutes=6))

    def _nearest_facility(self, kind: str) -> dict[str, Any] | None:
        kinds = {"station": ("station", "rescue_point"), "hospital": ("hospital",)}[kind]
        fitting = [one for one in self._facilities if one["kind"] in kinds]
        return min(fitting, key=lambda one: distance_m(self.place, LonLat(one["lon"], one["lat"])), default=None)

    async def _taking_along(self, now: datetime) -> None:
        self.place = self._here(now)
        await self._referral.arrived(now)
        await self._hand_in(now)

    async def _hand_in(self, now: datetime) -> None:
        """Record what was done; the team is free again."""
        assert self._visit is not None
        facility = str(self._facility.get("name", "救助站（演示）"))
        crew = Crew(self.team.size, self.team.women)
        record = self.world.street.record(self._visit, crew, facility, now, self.world.city.zone)
        reply = await self._case_command("handle", now, handling=self._referral.named_in(record))
        if reply.code in NOT_THEIRS_ANY_MORE:
            reply = await self._case_command("handle", now, handling=record)
        self._referral.forget()
        if not reply.ok:
            self._trouble("handle", reply)
        self._facility = {}
        self._be_free(now)
        await self._look(now)

    async def _case_command(self, verb: str, now: datetime, **body: Any) -> Reply:
        id_ = self.world.chance.id(now, verb, self.name, self._case["id"], now.isoformat())
        reply = await self._phone.command(f"/api/cases/{self._case['id']}/{verb}", id_, **body)
        if reply.status == 500:
            self._trouble(verb, reply)
        return reply

    # --- where ---------------------------------------------------------------------------------------------------------

    def _here(self, now: datetime) -> LonLat:
        return self._leg.at(now)[0] if self._leg else self.place

    async def _report_place(self, now: datetime) -> None:
        """As a phone does: often while moving, seldom while standing."""
        if self._fix_at is not None and now < self._fix_at:
            return
        place, heading, speed = self._leg.at(now) if self._leg else (self.place, 0.0, 0.0)
        if self._leg is not None and now >= self._leg.ends:
            self.place, self._leg = self._leg.goal, None
        fix: dict[str, Any] = {
            "at": now.isoformat(),
            "lon": round(place.lon, 6),
            "lat": round(place.lat, 6),
            "accuracy_m": 12.0,
        }
        if speed > 0:
            fix |= {"heading_deg": round(heading, 1), "speed_m_s": round(speed, 1)}
        reply = await self._phone.post("/api/officer/positions", {"fixes": [fix]})
        if not reply.ok:
            self._trouble("position", reply)
        every_s = DRIVING_FIX_S if self.state in (State.DRIVING, State.TAKING_ALONG) else BEAT_FIX_S
        standing_s = max(LOOKING_FIX_S, self.world.least_fix_s) if self.state is State.LOOKING else STANDING_FIX_S
        every_s = max(every_s, self.world.least_fix_s) if self._leg else standing_s
        self._fix_at = now + timedelta(seconds=every_s)
        if self._leg is not None:
            self._fix_at = min(self._fix_at, self._leg.ends)

    def _trouble(self, what: str, reply: Reply) -> None:
        self.faults.append(f"{self.name} {what}: {reply.status} {reply.body}")
