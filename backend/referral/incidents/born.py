"""An incident comes about: raised by hand, or by itself from a crew's record, a stay that ends, or a death at home. Begin at `born`.

`of_visit`, `of_stay` and `of_home` make the change within the transaction of what it comes from: there is no record of a death without its report.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db
from backend.access.permissions import Object
from backend.dispatch import find
from backend.dispatch.change import Change, Command
from backend.dispatch.protection import Handling
from backend.dispatch.records import Case, Incident, IncidentCause, IncidentKind
from backend.ids import new_id
from backend.office import Office
from backend.referral.handing import by_referral
from backend.referral.home.returnee import HomeVisit, Returnee
from backend.referral.incidents import levels, rows
from backend.referral.incidents.form import IncidentForm, Told, kinds_of, missing, of_handling
from backend.referral.people import register_rows as register
from backend.referral.station.deadlines import How
from backend.referral.station.stay import Leaving, Stay

OF_A_STAY: Final[dict[How, IncidentKind]] = {"death": "death", "runaway": "missing"}


class Raised(Struct, frozen=True, kw_only=True):
    """What is known when it comes about."""

    kind: IncidentKind
    cause: IncidentCause
    happened_at: datetime
    form: IncidentForm = IncidentForm()
    case_id: UUID | None = None
    handling_id: UUID | None = None
    stay_id: UUID | None = None
    person_id: UUID | None = None
    home_visit_id: UUID | None = None


async def born(tx: AsyncConnection, office: Office, new: Raised, at: Object, command: Command) -> Change:
    """The incident with everybody who is told of it, not written yet. at: whom it concerns. Holds incidents until the commit."""
    await rows.hold(tx, office)
    protection = office.city.policy.protection
    whole = not missing(new.form, new.kind, knows_who=new.person_id is not None)
    wait = protection.follow_up_every if whole else protection.report_up_within
    due_at = command.now + timedelta(seconds=wait.seconds)
    incident = Incident(
        id=new_id(),
        number=await rows.next_number(tx, office, command.now),
        state="open",
        regions=list(at.regions),
        teams=list(at.teams),
        facilities=list(at.facilities),
        raised_at=command.now,
        raised_by=command.by.id,
        owes="follow_up" if whole else "report",
        due_at=due_at,
        fires_at=due_at,
        reported_at=command.at if whole else None,
        reported_by=command.by.id if whole else None,
        told=msgspec.to_builtins(Told(form=new.form)),
        **{name: getattr(new, name) for name in Raised.__struct_fields__ if name != "form"},
    )
    told = await levels.told_at_birth(tx, office, incident.id, incident.regions, command.by, command.now)
    absent = {"absent": [one.role for one in told if one.state == "absent"]}
    facts = {"alarm": "incident", "cause": new.cause, "told": [one.role for one in told if one.state == "waiting"]}
    changed = [(None, incident), *((None, one) for one in told)]
    return rows.change_of("incident.raised", changed, incident, **facts, **(absent if absent["absent"] else {}))


async def by_visit(
    tx: AsyncConnection, office: Office, case: Case, handling: Handling, command: Command
) -> tuple[Handling, Sequence[Change]]:
    """What a crew's record means for others: its referral handed over, and what goes up at once. For `field.handle`."""
    filled, referred = await by_referral(tx, office, case, handling, command)
    return filled, [*referred, *await of_visit(tx, office, case, filled, command)]


async def of_visit(
    tx: AsyncConnection, office: Office, case: Case, handling: Handling, command: Command
) -> list[Change]:
    """Each kind once for a case: a record that comes again after rework raises nothing anew."""
    kinds = kinds_of(handling)
    if not kinds:
        return []
    await register.hold(tx, office)  # before incidents, as everywhere
    visit = await find.open_handling(tx, office, case.id)
    known = await _known(tx, office, case.id)
    found = []
    for kind in kinds:
        if kind in known:
            continue
        new = Raised(
            kind=kind,
            cause="handling",
            happened_at=handling.handled_at,
            form=of_handling(handling, case.address),
            case_id=case.id,
            handling_id=visit.id if visit else None,
        )
        found.append(await born(tx, office, new, case.as_object(), command))
    return _numbered(found)


def _numbered(changes: list[Change]) -> list[Change]:
    """Several of one moment: none is written yet, so each has found the same number free."""
    after = []
    for n, change in enumerate(changes):
        before, incident = change.rows[0]
        assert isinstance(incident, Incident)
        one = msgspec.structs.replace(incident, number=incident.number + n)
        facts = {**change.facts, "number": one.number}
        after.append(msgspec.structs.replace(change, rows=[(before, one), *change.rows[1:]], facts=facts))
    return after


async def of_stay(tx: AsyncConnection, office: Office, stay: Stay, leaving: Leaving, command: Command) -> Change | None:
    """Somebody died in the house, or ran away from it."""
    kind = OF_A_STAY.get(leaving.how)
    if kind is None:
        return None
    new = Raised(
        kind=kind,
        cause="stay",
        happened_at=command.at,
        form=IncidentForm(
            what=leaving.note, place=await _house(tx, office, stay.facility_id), police_told_at=leaving.police_told_at
        ),
        case_id=stay.case_id,
        stay_id=stay.id,
        person_id=stay.person_id,
    )
    return await born(tx, office, new, stay.as_object(), command)


async def of_home(
    tx: AsyncConnection, office: Office, returnee: Returnee, note: str, command: Command, visit: HomeVisit | None = None
) -> Change:
    """Somebody who went home has died: found at a visit, or heard of. Whoever calls holds the register."""
    new = Raised(
        kind="death",
        cause="visit",
        happened_at=command.at,
        form=IncidentForm(what=note.strip(), place=returnee.home.address),
        person_id=returnee.person_id,
        home_visit_id=visit.id if visit else None,
    )
    return await born(tx, office, new, returnee.as_object(), command)


async def _house(tx: AsyncConnection, office: Office, facility_id: UUID) -> str:
    f = db.facilities.c
    name: str = (await tx.execute(select(f.name).where(f.city_id == office.city_id, f.id == facility_id))).scalar_one()
    return name


async def _known(tx: AsyncConnection, office: Office, case_id: UUID) -> set[str]:
    """The kinds that went up from this case already."""
    i = db.incidents.c
    query = select(i.kind).where(i.city_id == office.city_id, i.case_id == case_id, i.state != "withdrawn")
    return set((await tx.execute(query)).scalars())
