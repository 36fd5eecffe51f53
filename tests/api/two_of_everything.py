"""Everybody there is, and two of everything: what the walk over all routes asks about."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert, select

from backend import db, log
from backend.access.actor import SYSTEM
from backend.campaign import rows as campaigns
from backend.campaign.plan import holding
from backend.campaign.records import Campaign
from backend.dispatch.records import Revisit
from backend.ids import new_id
from tests.api.builders import (
    CITY,
    IN_XIGANG,
    IN_ZHONGSHAN,
    XIGANG,
    ZHONGSHAN,
    Api,
    Person,
    a_facility,
    a_photo,
    a_report,
    a_wish,
)

NOBODY = ("public", "partner", "system")
NEAR_BY = {ZHONGSHAN: IN_ZHONGSHAN, XIGANG: IN_XIGANG}
WHY = {"reason": "说明"}
NEVER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Thing:
    """What is asked about. teams: those it was given to; asked: those it is held out to, who may only read it."""

    name: str
    ids: dict[str, str]
    regions: tuple[str, ...] = ()
    teams: tuple[UUID, ...] = ()
    asked: tuple[UUID, ...] = ()
    owner: str | None = None
    body: dict[str, Any] = field(default_factory=dict)
    facilities: tuple[UUID, ...] = ()


@dataclass
class World:
    """Everybody, and two of everything: in Zhongshan, which is everybody's region here, and in Xigang."""

    api: Api
    people: dict[str, Person]
    things: dict[str, list[Thing]]


async def build_world(api: Api) -> World:
    """Everybody and everything, made over HTTP."""
    east = [(IN_ZHONGSHAN[0], IN_ZHONGSHAN[1] + n * 0.0002) for n in range(2)]
    west = [(IN_XIGANG[0], IN_XIGANG[1] + n * 0.0002) for n in range(2)]
    teams = await api.teams(*east, *west)
    boss = await api.person("dispatcher")
    stations = await _stations(api)
    people = await _people(api, {"officer": teams[0], "officer asked": teams[1]}, stations[0])
    cases = [
        await _taken(api, boss, "in my region, with my team", ZHONGSHAN, teams[0]),
        await _taken(api, boss, "elsewhere, with another team", XIGANG, teams[2]),
    ]
    reporters = ("public", "partner", "grid_worker", "station_staff", "driver")
    cases += [await _reported_by(api, people[name], into=cases[1]) for name in reporters]
    asked = await _asked(api, cases, teams)
    for thing in (*cases, *asked):
        # A team of the same district, which whoever sees the case sees as well.
        thing.ids["team_id"] = str(teams[0] if thing.regions[0] == ZHONGSHAN else teams[2])
    things = {
        "case": [*cases, *asked],
        "offer": [thing for thing in asked if "offer_id" in thing.ids],
        "referral": [await _a_referral(boss, case) for case in cases[:2]],
        "incident": [await _an_incident(boss, case) for case in cases[:2]],
        "approval": [await _approval(boss, case) for case in cases[:2]],
        "team": [
            Thing("my team", {"team_id": str(teams[0])}, (ZHONGSHAN, CITY), (teams[0],)),
            Thing("another team", {"team_id": str(teams[2])}, (XIGANG, CITY), (teams[2],)),
        ],
        **await _accounts(api, people),
        "city": [Thing("the city", {}, (CITY,))],
        "tile": [Thing("a tile", {"z": "12", "x": "3433", "y": "1566"})],
        "receipt": [Thing("a receipt", {"receipt": "2222-2222-2222"})],
        "document_code": [Thing("a code", {"code": "2222-2222-2222-2222"})],
        "key": [Thing("a key", {"key_id": (await _a_key(api))})],
        "device": [Thing("a device nobody registered", {"device_id": str(UUID(int=9))})],
        "notice": [Thing("a notice nobody sent", {"notice_id": str(UUID(int=9))})],
        "parked": [Thing("a call nobody parked", {"call_id": str(UUID(int=9))})],
        **await _of_the_city(api, teams),
        "visit": [await _a_visit(api, case) for case in cases[:2]],
        "distress": [
            await _a_call_for_help(api, team, region) for team, region in zip(teams[1:3], NEAR_BY, strict=True)
        ],
        "station": stations,
        "stay": [await _a_stay(api, station) for station in stations],
        "document": [await _a_document(api, station) for station in stations],
        "returnee": [await _a_returnee(api, case) for case in cases[:2]],
        "person": [await _a_person(api, case) for case in cases[:2]],
        "campaign": [await _a_campaign(api, region, n) for n, region in enumerate(NEAR_BY)],
        "note": [await _a_note(api, region) for region in (ZHONGSHAN, XIGANG)],
    }
    return World(api, people, things)


