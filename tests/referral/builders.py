"""A town with stations: facilities, their staff, and referrals with defaults."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from backend import db as tables
from backend.access import accounts
from backend.access.accounts import NewAccount
from backend.access.actor import SYSTEM, Actor
from backend.dispatch import find
from backend.dispatch.change import Answer
from backend.dispatch.records import Referral
from backend.ids import new_id
from backend.referral import answering, offering, rows
from backend.referral.answering import Paper
from backend.referral.asked import Referred, Wish
from backend.referral.facilities import places
from backend.referral.facilities.places import Places
from backend.referral.facilities.takes import PlaceKind
from tests.dispatch.builders import DISPATCHER, SPOT, Town, east_of

MAN = Referred(sex="male", age_band="adult")
SIGNED = Paper(receiver="李", signed_by_giver=True, signed_by_receiver=True)


def staff(facility_id: UUID, id_: str = "") -> Actor:
    """Somebody of a facility."""
    return Actor(
        id=id_ or f"staff-of-{facility_id}",
        name="值班员",
        kind="account",
        roles=("station_staff",),
        facility_id=facility_id,
    )


@dataclass
class Stations:
    """Facilities in the town, and what is done with referrals."""

    town: Town
    ids: dict[str, UUID] = field(default_factory=dict)

    async def add(self, code: str = "S1", **changes: Any) -> UUID:
        """A station with one place for a man and two for anybody, two kilometres off, with an account."""
        listed: list[Places] = changes.pop("places", [Places("men", 1), Places("any", 2)])
        with_account = changes.pop("with_account", True)
        place = changes.pop("place", east_of(SPOT, 2000))
        values: dict[str, Any] = {
            "id": new_id(),
            "code": code,
            "kind": "station",
            "name": f"{code}站",
            "takes": ["adults", "minors"],
        }
        values |= {"lon": place.lon, "lat": place.lat, **changes}
        async with self.town.office.db.begin() as tx:
            await tx.execute(insert(tables.facilities).values(city_id=self.town.office.city_id, **values))
            await places.put(tx, self.town.office, values["id"], listed)
        if with_account:
            new = NewAccount(
                login=f"staff-{code}",
                name="员",
                password="correct horse 电池",
                roles=["station_staff"],
                facility_id=values["id"],
            )
            await accounts.create(self.town.office, new, by=SYSTEM, now=self.town.now)
        self.ids[code] = values["id"]
        return UUID(str(values["id"]))

    # --- what is done ----------------------------------------------------------------------------------------------

    async def offer(self, by: Actor, **wish: Any) -> UUID:
        """A referral of one man, with his consent, to the first station."""
        values: dict[str, Any] = {"to_kind": "facility", "people": (MAN,), "consent": "given"}
        if wish.get("to_kind", "facility") in ("facility", "hospital", "regional_centre"):
            values["to_facility"] = next(iter(self.ids.values()))
        command = self.town.by(by, "referral.offer", id_=wish.pop("id_", None))
        answer = await offering.offer(self.town.office, Wish(**{**values, **wish}), command)
        assert answer.referral_id is not None
        return answer.referral_id

    async def accept(self, referral_id: UUID, by: Actor | None = None, receiver: str | None = None) -> Answer:
        by = by or staff((await self.one(referral_id)).to_facility or new_id())
        return await answering.accept(self.town.office, referral_id, receiver, self.town.by(by, "referral.accept"))

    async def refuse(self, referral_id: UUID, by: Actor | None = None) -> Answer:
        by = by or staff((await self.one(referral_id)).to_facility or new_id())
        return await answering.refuse(self.town.office, referral_id, "没有床位", self.town.by(by, "referral.refuse"))

    async def withdraw(self, referral_id: UUID, by: Actor = DISPATCHER) -> Answer:
        return await answering.withdraw(
            self.town.office, referral_id, "另有安排", self.town.by(by, "referral.withdraw")
        )

    async def arrive(self, referral_id: UUID, by: Actor | None = None) -> Answer:
        by = by or staff((await self.one(referral_id)).to_facility or new_id())
        return await answering.arrive(self.town.office, referral_id, self.town.by(by, "referral.arrived"))

    async def hand_over(self, referral_id: UUID, by: Actor | None = None, paper: Paper = SIGNED) -> Answer:
        by = by or staff((await self.one(referral_id)).to_facility or new_id())
        return await answering.hand_over(self.town.office, referral_id, paper, self.town.by(by, "referral.hand_over"))

    # --- what is there ---------------------------------------------------------------------------------------------

    async def one(self, referral_id: UUID) -> Referral:
        async with self.town.office.db.connect() as tx:
            return await rows.find_one(tx, self.town.office, referral_id)

    async def all(self) -> list[Referral]:
        async with self.town.office.db.connect() as tx:
            return await find.fetch(tx, self.town.office, Referral, find.rows_of(Referral, self.town.office))

    async def held(self, facility_id: UUID) -> dict[PlaceKind, int]:
        async with self.town.office.db.connect() as tx:
            return dict((await places.held(tx, self.town.office, self.town.now))[facility_id])

    async def pass_(self, **how_long: float) -> None:
        """Time passes and the worker does what is due."""
        self.town.clock.advance(**how_long)
        while await self.town.worker.turn():
            pass
