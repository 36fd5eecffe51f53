"""A small city with teams and people in it, and a case at any stage of the loop, made by the real verbs.

`Town` is the office, its clock, its teams and a worker. `filed`, `accepted`, `offered`, `dispatched`, `arrived`, `handled` and
`verified` bring a case so far and return its id.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import shapely
from sqlalchemy import Table, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend import db as tables
from backend import log, personal
from backend.access.actor import PUBLIC, SYSTEM, Actor
from backend.city import City
from backend.clock import ManualClock
from backend.dispatch import approvals, asking, desk, escalation, find, offers, proof, verification
from backend.dispatch import field as spot
from backend.dispatch.change import Answer, Command
from backend.dispatch.clocks import ClockKind
from backend.dispatch.field import Arrival
from backend.dispatch.filing import Receipt, file_reports
from backend.dispatch.protection import Handling, HandOver, PersonMet
from backend.dispatch.records import Case, ClockRow, Offer
from backend.geo.place import LonLat, ServiceArea
from backend.geo.regions import Level, Region, RegionIndex
from backend.intake.report import Contact, GivenPlace, Prepared, Report, prepare
from backend.office import Office
from backend.patrol import duty
from backend.patrol.records import Team
from backend.patrol.teams import new_team, put_teams
from backend.policy import ACTIONS, Policy, default_policy
from backend.worker import Worker
from tests.keys import RING

CITY, EAST, WEST = "210200", "210202", "210203"
WHOLE = shapely.box(121.3, 38.8, 122.3, 39.2)
SPOT = LonLat(121.610, 38.912)
"""Where people are found unless a test says otherwise; in the western district."""
FAR_AWAY = LonLat(122.25, 39.15)
"""In the city, and more than half an hour from every team of the town."""
DEGREE_M = 86_500.0
"""Metres of a degree of longitude here."""


def town_policy(**sections: dict[str, Any]) -> Policy:
    """The default policy with some keys of some sections replaced, and a role that may do everything everywhere."""
    policy = default_policy()
    replaced = {name: msgspec.structs.replace(getattr(policy, name), **keys) for name, keys in sections.items()}
    roles: dict[str, tuple[str, ...]] = {str(role): granted for role, granted in policy.roles.items()}
    roles["everything"] = tuple(f"{action}@all" for action in sorted(ACTIONS))
    return msgspec.structs.replace(policy, roles=roles, **replaced)


def city(policy: Policy | None = None) -> City:
    """Dalian as a box of two districts, without roads: distances are straight lines."""
    regions = RegionIndex(
        [
            Region(CITY, "大连市", Level.CITY, None, WHOLE),
            Region(EAST, "中山区", Level.DISTRICT, CITY, shapely.box(121.65, 38.8, 122.3, 39.2)),
            Region(WEST, "西岗区", Level.DISTRICT, CITY, shapely.box(121.3, 38.8, 121.65, 39.2)),
        ]
    )
    return City(
        id=CITY,
        name_zh="大连市",
        name_en="Dalian",
        zone=ZoneInfo("Asia/Shanghai"),
        area=ServiceArea(WHOLE),
        regions=regions,
        roads=None,
        policy=policy or town_policy(),
    )


def east_of(place: LonLat, metres: float) -> LonLat:
    """A place so far east."""
    return LonLat(round(place.lon + metres / DEGREE_M, 7), place.lat)


def somebody(*roles: str, regions: tuple[str, ...] = (CITY,), team_id: UUID | None = None, id_: str = "") -> Actor:
    """A person signed in; the same roles give the same person unless an id is given."""
    return Actor(id=id_ or "-".join(roles), name="某人", kind="account", roles=roles, regions=regions, team_id=team_id)


OPERATOR = somebody("operator")
DISPATCHER = somebody("dispatcher")
CHECKER = somebody("checker")
LEADER = somebody("shift_leader")
SECOND_LEADER = somebody("shift_leader", id_="second-leader")
SUPERVISOR = somebody("supervisor")
ANYBODY = somebody("everything")
"""May do everything, so that what is refused is refused by the rule and not for want of a permission."""
GRID_WORKER = somebody("grid_worker", regions=(WEST,))
PARTNER = Actor(id="partner:110", name="110", kind="partner", roles=("partner",), regions=(CITY,))


def officer(team_id: UUID, id_: str = "") -> Actor:
    """Somebody who rides with the team."""
    return somebody("officer", team_id=team_id, id_=id_ or f"officer-of-{team_id}")


def team(n: int, place: LonLat | None = None, **changes: Any) -> Team:
    """Team number n: two people in a car, 400 m east of the spot for the first and 900 m more for each further."""
    base = place or east_of(SPOT, 400 + 900 * n)
    values = {
        "code": f"T{n:02d}",
        "name": f"{n}队",
        "organisation": "police",
        "mode": "car",
        "skills": ["first_aid"],
        "size": 2,
        "women": True,
        "regions": [CITY, WEST, EAST],
        "base_lon": base.lon,
        "base_lat": base.lat,
        "mobilisation_s": 0.0,
        "shift_pattern": "24h",
    }
    return new_team(**{**values, **changes})


CHANNEL_OF = {"operator": "hotline", "grid_worker": "grid", "partner": "partner", "public": "web", "officer": "patrol"}
CHANNEL_OF |= {"dispatcher": "hotline", "driver": "taxi"}


def command(
    now: datetime,
    by: Actor,
    name: str = "test",
    *,
    id_: UUID | None = None,
    args: object = None,
    at: datetime | None = None,
) -> Command:
    """Who does what, now."""
    return Command(name=name, by=by, now=now, at=at or now, id=id_, args=args)


def to_hospital(now: datetime, **changes: Any) -> Handling:
    """A handling that keeps every rule of protection, and asks for no look afterwards."""
    values = {
        "outcome": "to_hospital",
        "handled_at": now,
        "people": (PersonMet(),),
        "medical_called_at": now,
        "station_told_at": now,
        "hand_over": HandOver(facility="大连市中心医院", receiver="王"),
    }
    return Handling(**{**values, **changes})


def stays(now: datetime, **changes: Any) -> Handling:
    """Somebody who would not come along: supplies given, and they are looked at again."""
    values = {
        "outcome": "stays_supplies_given",
        "handled_at": now,
        "people": (PersonMet(sex="male", age_band="adult", capacity="capable", consent="refused"),),
        "info_left": True,
        "supplies": ("water", "food"),
        "persuasion": "劝说两次，本人不愿进站",
    }
    return Handling(**{**values, **changes})


@dataclass
class Town:
    """The small city at work."""

    office: Office
    clock: ManualClock
    teams: list[UUID] = field(default_factory=list)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.worker = Worker(self.office, self.clock)

    @property
    def now(self) -> datetime:
        """The moment that the clock stands at."""
        return self.clock.now()

    def by(self, actor: Actor, name: str = "test", **rest: Any) -> Command:
        """A command of this actor now."""
        return command(self.now, actor, name, **rest)

    # --- what is there ---------------------------------------------------------------------------------------------

    async def case(self, case_id: UUID) -> Case:
        async with self.office.db.connect() as tx:
            return await find.get_case(tx, self.office, case_id)

    async def live_offer(self, case_id: UUID) -> Offer | None:
        async with self.office.db.connect() as tx:
            return await find.live_offer(tx, self.office, case_id)

    async def offers(self, case_id: UUID) -> list[Offer]:
        async with self.office.db.connect() as tx:
            return await find.offers_of(tx, self.office, case_id)

    async def clocks(self, case_id: UUID) -> dict[ClockKind, ClockRow]:
        async with self.office.db.connect() as tx:
            return await find.clocks_of(tx, self.office, case_id)

    async def events(self, case_id: UUID | None = None) -> list[log.Event]:
        """The whole log, or what it says of one case."""
        async with self.office.db.connect() as tx:
            if case_id is not None:
                return await log.of_case(tx, self.office.city_id, case_id)
            return await log.since(tx, self.office.city_id, 0, limit=100_000)

    async def kinds(self, case_id: UUID | None = None) -> list[str]:
        return [event.kind for event in await self.events(case_id)]

    async def rows(self, table: Table, **where: Any) -> list[dict[str, Any]]:
        """All rows of a table that have these values, what is sealed opened."""
        async with self.office.db.connect() as tx:
            found = await tx.execute(select(table).where(*(table.c[name] == value for name, value in where.items())))
            return [personal.opened(self.office.ring, table, row._mapping) for row in found]

    async def notices(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What waits in the outbox, oldest first: `to`, `way`, and the message's own members."""
        rows = sorted(await self.rows(tables.outbox), key=lambda row: row["id"])
        told = [{"to": row["to"], "way": row["way"], "case_id": row["case_id"], **row["message"]} for row in rows]
        return [one for one in told if kind is None or one.get("kind") == kind]

    async def status(self, receipt: str) -> str:
        """What a reporter reads under their receipt."""
        return (await asking.report_status(self.office, receipt)).state

    async def is_sound(self) -> None:
        """The log tells the tables, and nobody has touched it. What the worker has in hand is done first."""
        await self.worker.sweeping.finish()
        async with self.office.db.connect() as tx:
            assert await proof.contradictions(tx, self.office) == []
            assert await log.broken_link(tx, self.office.city_id) is None

    async def run(self, sql: str, **values: Any) -> None:
        """A statement behind everybody's back, and past the trigger that keeps the log append-only."""
        async with self.office.db.begin() as tx:
            await tx.execute(text("SET LOCAL session_replication_role = replica"))
            await tx.execute(text(sql), values)

    async def run_scalar(self, sql: str, **values: Any) -> Any:
        """The first value that a query finds."""
        async with self.office.db.connect() as tx:
            return (await tx.execute(text(sql), values)).scalar()

    # --- teams -----------------------------------------------------------------------------------------------------

    async def add_team(self, one: Team, *, on_duty: bool = True) -> UUID:
        """A team, on duty."""
        async with self.office.db.begin() as tx:
            await put_teams(tx, self.office, [one], self.now)
        if on_duty:
            await self.on_duty(one.id)
        self.teams.append(one.id)
        return one.id

    async def on_duty(self, team_id: UUID, state: str = "on_duty") -> None:
        await duty.set_duty(self.office, team_id, state, by=officer(team_id), now=self.now)

    # --- the loop --------------------------------------------------------------------------------------------------

    def report(self, by: Actor = OPERATOR, place: LonLat = SPOT, **changes: Any) -> Prepared:
        """A judged report of one person, through the channel that fits the reporter."""
        values: dict[str, Any] = {"place": GivenPlace(lon=place.lon, lat=place.lat), "channel": CHANNEL_OF[by.roles[0]]}
        return prepare(Report(**{**values, **changes}), self.office.city, by, self.now)

    async def file(self, *reports: Prepared) -> list[Receipt]:
        return await file_reports(self.office, reports)

    async def filed(self, by: Actor = PUBLIC, place: LonLat = SPOT, **changes: Any) -> UUID:
        """A case that waits to be accepted."""
        return (await self.file(self.report(by, place, **changes)))[0].case_id

    async def accepted(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        """A case that waits for a team."""
        return await self.filed(OPERATOR, place, **changes)

    async def offered(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        """A case that is held out to the nearest team."""
        case_id = await self.accepted(place, **changes)
        await self.worker.turn()
        assert await self.live_offer(case_id) is not None
        return case_id

    async def take(self, case_id: UUID, **rest: Any) -> Answer:
        """The team that it is held out to accepts."""
        offer = await self.live_offer(case_id)
        assert offer is not None
        return await offers.accept_offer(self.office, offer.id, self.by(officer(offer.team_id), **rest))

    async def decline(self, case_id: UUID, reason: str = "too_far", **rest: Any) -> UUID:
        """The team that it is held out to does not want it. Returns the team."""
        offer = await self.live_offer(case_id)
        assert offer is not None
        await offers.decline_offer(self.office, offer.id, reason, self.by(officer(offer.team_id), **rest))
        return offer.team_id

    async def dispatched(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        """A case that a team is on its way to."""
        case_id = await self.offered(place, **changes)
        await self.take(case_id)
        return case_id

    async def crew(self, case_id: UUID) -> Actor:
        """Somebody of the team that has the case."""
        team_id = (await self.case(case_id)).team_id
        assert team_id is not None
        return officer(team_id)

    async def arrive(self, case_id: UUID, **rest: Any) -> Answer:
        case = await self.case(case_id)
        arrival = Arrival(place=LonLat(case.lon, case.lat))
        return await spot.arrive(self.office, case_id, arrival, self.by(await self.crew(case_id), **rest))

    async def arrived(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        """A case that a team handles on the spot."""
        case_id = await self.dispatched(place, **changes)
        await self.arrive(case_id)
        return case_id

    async def handle(self, case_id: UUID, handling: Handling | None = None, **rest: Any) -> Answer:
        by = self.by(await self.crew(case_id), **rest)
        return await spot.handle(self.office, case_id, handling or to_hospital(self.now), by)

    async def handled(self, place: LonLat = SPOT, handling: Handling | None = None, **changes: Any) -> UUID:
        """A case that waits to be verified."""
        case_id = await self.arrived(place, **changes)
        await self.handle(case_id, handling)
        return case_id

    async def verify(self, case_id: UUID, by: Actor = CHECKER, **rest: Any) -> Answer:
        return await verification.verify_case(self.office, case_id, None, self.by(by, **rest))

    async def verified(self, place: LonLat = SPOT, handling: Handling | None = None, **changes: Any) -> UUID:
        """A closed case."""
        case_id = await self.handled(place, handling, **changes)
        await self.verify(case_id)
        return case_id

    async def granted(self, case_id: UUID, action: str, by: str | None = None) -> Answer:
        """Asked for by a dispatcher and granted by a shift leader."""
        asked = await approvals.ask(self.office, case_id, action, "理由", by, self.by(DISPATCHER))
        assert asked.approval_id is not None
        return await approvals.decide(self.office, asked.approval_id, True, None, self.by(LEADER))

    async def suspended(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        case_id = await self.accepted(place, **changes)
        await self.granted(case_id, "suspend")
        return case_id

    async def refused(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        case_id = await self.filed(PUBLIC, place, **changes)
        await desk.refuse_case(self.office, case_id, "prank", None, self.by(DISPATCHER))
        return case_id

    async def voided(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        case_id = await self.filed(PUBLIC, place, **changes)
        await self.granted(case_id, "void")
        return case_id

    async def joined(self, place: LonLat = SPOT, **changes: Any) -> UUID:
        """A case that goes on as part of another (its `joined_into`)."""
        case_id, into = await self.accepted(place, **changes), await self.accepted(east_of(place, 5000))
        await desk.join_cases(self.office, case_id, into, "同一人", self.by(DISPATCHER))
        return case_id

    async def at(self, stage: str) -> UUID:
        """A case in this stage; the town's teams are free but for one that has the case."""
        makers: dict[str, Callable[[], Awaitable[UUID]]] = {
            "discovered": self.filed,
            "dispatched": self.dispatched,
            "handling": self.arrived,
        }
        makers |= {"assisted": self.verified, "accepted": self.accepted, "handled": self.handled}
        makers |= {"suspended": self.suspended, "refused": self.refused, "voided": self.voided, "joined": self.joined}
        case_id = await makers[stage]()
        assert (await self.case(case_id)).stage == stage
        return case_id


async def town(
    db: AsyncEngine, clock: ManualClock, teams: Sequence[Team] | int = 3, policy: Policy | None = None
) -> Town:
    """A town whose teams are on duty, numbered by how near they are to the spot."""
    made = Town(Office(city(policy), db, ring=RING), clock)
    for one in [team(n) for n in range(teams)] if isinstance(teams, int) else teams:
        await made.add_team(one)
    return made


async def fire(made: Town, case_id: UUID, kind: ClockKind) -> bool:
    """What the worker does with a clock that it has seen due."""
    return await escalation.fire_clock(made.office, case_id, kind, made.by(SYSTEM, "fire"))


CONTACT = Contact(phone="13900000000", name="张", call_back=True)