async def _stations(api: Api) -> list[Thing]:
    """One in each district."""
    admin = await api.person("admin")
    found = []
    for region, (lon, lat) in NEAR_BY.items():
        house = {**a_facility(f"ST{region}"), "lon": lon, "lat": lat}
        id_ = (await admin.did("/api/facilities", house))["id"]
        found.append(
            Thing(region, {"facility_id": id_}, (region, CITY), facilities=(UUID(id_),), body={"facility_id": id_})
        )
    return found


async def _a_stay(api: Api, station: Thing) -> Thing:
    """Somebody unknown who stays there."""
    staff = await api.person("station_staff", regions=station.regions[:1], facility_id=station.facilities[0])
    done = await staff.did("/api/stays", {"person": {}})
    return Thing(station.name, {"stay_id": done["stay_id"]}, station.regions, facilities=station.facilities)


async def _a_document(api: Api, station: Thing) -> Thing:
    """A notice that no help is given, issued there."""
    staff = await api.person("station_staff", regions=station.regions[:1], facility_id=station.facilities[0])
    wanted = {"no_help": {"ground": "has_support", "told": "表兄家"}}
    done = await staff.did(f"/api/facilities/{station.facilities[0]}/no-help-notice", wanted)
    return Thing(
        station.name,
        {"document_id": done["document_id"]},
        station.regions,
        owner=staff.me.id,
        facilities=station.facilities,
    )


async def _people(api: Api, teams: dict[str, UUID], station: Thing) -> dict[str, Person]:
    roles: list[str] = [role for role in api.office.city.policy.roles if role not in (*NOBODY, "officer")]
    house = station.facilities[0]
    people = {
        role: await api.person(role, regions=(ZHONGSHAN,), facility_id=house if role == "station_staff" else None)
        for role in roles
    }
    people |= {n: await api.person("officer", regions=(ZHONGSHAN,), team_id=t) for n, t in teams.items()}
    reporting = await api.partner("reports-only", regions=(ZHONGSHAN,), only=("sighting:create",))
    return {"public": api.public, "partner": await api.partner(regions=(ZHONGSHAN,)), "key": reporting, **people}


async def _filed(api: Api, who: Person, name: str, place: tuple[float, float], channel: str = "web") -> Thing:
    receipt = await who.did("/api/reports", a_report(place, channel=channel, description=name * 9))
    files = {"photo": ("a.jpg", a_photo(), "image/jpeg")}
    photo = (await api.http.post(f"/api/reports/{receipt['receipt']}/photos", files=files)).json()
    region = next(code for code, near in NEAR_BY.items() if abs(near[0] - place[0]) < 0.02)
    ids = {"case_id": receipt["case_id"], "photo_id": photo["id"], "sighting_id": receipt["sighting_id"]}
    return Thing(name, ids, (region, CITY), owner=who.me.id, body={"sighting": receipt["sighting_id"]})


_spread = iter(range(1, 1000))


