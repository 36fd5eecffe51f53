"""People who went home, and visits of them, by the real verbs."""

from typing import Any
from uuid import UUID

from backend import db as tables
from backend.access.actor import Actor
from backend.referral.home import visiting
from backend.referral.home.returnee import HomeNow, VisitOutcome
from backend.referral.home.visiting import HomeVisited
from backend.referral.people.person import ToldOf
from backend.referral.people.register import NewPerson
from backend.referral.people.register_rows import Done
from backend.referral.station import stays
from backend.referral.station.stay import Leaving
from tests.dispatch.builders import GRID_WORKER, WEST, Town
from tests.referral.people import comes_in, staff

AT_HOME = HomeNow(region=WEST, street="日新街道", address="香炉礁 12 号", contact="儿子王强", phone="0411-83600000")
ILL = NewPerson(sex="male", age_band="adult", told=ToldOf(vulnerable=("mental_illness",)))
WELL = NewPerson(sex="male", age_band="adult")


async def goes_home(town: Town, house: UUID, new: NewPerson = ILL, home: HomeNow | None = AT_HOME, **rest: Any) -> UUID:
    """Somebody comes to a station and is fetched home; their record's id."""
    done = await comes_in(town, house, new, **rest)
    assert done.stay_id is not None
    assert done.person_id is not None
    fetched = Leaving(how="home", receiver="儿子王强", relation_checked=True, to="本市", home=home)
    await stays.let_leave(town.office, done.stay_id, fetched, town.by(staff(house)))
    return done.person_id


async def entry(town: Town, person_id: UUID) -> dict[str, Any]:
    """The last entry of somebody."""
    found = await town.rows(tables.returnees, person_id=person_id)
    return max(found, key=lambda row: (row["ended_at"] is None, row["since"]))


async def due(town: Town, person_id: UUID) -> dict[str, Any]:
    """The visit that is due of somebody."""
    returnee = await entry(town, person_id)
    (visit,) = await town.rows(tables.home_visits, returnee_id=returnee["id"], state="due")
    return visit


async def visited(
    town: Town, person_id: UUID, outcome: VisitOutcome = "at_home_well", by: Actor = GRID_WORKER, **rest: Any
) -> Done:
    """The visit that is due is made now, or at `at`."""
    said = {name: rest.pop(name) for name in ("note", "needs", "place", "moved_to") if name in rest}
    visit = await due(town, person_id)
    wanted = HomeVisited(outcome=outcome, **said)
    return await visiting.settle_visit(town.office, visit["id"], wanted, town.by(by, "home_visit.done", **rest))


async def passes(town: Town, **time: float) -> None:
    """Time goes by, and the worker with it."""
    town.clock.advance(**time)
    while await town.worker.turn():
        pass