def _apart(region: str) -> tuple[float, float]:
    """A place of its own in a district, so that no two reports are taken for one."""
    n = next(_spread)
    lon, lat = NEAR_BY[region]
    return lon + 0.0015 * (n % 6), lat - 0.0012 * (n // 6)


async def _taken(api: Api, boss: Person, name: str, region: str, team: UUID) -> Thing:
    thing = await _filed(api, api.public, name, _apart(region))
    other = await _filed(api, api.public, f"beside {name}", _apart(region))
    await boss.did(f"/api/cases/{thing.ids['case_id']}/assign", {**WHY, "team_id": str(team)})
    return _also(thing, into=other.ids["case_id"], team=team, teams=(team,))


async def _reported_by(api: Api, who: Person, *, into: Thing) -> Thing:
    channel = {"partner": "partner", "grid_worker": "grid", "station_staff": "patrol", "driver": "taxi"}
    thing = await _filed(
        api, who, f"elsewhere, by {who.me.roles[0]}", _apart(XIGANG), channel.get(who.me.roles[0], "web")
    )
    return _also(thing, into=into.ids["case_id"])


def _also(thing: Thing, *, into: str, team: UUID | None = None, teams: tuple[UUID, ...] = ()) -> Thing:
    body = {**thing.body, "into": into, "team": str(team or UUID(int=7))}
    return Thing(thing.name, thing.ids, thing.regions, teams, thing.asked, thing.owner, body)


async def _asked(api: Api, cases: list[Thing], teams: list[UUID]) -> list[Thing]:
    """What the worker holds out to the teams that are still free."""
    await api.work()
    boss = await api.person("dispatcher")
    board = (await boss.saw("/api/board"))["board"]
    known = {thing.ids["case_id"]: thing for thing in cases}
    held_out = [offer for offer in board["offers"] if offer["case_id"] not in known]
    assert {UUID(offer["team_id"]) for offer in held_out} <= {teams[1], teams[3]}
    assert held_out, "somebody has to be asked"
    return [await _held_out(boss, offer, cases) for offer in held_out]


async def _held_out(boss: Person, offer: dict[str, Any], cases: list[Thing]) -> Thing:
    file = await boss.saw(f"/api/cases/{offer['case_id']}")
    region = file["case"]["regions"][0]
    ids = {"offer_id": offer["id"], "case_id": offer["case_id"], "photo_id": file["photos"][0]["id"]}
    beside = next(case for case in cases if case.regions[0] == region)
    ids["sighting_id"] = file["sightings"][0]["id"]
    body = {"into": beside.ids["case_id"], "team": str(UUID(int=7)), "sighting": file["sightings"][0]["id"]}
    return Thing("held out", ids, tuple(file["case"]["regions"]), asked=(UUID(offer["team_id"]),), body=body)


async def _approval(boss: Person, case: Thing) -> Thing:
    answer = await boss.did(f"/api/cases/{case.ids['case_id']}/ask", {**WHY, "action": "void"})
    return Thing(case.name, {"approval_id": answer["approval_id"]}, case.regions, case.teams)


async def _accounts(api: Api, people: dict[str, Person]) -> dict[str, list[Thing]]:
    found: dict[str, list[Thing]] = {"account": [], "session": [], "stranger": []}
    others = {region: await api.person("checker", regions=(region,)) for region in (ZHONGSHAN, XIGANG)}
    for name, person in {**others, "my own": people["grid_worker"]}.items():
        regions = tuple(person.me.regions)
        found["account"].append(Thing(name, {"account_id": person.me.id}, regions, owner=person.me.id))
    for region in others:
        person = await api.person("checker", regions=(region,))
        found["stranger"].append(Thing(region, {"account_id": person.me.id}, (region,), owner=person.me.id))
    for region, person in others.items():
        session = {"session_id": str(person.me.session_id)}
        found["session"].append(Thing(region, session, (region,), owner=person.me.id))
    return found


async def _of_the_city(api: Api, teams: list[UUID]) -> dict[str, list[Thing]]:
    """Shifts of a team of each district, and a facility."""
    admin = await api.person("admin")
    found: dict[str, list[Thing]] = {"shift": [], "facility": []}
    for team, region in ((teams[0], ZHONGSHAN), (teams[2], XIGANG)):
        times = {"starts_at": "2030-01-01T08:00:00+08:00", "ends_at": "2030-01-01T20:00:00+08:00"}
        shift = await admin.did("/api/shifts", {"team_id": str(team), **times})
        found["shift"].append(Thing(region, {"shift_id": shift["id"]}, (region, CITY), (team,)))
    made = await admin.did("/api/facilities", a_facility("T01"))
    found["facility"].append(Thing("a facility", {"facility_id": made["id"]}, (ZHONGSHAN, CITY)))
    return found


async def _a_returnee(api: Api, case: Thing) -> Thing:
    """Somebody of the case who went home in its region, with a visit that is due."""
    leader = await api.person("shift_leader")
    person = (await leader.did("/api/persons", {"case_id": case.ids["case_id"]}))["person_id"]
    home = {"region": case.regions[0], "address": "某街 1 号"}
    made = await leader.did("/api/returnees", {"person_id": person, "home": home, "is_prone": True})
    ids = {"returnee_id": made["returnee_id"]}
    async with api.office.db.connect() as tx:
        v = db.home_visits.c
        query = select(v.id).where(v.returnee_id == UUID(made["returnee_id"]))
        ids["visit_id"] = str((await tx.execute(query)).scalar_one())
    return Thing(case.name, ids, (case.regions[0], CITY), body={"person_id": person})


async def _a_referral(boss: Person, case: Thing) -> Thing:
    """Somebody of the case is to go to the police."""
    made = await boss.did("/api/referrals", {"wish": a_wish(case.ids["case_id"])})
    return Thing(case.name, {"referral_id": made["referral_id"]}, case.regions, case.teams)


async def _an_incident(boss: Person, case: Thing) -> Thing:
    """An accident in the case, of which little is known yet."""
    made = await boss.did("/api/incidents", {"kind": "accident", "case_id": case.ids["case_id"]})
    return Thing(case.name, {"incident_id": made["incident_id"]}, case.regions, case.teams)


async def _a_call_for_help(api: Api, team: UUID, region: str) -> Thing:
    crew = await api.person("officer", regions=(region,), team_id=team)
    return Thing(region, {"distress_id": (await crew.did("/api/officer/distress"))["id"]}, (region, CITY), (team,))


async def _a_visit(api: Api, case: Thing) -> Thing:
    """As if the people of the case had stayed outside, long ago."""
    revisit = Revisit(id=new_id(), case_id=UUID(case.ids["case_id"]), due_at=NEVER, reason="revisit")
    async with api.office.db.begin() as tx:
        await tx.execute(insert(db.revisits).values(city_id=CITY, **msgspec.structs.asdict(revisit)))
    return Thing(case.name, {"visit_id": str(revisit.id)}, case.regions)


async def _a_person(api: Api, case: Thing) -> Thing:
    """Somebody whom a case is about, with a photo, and another beside them."""
    leader = await api.person("shift_leader")
    one, other = [await leader.did("/api/persons", {"case_id": case.ids["case_id"]}) for _ in range(2)]
    path = f"/api/persons/{one['person_id']}/photos"
    kept = await leader.upload(path, id=str(new_id()))
    assert kept.status_code == 201, kept.text
    ids = {"person_id": one["person_id"], "photo_id": kept.json()["id"], "case_id": case.ids["case_id"]}
    return Thing(case.name, ids, case.regions, case.teams, body={"other": other["person_id"]})


async def _a_campaign(api: Api, region: str, n: int) -> Thing:
    """One that runs in this district."""
    leader = await api.person("shift_leader", regions=(region,))
    made = await leader.did("/api/campaigns", {"hazard": "snow", "note": "说明", "regions": [region]})
    admin, (lon, lat) = await api.person("admin"), NEAR_BY[region]
    place = {"kind": "temporary_point", "lon": lon, "lat": lat}
    point = await admin.did("/api/facilities", {**a_facility(f"P{n}"), **place})
    ids = {"campaign_id": made["id"], "facility_id": point["id"], "cell": await a_cell(api, made["id"])}
    return Thing(f"a campaign in {region}", ids, (region, CITY))


A_CELL = "8930062811bffff"


async def a_cell(api: Api, campaign_id: str) -> str:
    """A cell of its sweep, as if it had been laid out."""
    at = api.clock.now()
    values: dict[str, Any] = {
        "city_id": CITY,
        "campaign_id": UUID(campaign_id),
        "cell": A_CELL,
        "lon": 121.61,
        "lat": 38.91,
    }
    values |= {"score": 0.5, "why": [{"code": "base", "value": 0.5}], "state": "due", "laid_at": at, "due_at": at}
    told = {name: value for name, value in values.items() if name not in ("city_id", "campaign_id")}
    laid_out = log.Entry(
        kind="sweep.laid_out",
        actor=SYSTEM,
        occurred_at=at,
        regions=[CITY],
        data={"campaign_id": campaign_id, "rows": {"sweep_cells": [told]}},
    )
    async with api.office.begin() as tx:
        await tx.execute(insert(db.sweep_cells).values(**values))
        await log.append(tx, CITY, [laid_out], now=at)
    return A_CELL


async def a_campaign(api: Api, n: int, **more: Any) -> str:
    """A cold wave, blue, as if it had been begun; its id."""
    plan = holding(api.office.city.policy.campaign.plans, "cold_wave", "blue")
    assert plan is not None
    now = api.clock.now()
    values: dict[str, Any] = {
        "number": f"Z{n}",
        "hazard": "cold_wave",
        "colour": "blue",
        "season": "winter",
        "cause": "hand",
    }
    values |= {
        "basis": {"colour": "blue", "regions": [CITY]},
        "chain_id": None,
        "chains": [],
        "warning_id": None,
        "state": "running",
        "drawn": None,
    }
    values |= {"plan": plan, "proposed_at": now, "opened_at": now, "opened_by": "test", "regions": [CITY], **more}
    campaign = Campaign(id=new_id(), **values)
    async with api.office.begin() as tx:
        await campaigns.write(tx, api.office, None, campaign)
    return str(campaign.id)


async def _a_note(api: Api, region: str) -> Thing:
    """Written by a leader of this district, for the next."""
    leader = await api.person("shift_leader", regions=(region,))
    note = await leader.did("/api/shift-notes", {"id": str(new_id()), "text": "交班"})
    return Thing(f"a note of {region}", {"note_id": note["id"]}, (region, CITY))


async def _a_key(api: Api) -> str:
    await api.partner("city-12319")
    admin = await api.person("admin")
    return str((await admin.saw("/api/keys"))[0]["id"])
